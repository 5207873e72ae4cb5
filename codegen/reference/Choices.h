// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What an evaluation chose: experts, positions, tokens.

#ifndef FATHOM_CODEGEN_REFERENCE_CHOICES_H
#define FATHOM_CODEGEN_REFERENCE_CHOICES_H

#include "llvm/ADT/ArrayRef.h"
#include "llvm/ADT/STLFunctionalExtras.h"

#include <cstdint>
#include <vector>

namespace fathom::reference {

/// The ids that a row chose.
using Choice = std::vector<int32_t>;

/// The choices of an earlier evaluation for a later one to follow, so that arithmetic alone differs: a score that
/// rounding moves a little across the line chooses other ids, whose values no tolerance covers.
struct Guide {
  llvm::ArrayRef<Choice> choices;
  /// How far rounding may have moved a score, relative to the largest of its row.
  double tolerance = 0;
};

/// Choices in the order of execution. One is taken from the guide only where the scores at hand would make it, and the
/// one that it replaces, if each moved by the tolerance: any other is a mistake, and stays.
class Choices {
public:
  explicit Choices(Guide guide = {}) : guide(guide) {}

  using GetScores = llvm::function_ref<std::vector<float>()>;
  /// Chooses as many ids as `out` has room for, after adding to each score its number of `nudges`.
  using ChooseAgain = llvm::function_ref<void(llvm::ArrayRef<float> nudges, int32_t *out)>;

  /// Notes what a row chose, `own`, which becomes the guide's choice where it is to be followed; whether it did.
  bool settle(llvm::MutableArrayRef<int32_t> own, GetScores getScores, ChooseAgain choose);

  std::vector<Choice> made;

private:
  Guide guide;
};

/// `scores` and what is added to each.
std::vector<float> addNudges(llvm::ArrayRef<float> scores, llvm::ArrayRef<float> nudges);

} // namespace fathom::reference

#endif // FATHOM_CODEGEN_REFERENCE_CHOICES_H
