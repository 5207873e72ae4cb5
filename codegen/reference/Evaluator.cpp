// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// IR to values: functions, calls and the record of what was computed.

#include "codegen/reference/Evaluator.h"

using namespace mlir;

namespace fathom::reference {

/// Deeper than any model calls; a function that calls itself ends here.
static constexpr unsigned kMostNestedCalls = 32;
/// More than any model needs; functions that call each other twice at every level end here.
static constexpr unsigned kMostCalls = 4096;

static const Evaluators &getEvaluators() {
  static const Evaluators evaluators = [] {
    Evaluators all;
    addBasicEvaluators(all);
    addMoEEvaluators(all);
    addAttentionEvaluators(all);
    addIndexEvaluators(all);
    return all;
  }();
  return evaluators;
}

namespace {
class Evaluation {
public:
  Evaluation(ArrayRef<int64_t> sequences, SeededWeights &weights, Guide guide)
      : sequences(sequences), weights(weights), choices(guide) {}

  llvm::Expected<Run> run(func::FuncOp function, std::vector<Datum> arguments) {
    run_.results = call(function, arguments, 0);
    if (!problem.empty()) {
      return llvm::createStringError(problem);
    }
    run_.choices = std::move(choices.made);
    return std::move(run_);
  }

private:
  std::vector<Datum> call(func::FuncOp function, ArrayRef<Datum> arguments, unsigned depth);
  void callFrom(func::CallOp op, Frame &frame, unsigned depth);
  void step(Operation *op, Frame &frame, unsigned depth);

  ArrayRef<int64_t> sequences;
  SeededWeights &weights;
  Choices choices;
  Run run_;
  unsigned calls = 0;
  std::string problem;
};
} // namespace

std::vector<Datum> Evaluation::call(func::FuncOp function, ArrayRef<Datum> arguments, unsigned depth) {
  if (!function.getBody().hasOneBlock() || depth > kMostNestedCalls || calls >= kMostCalls) {
    problem = ("cannot evaluate @" + function.getSymName() + ": expected one block and calls that end").str();
    return {};
  }
  unsigned number = calls++;
  Frame frame(weights, sequences, run_.states, choices);
  for (auto [argument, value] : llvm::zip(function.getArguments(), arguments)) {
    frame.set(argument, value);
  }
  for (Operation &op : function.front().without_terminator()) {
    step(&op, frame, depth);
    if (frame.failed()) {
      problem = frame.getProblem();
      return {};
    }
    Step done = {number, function.getSymName().str(), op.getName(), op.getLoc(), {}};
    for (Value result : op.getResults()) {
      done.results.push_back(frame.datum(result));
    }
    run_.steps.push_back(std::move(done));
  }
  std::vector<Datum> results;
  for (Value operand : function.front().getTerminator()->getOperands()) {
    results.push_back(frame.datum(operand));
  }
  return results;
}

void Evaluation::callFrom(func::CallOp op, Frame &frame, unsigned depth) {
  auto callee = op->getParentOfType<ModuleOp>().lookupSymbol<func::FuncOp>(op.getCallee());
  if (!frame.expect(callee && !callee.isExternal(), op, "a function of this module")) {
    return;
  }
  std::vector<Datum> arguments;
  for (Value operand : op.getOperands()) {
    arguments.push_back(frame.datum(operand));
  }
  std::vector<Datum> results = call(callee, arguments, depth + 1);
  if (!problem.empty()) {
    frame.fail(problem);
    return;
  }
  for (auto [result, value] : llvm::zip(op.getResults(), results)) {
    frame.set(result, value);
  }
}

void Evaluation::step(Operation *op, Frame &frame, unsigned depth) {
  if (auto callOp = dyn_cast<func::CallOp>(op)) {
    callFrom(callOp, frame, depth);
  } else if (auto evaluator = getEvaluators().lookup(op->getName().getStringRef())) {
    evaluator(op, frame);
  } else if (!evaluateUpstreamOp(op, frame)) {
    frame.fail("cannot evaluate op '" + op->getName().getStringRef() + "'");
  }
}

bool hasEvaluator(StringRef name) { return getEvaluators().contains(name); }

llvm::Expected<Run> evaluate(func::FuncOp function, std::vector<Datum> arguments, ArrayRef<int64_t> sequences,
                             SeededWeights &weights, Guide guide) {
  return Evaluation(sequences, weights, guide).run(function, std::move(arguments));
}

} // namespace fathom::reference
