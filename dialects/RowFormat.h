// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// How stores keep the numbers of their rows: what the dialects that speak of stores share.

#ifndef FATHOM_DIALECTS_ROWFORMAT_H
#define FATHOM_DIALECTS_ROWFORMAT_H

#include "fathom/artifact_abi.h"
#include "fathom/kernel_abi.h"

#include "mlir/IR/BuiltinTypes.h"
#include "mlir/IR/Diagnostics.h"

#include <optional>

namespace fathom {

/// What a runtime takes: stores of a cache; their layers, heads and numbers of a row.
constexpr size_t kMostStores = FATHOM_MOST_STORES;
constexpr int64_t kLargestDimension = FATHOM_LARGEST_DIMENSION;

/// FATHOM_ROW_* of kernel_abi.h for rows of such numbers; nothing for a type that no store has.
inline std::optional<int64_t> getRowElement(mlir::Type element) {
  if (element.isF32()) {
    return FATHOM_ROW_F32;
  }
  if (element.isBF16()) {
    return FATHOM_ROW_BF16;
  }
  return mlir::isa<mlir::Float8E4M3FNType>(element) ? std::optional<int64_t>(FATHOM_ROW_F8E4M3) : std::nullopt;
}

/// A row of `width` numbers of the type `element`, but for the last `tail`, which are bf16.
inline mlir::LogicalResult verifyRowFormat(llvm::function_ref<mlir::InFlightDiagnostic()> emitError, mlir::Type element,
                                           int64_t width, int64_t tail) {
  std::optional<int64_t> format = getRowElement(element);
  if (!format) {
    return emitError() << "expects f32, bf16 or f8E4M3FN numbers, but got " << element;
  }
  if (tail < 0 || tail >= width || (tail > 0 && *format != FATHOM_ROW_F8E4M3)) {
    return emitError() << "expects a tail of bf16 only behind f8E4M3FN numbers, but got " << width - tail << " x "
                       << element << " + " << tail << " x bf16";
  }
  return mlir::success();
}

} // namespace fathom

#endif // FATHOM_DIALECTS_ROWFORMAT_H
