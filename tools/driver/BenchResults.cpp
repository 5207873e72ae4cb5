// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Medians and fractions.

#include "tools/driver/BenchResults.h"

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

double DepthResults::cacheBytes() const {
  double sum = 0;
  for (const StoreBytes &store : cache) {
    sum += store.bytes;
  }
  return sum;
}

static double divide(double a, double b) { return b > 0 ? a / b : 0; }

double DraftResults::tokensPerStep() const {
  return 1 + divide(static_cast<double>(accepted), static_cast<double>(steps));
}

double DraftResults::acceptance() const { return divide(static_cast<double>(accepted), static_cast<double>(drafted)); }

double DraftResults::speedup() const { return divide(drafting.median(), plain.median()); }

double DraftResults::bytesPerAccepted() const {
  return divide((draftBytes * tokensPerStep() - plainBytes) * static_cast<double>(steps),
                static_cast<double>(accepted));
}

double BenchResults::stepSeconds(const DepthResults &at) const {
  return divide(static_cast<double>(batch), at.decode.median());
}

double BenchResults::leastStepSeconds(const DepthResults &at) const {
  return divide(bytesPerStep(at), bandwidth.median());
}

double BenchResults::decodeFraction(const DepthResults &at) const {
  return divide(leastStepSeconds(at), stepSeconds(at));
}

double BenchResults::prefillFraction() const { return divide(flopsPerPromptToken * prefill.median(), fma.median()); }

} // namespace fathom::driver
