// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Counts of rows: `plan.rows`, or products with constants.

#include "dialects/plan/CountedRows.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/IR/Matchers.h"

using namespace mlir;

namespace fathom::plan {

/// Few enough to compute sizes with.
static constexpr int64_t kLargestFactor = 1 << 16;

std::optional<CountedRows> getCountedRows(Value count) {
  int64_t factor = 1;
  while (auto product = count.getDefiningOp<arith::MulIOp>()) {
    APInt constant;
    // At least two, so that this ends where code that nothing reaches multiplies a value by itself.
    if (!matchPattern(product.getRhs(), m_ConstantInt(&constant)) || constant.ult(2) || constant.ugt(kLargestFactor) ||
        factor * constant.getSExtValue() > kLargestFactor) {
      return std::nullopt;
    }
    factor *= constant.getSExtValue();
    count = product.getLhs();
  }
  auto rows = count.getDefiningOp<RowsOp>();
  return rows ? std::optional(CountedRows{rows.getWhich(), factor}) : std::nullopt;
}

} // namespace fathom::plan
