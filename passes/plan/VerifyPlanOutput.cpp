// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The contract at the end of the plan phase.

#include "passes/plan/Bounds.h"
#include "passes/plan/Buffers.h"
#include "passes/plan/Operands.h"
#include "passes/plan/Stores.h"

#include "dialects/deepseek/DeepSeek.h"
#include "dialects/deepseek/Phase.h"
#include "fathom/artifact_abi.h"
#include "passes/support/Kernels.h"

using namespace mlir;

namespace fathom {

#define GEN_PASS_DEF_VERIFYPLANOUTPUT
#include "passes/plan/Passes.h.inc"

/// What buffers and dispatches are wired with.
static bool isOfPlan(Operation *op) {
  return isa_and_nonnull<plan::PlanDialect, func::FuncDialect, arith::ArithDialect>(op->getDialect());
}

/// Functions of entry points and layers have a form; others are loops to be.
static LogicalResult verifyBody(func::FuncOp function) {
  bool generated = !function->hasAttr(deepseek::kFormAttr);
  WalkResult result = function.walk([&](Operation *op) {
    auto buffer = dyn_cast<plan::BufferOp>(op);
    if (buffer && !buffer.getOffset()) {
      buffer.emitOpError("expects an offset after the plan phase");
      return WalkResult::interrupt();
    }
    if (!generated && !isOfPlan(op)) {
      op->emitOpError("is not expected outside generated functions after the plan phase");
      return WalkResult::interrupt();
    }
    return WalkResult::advance();
  });
  return failure(result.wasInterrupted());
}

/// Kernels compute sizes with their constants, and divide work by those that are tuned.
static LogicalResult verifySizes(plan::KernelOp op, const kernels::Kernel &kernel) {
  for (auto [constant, value] : llvm::zip(kernel.constants, op.getConstants())) {
    bool isSize = !constant.isReal && !StringRef(constant.name).ends_with("store");
    int64_t least = kernel.isTuned && &constant == &kernel.constants.back() ? 1 : 0;
    if (isSize && (value < least || value > FATHOM_LARGEST_DIMENSION)) {
      return op.emitOpError("expects constant ")
             << constant.name << " to be " << least << " to " << FATHOM_LARGEST_DIMENSION << ", but got " << value;
    }
  }
  return success();
}

static LogicalResult verifyKernel(plan::KernelOp op) {
  const kernels::Kernel *kernel = kernels::findKernel(op.getKernel());
  if (!kernel) {
    return op.emitOpError("expects a kernel of the catalog, but got ") << op.getKernelAttr();
  }
  if (op.getOperandCount() != kernel->operandNames.size()) {
    return op.emitOpError("expects ") << kernel->operandNames.size() << " operands, but got " << op.getOperandCount();
  }
  if (op.getConstants().size() != kernel->constants.size()) {
    return op.emitOpError("expects ") << kernel->constants.size() << " constants, but got " << op.getConstants().size();
  }
  return verifySizes(op, *kernel);
}

static LogicalResult verifyEntryPoint(func::FuncOp function) {
  auto expected = FunctionType::get(function.getContext(), plan::CallType::get(function.getContext()), {});
  if (function.getFunctionType() != expected) {
    return emitError(function.getLoc(), "expects an entry point ")
           << expected << ", but got " << function.getFunctionType();
  }
  for (StringRef name : {StringRef(deepseek::kFormAttr), StringRef(plan::kArenaBytesAttr)}) {
    if (!function->hasAttr(name)) {
      return emitError(function.getLoc(), "expects '") << name << "' on an entry point";
    }
  }
  return success();
}

/// Commands say of a layer's parameters which they mean, not what they are.
static LogicalResult verifyLayer(func::FuncOp function) {
  Builder builder(function.getContext());
  ArrayRef<Type> types = function.getArgumentTypes();
  Type stream = types.size() > plan::kInputParameter ? types[plan::kInputParameter] : Type();
  auto expected = builder.getFunctionType(
      {plan::CallType::get(function.getContext()), stream, stream, builder.getIndexType(), builder.getIndexType()}, {});
  return isa_and_nonnull<MemRefType>(stream) && plan::isRowsMemory(stream) && function.getFunctionType() == expected
             ? success()
             : emitError(function.getLoc(),
                         "expects a layer to take the call, two activations of one type, the layer's "
                         "index and its place, but got ")
                   << function.getFunctionType();
}

/// The weight table holds the slices of each weight in use, one weight after the other.
static LogicalResult verifyWeightTable(ModuleOp module) {
  SmallVector<std::pair<int64_t, Operation *>> used;
  for (Operation &op : *module.getBody()) {
    if (auto first = op.getAttrOfType<IntegerAttr>(plan::kFirstSliceAttr)) {
      used.emplace_back(first.getInt(), &op);
    }
  }
  llvm::sort(used, llvm::less_first());
  int64_t next = 0;
  for (auto [first, op] : used) {
    auto weight = dyn_cast<deepseek::WeightSymbol>(op);
    if (!weight) {
      return emitError(op->getLoc(), "expects '") << plan::kFirstSliceAttr << "' only on weights and recipes";
    }
    if (first != next) {
      return emitError(op->getLoc(), "expects adjacent weights in the weight table, the next at slice ")
             << next << ", but got " << first;
    }
    next += weight.getLayerCount() * weight.getSlicesPerLayer();
  }
  return success();
}

static LogicalResult verifyWeight(plan::WeightOp op, SymbolTable &symbols) {
  auto weight = symbols.lookup<deepseek::WeightSymbol>(op.getWeight());
  auto first = weight ? weight->getAttrOfType<IntegerAttr>(plan::kFirstSliceAttr) : IntegerAttr();
  if (!first || first.getInt() != int64_t(op.getFirstSlice())) {
    return op.emitOpError("expects ") << op.getWeightAttr() << " to begin at slice " << op.getFirstSlice();
  }
  int64_t slices = weight.getSlicesPerLayer();
  if (slices != int64_t(op.getSlicesPerLayer())) {
    return op.emitOpError("expects ") << slices << " slices for each layer, but got " << op.getSlicesPerLayer();
  }
  Type memory = getWeightMemory(weight);
  return op.getType() == memory ? success() : op.emitOpError("expects ") << memory << ", but got " << op.getType();
}

/// Whether a width that the code has is that of the fact by which the runtime makes room.
static LogicalResult verifyWidth(Operation *op, Type memory, StringRef fact, DictionaryAttr facts) {
  int64_t width = cast<MemRefType>(memory).getShape().back();
  int64_t stated = cast<IntegerAttr>(facts.get(fact)).getInt();
  return width == stated ? success()
                         : op->emitOpError("expects rows of ") << fact << " " << stated << ", but got " << memory;
}

static std::optional<int64_t> getConstant(plan::KernelOp op, const char *name) {
  int index = kernels::findKernel(op.getKernel())->findConstant(name);
  return index < 0 ? std::nullopt : std::optional(op.getConstants()[index]);
}

/// A kernel finds rows of the width that it is specialized for where it looks for a store: a latent and a key, or those
/// of each head.
static LogicalResult verifyStore(plan::KernelOp op, StringRef name, int64_t offset) {
  auto constant = [&](const char *name, uint64_t otherwise) {
    return uint64_t(getConstant(op, name).value_or(otherwise));
  };
  uint64_t element = constant(getElementConstant(name).c_str(), 0);
  // A latent's key is what may be a tail.
  uint64_t tail = element == FATHOM_ROW_F8E4M3 && !getConstant(op, "d") ? constant("dr", 0) : 0;
  uint64_t heads = constant("G", 1), width = constant("d", constant("r", 0) + constant("dr", 0));
  auto module = op->getParentOfType<ModuleOp>();
  auto stores = module->getAttrOfType<ArrayAttr>(plan::kStoresAttr).getAsRange<plan::StoreAttr>();
  bool found = llvm::any_of(stores, [&](plan::StoreAttr store) {
    return store.getOffset() == offset && uint64_t(store.getHeads()) == heads && uint64_t(store.getWidth()) == width &&
           uint64_t(store.getRowElement()) == element && uint64_t(store.getTail()) == tail;
  });
  return found ? success()
               : op.emitOpError("expects a store of ") << heads << " x " << width << " numbers of format " << element
                                                       << " a row at " << offset << ", but got none";
}

/// The shapes that kernels are specialized for agree with what the runtime goes by: a token is below `vocabulary`, and
/// rows of stores have their widths.
static LogicalResult verifyConstants(plan::KernelOp op, DictionaryAttr facts) {
  int64_t vocabulary = cast<IntegerAttr>(facts.get("vocabulary")).getInt();
  std::optional<int64_t> value = getConstant(op, "V");
  if (value && *value != vocabulary) {
    return op.emitOpError("expects vocabulary ") << vocabulary << ", but got " << *value;
  }
  for (auto [constant, number] : llvm::zip(kernels::findKernel(op.getKernel())->constants, op.getConstants())) {
    if (StringRef(constant.name).ends_with("store") && failed(verifyStore(op, constant.name, number))) {
      return failure();
    }
  }
  return success();
}

static LogicalResult verifyLayer(plan::RecordStateOp op, DictionaryAttr facts) {
  int64_t layers = cast<IntegerAttr>(facts.get("layers")).getInt();
  return op.getLayer() < uint64_t(layers)
             ? success()
             : op.emitOpError("expects a layer below ") << layers << ", but got " << op.getLayer();
}

/// An entry point that records states records each layer's, or a caller would read what nobody wrote.
static LogicalResult verifyStates(func::FuncOp entry, DictionaryAttr facts) {
  llvm::SmallDenseSet<uint64_t> recorded;
  entry.walk([&](plan::RecordStateOp op) { recorded.insert(op.getLayer()); });
  int64_t layers = cast<IntegerAttr>(facts.get("layers")).getInt();
  return recorded.empty() || int64_t(recorded.size()) == layers
             ? success()
             : emitError(entry.getLoc(), "expects the states of ") << layers << " layers, but got " << recorded.size();
}

/// An array with rows of numbers.
static bool isWide(plan::ArgumentOp op) { return cast<MemRefType>(op.getType()).getRank() == 2; }

static LogicalResult verifyOutputs(ModuleOp module) {
  auto facts = cast<DictionaryAttr>(module->getAttr(deepseek::kModelAttr));
  WalkResult result = module.walk([&](Operation *op) {
    LogicalResult valid = success();
    if (auto argument = dyn_cast<plan::ArgumentOp>(op); argument && isWide(argument)) {
      valid = verifyWidth(op, argument.getType(), deepseek::getWidthFact(argument.getName()), facts);
    } else if (auto state = dyn_cast<plan::RecordStateOp>(op)) {
      valid = failure(failed(verifyWidth(op, state.getInput().getType(), "hidden", facts)) ||
                      failed(verifyLayer(state, facts)));
    } else if (auto kernel = dyn_cast<plan::KernelOp>(op)) {
      valid = verifyConstants(kernel, facts);
    } else if (auto function = dyn_cast<func::FuncOp>(op); function && function->hasAttr(plan::kMaxRowsAttr)) {
      valid = verifyStates(function, facts);
    }
    return failed(valid) ? WalkResult::interrupt() : WalkResult::advance();
  });
  return failure(result.wasInterrupted());
}

/// The machine runs all kernels.
static LogicalResult verifyTarget(ModuleOp module) {
  FailureOr<deepseek::TargetAttr> target = getTarget(module);
  if (failed(target)) {
    return failure();
  }
  for (auto kernel : module.getOps<plan::KernelOp>()) {
    if (!kernels::canRun(target->getArch(), kernels::findKernel(kernel.getKernel())->arch)) {
      return kernel.emitOpError("expects a kernel for ") << target->getArch() << ", but got " << kernel.getKernelAttr();
    }
  }
  return success();
}

namespace {
struct VerifyPlanOutput : impl::VerifyPlanOutputBase<VerifyPlanOutput> {
  void runOnOperation() override {
    if (failed(verifyFunctions()) || failed(verifyKernelsAndWeights()) || failed(verifyFacts())) {
      return signalPassFailure();
    }
    deepseek::markPhase(getOperation(), "plan");
  }

  LogicalResult verifyFunctions() {
    for (auto function : getOperation().getOps<func::FuncOp>()) {
      if (function.isExternal()) {
        return emitError(function.getLoc(), "expects a body: a model's code calls no external functions");
      }
      if (failed(verifyBody(function))) {
        return failure();
      }
      bool isEntry = function->hasAttr(plan::kMaxRowsAttr),
           isLayer = !isEntry && function->hasAttr(deepseek::kFormAttr);
      if ((isEntry && failed(verifyEntryPoint(function))) || (isLayer && failed(verifyLayer(function)))) {
        return failure();
      }
    }
    return success();
  }

  LogicalResult verifyKernelsAndWeights() {
    for (auto kernel : getOperation().getOps<plan::KernelOp>()) {
      if (failed(verifyKernel(kernel))) {
        return failure();
      }
    }
    SymbolTable symbols(getOperation());
    WalkResult result = getOperation().walk([&](plan::WeightOp op) {
      return failed(verifyWeight(op, symbols)) ? WalkResult::interrupt() : WalkResult::advance();
    });
    return failure(result.wasInterrupted() || failed(verifyWeightTable(getOperation())));
  }

  LogicalResult verifyFacts() {
    auto isEntry = [](func::FuncOp function) { return function->hasAttr(plan::kMaxRowsAttr); };
    if (llvm::none_of(getOperation().getOps<func::FuncOp>(), isEntry)) {
      return emitError(getOperation().getLoc(), "expects an entry point after the plan phase");
    }
    for (StringRef name : {StringRef(deepseek::kModelAttr), StringRef(plan::kScratchBytesAttr),
                           StringRef(plan::kStoresAttr), StringRef(plan::kPageBytesAttr)}) {
      if (!getOperation()->hasAttr(name)) {
        return emitError(getOperation().getLoc(), "expects '") << name << "' on the module after the plan phase";
      }
    }
    return failure(failed(verifyStores(getOperation())) || failed(verifyOutputs(getOperation())) ||
                   failed(verifyOperands(getOperation())) || failed(verifyBounds(getOperation())) ||
                   failed(verifyTarget(getOperation())));
  }
};
} // namespace

} // namespace fathom
