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
/// (query, key, value), each [batch, heads, positions, width]: softmax attention with `scale`, where query i of n sees
/// the first m − n + i + 1 of m keys.
constexpr llvm::StringLiteral kCausalAttention = "CausalAttention";

} // namespace fathom::onnx::raised

#endif // FATHOM_DIALECTS_ONNX_RAISED_H
