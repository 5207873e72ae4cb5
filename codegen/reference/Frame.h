// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The values of one function's evaluation.

#ifndef FATHOM_CODEGEN_REFERENCE_FRAME_H
#define FATHOM_CODEGEN_REFERENCE_FRAME_H

#include "codegen/reference/Choices.h"
#include "codegen/reference/SeededWeights.h"

#include "llvm/ADT/DenseMap.h"
#include "llvm/ADT/StringMap.h"

namespace fathom::reference {

/// A residual stream that a program showed: layer and rows.
using RecordedState = std::pair<int64_t, TensorPtr>;

/// Values by SSA name. What goes wrong is kept as the first `problem`; values are empty from there on and nobody may
/// rely on them.
class Frame {
public:
  Frame(SeededWeights &weights, llvm::ArrayRef<int64_t> sequences, std::vector<RecordedState> &states, Choices &choices)
      : weights(weights), sequences(sequences), states(states), choices(choices) {}

  /// The value of `value`; an empty tensor, cache or zero, and a problem, where it has none of that kind.
  const Tensor &tensor(mlir::Value value);
  CachePtr cache(mlir::Value value);
  int64_t index(mlir::Value value);
  float scalar(mlir::Value value);
  const Datum &datum(mlir::Value value) { return values[value]; }

  void set(mlir::Value value, Datum datum) { values[value] = std::move(datum); }
  /// Rounded, where numbers of `value` are: ops compute in f32.
  void setReals(mlir::Value value, llvm::ArrayRef<int64_t> shape, std::vector<float> reals);
  void setIds(mlir::Value value, llvm::ArrayRef<int64_t> shape, std::vector<int32_t> ids);

  void fail(const llvm::Twine &message);
  bool failed() const { return !problem.empty(); }
  const std::string &getProblem() const { return problem; }
  /// Whether `condition` holds; a problem of `op` otherwise. Nothing before it may have gone wrong.
  bool expect(bool condition, mlir::Operation *op, const llvm::Twine &what);

  SeededWeights &weights;
  /// The sequence of each row.
  llvm::ArrayRef<int64_t> sequences;
  std::vector<RecordedState> &states;
  Choices &choices;

private:
  /// Null, and a problem, where `value` has none of that kind.
  template <typename Kind>
  const Kind *find(mlir::Value value, const char *kind);

  llvm::DenseMap<mlir::Value, Datum> values;
  std::string problem;
};

/// What evaluates ops of the `deepseek` dialect on the values of a frame, by name.
using Evaluators = llvm::StringMap<void (*)(mlir::Operation *, Frame &)>;
void addBasicEvaluators(Evaluators &evaluators);
void addMoEEvaluators(Evaluators &evaluators);
void addAttentionEvaluators(Evaluators &evaluators);
void addIndexEvaluators(Evaluators &evaluators);

/// Adds `evaluate(op, frame)`, found where this is used, for each of the ops.
template <typename... Ops>
void addEvaluators(Evaluators &evaluators) {
  (evaluators.try_emplace(Ops::getOperationName(),
                          [](mlir::Operation *op, Frame &frame) { evaluate(mlir::cast<Ops>(op), frame); }),
   ...);
}

/// Evaluates an op of `arith` or `tensor`; false where it has no meaning here.
bool evaluateUpstreamOp(mlir::Operation *op, Frame &frame);

/// `epilogue` on every number of `sums` and the numbers of `extras` at the same place, in place. A vector has a number
/// for each column.
void applyEpilogue(mlir::Region &epilogue, mlir::ValueRange extras, std::vector<float> &sums, Frame &frame);

/// The weight of `expert` (0 for dense weights) as [outputs, inputs] in f32, with scales applied.
std::vector<float> decodeMatrix(mlir::Value weight, mlir::Value scale, deepseek::BlockScaleAttr block, int64_t expert,
                                Frame &frame);

} // namespace fathom::reference

#endif // FATHOM_CODEGEN_REFERENCE_FRAME_H
