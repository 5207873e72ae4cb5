// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Tells choices that rounding explains from mistakes.

#include "codegen/reference/Choices.h"

#include "llvm/ADT/STLExtras.h"

#include <algorithm>
#include <cmath>

using namespace llvm;

namespace fathom::reference {

/// For scores of `wanted` the tolerance, for all others its opposite.
static std::vector<float> getNudges(ArrayRef<float> scores, ArrayRef<int32_t> wanted, double tolerance) {
  float largest = 0;
  for (float score : scores) {
    largest = std::max(largest, std::abs(score));
  }
  auto nudge = static_cast<float>(tolerance * largest);
  std::vector<float> nudges(scores.size(), -nudge);
  for (int32_t id : wanted) {
    if (id >= 0 && size_t(id) < nudges.size()) {
      nudges[id] = nudge;
    }
  }
  return nudges;
}

bool Choices::settle(MutableArrayRef<int32_t> own, GetScores getScores, ChooseAgain choose) {
  size_t number = made.size();
  made.emplace_back(own.begin(), own.end());
  if (number >= guide.choices.size() || guide.choices[number] == made.back()) {
    return false;
  }
  std::vector<float> scores = getScores();
  Choice found(own.size());
  auto isExplained = [&](ArrayRef<int32_t> choice) {
    choose(getNudges(scores, choice, guide.tolerance), found.data());
    return std::is_permutation(found.begin(), found.end(), choice.begin(), choice.end());
  };
  if (!isExplained(own) || !isExplained(guide.choices[number])) {
    return false;
  }
  copy(found, own.begin());
  made.back() = found;
  return true;
}

std::vector<float> addNudges(ArrayRef<float> scores, ArrayRef<float> nudges) {
  std::vector<float> sums = scores.vec();
  for (auto [sum, nudge] : zip_equal(sums, nudges)) {
    sum += nudge;
  }
  return sums;
}

} // namespace fathom::reference
