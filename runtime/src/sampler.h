// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Chooses the next token.

#ifndef FATHOM_RUNTIME_SRC_SAMPLER_H
#define FATHOM_RUNTIME_SRC_SAMPLER_H

#include "runtime/src/buffer.h"
#include "runtime/src/busy_scope.h"
#include "runtime/src/handle_table.h"

namespace fathom::runtime {

/// FATHOM_STATUS_INVALID_ARGUMENT, with all findings, if a parameter is out of its range.
fathom_status_t checkSampling(const fathom_sampling_t &sampling);

/// Where the first value that is not finite is; |count| if there is none.
size_t findNonFinite(const float *values, size_t count);

/// e^x for x <= 0, to about one unit in the last place; the same bits on any machine, unlike the C library's.
double exponential(double x);

class Sampler {
public:
  static constexpr HandleKind kKind = HandleKind::kSampler;

  std::atomic<bool> busy{false};

  /// |sampling| has been checked.
  fathom_status_t initialize(uint32_t vocabulary, const fathom_sampling_t &sampling);

  /// BAD_DATA if a token is not in the vocabulary.
  fathom_status_t observe(const int32_t *tokens, size_t count);

  /// Whether the choice is the token of the largest logit, of equals the lowest, whatever was observed.
  bool isGreedy() const { return parameters.temperature == 0 && seen.empty(); }

  /// Chooses from f32 [vocabulary] and observes the choice.
  fathom_status_t sample(const float *logits, int32_t *outToken);

private:
  struct Candidate {
    float logit;
    int32_t token;
  };

  static bool less(const Candidate &a, const Candidate &b);
  void fill(const float *logits);
  size_t keepLikely();
  int32_t draw(size_t count);
  int32_t greedy(const float *logits) const;
  float penalized(const float *logits, size_t token) const;
  double uniform();

  fathom_sampling_t parameters = {};
  uint64_t state = 0;
  Buffer<Candidate> candidates;
  Buffer<double> weights;
  /// A bit for each token, set if it was seen; empty if there is no penalty.
  Buffer<uint64_t> seen;
  uint32_t vocabulary = 0;
};

} // namespace fathom::runtime

#endif // FATHOM_RUNTIME_SRC_SAMPLER_H
