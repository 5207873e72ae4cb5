// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What the tree has of each op of the `deepseek` dialect.

#ifndef FATHOM_TEST_DIALECTS_OPFACTS_H
#define FATHOM_TEST_DIALECTS_OPFACTS_H

#include "mlir/IR/MLIRContext.h"

#include <set>
#include <string>
#include <vector>

namespace fathom::test {

struct OpFacts {
  /// Without the dialect's prefix.
  std::string name;
  /// Listed as structural: it computes nothing.
  bool isStructural = false;
  bool hasInterface = true;
  bool hasDecomposition = true;
  bool hasEvaluator = true;
  bool hasReference = true;
  /// What it asks of the catalog, and what of that is not there.
  std::set<std::string> missingKernels;
  /// Those that no test runs.
  std::set<std::string> untestedKernels;
  bool hasValueTest = true;
  bool hasLitTest = true;
  /// A test expects an error of it.
  bool hasInvalidTest = true;
  bool hasDocs = true;
};

/// What is missing, a sentence each that says where it belongs.
std::vector<std::string> findGaps(const OpFacts &op);

/// The facts of all registered ops, gathered from the libraries and the files below `root`.
std::vector<OpFacts> gatherFacts(mlir::MLIRContext &context, const std::string &root);

} // namespace fathom::test

#endif // FATHOM_TEST_DIALECTS_OPFACTS_H
