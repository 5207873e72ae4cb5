// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The choice of positions of sparse attention through kernels/ref, a row at a time.

#include "codegen/reference/AttendingRows.h"

#include "kernels/ref/ref.h"

#include "llvm/Support/MathExtras.h"

#include <numeric>

using namespace mlir;

namespace fathom::reference {

using namespace deepseek;

static void evaluate(HadamardOp op, Frame &frame) {
  const Tensor &input = frame.tensor(op.getInput());
  int64_t headDim = op.getHeadDim();
  std::vector<float> out(input.size());
  ref::hadamard(input.reals.data(), input.rows(), input.width() / headDim, headDim, out.data());
  frame.setReals(op.getResult(), input.shape, std::move(out));
}

/// Calls `select(row, weights)` for each row that selects positions.
template <typename Op>
static void forEachSelection(Op op, const ref::IndexShape &shape, Frame &frame,
                             llvm::function_ref<void(const AttendingRow &, const float *)> select) {
  const Tensor &weights = frame.tensor(op.getWeights());
  forEachRow(op, shape.heads * shape.head_dim, {kIndexStore}, frame,
             [&](const AttendingRow &row) { select(row, weights.reals.data() + row.number * shape.heads); });
}

/// `width` positions of each row fit into memory, and its heads have weights.
template <typename Op>
static bool expectSelecting(Op op, const ref::IndexShape &shape, int64_t width, Frame &frame) {
  const Tensor &query = frame.tensor(op.getQuery()), &weights = frame.tensor(op.getWeights());
  bool fits = weights.rows() == query.rows() && weights.width() == shape.heads && width < kMostPositions;
  return frame.expect(fits, op, "weights of its heads for each row, and a selection that fits into memory");
}

template <typename Op>
static ref::IndexShape getIndexShape(Op op) {
  return {int64_t(op.getNumHeads()), int64_t(op.getHeadDim()), int64_t(op.getTopK())};
}

void settlePositions(const float *query, const float *weights, ArrayRef<float> keys, const ref::IndexShape &shape,
                     int32_t *own, Choices &choices) {
  std::vector<float> scores;
  auto getScores = [&] {
    for (size_t at = 0; at < keys.size(); at += shape.head_dim) {
      scores.push_back(ref::index_score(query, weights, keys.data() + at, shape));
    }
    return scores;
  };
  auto chooseAgain = [&](ArrayRef<float> nudges, int32_t *out) {
    // In parts as wide as what is kept; -1 fills up the last.
    std::vector<float> candidates = addNudges(scores, nudges);
    std::vector<int32_t> ids(scores.size());
    std::iota(ids.begin(), ids.end(), 0);
    int64_t parts = llvm::divideCeil(scores.size(), shape.kept);
    candidates.resize(parts * shape.kept);
    ids.resize(parts * shape.kept, -1);
    ref::index_merge(candidates.data(), ids.data(), 1, shape.kept, parts, out);
  };
  choices.settle({own, size_t(shape.kept)}, getScores, chooseAgain);
}

static void evaluate(IndexSelectOp op, Frame &frame) {
  ref::IndexShape shape = getIndexShape(op);
  if (!expectSelecting(op, shape, shape.kept, frame)) {
    return;
  }
  int64_t rows = frame.tensor(op.getQuery()).rows();
  std::vector<int32_t> out(rows * shape.kept);
  forEachSelection(op, shape, frame, [&](const AttendingRow &row, const float *weights) {
    ref::index_select(row.query, weights, row.past[0].data(), &row.position, 1, shape,
                      out.data() + row.number * shape.kept);
    settlePositions(row.query, weights, row.past[0], shape, out.data() + row.number * shape.kept, frame.choices);
  });
  frame.setIds(op.getResult(), {rows, shape.kept}, std::move(out));
}

static void evaluate(IndexCandidatesOp op, Frame &frame) {
  ref::IndexShape shape = getIndexShape(op);
  int64_t parts = op.getParts(), width = parts * shape.kept;
  if (!expectSelecting(op, shape, width, frame)) {
    return;
  }
  int64_t rows = frame.tensor(op.getQuery()).rows();
  std::vector<float> scores(rows * width);
  std::vector<int32_t> ids(rows * width);
  forEachSelection(op, shape, frame, [&](const AttendingRow &row, const float *weights) {
    ref::index_candidates(row.query, weights, row.past[0].data(), &row.position, 1, shape, parts,
                          scores.data() + row.number * width, ids.data() + row.number * width);
  });
  frame.setReals(op.getScores(), {rows, width}, std::move(scores));
  frame.setIds(op.getIds(), {rows, width}, std::move(ids));
  frame.setReals(op.getBounds(), {rows, parts}, std::vector<float>(rows * parts));
}

/// Computes the scores of a row's candidates, at `scores`, that may be off.
static void computeScores(IndexMergeOp op, const AttendingRow &row, const float *weights, Frame &frame, float *scores) {
  ref::IndexShape shape = getIndexShape(op);
  int64_t parts = op.getParts(), width = parts * shape.kept;
  const float *bounds = frame.tensor(op.getBounds()).reals.data() + row.number * parts;
  const int32_t *ids = frame.tensor(op.getIds()).ids.data() + row.number * width;
  for (int64_t j = 0; j < width; ++j) {
    bool isThere = ids[j] >= 0 && ids[j] <= row.position;
    if (isThere && bounds[j / shape.kept] > 0) {
      scores[j] = ref::index_score(row.query, weights, row.past[0].data() + ids[j] * shape.head_dim, shape);
    }
  }
}

static void evaluate(IndexMergeOp op, Frame &frame) {
  ref::IndexShape shape = getIndexShape(op);
  int64_t parts = op.getParts(), width = parts * shape.kept;
  const Tensor &given = frame.tensor(op.getScores()), &ids = frame.tensor(op.getIds());
  const Tensor &bounds = frame.tensor(op.getBounds());
  int64_t rows = frame.tensor(op.getQuery()).rows();
  bool fits = ids.rows() == rows && bounds.rows() == rows && ids.width() == width && given.shape == ids.shape;
  if (!frame.expect(fits && bounds.width() == parts, op, "a score for each candidate, and a bound for each part") ||
      !expectSelecting(op, shape, width, frame)) {
    return;
  }
  std::vector<float> scores(given.reals.begin(), given.reals.end());
  std::vector<int32_t> out(rows * shape.kept);
  forEachSelection(op, shape, frame, [&](const AttendingRow &row, const float *weights) {
    float *own = scores.data() + row.number * width;
    int32_t *selection = out.data() + row.number * shape.kept;
    computeScores(op, row, weights, frame, own);
    ref::index_merge(own, ids.ids.data() + row.number * width, 1, shape.kept, parts, selection);
    settlePositions(row.query, weights, row.past[0], shape, selection, frame.choices);
  });
  frame.setIds(op.getResult(), {rows, shape.kept}, std::move(out));
}

void addIndexEvaluators(Evaluators &evaluators) {
  addEvaluators<HadamardOp, IndexSelectOp, IndexCandidatesOp, IndexMergeOp>(evaluators);
}

} // namespace fathom::reference
