// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What `fathom bench` measured, for people and for programs.

#ifndef FATHOM_TOOLS_DRIVER_BENCHREPORT_H
#define FATHOM_TOOLS_DRIVER_BENCHREPORT_H

#include <cstdint>
#include <vector>

namespace fathom::driver {

struct BenchOptions {
  const char *model = nullptr;
  uint64_t prompt = 512, tokens = 128, depth = 0, batch = 1, repetitions = 5, threads = 0, prefillChunk = 0;
  bool promptGiven = false, tokensGiven = false;
  bool json = false;
  const char *weightsDirectory = nullptr;
  bool mmap = true;
};

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

struct BenchResults {
  uint32_t threads = 0;
  /// Tokens, bytes and floating-point operations a second.
  Samples prefill, decode, bandwidth, fma;
  uint64_t weightBytes = 0;
  /// Of weights, in one decode step.
  double bytesPerStep = 0;
  bool bytesMeasured = false;
  double flopsPerPromptToken = 0;

  /// The part of the read bandwidth that decoding `batch` sequences uses for weights.
  double decodeFraction(uint64_t batch) const;
  /// The part of the multiply-add throughput that prefill uses for weights.
  double prefillFraction() const;
};

/// Print to standard output.
void printBench(const BenchOptions &options, const BenchResults &results);
void printBenchJson(const BenchOptions &options, const BenchResults &results);

} // namespace fathom::driver

#endif // FATHOM_TOOLS_DRIVER_BENCHREPORT_H
