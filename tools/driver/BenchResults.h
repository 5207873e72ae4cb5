// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What `fathom bench` is asked, and what it measured.

#ifndef FATHOM_TOOLS_DRIVER_BENCHRESULTS_H
#define FATHOM_TOOLS_DRIVER_BENCHRESULTS_H

#include "tools/driver/DraftResults.h"
#include "tools/driver/StepBytes.h"

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace fathom::driver {

struct BenchOptions {
  std::vector<const char *> models;
  uint64_t prompt = 512, tokens = 128, batch = 1, repetitions = 5, threads = 0, prefillChunk = 0;
  /// Tokens in the context before decoding starts, one measurement each; and how many of them prefill computes.
  std::vector<uint64_t> depths = {0};
  uint64_t computed = 512;
  bool promptGiven = false, tokensGiven = false, depthsGiven = false, batchGiven = false, repetitionsGiven = false;
  /// Kernels are counted on the simulator, nothing is timed.
  bool counts = false;
  bool json = false;
  /// What models make of a text is measured, and no speed: of `text`, a file, or of `tokenIds`, in windows of so many
  /// tokens; beside model `against`, if there is one.
  bool quality = false;
  const char *text = nullptr, *tokenIds = nullptr, *against = nullptr;
  uint64_t window = 512;
  const char *draft = "none";
  /// Tokens that --draft says are guessed ahead, 0: nothing is measured of it.
  uint32_t drafts = 0;
  const char *svg = nullptr;
  const char *weightsDirectory = nullptr;
  const char *device = nullptr;
  bool mmap = true;
};

/// Decoding at one depth.
struct DepthResults {
  uint64_t depth = 0;
  /// Tokens a second.
  Samples decode;
  /// Of all sequences, in one step of middle length.
  std::vector<StoreBytes> cache;

  double cacheBytes() const;
};

/// One model.
struct BenchResults {
  std::string model;
  uint32_t threads = 0;
  std::string activationType;
  /// Which runs, of how many the artifact has.
  uint32_t variant = 0, variants = 1;
  /// As asked, or as many as the context has room for.
  uint64_t prompt = 0, tokens = 0, batch = 0;
  /// Tokens, bytes and floating-point operations a second.
  Samples prefill, bandwidth, fma;
  uint64_t weightBytes = 0;
  /// Of weights, in one decode step.
  double weightBytesPerStep = 0;
  bool bytesMeasured = false;
  double flopsPerPromptToken = 0;
  std::vector<DepthResults> depths;
  DraftResults draft;

  /// Bytes that a step reads: weights and cache.
  double bytesPerStep(const DepthResults &at) const { return weightBytesPerStep + at.cacheBytes(); }
  /// Seconds that a step takes, and what reading its bytes would take at the machine's read bandwidth.
  double stepSeconds(const DepthResults &at) const;
  double leastStepSeconds(const DepthResults &at) const;
  /// The part of the read bandwidth that decoding uses.
  double decodeFraction(const DepthResults &at) const;
  /// The part of the multiply-add throughput that prefill uses for weights.
  double prefillFraction() const;
};

} // namespace fathom::driver

#endif // FATHOM_TOOLS_DRIVER_BENCHRESULTS_H
