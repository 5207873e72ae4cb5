// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Tensors as heads [batch, heads, positions, width], in f32, and what attention does with them: what
// dialects/onnx/evaluate/Heads.h computes. Internal to passes/functions.

#ifndef FATHOM_PASSES_FUNCTIONS_HEADS_H
#define FATHOM_PASSES_FUNCTIONS_HEADS_H

#include "passes/functions/NodeBuilder.h"

#include <functional>

namespace fathom {

using mlir::Value;
using mlir::ValueRange;

/// An input of floats, in f32; null after `fail`.
Value readFloats(NodeBuilder &b, size_t input);
/// [batch, positions, heads · width] as heads; those of 4 dimensions are such already. Null after `fail`.
Value intoHeads(NodeBuilder &b, Value tensor, Value heads);
/// The same of an input, where a node may say 0 heads of those that are such already.
Value readHeads(NodeBuilder &b, size_t input, int64_t heads);
/// Heads as the node gives them: as input 0 has its dimensions, and of its type.
bool giveHeads(NodeBuilder &b, Value heads);
/// Heads as an output of the type of input 0.
bool giveCache(NodeBuilder &b, Value heads);
/// How many positions input `past` has; 0 where it is left out.
Value countPast(NodeBuilder &b, size_t past);
/// Positions of input `past`, which may be left out, and behind them those of `now`. Null after `fail`.
Value appendHeads(NodeBuilder &b, size_t past, Value now);

/// An angle's cosine and sine.
struct Rotation {
  Value cosine, sine;
};
/// Turns pairs of the first `count` numbers of each head by `at(batch, position, pair)`: neighbors, or halves.
Value rotateHeads(NodeBuilder &b, Value heads, Value count, bool interleaved,
                  llvm::function_ref<Rotation(Value batch, Value position, Value pair)> at);

/// What is added to the score at [batch, head, query, key]: -infinity where a query does not see a key.
using Mask = std::function<Value(ValueRange place)>;
/// Input `input` as a mask of `scores`: floats are added, bools tell what is seen, and keys that it lacks are not. One
/// that is left out hides nothing. Nothing after `fail`.
std::optional<Mask> readMask(NodeBuilder &b, size_t input, ValueRange scores);
/// `score` where it is seen, and -infinity where not.
Value hideUnless(NodeBuilder &b, Value seen, Value score);
/// Ends a call where input `input` has not `count` numbers in all.
void checkCount(NodeBuilder &b, size_t input, Value count, llvm::StringRef message);

/// Softmax(cap(scale · query · key) + mask) · value, where the heads of keys and values serve several of queries each.
struct AttentionTerms {
  Value query, key, value;
  /// 0: 1 / sqrt(width).
  double scale = 0;
  /// Scores are within [-cap, cap]; 0: as they are.
  double cap = 0;
  Mask mask = {};
  /// A score of each head that takes part in the softmax, and has no value.
  std::function<Value(Value head)> sink = {};
};

/// Results of heads; a query that sees nothing gets zeros.
struct Attention {
  Value result;
  /// [batch, heads, queries, keys] before and behind cap, mask and softmax.
  Value raw, capped, masked, weights;
};

/// Nothing after `fail`.
std::optional<Attention> attend(NodeBuilder &b, const AttentionTerms &terms);

} // namespace fathom

#endif // FATHOM_PASSES_FUNCTIONS_HEADS_H
