// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What the C API gives, in containers.

#include "test/e2e/Session.h"

#include <gtest/gtest.h>

namespace fathom::test {

#define EXPECT_STATUS_OK(call) EXPECT_EQ(call, FATHOM_STATUS_OK) << fathom_status_message()

Session::Session(const std::string &artifact, uint32_t threads, uint32_t chunk, uint32_t sequences, uint64_t drafts)
    : mostDrafts(drafts) {
  fathom_model_info_initialize(&info);
  EXPECT_STATUS_OK(fathom_model_load_file(artifact.c_str(), nullptr, &model));
  EXPECT_STATUS_OK(fathom_model_info(model, &info));
  fathom_session_options_t options;
  fathom_session_options_initialize(&options);
  options.threads = threads;
  options.prefill_chunk = chunk;
  options.max_sequences = sequences;
  options.draft = drafts;
  EXPECT_STATUS_OK(fathom_session_create(model, &options, &session));
}

Session::~Session() {
  fathom_session_release(session);
  fathom_model_release(model);
}

Session::Outputs Session::prefill(fathom_sequence_t sequence, const std::vector<int32_t> &tokens) {
  Outputs result;
  result.logits.resize(tokens.size() * info.vocabulary);
  result.states.resize(size_t(info.layers) * tokens.size() * info.hidden);
  fathom_prefill_outputs_t outputs;
  fathom_prefill_outputs_initialize(&outputs);
  outputs.which = FATHOM_LOGITS_ALL;
  outputs.logits = result.logits.data();
  outputs.logits_capacity = result.logits.size();
  outputs.states = result.states.data();
  outputs.states_capacity = result.states.size();
  EXPECT_STATUS_OK(fathom_session_prefill(session, sequence, tokens.data(), tokens.size(), &outputs));
  return result;
}

std::vector<float> Session::decode(const std::vector<fathom_sequence_t> &sequences,
                                   const std::vector<int32_t> &tokens) {
  std::vector<float> logits(tokens.size() * info.vocabulary);
  EXPECT_STATUS_OK(
      fathom_session_decode(session, sequences.data(), tokens.data(), tokens.size(), logits.data(), logits.size()));
  return logits;
}

std::vector<float> Session::verify(const std::vector<fathom_sequence_t> &sequences,
                                   const std::vector<std::vector<int32_t>> &tokens) {
  std::vector<uint32_t> counts;
  std::vector<int32_t> all;
  for (const std::vector<int32_t> &one : tokens) {
    counts.push_back(static_cast<uint32_t>(one.size()));
    all.insert(all.end(), one.begin(), one.end());
  }
  std::vector<float> logits(all.size() * info.vocabulary);
  EXPECT_STATUS_OK(fathom_session_verify(session, sequences.data(), counts.data(), all.data(), counts.size(),
                                         logits.data(), logits.size()));
  return logits;
}

std::vector<std::vector<int32_t>> Session::draft(const std::vector<fathom_sequence_t> &sequences,
                                                 const std::vector<int32_t> &tokens, uint32_t count) {
  std::vector<int32_t> all(tokens.size() * mostDrafts);
  std::vector<uint32_t> counts(tokens.size(), count);
  EXPECT_STATUS_OK(
      fathom_session_draft(session, sequences.data(), tokens.data(), tokens.size(), all.data(), counts.data()));
  std::vector<std::vector<int32_t>> guesses;
  for (size_t i = 0; i < tokens.size(); ++i) {
    auto first = all.begin() + static_cast<std::ptrdiff_t>(i * mostDrafts);
    guesses.emplace_back(first, first + counts[i]);
  }
  return guesses;
}

void Session::rewind(fathom_sequence_t sequence, size_t length) {
  EXPECT_STATUS_OK(fathom_session_rewind_sequence(session, sequence, static_cast<uint32_t>(length)));
}

void Session::append(fathom_sequence_t sequence, int32_t token) {
  EXPECT_STATUS_OK(fathom_session_decode(session, &sequence, &token, 1, nullptr, 0));
}

fathom_sequence_t Session::createSequence() {
  fathom_sequence_t sequence = 0;
  EXPECT_STATUS_OK(fathom_session_create_sequence(session, &sequence));
  return sequence;
}

std::string Session::save(fathom_sequence_t sequence) {
  size_t size = 0;
  EXPECT_EQ(fathom_session_save_sequence(session, sequence, nullptr, 0, &size), FATHOM_STATUS_TOO_SMALL);
  std::string saved(size, '\0');
  EXPECT_STATUS_OK(fathom_session_save_sequence(session, sequence, saved.data(), saved.size(), &size));
  return saved;
}

fathom_status_t Session::restore(const std::string &saved, fathom_sequence_t *sequence) {
  return fathom_session_restore_sequence(session, saved.data(), saved.size(), sequence);
}

std::vector<int32_t> Session::generate(const std::vector<int32_t> &tokens, size_t count) {
  std::vector<int32_t> generated;
  fathom_generate_options_t options;
  fathom_generate_options_initialize(&options);
  options.tokens = tokens.data();
  options.token_count = tokens.size();
  options.max_tokens = count;
  options.ignore_eos = 1;
  options.user = &generated;
  options.on_token = [](void *user, int32_t token, const char *, size_t) {
    if (token >= 0) {
      static_cast<std::vector<int32_t> *>(user)->push_back(token);
    }
    return FATHOM_CONTINUE;
  };
  EXPECT_STATUS_OK(fathom_session_generate(session, &options, nullptr));
  return generated;
}

} // namespace fathom::test
