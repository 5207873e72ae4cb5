// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Measurements that are made again and again.

#ifndef FATHOM_TOOLS_DRIVER_SAMPLES_H
#define FATHOM_TOOLS_DRIVER_SAMPLES_H

#include <vector>

namespace fathom::driver {

/// Measurements of one quantity, one for each repetition.
class Samples {
public:
  void add(double value) { values.push_back(value); }
  /// All three are 0 without measurements.
  double median() const;
  double least() const;
  double most() const;

private:
  std::vector<double> values;
};

} // namespace fathom::driver

#endif // FATHOM_TOOLS_DRIVER_SAMPLES_H
