// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Sampling: penalty, temperature, top-k, top-p, min-p, one draw. Candidates are always ordered by logit, then by
// token, so that equal logits give equal choices everywhere.

#include "runtime/src/sampler.h"

#include <algorithm>
#include <math.h>
#include <string.h>

namespace fathom::runtime {

fathom_status_t checkSampling(const fathom_sampling_t &sampling) {
  fathom_status_t status = FATHOM_STATUS_OK;
  auto require = [&](bool good, const char *name, double value, const char *expected) {
    if (good) {
      return;
    }
    if (status == FATHOM_STATUS_OK) {
      status = fail(FATHOM_STATUS_INVALID_ARGUMENT, "%s is %g, expected %s", name, value, expected);
    } else {
      failAlso(status, "; %s is %g, expected %s", name, value, expected);
    }
  };
  float temperature = sampling.temperature, penalty = sampling.repetition_penalty;
  require(isfinite(temperature) && temperature >= 0, "temperature", static_cast<double>(temperature), "0 or more");
  require(sampling.top_k >= 0, "top-k", sampling.top_k, "0 or more");
  require(sampling.top_p >= 0 && sampling.top_p <= 1, "top-p", static_cast<double>(sampling.top_p), "0 to 1");
  require(sampling.min_p >= 0 && sampling.min_p <= 1, "min-p", static_cast<double>(sampling.min_p), "0 to 1");
  require(isfinite(penalty) && penalty > 0, "repetition penalty", static_cast<double>(penalty), "more than 0");
  return status;
}

size_t findNonFinite(const float *values, size_t count) {
  // x - x is 0 for a number and NaN for anything else; a sum over a block finds out without a branch each.
  constexpr size_t kBlock = 256;
  for (size_t begin = 0; begin < count; begin += kBlock) {
    size_t end = count - begin > kBlock ? begin + kBlock : count;
    float sum = 0;
    for (size_t i = begin; i < end; ++i) {
      sum += values[i] - values[i];
    }
    for (size_t i = begin; sum != 0 && i < end; ++i) {
      if (!isfinite(values[i])) {
        return i;
      }
    }
  }
  return count;
}

double exponential(double x) {
  if (!(x > -708)) {
    return 0;
  }
  // x = k ln 2 + r with |r| <= ln 2 / 2; ln 2 in two parts keeps r exact.
  double k = static_cast<double>(static_cast<int64_t>(x * 1.4426950408889634 - 0.5));
  double r = (x - k * 0x1.62e42fee00000p-1) - k * 0x1.a39ef35793c76p-33;
  double sum = 1;
  for (int i = 13; i > 0; --i) {
    sum = 1 + sum * r / i;
  }
  uint64_t bits = static_cast<uint64_t>(static_cast<int64_t>(k) + 1023) << 52;
  double power;
  memcpy(&power, &bits, sizeof(power));
  return sum * power;
}

fathom_status_t Sampler::initialize(uint32_t tokens, const fathom_sampling_t &sampling) {
  vocabulary = tokens;
  parameters = sampling;
  state = sampling.seed;
  bool drawing = sampling.temperature > 0;
  bool remembering = sampling.repetition_penalty != 1;
  if ((drawing && (!candidates.allocate(tokens) || !weights.allocate(tokens))) ||
      (remembering && !seen.allocate(tokens / 64 + 1))) {
    return fail(FATHOM_STATUS_OUT_OF_RESOURCES, "not enough memory to sample from %u tokens", tokens);
  }
  return FATHOM_STATUS_OK;
}

fathom_status_t Sampler::observe(const int32_t *tokens, size_t count) {
  for (size_t i = 0; i < count; ++i) {
    if (tokens[i] < 0 || static_cast<uint32_t>(tokens[i]) >= vocabulary) {
      return fail(FATHOM_STATUS_BAD_DATA, "token %zu is %d, expected 0 to %u", i, tokens[i], vocabulary - 1);
    }
    if (seen.size()) {
      seen[static_cast<uint32_t>(tokens[i]) / 64] |= uint64_t(1) << (tokens[i] % 64);
    }
  }
  return FATHOM_STATUS_OK;
}

float Sampler::penalized(const float *logits, size_t token) const {
  float logit = logits[token];
  if (!seen.size() || !(seen[token / 64] >> (token % 64) & 1)) {
    return logit;
  }
  return logit > 0 ? logit / parameters.repetition_penalty : logit * parameters.repetition_penalty;
}

int32_t Sampler::greedy(const float *logits) const {
  size_t argmax = 0;
  float value = penalized(logits, 0);
  for (size_t i = 1; i < vocabulary; ++i) {
    float other = penalized(logits, i);
    if (other > value) {
      argmax = i;
      value = other;
    }
  }
  return static_cast<int32_t>(argmax);
}

// The order of the heap: the likeliest is on top, the lower token of equals.
bool Sampler::less(const Candidate &a, const Candidate &b) {
  return a.logit != b.logit ? a.logit < b.logit : a.token > b.token;
}

void Sampler::fill(const float *logits) {
  for (size_t i = 0; i < vocabulary; ++i) {
    candidates[i] = {penalized(logits, i), static_cast<int32_t>(i)};
  }
}

// Moves the candidates that may be drawn to the end of the array, the likeliest last, and their weights relative to
// it, in the same order, to the front of `weights`. Takes them off a heap one by one: few are wanted of many.
size_t Sampler::keepLikely() {
  size_t count = vocabulary, limit = vocabulary;
  if (parameters.top_k > 0 && static_cast<uint32_t>(parameters.top_k) < vocabulary) {
    limit = static_cast<size_t>(parameters.top_k);
  }
  Candidate *first = &candidates[0];
  std::make_heap(first, first + count, less);
  double top = static_cast<double>(first->logit), scale = 1 / static_cast<double>(parameters.temperature);
  // Of top-p, which comes first, the unlikely are part of the whole.
  double least = parameters.top_p < 1 ? 0 : static_cast<double>(parameters.min_p);
  size_t kept = 0;
  for (; kept < limit; --count) {
    double weight = exponential((static_cast<double>(first->logit) - top) * scale);
    if (kept > 0 && (weight < least || weight == 0)) {
      break;
    }
    weights[kept++] = weight;
    std::pop_heap(first, first + count, less);
  }
  return kept;
}

double Sampler::uniform() {
  // SplitMix64 (Steele, Lea, Flood 2014); 53 bits make a double in [0, 1).
  uint64_t z = state += 0x9e3779b97f4a7c15;
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
  z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
  return static_cast<double>((z ^ (z >> 31)) >> 11) * 0x1p-53;
}

int32_t Sampler::draw(size_t kept) {
  double total = 0;
  for (size_t i = 0; i < kept; ++i) {
    total += weights[i];
  }
  // top-p: probabilities are those among what top-k kept.
  double reach = 0, goal = static_cast<double>(parameters.top_p) * total;
  size_t count = 0;
  while (count < kept && (count == 0 || reach < goal)) {
    reach += weights[count++];
  }
  for (; count > 1 && weights[count - 1] < static_cast<double>(parameters.min_p); --count) {
    reach -= weights[count - 1];
  }
  double point = uniform() * reach, sum = 0;
  for (size_t i = 0; i < count; ++i) {
    sum += weights[i];
    if (point < sum) {
      return candidates[vocabulary - 1 - i].token;
    }
  }
  return candidates[vocabulary - count].token;
}

fathom_status_t Sampler::sample(const float *logits, int32_t *outToken) {
  size_t bad = findNonFinite(logits, vocabulary);
  if (bad < vocabulary) {
    return fail(FATHOM_STATUS_FAILED, "the logit of token %zu is %g", bad, static_cast<double>(logits[bad]));
  }
  if (parameters.temperature > 0) {
    fill(logits);
    *outToken = draw(keepLikely());
  } else {
    *outToken = greedy(logits);
  }
  return observe(outToken, 1);
}

} // namespace fathom::runtime
