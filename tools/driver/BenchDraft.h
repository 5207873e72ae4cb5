// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// `bench --draft`: an answer with drafts, and the same answer without.

#ifndef FATHOM_TOOLS_DRIVER_BENCHDRAFT_H
#define FATHOM_TOOLS_DRIVER_BENCHDRAFT_H

#include "fathom/fathom.h"
#include "tools/driver/BenchResults.h"
#include "tools/driver/TouchedWeights.h"

#include <vector>

namespace fathom::driver {

/// Two sessions of one model. What they answer is the same, so what differs is what it takes.
class DraftBench {
public:
  DraftBench() = default;
  DraftBench(const DraftBench &) = delete;
  DraftBench &operator=(const DraftBench &) = delete;
  ~DraftBench();

  /// Makes the sessions of a model of so large a vocabulary. UNSUPPORTED if the model has no draft.
  fathom_status_t open(fathom_model_t *model, uint32_t vocabulary, const BenchOptions &options);

  /// Says what is answered, with `count` tokens, two at least; and finds which weights each session reads, in steps
  /// that are not timed. Without the system's help it finds nothing.
  fathom_status_t prepare(std::vector<int32_t> tokens, uint64_t count, const TouchedWeights &touched,
                          DraftResults &results);

  /// An answer of each, and its steps once more, call by call.
  fathom_status_t measure(DraftResults &results);

private:
  class Meter;
  class Clock;
  class Reader;

  fathom_status_t answer(fathom_session_t *session, fathom_generate_result_t &result);
  double middleStep(uint64_t steps) const;
  fathom_status_t replay(fathom_session_t *session, uint32_t most, Meter &meter);
  fathom_status_t replayStep(fathom_session_t *session, fathom_sequence_t sequence, uint32_t most, Meter &meter);
  fathom_status_t measureCalls(DraftResults &results);

  fathom_session_t *plain = nullptr, *drafting = nullptr;
  uint32_t drafts = 0;
  std::vector<int32_t> prompt, said;
  /// When each token of `said` was.
  std::vector<double> times;
  uint64_t tokens = 0;
  /// In a replay: tokens of `said` that are there, with the one that the next step takes.
  uint64_t there = 0;
  std::vector<float> logits;
};

} // namespace fathom::driver

#endif // FATHOM_TOOLS_DRIVER_BENCHDRAFT_H
