// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Guesses, verifies, and forgets what was wrong.

#include "runtime/src/lookahead.h"

#include "runtime/src/sampler.h"

namespace fathom::runtime {

fathom_status_t Lookahead::initialize(Session &owner, fathom_sequence_t name, Sequence *named, bool greedy) {
  session = &owner;
  id = name;
  sequence = named;
  vocabulary = session->model().facts().vocabulary();
  return greedy || rows.allocate((session->mostDrafts() + 1) * vocabulary)
             ? FATHOM_STATUS_OK
             : fail(FATHOM_STATUS_OUT_OF_RESOURCES, "not enough memory for %zu logits", vocabulary);
}

fathom_status_t Lookahead::advance(int32_t token, uint64_t wanted) {
  if (at == drafts || tokens[at + 1] != token) {
    return step(token, wanted);
  }
  FATHOM_RETURN_IF_ERROR(session->advance(sequence, token, isFinite(at + 1)));
  ++at;
  ++accepted;
  return FATHOM_STATUS_OK;
}

bool Lookahead::isFinite(uint32_t row) const {
  return rows.empty() ? argmaxes[row] >= 0 : findNonFinite(rows.data() + row * vocabulary, vocabulary) == vocabulary;
}

fathom_status_t Lookahead::step(int32_t token, uint64_t wanted) {
  drafts = at = 0;
  uint32_t count = session->mostDrafts();
  // A guess saves a step only if a token is drawn after it.
  count = wanted - 1 < count ? static_cast<uint32_t>(wanted - 1) : count;
  tokens[0] = token;
  if (count > 0) {
    FATHOM_RETURN_IF_ERROR(session->draft(&id, &token, 1, tokens + 1, &count));
  }
  uint32_t length = count + 1;
  Scores scores = {rows.empty() ? nullptr : rows.data(), argmax()};
  FATHOM_RETURN_IF_ERROR(session->decode({&id, &length, tokens, 1}, scores, rows.size(), 1));
  drafts = count;
  steps += 1;
  drafted += count;
  return FATHOM_STATUS_OK;
}

void Lookahead::finish(fathom_generate_result_t *result) {
  session->cache().rewind(sequence, sequence->length);
  result->decode_steps = steps;
  result->drafted_tokens = drafted;
  result->accepted_tokens = accepted;
}

} // namespace fathom::runtime
