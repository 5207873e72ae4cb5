// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Greedy answers, in turns.

#include "tools/driver/BenchDraft.h"

namespace fathom::driver {

/// Sums up what is read between the tokens of an answer.
struct DraftBench::Reading {
  const TouchedWeights &touched;
  bool works = true;
  bool begun = false;
  double bytes = 0;

  static fathom_flow_t hear(void *user, int32_t, const char *, size_t) {
    auto *reading = static_cast<Reading *>(user);
    // The first token comes with the prompt.
    reading->bytes += reading->begun ? static_cast<double>(reading->touched.measure()) : 0;
    reading->begun = true;
    reading->works = reading->touched.forget() && reading->works;
    return FATHOM_CONTINUE;
  }
};

DraftBench::~DraftBench() {
  for (fathom_session_t *session : {plain, drafting}) {
    if (session) {
      fathom_session_release(session);
    }
  }
}

fathom_status_t DraftBench::open(fathom_model_t *model, const BenchOptions &options) {
  fathom_session_options_t session;
  fathom_session_options_initialize(&session);
  session.threads = static_cast<uint32_t>(options.threads);
  session.prefill_chunk = static_cast<uint32_t>(options.prefillChunk);
  session.max_sequences = 1;
  fathom_status_t status = fathom_session_create(model, &session, &plain);
  session.draft = options.drafts;
  return status ? status : fathom_session_create(model, &session, &drafting);
}

fathom_status_t DraftBench::answer(fathom_session_t *session, Reading *reading,
                                   fathom_generate_result_t &result) const {
  fathom_generate_options_t options;
  fathom_generate_options_initialize(&options);
  options.tokens = prompt.data();
  options.token_count = prompt.size();
  options.max_tokens = tokens;
  options.ignore_eos = 1;
  options.on_token = reading ? Reading::hear : nullptr;
  options.user = reading;
  fathom_generate_result_initialize(&result);
  return fathom_session_generate(session, &options, &result);
}

fathom_status_t DraftBench::prepare(std::vector<int32_t> given, uint64_t count, const TouchedWeights &touched,
                                    DraftResults &results) {
  prompt = std::move(given);
  tokens = count;
  results.prompt = prompt.size();
  fathom_generate_result_t result;
  // First without counting, until most pages are mapped.
  fathom_status_t status = answer(drafting, nullptr, result);
  double *bytes[] = {&results.plainBytes, &results.draftBytes};
  fathom_session_t *sessions[] = {plain, drafting};
  for (int i = 0; !status && i < 2; ++i) {
    Reading reading{touched};
    status = answer(sessions[i], &reading, result);
    *bytes[i] = reading.works ? reading.bytes / static_cast<double>(tokens - 1) : 0;
  }
  return status;
}

static double tokensPerSecond(const fathom_generate_result_t &result) {
  // The first token comes with the prompt.
  return static_cast<double>(result.generated_tokens - 1) * 1e9 / static_cast<double>(result.decode_nanoseconds);
}

fathom_status_t DraftBench::measure(DraftResults &results) const {
  fathom_generate_result_t result;
  fathom_status_t status = answer(plain, nullptr, result);
  if (status != FATHOM_STATUS_OK) {
    return status;
  }
  results.plain.add(tokensPerSecond(result));
  status = answer(drafting, nullptr, result);
  if (status != FATHOM_STATUS_OK) {
    return status;
  }
  results.drafting.add(tokensPerSecond(result));
  results.steps = result.decode_steps;
  results.drafted = result.drafted_tokens;
  results.accepted = result.accepted_tokens;
  return status;
}

} // namespace fathom::driver
