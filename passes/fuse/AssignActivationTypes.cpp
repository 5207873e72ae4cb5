// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Makes activations what the target says they are.

#include "passes/fuse/Passes.h"
#include "passes/support/EntryPoints.h"
#include "passes/support/Kernels.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "llvm/ADT/EquivalenceClasses.h"

using namespace mlir;

namespace fathom {

#define GEN_PASS_DEF_ASSIGNACTIVATIONTYPES
#include "passes/fuse/Passes.h.inc"

using namespace deepseek;

namespace {
/// Activations that must have one type, and whether that is f32 whatever others are.
class ActivationClasses {
public:
  explicit ActivationClasses(ModuleOp module) {
    for (auto function : module.getOps<func::FuncOp>()) {
      if (function.isPublic()) {
        keepPortsF32(function);
      }
    }
    module.walk([&](Operation *op) { add(op); });
  }

  bool staysF32(Value value) const { return classes.isEquivalent(getKey(value), kF32); }

private:
  /// What stands for f32 in the class of values that are.
  static constexpr const void *kF32 = nullptr;

  static const void *getKey(Value value) { return value.getAsOpaquePointer(); }
  void keepF32(Value value) { classes.unionSets(getKey(value), kF32); }
  void keepPortsF32(func::FuncOp function);
  void add(Operation *op);
  void tie(ValueRange values);
  void tieCall(func::CallOp call);

  llvm::EquivalenceClasses<const void *> classes;
};
} // namespace

static func::ReturnOp getReturn(func::FuncOp function) {
  return function.isExternal() ? func::ReturnOp() : dyn_cast<func::ReturnOp>(function.front().back());
}

/// Whether a caller is given a copy of f32, since something else goes on with the value.
static bool isWidened(func::FuncOp function, unsigned result) {
  return function.isPublic() && getOutputName(function, result) == kHiddenOutput;
}

void ActivationClasses::keepPortsF32(func::FuncOp function) {
  llvm::for_each(function.getArguments(), [&](Value argument) { keepF32(argument); });
  auto values = getReturn(function) ? getReturn(function).getOperands() : function->getOperands();
  for (auto [result, value] : llvm::enumerate(values)) {
    if (!isWidened(function, result)) {
      keepF32(value);
    }
  }
}

/// Those of them that are activations have one type.
void ActivationClasses::tie(ValueRange values) {
  Value first;
  for (Value value : values) {
    if (isActivation(value.getType())) {
      classes.unionSets(getKey(first ? first : value), getKey(value));
      first = value;
    }
  }
}

void ActivationClasses::tieCall(func::CallOp call) {
  auto callee = call->getParentOfType<ModuleOp>().lookupSymbol<func::FuncOp>(call.getCallee());
  func::ReturnOp returned = callee ? getReturn(callee) : func::ReturnOp();
  if (!returned) {
    return tie(call.getOperands());
  }
  for (auto [passed, argument] : llvm::zip(call.getOperands(), callee.getArguments())) {
    tie({passed, argument});
  }
  for (auto [given, value] : llvm::zip(call.getResults(), returned.getOperands())) {
    tie({given, value});
  }
}

void ActivationClasses::add(Operation *op) {
  auto compute = dyn_cast<ComputeOp>(op);
  if (auto call = dyn_cast<func::CallOp>(op)) {
    return tieCall(call);
  }
  if (isa<arith::ExtFOp>(op)) {
    return keepF32(op->getResult(0)); // What a caller is given already.
  }
  if (isa<func::ReturnOp>(op) || (compute && compute.convertsActivations())) {
    return;
  }
  SmallVector<Value> own;
  for (Value value : llvm::concat<Value>(op->getOperands(), op->getResults())) {
    if (compute && compute.staysF32(value)) {
      keepF32(value);
    } else {
      own.push_back(value);
    }
  }
  tie(own);
}

namespace {
struct AssignActivationTypes : impl::AssignActivationTypesBase<AssignActivationTypes> {
  void runOnOperation() override {
    FailureOr<TargetAttr> target = getTarget(getOperation());
    if (failed(target)) {
      return signalPassFailure();
    }
    if (Type element = target->getActivation(); element && element.isBF16()) {
      ActivationClasses classes(getOperation());
      for (auto function : getOperation().getOps<func::FuncOp>()) {
        assign(function, element, classes);
      }
    }
  }

  void assign(func::FuncOp function, Type element, const ActivationClasses &classes) {
    auto assignTo = [&](Value value) {
      if (isActivation(value.getType()) && !classes.staysF32(value)) {
        value.setType(cast<RankedTensorType>(value.getType()).clone(element));
        ++assigned;
      }
    };
    function.walk([&](Block *block) { llvm::for_each(block->getArguments(), assignTo); });
    function.walk([&](Operation *op) { llvm::for_each(op->getResults(), assignTo); });
    if (func::ReturnOp returned = getReturn(function)) {
      widenResults(function, returned);
      function.setType(
          FunctionType::get(&getContext(), function.front().getArgumentTypes(), returned.getOperandTypes()));
    }
  }

  static void widenResults(func::FuncOp function, func::ReturnOp returned) {
    OpBuilder builder(returned);
    for (OpOperand &operand : returned->getOpOperands()) {
      auto type = dyn_cast<RankedTensorType>(operand.get().getType());
      if (type && type.getElementType().isBF16() && isWidened(function, operand.getOperandNumber())) {
        operand.set(arith::ExtFOp::create(builder, returned.getLoc(), type.clone(builder.getF32Type()), operand.get()));
      }
    }
  }
};
} // namespace

} // namespace fathom
