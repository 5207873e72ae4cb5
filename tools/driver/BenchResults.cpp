// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Fractions of what the machine can do.

#include "tools/driver/BenchResults.h"

namespace fathom::driver {

double DepthResults::cacheBytes() const {
  double sum = 0;
  for (const StoreBytes &store : cache) {
    sum += store.bytes;
  }
  return sum;
}

static double divide(double a, double b) { return b > 0 ? a / b : 0; }

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
