// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// How far answers are from golden ones.

#ifndef FATHOM_TEST_E2E_CHANGE_H
#define FATHOM_TEST_E2E_CHANGE_H

#include "test/e2e/Golden.h"
#include "test/e2e/Session.h"

namespace fathom::test {

/// Against golden answers, over all positions of all prompts.
struct Change {
  double state = 0;      // the largest difference after the first layer, of the largest number there
  double dense = 0;      // the same of the first positions, which attend to all before them in every model
  double logit = 0;      // the largest difference of a logit
  double magnitude = 0;  // the largest logit
  double divergence = 0; // the mean of KL(golden ‖ model), in nats
  size_t positions = 0;
  size_t same = 0; // prompts whose greedy tokens are golden
  size_t prompts = 0;
};

/// The largest |value|, NaN where one is.
double findLargest(const std::vector<float> &values);
/// max |actual[i] - golden[i]|.
double findDistance(const float *actual, const std::vector<float> &golden);

/// What `session`, which takes prompts alone, changes of all prompts of the model in `directory`.
Change findChange(const std::string &directory, Session &session);

} // namespace fathom::test

#endif // FATHOM_TEST_E2E_CHANGE_H
