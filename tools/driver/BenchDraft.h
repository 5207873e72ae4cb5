// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// `bench --draft`: an answer with drafts, and the same answer without.

#ifndef FATHOM_TOOLS_DRIVER_BENCHDRAFT_H
#define FATHOM_TOOLS_DRIVER_BENCHDRAFT_H

#include "fathom/fathom.h"
#include "tools/driver/BenchResults.h"
#include "tools/driver/TouchedWeights.h"

namespace fathom::driver {

/// Two sessions of one model. What they answer is the same, so what differs is what it takes.
class DraftBench {
public:
  DraftBench() = default;
  DraftBench(const DraftBench &) = delete;
  DraftBench &operator=(const DraftBench &) = delete;
  ~DraftBench();

  /// Makes the sessions. UNSUPPORTED if the model has no draft.
  fathom_status_t open(fathom_model_t *model, const BenchOptions &options);

  /// Says what is answered, with `count` tokens, two at least; and finds which weights each session reads, by an answer
  /// that is not timed. Without the system's help it finds nothing.
  fathom_status_t prepare(std::vector<int32_t> tokens, uint64_t count, const TouchedWeights &touched,
                          DraftResults &results);

  /// An answer of each.
  fathom_status_t measure(DraftResults &results) const;

private:
  struct Reading;

  fathom_status_t answer(fathom_session_t *session, Reading *reading, fathom_generate_result_t &result) const;

  fathom_session_t *plain = nullptr, *drafting = nullptr;
  std::vector<int32_t> prompt;
  uint64_t tokens = 0;
};

} // namespace fathom::driver

#endif // FATHOM_TOOLS_DRIVER_BENCHDRAFT_H
