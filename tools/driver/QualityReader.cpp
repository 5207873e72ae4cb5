// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Probabilities of all tokens behind each of a text's, and what they say of the text and of another model.

#include "tools/driver/QualityReader.h"

#include "runtime/cli/messages.h"
#include "runtime/cli/prompt.h"
#include "runtime/cli/signals.h"
#include "tools/driver/MeasureModel.h"

#include <algorithm>
#include <cmath>

namespace fathom::driver {

int QualityReader::open(const cli::ModelSource &source, const char *path, const BenchOptions &options) {
  program = source.program;
  name = path ? path : "";
  cli::RunOptions run = runOptionsOf(options, path);
  run.promptFile = options.text;
  run.tokenIds = options.tokenIds;
  if (int code = loaded.open(source, run, 1)) {
    return code;
  }
  Buffer<char> text;
  if (int code = cli::readPrompt(program, run, loaded, &tokens, &text)) {
    return code;
  }
  logits.resize(kQualityRows * vocabulary());
  fathom_status_t status = fathom_session_create_sequence(loaded.session, &sequence);
  return status ? cli::report(program, status) : 0;
}

int QualityReader::begin(const int32_t *first, size_t count) {
  fathom_status_t status = fathom_session_rewind_sequence(loaded.session, sequence, 0);
  if (!status && count > 0) {
    status = fathom_session_prefill(loaded.session, sequence, first, count, nullptr);
  }
  return status ? cli::report(program, status) : 0;
}

int QualityReader::read(const int32_t *next, size_t count) {
  fathom_prefill_outputs_t outputs;
  fathom_prefill_outputs_initialize(&outputs);
  outputs.which = FATHOM_LOGITS_ALL;
  outputs.logits = logits.data();
  outputs.logits_capacity = logits.size();
  fathom_status_t status = cli::checkInterrupted();
  status = status ? status : fathom_session_prefill(loaded.session, sequence, next, count, &outputs);
  int code = status ? cli::report(program, status) : 0;
  for (size_t i = 0; !code && i < count; ++i) {
    code = makeLogarithms(&logits[i * vocabulary()]);
  }
  return code;
}

/// Of logits, the logarithms of the probabilities that they stand for.
int QualityReader::makeLogarithms(float *row) const {
  float largest = *std::max_element(row, row + vocabulary());
  double sum = 0;
  for (uint64_t i = 0; i < vocabulary(); ++i) {
    sum += std::exp(static_cast<double>(row[i] - largest));
  }
  if (!std::isfinite(sum)) {
    return cli::printError(program, cli::kInternal, "%s: logits are not finite", name.c_str());
  }
  double shift = largest + std::log(sum);
  std::transform(row, row + vocabulary(), row, [=](float logit) { return static_cast<float>(logit - shift); });
  return 0;
}

void QualityReader::count(size_t index, int32_t next) {
  loss -= row(index)[next];
  ++predicted;
}

void QualityReader::compare(const QualityReader &other, size_t index) {
  const float *mine = row(index), *theirs = other.row(index);
  double divergence = 0;
  for (uint64_t i = 0; i < vocabulary(); ++i) {
    divergence += std::exp(static_cast<double>(theirs[i])) * (static_cast<double>(theirs[i]) - mine[i]);
  }
  divergences.push_back(divergence);
  same +=
      std::max_element(mine, mine + vocabulary()) - mine == std::max_element(theirs, theirs + vocabulary()) - theirs;
}

double QualityReader::perplexity() const { return std::exp(loss / static_cast<double>(predicted)); }

double QualityReader::meanDivergence() const {
  double sum = 0;
  for (double divergence : divergences) {
    sum += divergence;
  }
  return sum / static_cast<double>(divergences.size());
}

double QualityReader::divergence99() const {
  std::vector<double> sorted = divergences;
  auto place = sorted.begin() + static_cast<std::ptrdiff_t>((sorted.size() - 1) * 99 / 100);
  std::nth_element(sorted.begin(), place, sorted.end());
  return *place;
}

} // namespace fathom::driver
