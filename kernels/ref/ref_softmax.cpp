// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Softmax.

#include "kernels/ref/ref.h"

#include <algorithm>
#include <cmath>

namespace fathom::ref {

void softmax(std::vector<double> &scores) {
  double largest = *std::max_element(scores.begin(), scores.end()), sum = 0;
  for (double &score : scores) {
    score = std::exp(score - largest);
    sum += score;
  }
  for (double &score : scores) {
    score /= sum;
  }
}

} // namespace fathom::ref
