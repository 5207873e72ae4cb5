// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// How far answers are from golden ones.

#include "test/e2e/Change.h"

#include <algorithm>
#include <cmath>

namespace fathom::test {

/// NaN where either is.
static double larger(double a, double b) { return a >= b ? a : b >= a ? b : NAN; }

double findLargest(const std::vector<float> &values) {
  double largest = 0;
  for (float value : values) {
    largest = larger(largest, std::abs(value));
  }
  return largest;
}

/// The same of the first `count`.
static double findDistance(const float *actual, const std::vector<float> &golden, size_t count) {
  double largest = 0;
  for (size_t i = 0; i < count; ++i) {
    largest = larger(largest, std::abs(double(actual[i]) - golden[i]));
  }
  return largest;
}

double findDistance(const float *actual, const std::vector<float> &golden) {
  return findDistance(actual, golden, golden.size());
}

/// ln Σ exp(logits).
static double logSumExp(const float *logits, size_t count) {
  double largest = *std::max_element(logits, logits + count), sum = 0;
  for (size_t i = 0; i < count; ++i) {
    sum += std::exp(logits[i] - largest);
  }
  return largest + std::log(sum);
}

static double divergence(const float *golden, const float *actual, size_t count) {
  double sum = 0, first = logSumExp(golden, count), second = logSumExp(actual, count);
  for (size_t i = 0; i < count; ++i) {
    double log = golden[i] - first;
    sum += std::exp(log) * (log - (actual[i] - second));
  }
  return sum;
}

/// Positions that attend to all before them: the index_topk of the models that select.
static constexpr size_t kDensePositions = 16;

static void addPrompt(const GoldenPrompt &prompt, Session &session, Change &change) {
  Session::Outputs outputs = session.prefill(session.createSequence(), prompt.tokens);
  size_t vocabulary = session.getInfo().vocabulary;
  const std::vector<float> &first = prompt.states.front();
  change.state = larger(change.state, findDistance(outputs.states.data(), first) / findLargest(first));
  size_t dense = std::min(prompt.tokens.size(), kDensePositions) * session.getInfo().hidden;
  change.dense = larger(change.dense, findDistance(outputs.states.data(), first, dense) / findLargest(first));
  change.logit = larger(change.logit, findDistance(outputs.logits.data(), prompt.logits));
  change.magnitude = larger(change.magnitude, findLargest(prompt.logits));
  for (size_t i = 0; i < prompt.tokens.size(); ++i) {
    change.divergence += divergence(&prompt.logits[i * vocabulary], &outputs.logits[i * vocabulary], vocabulary);
  }
  change.positions += prompt.tokens.size();
  change.same += session.generate(prompt.tokens, prompt.greedy.size()) == prompt.greedy;
  ++change.prompts;
}

Change findChange(const std::string &directory, Session &session) {
  Change change;
  for (const GoldenPrompt &prompt : readGolden(directory)) {
    addPrompt(prompt, session, change);
  }
  change.divergence /= double(change.positions);
  return change;
}

} // namespace fathom::test
