// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What kernels and functions of a plan are given, against what they take.

#include "passes/plan/Operands.h"

#include "dialects/deepseek/DeepSeek.h"
#include "kernels/Catalog.h"
#include "passes/plan/GeneratedRows.h"
#include "passes/plan/RowCounts.h"
#include "passes/plan/Stores.h"

#include "llvm/ADT/StringSwitch.h"

using namespace mlir;

namespace fathom {

using kernels::Operand;

static Type getElementType(StringRef name, MLIRContext *context) {
  Builder builder(context);
  return llvm::StringSwitch<Type>(name)
      .Case("i32", builder.getI32Type())
      .Case("bf16", builder.getBF16Type())
      .Case("f8e4m3", Float8E4M3FNType::get(context))
      .Case("i8", builder.getI8Type())
      .Case("f16", builder.getF16Type())
      .Default(builder.getF32Type());
}

/// Memory as `operand` says, of at least `positions` positions: as many as `given` has, if those are enough.
static Type getMemory(const Operand &operand, Type given, int64_t positions) {
  SmallVector<int64_t> shape(ArrayRef(operand.shape));
  auto memory = dyn_cast<MemRefType>(given);
  if (shape.front() == kernels::kPositions) {
    shape.front() = memory && memory.getRank() > 0 ? std::max(memory.getDimSize(0), positions) : positions;
  } else if (shape.front() == kernels::kRows) {
    shape.front() = ShapedType::kDynamic;
  }
  auto type = MemRefType::get(shape, getElementType(operand.type, given.getContext()));
  return operand.experts > 0 ? Type(plan::TableType::get(given.getContext(), type)) : type;
}

/// A number of rows in terms of that of the rows a kernel is run for.
static CountedRows multiply(const CountedRows &rows, int64_t factor) {
  return factor == 0 ? CountedRows() : CountedRows{rows.which, rows.factor * factor};
}

/// Memory with a dynamic dimension has `expected` rows.
static LogicalResult verifyRows(Operation *op, const Twine &name, Value memory,
                                const std::optional<CountedRows> &expected) {
  std::optional<CountedRows> rows = getRowsOfMemory(memory);
  return rows && rows == expected
             ? success()
             : op->emitOpError("expects ") << name << " with " << describe(expected) << ", but got " << describe(rows);
}

static bool hasRows(Type type) {
  auto memory = dyn_cast<MemRefType>(type);
  return memory && !memory.hasStaticShape();
}

static LogicalResult verifyColumns(plan::DispatchOp op, const Operand &operand) {
  int64_t width = operand.shape.back();
  return operand.columns <= width || operand.shape.size() == 1
             ? success()
             : op.emitOpError("expects rows of ")
                   << operand.columns << " or more columns as '" << StringRef(operand.name) << "', but got " << width;
}

/// Kernels find positions and pages of rows by their number in the call.
static bool isOfRows(const kernels::Kernel &kernel, ArrayRef<Operand> operands) {
  return llvm::any_of(kernel.constants,
                      [](const kernels::Constant &one) { return StringRef(one.name).ends_with("store"); }) ||
         llvm::any_of(operands, [](const Operand &one) { return one.shape.front() == kernels::kPositions; });
}

namespace {
class OperandVerifier {
public:
  explicit OperandVerifier(ModuleOp module)
      : symbols(module),
        maxContext(cast<IntegerAttr>(module->getAttrOfType<DictionaryAttr>(deepseek::kModelAttr).get("max_context"))
                       .getInt()) {}

  LogicalResult verify(Operation *op) {
    if (auto dispatch = dyn_cast<plan::DispatchOp>(op)) {
      return verifyDispatch(dispatch);
    }
    if (auto call = dyn_cast<func::CallOp>(op)) {
      auto callee = symbols.lookup<func::FuncOp>(call.getCallee());
      return callee->hasAttr(deepseek::kFormAttr) && !callee->hasAttr(plan::kMaxRowsAttr)
                 ? verifyLayerCall(call)
                 : call.emitOpError("expects a layer, but got ") << call.getCalleeAttr();
    }
    if (auto function = dyn_cast<func::FuncOp>(op); function && plan::isTask(function)) {
      return verifyGeneratedBody(function);
    }
    auto state = dyn_cast<plan::RecordStateOp>(op);
    return state ? verifyRows(op, "a state", state.getInput(), CountedRows()) : success();
  }

private:
  LogicalResult verifyAlike(plan::DispatchOp op);
  LogicalResult verifyDispatch(plan::DispatchOp op);
  LogicalResult verifyOperand(plan::DispatchOp op, const Operand &operand, Value memory, const CountedRows &rows);
  LogicalResult verifyExtras(plan::DispatchOp op, const Operand &output, const CountedRows &rows);
  static LogicalResult verifyLayerCall(func::CallOp call);
  static LogicalResult verifyGenerated(plan::DispatchOp op, func::FuncOp function);

  SymbolTable symbols;
  int64_t maxContext;
  /// The first dispatch of each kernel by its name: an epilogue is compiled for its operands.
  DenseMap<Attribute, plan::DispatchOp> dispatches;
};
} // namespace

static LogicalResult verifyStores(plan::DispatchOp op, const UsedStores &used) {
  return op.getReads() == used.reads && op.getWrites() == used.writes
             ? success()
             : op.emitOpError("expects to read ") << used.reads << " and to write " << used.writes;
}

/// The stores that constants of the kernel find in a page, which has them. What has no output writes them.
static UsedStores findUsedStores(plan::DispatchOp op, plan::KernelOp symbol, const kernels::Kernel &kernel) {
  auto module = op->getParentOfType<ModuleOp>();
  auto stores = module->getAttrOfType<ArrayAttr>(plan::kStoresAttr).getAsRange<plan::StoreAttr>();
  SmallVector<StringRef> names;
  for (auto [constant, offset] : llvm::zip(kernel.constants, symbol.getConstants())) {
    if (StringRef(constant.name).ends_with("store")) {
      auto isThere = [offset = offset](plan::StoreAttr store) { return store.getOffset() == offset; };
      names.push_back((*llvm::find_if(stores, isThere)).getName());
    }
  }
  Builder builder(op.getContext());
  ArrayAttr none = builder.getArrayAttr({}), used = builder.getStrArrayAttr(names);
  return kernel.outputCount == 0 ? UsedStores{none, used} : UsedStores{used, none};
}

/// A dispatch says what its kernel writes, and which stores it uses: what runs at the same time follows from that.
static LogicalResult verifyEffects(plan::DispatchOp op, plan::KernelOp symbol, const kernels::Kernel &kernel) {
  return op.getOutputs().size() == kernel.outputCount
             ? verifyStores(op, findUsedStores(op, symbol, kernel))
             : op.emitOpError("expects ") << kernel.outputCount << " outputs, but got " << op.getOutputs().size();
}

static LogicalResult verifyWrite(plan::DispatchOp op, Value memory) {
  auto operand = memory.getDefiningOp<plan::OperandOp>();
  return !operand || operand.getNumber() >= op.getInputs().size()
             ? success()
             : op.emitOpError("expects operand ") << operand.getNumber() << ", which is written, among its outputs";
}

/// The same of a generated function.
static LogicalResult verifyEffects(plan::DispatchOp op, func::FuncOp function) {
  WalkResult result = function.walk([&](Operation *body) -> WalkResult {
    auto write = dyn_cast<bufferization::MaterializeInDestinationOp>(body);
    if (write) {
      return verifyWrite(op, write.getDest());
    }
    return isa<deepseek::ComputeOp>(body) ? verifyStores(op, findUsedStores(body)) : success();
  });
  return failure(result.wasInterrupted());
}

static auto countOperands(plan::DispatchOp op) {
  return std::array{op.getInputs().size(), op.getOutputs().size(), op.getExtras().size(), op.getReads().size(),
                    op.getWrites().size()};
}

/// A kernel touches as much in one dispatch as in another.
LogicalResult OperandVerifier::verifyAlike(plan::DispatchOp op) {
  plan::DispatchOp first = dispatches.try_emplace(op.getKernelAttr(), op).first->second;
  return countOperands(op) == countOperands(first)
             ? success()
             : op.emitOpError("expects as many inputs, outputs, extras and stores as other dispatches of ")
                   << op.getKernelAttr() << " have";
}

LogicalResult OperandVerifier::verifyDispatch(plan::DispatchOp op) {
  if (failed(verifyAlike(op))) {
    return failure();
  }
  if (auto function = symbols.lookup<func::FuncOp>(op.getKernel())) {
    return verifyGenerated(op, function);
  }
  auto symbol = symbols.lookup<plan::KernelOp>(op.getKernel());
  const kernels::Kernel &kernel = *kernels::findKernel(symbol.getKernel());
  if (failed(verifyEffects(op, symbol, kernel))) {
    return failure();
  }
  std::vector<Operand> operands = kernel.listOperands(symbol.getConstants().data());
  std::optional<CountedRows> rows = getCountedRows(op.getRows());
  if (!rows || (rows->factor > 1 && isOfRows(kernel, operands))) {
    return op.emitOpError("expects rows of the call, or of each that wants logits, but got ") << describe(rows);
  }
  for (auto [operand, memory] : llvm::zip(operands, op.getArguments())) {
    if (failed(verifyOperand(op, operand, memory, *rows))) {
      return failure();
    }
  }
  return verifyExtras(op, operands.back(), *rows);
}

LogicalResult OperandVerifier::verifyOperand(plan::DispatchOp op, const Operand &operand, Value memory,
                                             const CountedRows &rows) {
  Type expected = getMemory(operand, memory.getType(), maxContext);
  if (memory.getType() != expected) {
    return op.emitOpError("expects ") << expected << " as '" << StringRef(operand.name) << "', but got "
                                      << memory.getType();
  }
  if (operand.experts > 0) {
    auto weight = memory.getDefiningOp<plan::WeightOp>();
    int64_t experts = weight ? int64_t(weight.getSlicesPerLayer()) : 0;
    if (experts != operand.experts) {
      return op.emitOpError("expects weights of ")
             << operand.experts << " experts as '" << StringRef(operand.name) << "', but got " << experts;
    }
  }
  if (!hasRows(expected)) {
    return success();
  }
  return failure(failed(verifyColumns(op, operand)) ||
                 failed(verifyRows(op, "'" + StringRef(operand.name) + "'", memory, multiply(rows, operand.factor))));
}

/// Rows as wide as the output, or a number for each of its columns.
LogicalResult OperandVerifier::verifyExtras(plan::DispatchOp op, const Operand &output, const CountedRows &rows) {
  plan::DispatchOp first = dispatches.lookup(op.getKernelAttr());
  for (auto [extra, other] : llvm::zip(op.getExtras(), first.getExtras())) {
    auto type = cast<MemRefType>(extra.getType());
    if (type != other.getType() || type.getShape().back() < output.columns) {
      return op.emitOpError("expects an extra operand of ")
             << output.columns << " columns or more, and of one type in all dispatches of " << op.getKernelAttr()
             << ", but got " << type;
    }
    if (type.getRank() > 1 && failed(verifyRows(op, "an extra operand", extra, multiply(rows, output.factor)))) {
      return failure();
    }
  }
  return success();
}

/// Layers get rows of the call.
LogicalResult OperandVerifier::verifyLayerCall(func::CallOp call) {
  if (!call->getParentOp()->hasAttr(plan::kMaxRowsAttr)) {
    return call.emitOpError("is not expected in a layer: entry points call layers");
  }
  for (Value operand : call.getOperands()) {
    if (hasRows(operand.getType()) && failed(verifyRows(call, "an activation", operand, CountedRows()))) {
      return failure();
    }
  }
  return success();
}

/// A dispatch gives a generated function memory with as many rows as that goes by.
LogicalResult OperandVerifier::verifyGenerated(plan::DispatchOp op, func::FuncOp function) {
  std::optional<CountedRows> rows = getCountedRows(op.getRows());
  if (!rows) {
    return op.emitOpError("expects rows of the call, or of each that wants logits, but got ") << describe(rows);
  }
  if (failed(verifyEffects(op, function))) {
    return failure();
  }
  WalkResult result = function.walk([&](plan::OperandOp operand) {
    Value memory = op.getArguments()[operand.getNumber()];
    bool counted = hasRows(memory.getType()) && operand.getFactor();
    return WalkResult(
        counted ? verifyRows(op, "operand " + Twine(operand.getNumber()), memory, multiply(*rows, *operand.getFactor()))
                : success());
  });
  return failure(result.wasInterrupted());
}

LogicalResult verifyOperands(ModuleOp module) {
  OperandVerifier verifier(module);
  return failure(module.walk([&](Operation *op) { return WalkResult(verifier.verify(op)); }).wasInterrupted());
}

} // namespace fathom
