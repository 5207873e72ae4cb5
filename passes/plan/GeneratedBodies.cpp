// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Functions around ops that no kernel runs.

#include "passes/plan/GeneratedBodies.h"

#include "passes/plan/RowCounts.h"
#include "passes/plan/Stores.h"

#include "mlir/Transforms/RegionUtils.h"

using namespace mlir;

namespace fathom {

using namespace deepseek;

/// The rows in `count` for each in `rows`; none: they are of another kind.
static std::optional<int64_t> getFactor(const RowCount &count, const RowCount &rows) {
  std::optional<CountedRows> own = getCountedRows(count.rows), base = getCountedRows(rows.rows);
  bool isMultiple = own && base && own->which == base->which && own->factor % base->factor == 0;
  return isMultiple ? std::optional(own->factor / base->factor) : std::nullopt;
}

/// `type` with `rows` as its first size.
template <typename Shaped>
static Shaped withFirstSize(Shaped type, int64_t rows) {
  SmallVector<int64_t> shape(type.getShape());
  shape.front() = rows;
  return Shaped::get(shape, type.getElementType());
}

static func::FuncOp createFunction(ModuleOp module, Location loc, const Twine &name, int64_t items) {
  OpBuilder builder = OpBuilder::atBlockEnd(module.getBody());
  MLIRContext *context = builder.getContext();
  Type parameters[] = {plan::TaskType::get(context), builder.getIndexType(), plan::ScratchType::get(context)};
  auto function = func::FuncOp::create(builder, loc, name.str(), builder.getFunctionType(parameters, {}));
  function.setPrivate();
  if (items > 0) {
    function->setAttr(plan::kItemsAttr, builder.getI64IntegerAttr(items));
  }
  function.addEntryBlock();
  return function;
}

namespace {
/// Fills the function of one op, and gathers what its dispatch passes.
class BodyBuilder {
public:
  BodyBuilder(func::FuncOp function, Operation *op, const RowCount &rows, const Buffers &buffers)
      : builder(OpBuilder::atBlockBegin(&function.front())), function(function), op(op), rows(rows), buffers(buffers),
        hasRowItems(!function->hasAttr(plan::kItemsAttr)) {}

  LogicalResult run();

  ArrayRef<Value> getInputs() const { return ArrayRef(arguments).take_front(inputs); }
  ArrayRef<Value> getOutputs() const { return ArrayRef(arguments).drop_front(inputs); }

private:
  bool readsAllRows(Value operand) const {
    auto compute = dyn_cast<ComputeOp>(op);
    return compute && compute.readsAllRows(operand);
  }
  FailureOr<Value> takeMemory(const Place &place, bool allRows);
  FailureOr<Value> takeOperand(Value operand);
  LogicalResult writeResult(Value result, const Place &place);

  OpBuilder builder;
  func::FuncOp function;
  Operation *op;
  const RowCount &rows;
  const Buffers &buffers;
  bool hasRowItems;
  SmallVector<Value> arguments;
  /// How many of them, the first ones, are read.
  size_t inputs = 0;
};
} // namespace

/// The memory of the item's rows, or of all.
FailureOr<Value> BodyBuilder::takeMemory(const Place &place, bool allRows) {
  Type type = place.memory.getType();
  Value task = function.getArgument(0), item;
  IntegerAttr factor;
  if (place.count.rows) {
    std::optional<int64_t> known = getFactor(place.count, rows);
    if (!known && !allRows) {
      return op->emitOpError("expects operands with rows of one kind, but got ")
             << describe(getCountedRows(rows.rows)) << " and " << describe(getCountedRows(place.count.rows));
    }
    factor = known ? builder.getI64IntegerAttr(*known) : factor;
    if (hasRowItems && !allRows) {
      item = function.getArgument(1);
      type = withFirstSize(cast<MemRefType>(type), *known);
    }
  }
  arguments.push_back(place.memory);
  return Value(plan::OperandOp::create(builder, op->getLoc(), type, task, arguments.size() - 1, item, factor));
}

/// Columns of rows.
static Value viewColumns(OpBuilder &builder, Location loc, Value memory, int64_t first, int64_t width) {
  OpFoldResult zero = builder.getIndexAttr(0), one = builder.getIndexAttr(1);
  OpFoldResult rows = memref::getMixedSize(builder, loc, memory, 0);
  return memref::SubViewOp::create(builder, loc, memory, {zero, builder.getIndexAttr(first)},
                                   {rows, builder.getIndexAttr(width)}, {one, one});
}

FailureOr<Value> BodyBuilder::takeOperand(Value operand) {
  Location loc = op->getLoc();
  Value task = function.getArgument(0);
  if (operand.getType().isIndex()) {
    return Value(plan::LayerOp::create(builder, loc, builder.getIndexType(), task));
  }
  auto tensor = dyn_cast<RankedTensorType>(operand.getType());
  if (!tensor && !isa<CacheType>(operand.getType())) {
    return op->emitOpError("expects tensors, caches and indices as operands, but got ") << operand.getType();
  }
  FailureOr<Value> memory = tensor ? takeMemory(buffers.get(operand), readsAllRows(operand)) : FailureOr<Value>(task);
  if (failed(memory)) {
    return failure();
  }
  auto type = dyn_cast<MemRefType>(memory->getType());
  if (!type) { // A table of experts, or the task as its cache.
    return UnrealizedConversionCastOp::create(builder, loc, operand.getType(), *memory).getResult(0);
  }
  if (operand.getDefiningOp<tensor::ExtractSliceOp>()) {
    *memory = viewColumns(builder, loc, *memory, buffers.get(operand).offset, getWidth(tensor));
  }
  // As it is, but for the rows of an item, and numbers in whatever layout they have.
  if (type.hasStaticShape() && !tensor.hasStaticShape()) {
    tensor = withFirstSize(tensor, type.getDimSize(0));
  }
  return Value(bufferization::ToTensorOp::create(builder, loc, tensor, *memory, /*restrict=*/true));
}

LogicalResult BodyBuilder::writeResult(Value result, const Place &place) {
  FailureOr<Value> memory = takeMemory(place, /*allRows=*/false);
  if (failed(memory)) {
    return failure();
  }
  auto tensor = cast<RankedTensorType>(result.getType());
  auto type = cast<MemRefType>(memory->getType());
  result.setType(RankedTensorType::get(type.getShape(), tensor.getElementType()));
  auto write = bufferization::MaterializeInDestinationOp::create(builder, op->getLoc(), result, *memory);
  write.setRestrict(true);
  write.setWritable(true);
  return success();
}

LogicalResult BodyBuilder::run() {
  IRMapping mapping;
  for (Value operand : SetVector<Value>(op->operand_begin(), op->operand_end())) {
    FailureOr<Value> taken = takeOperand(operand);
    if (failed(taken)) {
      return failure();
    }
    mapping.map(operand, *taken);
  }
  inputs = arguments.size();
  Operation *copy = builder.clone(*op, mapping);
  // The lower phase makes loops of it; a kernel is what could not be used.
  copy->removeAttr(kKernelAttr);
  for (auto [result, original] : llvm::zip(copy->getResults(), op->getResults())) {
    if (!isa<CacheType>(result.getType()) && failed(writeResult(result, buffers.get(original)))) {
      return failure();
    }
  }
  func::ReturnOp::create(builder, op->getLoc());
  return success();
}

/// The layer that `op` is given, or any, since it reads no store.
static FailureOr<Value> getLayer(OpBuilder &builder, Operation *op, const Signature &signature,
                                 const IRMapping &indices) {
  for (Value operand : op->getOperands()) {
    if (operand.getType().isIndex()) {
      Value layer = indices.lookupOrNull(operand);
      return layer ? FailureOr<Value>(layer)
                   : op->emitOpError("expects tensors, caches and indices as operands, but got ") << operand.getType();
    }
  }
  return signature.getAnyLayer(builder, op->getLoc());
}

/// The rows that `op` is run for; none: it is another op than those of the model, and its first operand has no rows.
static RowCount countRows(Operation *op, const Signature &signature, const Buffers &buffers) {
  if (auto compute = dyn_cast<ComputeOp>(op)) {
    Value counted = compute.getRowsOperand();
    return counted ? buffers.get(counted).count : signature.rows;
  }
  bool counted = op->getNumOperands() > 0 && hasCountedRows(op->getOperand(0).getType());
  return counted ? buffers.get(op->getOperand(0)).count : RowCount();
}

static bool isEqual(func::FuncOp a, func::FuncOp b) {
  return a->getAttr(plan::kItemsAttr) == b->getAttr(plan::kItemsAttr) &&
         OperationEquivalence::isRegionEquivalentTo(&a.getBody(), &b.getBody(), OperationEquivalence::IgnoreLocations);
}

func::FuncOp GeneratedBodies::unify(func::FuncOp function) {
  auto *found = llvm::find_if(functions, [&](func::FuncOp other) { return isEqual(other, function); });
  if (found == functions.end()) {
    return functions.emplace_back(function);
  }
  function.erase();
  return *found;
}

LogicalResult GeneratedBodies::dispatch(OpBuilder &builder, Operation *op, const Signature &signature,
                                        const Buffers &buffers, const IRMapping &indices) {
  SetVector<Value> captured;
  getUsedValuesDefinedAbove(op->getRegions(), captured);
  if (!captured.empty()) {
    return op->emitOpError("expects regions that use no values from outside");
  }
  auto compute = dyn_cast<ComputeOp>(op);
  RowCount rows = countRows(op, signature, buffers);
  int64_t items = compute ? compute.getItemCount() : 0;
  FailureOr<Value> layer = getLayer(builder, op, signature, indices);
  if (failed(layer)) {
    return failure();
  }
  if (!rows.rows) {
    return op->emitOpError("expects an operand that sets the row count");
  }
  func::FuncOp function = createFunction(module, op->getLoc(), "generated_" + Twine(functions.size()), items);
  BodyBuilder body(function, op, rows, buffers);
  if (failed(body.run())) {
    return failure();
  }
  function = unify(function);
  UsedStores stores = findUsedStores(op);
  plan::DispatchOp::create(builder, op->getLoc(), signature.call, function.getName(), rows.rows, *layer,
                           body.getInputs(), body.getOutputs(), ValueRange(), stores.reads, stores.writes);
  return success();
}

} // namespace fathom
