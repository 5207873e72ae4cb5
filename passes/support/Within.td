// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Numeric contracts of passes that are not exact.

#ifndef FATHOM_PASSES_SUPPORT_WITHIN_TD
#define FATHOM_PASSES_SUPPORT_WITHIN_TD

/// A pass may move a result by `tolerance` times the result's largest number, or by `rounded` times that where the
/// target rounds activations; one without promises to be exact. passes/CMakeLists.txt collects these for
/// `fathom-opt --verify-numerics-each`.
class Within<string tolerance, string rounded = tolerance> {
  string numericContract = tolerance;
  string roundedContract = rounded;
}

#endif // FATHOM_PASSES_SUPPORT_WITHIN_TD
