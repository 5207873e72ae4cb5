// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A model that reads a text, and what it makes of it.

#ifndef FATHOM_TOOLS_DRIVER_QUALITYREADER_H
#define FATHOM_TOOLS_DRIVER_QUALITYREADER_H

#include "runtime/cli/run_options.h"
#include "runtime/src/buffer.h"
#include "tools/driver/BenchResults.h"

namespace fathom::driver {

/// Rows of logits that are held at once.
constexpr size_t kQualityRows = 32;

/// A model and what it made of the text so far.
class QualityReader {
public:
  /// 0, or an exit code with a message on stderr; as other functions.
  int open(const cli::ModelSource &source, const char *path, const BenchOptions &options);
  /// Starts a window with the tokens whose successors are not counted.
  int begin(const int32_t *tokens, size_t count);
  /// Reads `count` tokens more, at most kQualityRows, and finds how likely every token is behind each.
  int read(const int32_t *tokens, size_t count);
  /// Counts that `next` came behind token `row` of those that were read last.
  void count(size_t row, int32_t next);
  /// Counts how far what comes behind that token is from what `other`, which read the same, says.
  void compare(const QualityReader &other, size_t row);

  double perplexity() const;
  /// The part of tokens behind which both have the same most likely one.
  double sameTop() const { return static_cast<double>(same) / static_cast<double>(predicted); }
  /// KL(other ‖ this), in nats.
  double meanDivergence() const;
  /// Which all but a hundredth do not exceed.
  double divergence99() const;

  std::string name;
  Buffer<int32_t> tokens;
  uint64_t predicted = 0;
  uint64_t vocabulary() const { return loaded.info.vocabulary; }
  uint64_t context() const { return loaded.info.max_context; }

private:
  const float *row(size_t index) const { return &logits[index * vocabulary()]; }
  int makeLogarithms(float *row) const;

  const char *program = "";
  cli::LoadedModel loaded;
  fathom_sequence_t sequence = 0;
  /// Of probabilities, natural logarithms; [kQualityRows, vocabulary].
  std::vector<float> logits;
  std::vector<double> divergences;
  double loss = 0;
  uint64_t same = 0;
};

} // namespace fathom::driver

#endif // FATHOM_TOOLS_DRIVER_QUALITYREADER_H
