// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// All tables of rules.

#include "passes/functions/NodeBuilder.h"

using namespace mlir;

namespace fathom {

const DecomposeRow *findDecomposeRow(StringRef domain, StringRef op) {
  for (ArrayRef<DecomposeRow> rows :
       {decomposeUnaryRows(), decomposeElementwiseRows(), decomposeCreationRows(), decomposeShapeRows(),
        decomposeIndexRows(), decomposeReduceRows(), decomposeAlongAxisRows(), decomposeProductRows(),
        decomposeNormRows(), decomposeQuantizeRows(), decomposeAttentionRows(), decomposeGroupQueryRows(),
        decomposeRotaryRows(), decomposeExpertRows(), decomposePackedRows(), decomposeRowRows(),
        decomposeSequenceRows()}) {
    for (const DecomposeRow &row : rows) {
      if (row.op == op && row.domain == domain) {
        return &row;
      }
    }
  }
  return nullptr;
}

} // namespace fathom
