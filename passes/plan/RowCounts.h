// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// How many rows memory of a plan has, as far as that is known before a call.

#ifndef FATHOM_PASSES_PLAN_ROWCOUNTS_H
#define FATHOM_PASSES_PLAN_ROWCOUNTS_H

#include "passes/plan/Passes.h"

#include "dialects/plan/CountedRows.h"

namespace fathom {

using plan::CountedRows;
using plan::getCountedRows;

/// The rows of `memory`, whose first dimension is dynamic; none: they are not known. What a function of a layer is
/// called with has the rows of the call.
std::optional<CountedRows> getRowsOfMemory(mlir::Value memory);

/// "2 rows for each that wants logits", for a message.
std::string describe(const std::optional<CountedRows> &rows);

} // namespace fathom

#endif // FATHOM_PASSES_PLAN_ROWCOUNTS_H
