// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Operators that a graph is raised to, and what they mean.

#ifndef FATHOM_DIALECTS_ONNX_RAISED_H
#define FATHOM_DIALECTS_ONNX_RAISED_H

#include "llvm/ADT/StringRef.h"

namespace fathom::onnx::raised {

/// The domain of operators that patterns raise to where ONNX has none. They are in no model.
constexpr llvm::StringLiteral kDomain = "fathom";
/// (x, cos, sin): x · cos + turned(x) · sin, by numpy's broadcasting. With (u, v) the pairs of the last dimension,
/// turned(x) has (−v, u) in their places; pairs are (x[i], x[i + d/2]).
constexpr llvm::StringLiteral kRotate = "Rotate";
/// (gate, up): gate / (1 + exp(−gate)) · up.
constexpr llvm::StringLiteral kSwiGlu = "SwiGlu";
/// (numbers, scales, zeros) of constants: a matrix, or a stack of such, with (number − zero) · scale, where each
/// "block" = [rows, columns] of a matrix has a scale and a zero, at the edges ragged ones, too. Without zeros "zero" is
/// that of all. With "bits" bytes of numbers and of zeros are so many bits each, from the lowest up, and rows may be
/// longer than the matrix needs.
constexpr llvm::StringLiteral kDequantize = "Dequantize";
/// (query, key, value), each [batch, heads, positions, width]: softmax attention with `scale`, where query i of n sees
/// the first m − n + i + 1 of m keys.
constexpr llvm::StringLiteral kCausalAttention = "CausalAttention";
/// (query, key, value, index query, index key, index weights): causal attention where a query sees, of the keys that it
/// may, the `top_k` of the largest scores alone, of equal ones the first, and all where there are no more. With
/// index queries [batch, index heads, positions, width], index keys [batch, 1, keys, width] and weights [batch,
/// positions, index heads], the score of a key is Σ_h weight_h · max(0, query_h · key).
constexpr llvm::StringLiteral kSparseAttention = "SparseAttention";
/// (x [.., H], logits [.., E], bias [E] or left out, gate [E, I, H], up [E, I, H], down [E, H, I]): of each row the sum
/// of what chosen experts make of it, by the attributes `scoring`, `group_rule`, `top_k`, `groups`, `top_groups`,
/// `normalize` and `factor`, which are those of `#deepseek.routing`.
constexpr llvm::StringLiteral kExperts = "Experts";

} // namespace fathom::onnx::raised

#endif // FATHOM_DIALECTS_ONNX_RAISED_H
