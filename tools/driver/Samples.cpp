// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Medians and extremes.

#include "tools/driver/Samples.h"

#include <algorithm>

namespace fathom::driver {

double Samples::median() const {
  std::vector<double> sorted = values;
  std::sort(sorted.begin(), sorted.end());
  size_t n = sorted.size();
  return n == 0 ? 0 : n % 2 ? sorted[n / 2] : (sorted[n / 2 - 1] + sorted[n / 2]) / 2;
}

double Samples::least() const { return values.empty() ? 0 : *std::min_element(values.begin(), values.end()); }

double Samples::most() const { return values.empty() ? 0 : *std::max_element(values.begin(), values.end()); }

} // namespace fathom::driver
