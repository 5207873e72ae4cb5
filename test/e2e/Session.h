// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// An artifact, opened through the C API. The runtime alone is enough to build this.

#ifndef FATHOM_TEST_E2E_SESSION_H
#define FATHOM_TEST_E2E_SESSION_H

#include "fathom/fathom.h"

#include <string>
#include <vector>

namespace fathom::test {

/// A session on an artifact, with the calls that tests make; each fails the test when the C API does.
class Session {
public:
  Session(const std::string &artifact, uint32_t threads = 1, uint32_t chunk = 0, uint32_t sequences = 8,
          uint64_t drafts = 0);
  ~Session();
  Session(const Session &) = delete;

  struct Outputs {
    /// f32 [tokens, vocabulary]
    std::vector<float> logits;
    /// f32 [layers, tokens, hidden]
    std::vector<float> states;
  };

  /// Appends tokens to `sequence`; logits and states of all of them.
  Outputs prefill(fathom_sequence_t sequence, const std::vector<int32_t> &tokens);
  /// Appends a token to each sequence; logits [sequences, vocabulary].
  std::vector<float> decode(const std::vector<fathom_sequence_t> &sequences, const std::vector<int32_t> &tokens);
  /// Appends tokens to each sequence in one call, those of a sequence side by side; logits of all.
  std::vector<float> verify(const std::vector<fathom_sequence_t> &sequences,
                            const std::vector<std::vector<int32_t>> &tokens);
  /// Up to `count` guesses of what follows each of `tokens`, which are the next of each sequence.
  std::vector<std::vector<int32_t>> draft(const std::vector<fathom_sequence_t> &sequences,
                                          const std::vector<int32_t> &tokens, uint32_t count);
  void rewind(fathom_sequence_t sequence, size_t length);
  /// A step that nobody wants logits of.
  void append(fathom_sequence_t sequence, int32_t token);
  fathom_sequence_t createSequence();
  std::string save(fathom_sequence_t sequence);
  fathom_status_t restore(const std::string &saved, fathom_sequence_t *sequence);
  /// The greedy continuation of `tokens`, end tokens included.
  std::vector<int32_t> generate(const std::vector<int32_t> &tokens, size_t count);

  const fathom_model_info_t &getInfo() const { return info; }

private:
  fathom_model_t *model = nullptr;
  fathom_session_t *session = nullptr;
  fathom_model_info_t info;
  uint64_t mostDrafts;
};

} // namespace fathom::test

#endif // FATHOM_TEST_E2E_SESSION_H
