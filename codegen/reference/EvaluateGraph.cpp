// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Functions of the `onnx` dialect, to values.

#include "codegen/reference/EvaluateGraph.h"

#include "mlir/Analysis/SliceAnalysis.h"
#include "llvm/ADT/SetVector.h"

using namespace mlir;

namespace fathom::reference {

using onnx::Array;

bool isGraph(func::FuncOp function) {
  return llvm::any_of(function.getOps(), [](Operation &op) { return isa<onnx::OnnxDialect>(op.getDialect()); });
}

/// Consecutive tokens of each of `batch` sequences.
static Scenario makeCall(StringRef name, int64_t batch, int32_t past, int32_t count) {
  Scenario scenario = {name, "prefill", deepseek::kExpandedForm, {}, {}};
  for (int64_t sequence = 0; sequence < batch; ++sequence) {
    for (int32_t position = past; position < past + count; ++position) {
      scenario.sequences.push_back(sequence);
      scenario.positions.push_back(position);
    }
  }
  return scenario;
}

SmallVector<Scenario> getGraphScenarios(ModuleOp module) {
  bool found = false, past = false;
  for (auto function : module.getOps<func::FuncOp>()) {
    found |= isGraph(function);
    past |= isGraph(function) && llvm::any_of(function.getArguments(), isPast);
  }
  SmallVector<Scenario> scenarios;
  if (found) {
    scenarios = {makeCall("prompt", 1, 0, 5), makeCall("batch", 2, 0, 3)};
  }
  if (past) {
    scenarios.push_back(makeCall("step", 1, 3, 2));
  }
  return scenarios;
}

static Datum makeDatum(const Array &array) {
  Tensor tensor;
  tensor.shape = array.shape;
  tensor.reals.assign(array.reals.begin(), array.reals.end());
  for (int64_t integer : array.integers) {
    tensor.ids.push_back(int32_t(integer));
  }
  return std::make_shared<const Tensor>(std::move(tensor));
}

/// The ops that results follow from, in their order.
static SetVector<Operation *> findNeeded(func::FuncOp function) {
  SetVector<Operation *> needed;
  BackwardSliceOptions options;
  options.omitUsesFromAbove = false;
  (void)getBackwardSlice(function.front().getTerminator(), &needed, options);
  return needed;
}

/// A value of a sequence, or one that a node leaves open, has no datum.
static llvm::Expected<Datum> evaluateValue(Value value, onnx::Evaluator &evaluator) {
  llvm::Expected<const Array *> array = evaluator.evaluate(value);
  if (!array) {
    return array.takeError();
  }
  return (*array)->isSequence() ? Datum() : makeDatum(**array);
}

/// Of a cache of fixed length, only the tokens so far: what is behind them means nothing.
static llvm::Expected<Datum> evaluateResult(Value value, int64_t tokens, onnx::Evaluator &evaluator) {
  auto scatter = value.getDefiningOp<onnx::NodeOp>();
  if (!scatter || !scatter.is("TensorScatter")) {
    return evaluateValue(value, evaluator);
  }
  llvm::Expected<const Array *> array = evaluator.evaluate(value);
  if (!array) {
    return array.takeError();
  }
  SmallVector<int64_t> shape = (*array)->shape;
  int64_t axis = scatter.getInteger("axis", -2);
  shape[axis < 0 ? axis + shape.size() : axis] = tokens;
  std::optional<Array> written = cut(**array, shape);
  return makeDatum(written ? *written : **array);
}

static Step makeStep(Operation &op, StringRef function, onnx::Evaluator &evaluator) {
  Step step = {0, function.str(), op.getName(), op.getLoc(), {}};
  for (Value result : op.getResults()) {
    if (llvm::Expected<Datum> datum = evaluateValue(result, evaluator)) {
      step.results.push_back(std::move(*datum));
    } else {
      llvm::consumeError(datum.takeError());
    }
  }
  return step;
}

llvm::Expected<Run> evaluateGraph(func::FuncOp function, const Scenario &scenario, GraphInputs &inputs,
                                  SeededWeights &weights) {
  auto read = [&](onnx::InitializerOp op) { return weights.getInitializer(op); };
  onnx::Evaluator evaluator(read, onnx::Rounding::None);
  if (llvm::Error error = inputs.bind(function, scenario, evaluator)) {
    return error;
  }
  Run run;
  for (Value result : function.front().getTerminator()->getOperands()) {
    llvm::Expected<Datum> datum = evaluateResult(result, scenario.positions.back() + 1, evaluator);
    if (!datum) {
      return datum.takeError();
    }
    run.results.push_back(std::move(*datum));
  }
  SetVector<Operation *> needed = findNeeded(function);
  for (Operation &op : function.front().without_terminator()) {
    if (needed.contains(&op) && isa<onnx::NodeOp>(op)) {
      run.steps.push_back(makeStep(op, function.getSymName(), evaluator));
    }
  }
  return run;
}

bool hasShortFloats(func::FuncOp function) {
  return function
      .walk([](onnx::NodeOp node) {
        bool isShort = llvm::any_of(node.getOutputs(), [](Value output) {
          auto type = dyn_cast<TensorType>(output.getType());
          return type && isa<Float16Type, BFloat16Type>(type.getElementType());
        });
        return isShort ? WalkResult::interrupt() : WalkResult::advance();
      })
      .wasInterrupted();
}

unsigned findLogits(func::FuncOp function) {
  for (unsigned number = 0; number < function.getNumResults(); ++number) {
    auto name = function.getResultAttrOfType<StringAttr>(number, onnx::kNameAttr);
    if (name && name == deepseek::kLogitsOutput) {
      return number;
    }
  }
  return 0;
}

} // namespace fathom::reference
