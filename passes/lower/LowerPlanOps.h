// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Patterns from the `plan` dialect to the LLVM dialect. Internal to the lower phase.

#ifndef FATHOM_PASSES_LOWER_LOWERPLANOPS_H
#define FATHOM_PASSES_LOWER_LOWERPLANOPS_H

#include "mlir/Conversion/LLVMCommon/TypeConverter.h"
#include "mlir/IR/PatternMatch.h"

namespace fathom {

/// Functions of kernels/cpu/generated_calls.cpp, declared before patterns run.
constexpr llvm::StringLiteral kCacheRow = "fathom_generated_cache_row";
constexpr llvm::StringLiteral kReadNumber = "fathom_generated_read_number";
constexpr llvm::StringLiteral kWriteRow = "fathom_generated_write_row";

/// Maps types of the dialect to pointers.
void addPlanTypes(mlir::LLVMTypeConverter &converter);

void populatePlanToLLVMPatterns(const mlir::LLVMTypeConverter &converter, mlir::RewritePatternSet &patterns);

/// The value of a field of a C struct: `type` at `offset` bytes after `pointer`.
mlir::Value loadField(mlir::OpBuilder &builder, mlir::Location loc, mlir::Value pointer, int64_t offset,
                      mlir::Type type);

} // namespace fathom

#endif // FATHOM_PASSES_LOWER_LOWERPLANOPS_H
