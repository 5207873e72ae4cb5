// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Greedy answers, in turns.

#include "tools/driver/BenchDraft.h"

#include "runtime/cli/signals.h"
#include "tools/driver/MachineSpeed.h"

#include <algorithm>

namespace fathom::driver {

/// Follows the calls of a replay.
class DraftBench::Meter {
public:
  virtual ~Meter() = default;
  virtual void begin() = 0;
  virtual void endDrafting() = 0;
  virtual void endVerifying() = 0;
};

/// Takes the time of calls.
class DraftBench::Clock final : public Meter {
public:
  void begin() override { start = now(); }
  void endDrafting() override { drafting.add(now() - start); }
  void endVerifying() override { verifying.add(now() - start); }

  Samples drafting, verifying;

private:
  double start = 0;
};

/// Sums up what calls read of weights.
class DraftBench::Reader final : public Meter {
public:
  explicit Reader(const TouchedWeights &touched) : touched(touched) {}
  void begin() override { works = touched.forget() && works; }
  void endDrafting() override { add(drafting); }
  void endVerifying() override {
    add(verifying);
    ++steps;
  }

  /// The mean of a step.
  void write(const Touched &sum, WeightsRead &results) const {
    results.bytes = works ? static_cast<double>(sum.bytes) / steps : 0;
    results.experts = works ? static_cast<double>(sum.experts) / steps : 0;
  }

  Touched drafting, verifying;

private:
  void add(Touched &sum) const {
    Touched read = touched.measure();
    sum.bytes += read.bytes;
    sum.experts += read.experts;
  }

  const TouchedWeights &touched;
  bool works = true;
  double steps = 0;
};

DraftBench::~DraftBench() {
  for (fathom_session_t *session : {plain, drafting}) {
    if (session) {
      fathom_session_release(session);
    }
  }
}

fathom_status_t DraftBench::open(fathom_model_t *model, uint32_t vocabulary, const BenchOptions &options) {
  drafts = options.drafts;
  logits.resize(size_t(drafts + 1) * vocabulary);
  fathom_session_options_t session;
  fathom_session_options_initialize(&session);
  session.threads = static_cast<uint32_t>(options.threads);
  session.prefill_chunk = static_cast<uint32_t>(options.prefillChunk);
  session.max_sequences = 1;
  fathom_status_t status = fathom_session_create(model, &session, &plain);
  session.draft = drafts;
  return status ? status : fathom_session_create(model, &session, &drafting);
}

fathom_status_t DraftBench::answer(fathom_session_t *session, fathom_generate_result_t &result) {
  if (fathom_status_t status = cli::checkInterrupted()) {
    return status;
  }
  fathom_generate_options_t options;
  fathom_generate_options_initialize(&options);
  options.tokens = prompt.data();
  options.token_count = prompt.size();
  options.max_tokens = tokens;
  options.ignore_eos = 1;
  options.user = this;
  options.on_token = [](void *user, int32_t token, const char *, size_t) {
    auto *bench = static_cast<DraftBench *>(user);
    if (token >= 0) {
      bench->said.push_back(token);
      bench->times.push_back(now());
    }
    return FATHOM_CONTINUE;
  };
  said.clear();
  times.clear();
  fathom_generate_result_initialize(&result);
  return fathom_session_generate(session, &options, &result);
}

/// Seconds of the middle one of the last answer's steps. A token that a step was made for comes long after the one
/// before, and an accepted draft at once.
double DraftBench::middleStep(uint64_t steps) const {
  std::vector<double> waits;
  for (size_t i = 1; i < times.size(); ++i) {
    waits.push_back(times[i] - times[i - 1]);
  }
  std::sort(waits.rbegin(), waits.rend());
  Samples longest;
  for (size_t i = 0; i < waits.size() && i < steps; ++i) {
    longest.add(waits[i]);
  }
  return longest.median();
}

/// The answer once more, by the calls that a step is made of. `most` drafts a step, 0: as a session does without.
fathom_status_t DraftBench::replay(fathom_session_t *session, uint32_t most, Meter &meter) {
  fathom_sequence_t sequence = 0;
  fathom_status_t status = fathom_session_create_sequence(session, &sequence);
  status = status ? status : fathom_session_prefill(session, sequence, prompt.data(), prompt.size(), nullptr);
  for (there = 1; !status && there < said.size();) {
    status = replayStep(session, sequence, most, meter);
  }
  fathom_status_t ended = sequence ? fathom_session_destroy_sequence(session, sequence) : FATHOM_STATUS_OK;
  return status ? status : ended;
}

fathom_status_t DraftBench::replayStep(fathom_session_t *session, fathom_sequence_t sequence, uint32_t most,
                                       Meter &meter) {
  int32_t step[FATHOM_MOST_DRAFTS + 1] = {said[there - 1]};
  if (fathom_status_t status = cli::checkInterrupted()) {
    return status;
  }
  // A guess saves a step only if a token is drawn after it.
  uint32_t guessed = static_cast<uint32_t>(std::min<uint64_t>(most, said.size() - there - 1)), right = 0;
  if (most > 0) {
    meter.begin();
    fathom_status_t status = fathom_session_draft(session, &sequence, step, 1, step + 1, &guessed);
    meter.endDrafting();
    if (status != FATHOM_STATUS_OK) {
      return status;
    }
  }
  uint32_t rows = guessed + 1;
  meter.begin();
  fathom_status_t status = fathom_session_verify(session, &sequence, &rows, step, 1, logits.data(), logits.size());
  meter.endVerifying();
  while (right < guessed && step[right + 1] == said[there + right]) {
    ++right;
  }
  uint64_t length = prompt.size() + there + right;
  there += right + 1;
  return status ? status : fathom_session_rewind_sequence(session, sequence, static_cast<uint32_t>(length));
}

fathom_status_t DraftBench::prepare(std::vector<int32_t> given, uint64_t count, const TouchedWeights &touched,
                                    DraftResults &results) {
  prompt = std::move(given);
  tokens = count;
  results.prompt = prompt.size();
  results.drafts = drafts;
  fathom_generate_result_t result;
  // First without counting, until most pages are mapped.
  fathom_status_t status = answer(drafting, result);
  Reader one(touched), several(touched);
  status = status ? status : replay(plain, 0, one);
  status = status ? status : replay(drafting, drafts, several);
  one.write(one.verifying, results.plainRead);
  several.write(several.drafting, results.draftRead);
  several.write(several.verifying, results.verifyRead);
  return status;
}

fathom_status_t DraftBench::measure(DraftResults &results) {
  fathom_generate_result_t result;
  fathom_status_t status = answer(plain, result);
  if (status != FATHOM_STATUS_OK) {
    return status;
  }
  results.plainStepSeconds.add(middleStep(result.decode_steps));
  status = answer(drafting, result);
  if (status != FATHOM_STATUS_OK) {
    return status;
  }
  results.stepSeconds.add(middleStep(result.decode_steps));
  results.steps = result.decode_steps;
  results.drafted = result.drafted_tokens;
  results.accepted = result.accepted_tokens;
  return measureCalls(results);
}

fathom_status_t DraftBench::measureCalls(DraftResults &results) {
  Clock one, all;
  fathom_status_t status = replay(drafting, drafts, all);
  if (!status && drafts > 1) {
    status = replay(drafting, 1, one);
  }
  results.draftSeconds.add(all.drafting.median());
  results.verifySeconds.add(all.verifying.median());
  results.firstDraftSeconds.add((drafts > 1 ? one : all).drafting.median());
  return status;
}

} // namespace fathom::driver
