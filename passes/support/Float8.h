// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Floats of 8 bits, which LLVM has no instructions for.

#ifndef FATHOM_PASSES_SUPPORT_FLOAT8_H
#define FATHOM_PASSES_SUPPORT_FLOAT8_H

#include "passes/support/StructuredBuilder.h"

namespace fathom {

/// Whether `decodeFloat8` knows a type: E4M3 and E5M2, with infinities or without.
bool isFloat8(mlir::Type type);

/// A code of `type`, or a vector of codes, as f32, exactly.
mlir::Value decodeFloat8(StructuredBuilder &b, mlir::Value code, mlir::FloatType type);

} // namespace fathom

#endif // FATHOM_PASSES_SUPPORT_FLOAT8_H
