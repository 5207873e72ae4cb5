// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Which model is for which kernels.

#ifndef FATHOM_TEST_MUTANTS_CASES_H
#define FATHOM_TEST_MUTANTS_CASES_H

#include "test/mutants/SmallModel.h"

namespace fathom::test {

/// A model, and the kernels of which it has the first form that is examined.
struct Case {
  SmallModel model;
  std::vector<std::string> kernels;
};

const std::vector<Case> &cases();

} // namespace fathom::test

#endif // FATHOM_TEST_MUTANTS_CASES_H
