// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// From tensors to buffers and dispatches, function by function.

#include "passes/plan/Dispatches.h"
#include "passes/plan/GeneratedBodies.h"
#include "passes/plan/PlanModule.h"
#include "passes/plan/Stores.h"
#include "passes/support/EntryPoints.h"
#include "passes/support/Kernels.h"

#include "mlir/IR/Matchers.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;

namespace fathom {

#define GEN_PASS_DEF_CONVERTDEEPSEEKTOPLAN
#include "passes/plan/Passes.h.inc"

using namespace deepseek;

namespace {
/// What functions of a module share while they are converted.
struct ModuleState {
  explicit ModuleState(ModuleOp module) : facts(module), dispatches(module), bodies(module) {}

  PlanModule facts;
  Dispatches dispatches;
  GeneratedBodies bodies;
};

/// Converts the body of one function, op by op; reports the op in the way.
class FunctionConverter {
public:
  FunctionConverter(ModuleState &state, func::FuncOp original, OpBuilder &builder, Signature &&started)
      : state(state), facts(state.facts), original(original), builder(builder), signature(std::move(started)),
        buffers(builder, signature.call, std::move(signature.places)) {
    if (!signature.isEntry()) {
      indices.map(getInput(original, kLayerInput), signature.layer);
    }
  }

  LogicalResult run() {
    for (Operation &op : original.front()) {
      if (failed(verifyKernel(&op)) || failed(convert(&op))) {
        return failure();
      }
    }
    return success();
  }

private:
  LogicalResult convert(Operation *op) {
    return TypeSwitch<Operation *, LogicalResult>(op)
        .Case<GetWeightOp, tensor::DimOp, arith::ConstantOp, func::CallOp, RecordStateOp, func::ReturnOp>(
            [&](auto concrete) { return convertOne(concrete); })
        .Case([&](tensor::ExtractSliceOp slice) { return buffers.addColumns(slice); })
        .Default([&](Operation *compute) { return convertCompute(compute); });
  }

  LogicalResult convertOne(GetWeightOp op);
  LogicalResult convertOne(tensor::DimOp op);
  LogicalResult convertOne(arith::ConstantOp op);
  LogicalResult convertOne(func::CallOp op);
  LogicalResult convertOne(RecordStateOp op);
  LogicalResult convertOne(func::ReturnOp op);
  LogicalResult convertCompute(Operation *op);
  Value getPassed(func::CallOp op, StringRef name);
  FailureOr<int64_t> getInstance(func::CallOp op);
  FailureOr<Value> getInstance(GetWeightOp op, WeightSymbol symbol);

  ModuleState &state;
  PlanModule &facts;
  func::FuncOp original;
  OpBuilder &builder;
  Signature signature;
  Buffers buffers;
  IRMapping indices;
};
} // namespace

/// The number of the layer among those that have the weight; null: the model has it once.
FailureOr<Value> FunctionConverter::getInstance(GetWeightOp op, WeightSymbol symbol) {
  if (!op.getLayer()) {
    return Value();
  }
  ArrayRef<int64_t> layers = *symbol.getLayers();
  if (signature.isEntry()) {
    APInt index;
    bool constant = matchPattern(op.getLayer(), m_ConstantInt(&index));
    const int64_t *found = constant ? llvm::find(layers, index.getSExtValue()) : layers.end();
    if (found == layers.end()) {
      return op.emitOpError("expects a constant layer of an entry point's own weight, one of [") << layers << "]";
    }
    return Value(arith::ConstantIndexOp::create(builder, op.getLoc(), found - layers.begin()));
  }
  if (op.getLayer() != getInput(original, kLayerInput)) {
    return op.emitOpError("expects the layer that the function is called with");
  }
  // One number, the instance, finds the layer in each of its function's weights.
  if (layers != facts.getLayersOf(original.getName())) {
    return op.emitOpError("expects a weight of the same layers as the function's other weights, but got [")
           << layers << "]";
  }
  return signature.instance;
}

LogicalResult FunctionConverter::convertOne(GetWeightOp op) {
  auto symbol = cast<WeightSymbol>(facts.lookup(op.getWeight()));
  FailureOr<Value> instance = getInstance(op, symbol);
  if (failed(instance)) {
    return failure();
  }
  Value weight = plan::WeightOp::create(builder, op.getLoc(), getWeightMemory(symbol), signature.call, op.getWeight(),
                                        facts.getFirstSlice(symbol), symbol.getSlicesPerLayer(), *instance);
  buffers.set(op.getResult(), {weight, {}});
  return success();
}

LogicalResult FunctionConverter::convertOne(tensor::DimOp op) {
  if (op.getConstantIndex() != 0 || !hasCountedRows(op.getSource().getType())) {
    return op.emitOpError("expects the size of the dimension of rows");
  }
  indices.map(op.getResult(), buffers.get(op.getSource()).count.rows);
  return success();
}

LogicalResult FunctionConverter::convertOne(arith::ConstantOp op) {
  if (!op.getType().isIndex()) {
    return op.emitOpError("expects an index, but got ") << op.getType();
  }
  builder.clone(*op, indices);
  return success();
}

/// What stores or passes on rows takes them whole.
static LogicalResult verifyWhole(Operation *op, Value value) {
  return value.getDefiningOp<tensor::ExtractSliceOp>()
             ? op->emitOpError("expects whole rows, but got a slice of their columns")
             : success();
}

/// What `op` passes as the input `name` of the layer that it calls.
Value FunctionConverter::getPassed(func::CallOp op, StringRef name) {
  BlockArgument input = getInput(cast<func::FuncOp>(facts.lookup(op.getCallee())), name);
  return input ? op.getOperand(input.getArgNumber()) : Value();
}

/// The number of the layer that `op` calls among those that share its function.
FailureOr<int64_t> FunctionConverter::getInstance(func::CallOp op) {
  Value layer = getPassed(op, kLayerInput);
  if (!signature.isEntry() || !layer ||
      facts.lookup(op.getCallee())->getAttr(kFormAttr) != original->getAttr(kFormAttr)) {
    return op.emitOpError("expects an entry point to call a layer of its form, but got ") << op.getCalleeAttr();
  }
  APInt index;
  if (!matchPattern(layer, m_ConstantInt(&index))) {
    return op.emitOpError("expects a constant layer");
  }
  if (index.uge(facts.getStoredLayers())) {
    return op.emitOpError("expects a layer below ") << facts.getStoredLayers() << ", but got " << index.getSExtValue();
  }
  ArrayRef<int64_t> layers = facts.getLayersOf(op.getCallee());
  if (!layers.empty() && !llvm::is_contained(layers, index.getSExtValue())) {
    return op.emitOpError("expects a layer that ")
           << op.getCalleeAttr() << " has weights for, one of [" << layers << "], but got " << index.getSExtValue();
  }
  return llvm::find(layers, index.getSExtValue()) - layers.begin();
}

LogicalResult FunctionConverter::convertOne(func::CallOp op) {
  FailureOr<int64_t> instance = getInstance(op);
  Value input = failed(instance) ? Value() : getPassed(op, kActivationInput);
  if (!input || failed(verifyWhole(op, input)) || failed(buffers.allocateResults(op, input))) {
    return failure();
  }
  Value number = arith::ConstantIndexOp::create(builder, op.getLoc(), *instance);
  func::CallOp::create(builder, op.getLoc(), op.getCallee(), TypeRange(),
                       ValueRange{signature.call, buffers.get(input).memory, buffers.get(op.getResult(0)).memory,
                                  indices.lookup(getPassed(op, kLayerInput)), number});
  return success();
}

LogicalResult FunctionConverter::convertOne(RecordStateOp op) {
  if (op.getLayer() >= uint64_t(facts.getLayers()) || !hasCountedRows(op.getInput().getType())) {
    return op.emitOpError("expects rows of a layer below ")
           << facts.getLayers() << ", but got layer " << op.getLayer() << " of " << op.getInput().getType();
  }
  if (failed(verifyWhole(op, op.getInput()))) {
    return failure();
  }
  plan::RecordStateOp::create(builder, op.getLoc(), signature.call, buffers.get(op.getInput()).memory,
                              op.getLayerAttr());
  return success();
}

LogicalResult FunctionConverter::convertOne(func::ReturnOp op) {
  func::ReturnOp::create(builder, op.getLoc());
  return success();
}

LogicalResult FunctionConverter::convertCompute(Operation *op) {
  if (failed(buffers.allocateResults(op))) {
    return failure();
  }
  // A kernel that cannot read what the op is given leaves the op to loops.
  const kernels::Kernel *kernel = getKernel(op);
  if (kernel && state.dispatches.dispatch(builder, cast<ComputeOp>(op), *kernel, signature, buffers)) {
    return success();
  }
  return state.bodies.dispatch(builder, op, signature, buffers, indices);
}

/// Functions of a plan take a call, and those without a form are not the model's.
static bool isUnplanned(func::FuncOp function) {
  auto isCall = [](Type type) { return isa<plan::CallType>(type); };
  return function->hasAttr(kFormAttr) && llvm::none_of(function.getArgumentTypes(), isCall);
}

static LogicalResult convertFunction(ModuleState &state, func::FuncOp function) {
  OpBuilder builder(function);
  int64_t mostRows = state.facts.getMostRows(function.getName());
  FailureOr<Signature> signature = createSignature(function, mostRows, builder);
  return failure(failed(signature) || failed(FunctionConverter(state, function, builder, std::move(*signature)).run()));
}

namespace {
struct ConvertDeepSeekToPlan : impl::ConvertDeepSeekToPlanBase<ConvertDeepSeekToPlan> {
  void runOnOperation() override {
    if (failed(convert(getOperation()))) {
      signalPassFailure();
    }
  }

  static LogicalResult convert(ModuleOp module) {
    if (!module->hasAttr(kModelAttr)) {
      return emitError(module.getLoc(), "expects the model's facts in attribute '") << kModelAttr << "'";
    }
    auto functions = llvm::to_vector(llvm::make_filter_range(module.getOps<func::FuncOp>(), isUnplanned));
    if (functions.empty()) {
      return success();
    }
    ModuleState state(module);
    // All before the first is converted: a layer is verified together with its entry point.
    for (func::FuncOp function : functions) {
      if (failed(verifyEntryFunction(function))) {
        return failure();
      }
    }
    if (failed(verifyDraft(module)) ||
        failed(placeStores(module, getCacheType(functions.front()), state.facts.getStoredLayers()))) {
      return failure();
    }
    for (func::FuncOp function : functions) {
      if (failed(convertFunction(state, function))) {
        return failure();
      }
    }
    llvm::for_each(functions, [](func::FuncOp function) { function.erase(); });
    state.dispatches.setScratchBytes();
    return success();
  }
};
} // namespace

} // namespace fathom
