// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Counts of rows that are known before a call, but for the call's own.

#ifndef FATHOM_DIALECTS_PLAN_COUNTEDROWS_H
#define FATHOM_DIALECTS_PLAN_COUNTEDROWS_H

#include "dialects/plan/Plan.h"

namespace fathom::plan {

/// `factor` rows for each row of the call, or for each that wants logits.
struct CountedRows {
  Rows which = Rows::rows;
  int64_t factor = 1;

  bool operator==(const CountedRows &other) const { return which == other.which && factor == other.factor; }
};

/// The number that `count` is; none: it is something else.
std::optional<CountedRows> getCountedRows(mlir::Value count);

} // namespace fathom::plan

#endif // FATHOM_DIALECTS_PLAN_COUNTEDROWS_H
