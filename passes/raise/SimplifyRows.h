// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The operators that fathom-simplify-nodes knows.

#ifndef FATHOM_PASSES_RAISE_SIMPLIFYROWS_H
#define FATHOM_PASSES_RAISE_SIMPLIFYROWS_H

#include "passes/raise/Nodes.h"

namespace fathom::raise {

/// Rewrites a node of one operator.
using Simplify = llvm::LogicalResult (*)(onnx::NodeOp node, mlir::PatternRewriter &rewriter);
struct SimplifyRow {
  llvm::StringLiteral domain, name;
  Simplify simplify;
};

/// Products of matrices.
llvm::ArrayRef<SimplifyRow> productRows();

} // namespace fathom::raise

#endif // FATHOM_PASSES_RAISE_SIMPLIFYROWS_H
