// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A maximum in lanes, which compilers make vectors of, and then where it is.

#include "runtime/src/argmax.h"

namespace fathom::runtime {

int32_t argmax(const float *logits, size_t count) {
  constexpr size_t kLanes = 16;
  float most[kLanes], errors[kLanes] = {};
  for (float &lane : most) {
    lane = logits[0];
  }
  // x - x is 0 for a number and NaN for anything else, and stays NaN in a sum.
  auto take = [&](size_t lane, float x) {
    most[lane] = x > most[lane] ? x : most[lane];
    errors[lane] += x - x;
  };
  size_t at = 0;
  for (; at + kLanes <= count; at += kLanes) {
    for (size_t lane = 0; lane < kLanes; ++lane) {
      take(lane, logits[at + lane]);
    }
  }
  for (; at < count; ++at) {
    take(0, logits[at]);
  }
  float largest = most[0], error = 0;
  for (size_t lane = 0; lane < kLanes; ++lane) {
    largest = most[lane] > largest ? most[lane] : largest;
    error += errors[lane];
  }
  int32_t place = 0;
  while (error == 0 && logits[place] != largest) {
    ++place;
  }
  return error == 0 ? place : -1;
}

} // namespace fathom::runtime
