// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Prefill and decode of one model, in turns with measurements of the machine.

#ifndef FATHOM_TOOLS_DRIVER_MEASUREMODEL_H
#define FATHOM_TOOLS_DRIVER_MEASUREMODEL_H

#include "fathom/fathom.h"
#include "runtime/cli/cli.h"
#include "runtime/cli/run_options.h"
#include "tools/driver/BenchDraft.h"
#include "tools/driver/BenchResults.h"
#include "tools/driver/MachineSpeed.h"
#include "tools/driver/TouchedWeights.h"

namespace fathom::driver {

/// Tokens that look random: experts are chosen as they would be by text.
int32_t benchToken(uint64_t index, uint64_t vocabulary);
/// How the options want a model to be loaded.
cli::RunOptions runOptionsOf(const BenchOptions &options, const char *model);

/// A loaded model with a sequence of each depth. Its functions return 0, or an exit code with a message on stderr.
class Measurement {
public:
  /// Of `model`, where `source` has none of its own. All that is given must outlive it.
  Measurement(const cli::ModelSource &source, const char *model, const BenchOptions &options, BenchResults &results)
      : source(source), model(model), options(options), results(results) {}

  /// Loads the model, fills the contexts, and finds what a step reads.
  int prepare();
  /// Everything once. Where all models have their turns in each repetition, all of them see the same machine.
  int measure(ReadBandwidth &bandwidth);

private:
  /// A depth, and the sequences that are decoded there.
  struct Depth {
    DepthResults &results;
    std::vector<fathom_sequence_t> sequences;
  };

  int open();
  int fitToContext();
  fathom_status_t createSequences();
  fathom_status_t createSequence(uint64_t depth, fathom_sequence_t *sequence);
  fathom_status_t warm(const Depth &depth);
  fathom_status_t measureTouched(const Depth &depth);
  fathom_status_t measurePrefill();
  fathom_status_t measureDecode(const Depth &depth);
  fathom_status_t step(const Depth &depth, uint64_t index);
  fathom_status_t rewind(fathom_sequence_t sequence, uint64_t length);
  fathom_status_t rewind(const Depth &depth);
  int32_t token(uint64_t index) const;

  const cli::ModelSource &source;
  const char *model;
  const BenchOptions &options;
  BenchResults &results;
  TouchedWeights touched;
  cli::LoadedModel loaded;
  DraftBench drafts;
  std::vector<Depth> depths;
  fathom_sequence_t promptSequence = 0;
  std::vector<int32_t> prompt, stepTokens;
  std::vector<float> logits;
};

} // namespace fathom::driver

#endif // FATHOM_TOOLS_DRIVER_MEASUREMODEL_H
