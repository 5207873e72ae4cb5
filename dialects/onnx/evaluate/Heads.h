// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Tensors as heads [batch, heads, positions, width], and what attention does with them.

#ifndef FATHOM_DIALECTS_ONNX_EVALUATE_HEADS_H
#define FATHOM_DIALECTS_ONNX_EVALUATE_HEADS_H

#include "dialects/onnx/evaluate/NodeValues.h"

#include <functional>

namespace fathom::onnx {

/// [batch, positions, heads · width] as heads; those of 4 dimensions are such already. Nothing after a finding.
std::optional<Array> intoHeads(NodeValues &node, const Array &in, int64_t heads);
/// The other way.
Array fromHeads(const Array &heads);
/// Positions of `past`, which may be left out, and behind them those of `now`. Nothing after a finding.
std::optional<Array> append(NodeValues &node, const Array &past, Array now);

/// An angle's cosine and sine.
struct Rotation {
  double cosine, sine;
};
/// Turns pairs of the first `count` numbers of each head by `at(batch, position, pair)`: neighbors, or halves.
void rotate(Array &heads, int64_t count, bool interleaved, llvm::function_ref<Rotation(int64_t, int64_t, int64_t)> at);

/// What is added to scores, by batch, head, query and key; -infinity where a query does not see a key.
using Mask = std::function<double(int64_t, int64_t, int64_t, int64_t)>;
/// A mask that is broadcast to `scores`, [batch, heads, queries, keys]: floats are added, bools tell what is seen, and
/// keys that it lacks are not. The empty array hides nothing. Nothing after a finding.
std::optional<Mask> readMask(NodeValues &node, const Array &mask, llvm::ArrayRef<int64_t> scores);
/// How many keys each of a batch has: input `input`, or `all`. Nothing after a finding.
std::optional<Extents> lengthsOf(NodeValues &node, size_t input, int64_t batch, int64_t all);
/// What scores are multiplied by where nothing is said.
double usualScale(const Array &query);

/// Softmax(cap(scale · query · key) + mask) · value, where the heads of keys and values serve several of queries each.
struct AttentionTerms {
  const Array *query, *key, *value;
  double scale;
  /// Scores are within [-cap, cap]; 0: as they are.
  double cap = 0;
  Mask mask = {};
  /// A score of each head that takes part in the softmax, and has no value.
  std::function<double(int64_t)> sink = {};
};

/// What attention leaves of its scores on the way.
enum class ScoreStage { Raw, Masked, Capped, Softmax };

/// Heads of results; a query that sees nothing gets zeros. `scores`, if it is not NULL, [batch, heads, queries, keys],
/// gets what they are at a stage. Nothing after a finding.
std::optional<Array> attend(NodeValues &node, const AttentionTerms &terms, Array *scores = nullptr,
                            ScoreStage stage = ScoreStage::Raw);

} // namespace fathom::onnx

#endif // FATHOM_DIALECTS_ONNX_EVALUATE_HEADS_H
