// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The frequencies of a rotation, found in its table.

#include "passes/raise/RopeFrequencies.h"

#include "llvm/ADT/STLExtras.h"

#include <cmath>

namespace fathom::raise {

/// Relative error of angles that are computed in f32, of which a table shows the cosine and sine.
static constexpr double kAngleError = 2e-7;

/// The angle between position 0 and p, as near to `expected` as whole turns allow.
static double unwrap(double angle, double expected) {
  return angle + 2 * M_PI * std::round((expected - angle) / (2 * M_PI));
}

/// Radians per position of one pair: of two positions first, then of ever more, each time as many turns as the
/// frequency so far says.
static double measure(llvm::ArrayRef<float> table, int64_t pairs, int64_t pair) {
  int64_t positions = static_cast<int64_t>(table.size()) / (2 * pairs);
  auto angleAt = [&](int64_t position) {
    const float *both = &table[2 * (position * pairs + pair)];
    return std::atan2(both[1], both[0]);
  };
  double frequency = 0;
  for (int64_t position = 1; position < positions; position *= 2) {
    frequency = unwrap(angleAt(position), position * frequency) / position;
  }
  return frequency;
}

static bool fits(llvm::ArrayRef<float> table, const Frequencies &found) {
  int64_t pairs = static_cast<int64_t>(found.radians.size());
  for (size_t i = 0; i < table.size() / 2; ++i) {
    double angle = static_cast<double>(i / pairs) * found.radians[i % pairs];
    double tolerance = found.magnitude * (1e-6 + kAngleError * angle);
    if (std::abs(found.magnitude * std::cos(angle) - table[2 * i]) > tolerance ||
        std::abs(found.magnitude * std::sin(angle) - table[2 * i + 1]) > tolerance) {
      return false;
    }
  }
  return true;
}

/// theta^(-i/pairs), with the theta that the last one says.
static std::vector<double> snap(llvm::ArrayRef<double> radians) {
  double pairs = static_cast<double>(radians.size());
  double theta = std::round(std::pow(radians.back(), -pairs / (pairs - 1)));
  std::vector<double> exact;
  for (size_t i = 0; i < radians.size(); ++i) {
    exact.push_back(std::pow(theta, -2.0 * static_cast<double>(i) / (2 * pairs)));
  }
  return exact;
}

std::optional<Frequencies> findFrequencies(llvm::ArrayRef<float> table, int64_t pairs) {
  if (pairs < 1 || table.size() < static_cast<size_t>(4 * pairs)) {
    return std::nullopt;
  }
  Frequencies found = {{}, std::hypot(table[0], table[1])};
  for (int64_t pair = 0; pair < pairs; ++pair) {
    found.radians.push_back(measure(table, pairs, pair));
  }
  if (pairs > 1) {
    std::vector<double> exact = snap(found.radians);
    auto isNear = [](auto both) { return std::abs(std::get<0>(both) / std::get<1>(both) - 1) < 1e-5; };
    if (llvm::all_of(llvm::zip_equal(found.radians, exact), isNear)) {
      found.radians = exact;
    }
  }
  found.magnitude = std::abs(found.magnitude - 1) < 1e-6 ? 1.0 : found.magnitude;
  return fits(table, found) ? std::optional(found) : std::nullopt;
}

} // namespace fathom::raise
