// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Fuzzes saved sequences. An input says how many bytes are cut off a good one, and then lists edits as in
// artifact_fuzz.cpp; the hash is put right. Beyond not crashing: what is restored is saved as the same bytes and goes
// on, with drafts, unless its rows give logits that are not finite; what is refused leaves nothing behind.

#include "fathom/fathom.h"
#include "test/runtime/toy_artifact.h"

#include <cstdlib>
#include <cstring>
#include <xxhash.h>

using namespace fathom;

static void check(bool holds) {
  if (!holds) {
    std::abort();
  }
}

namespace {
/// A session that drafts, and what it saved of a sequence some of whose positions wait to be drafted.
struct Fixture {
  Fixture() {
    fathom_sequence_t sequence = session.sequence();
    session.prefill(sequence, {5, 9, 200, 31, 7});
    saved = save(sequence);
    check(fathom_session_destroy_sequence(session, sequence) == FATHOM_STATUS_OK);
  }

  std::string save(fathom_sequence_t sequence) {
    size_t size = 0;
    check(fathom_session_save_sequence(session, sequence, nullptr, 0, &size) == FATHOM_STATUS_TOO_SMALL);
    std::string bytes(size, '\0');
    check(fathom_session_save_sequence(session, sequence, bytes.data(), size, &size) == FATHOM_STATUS_OK);
    return bytes;
  }

  /// Drafts and verifies once, where there is room.
  void step(fathom_sequence_t sequence) {
    int32_t tokens[3] = {1};
    uint32_t count = 2, length = 0;
    check(fathom_session_sequence_length(session, sequence, &length) == FATHOM_STATUS_OK);
    if (length + 3 > test::kToyContext) {
      return;
    }
    check(fathom_session_draft(session, &sequence, tokens, 1, tokens + 1, &count) == FATHOM_STATUS_OK && count <= 2);
    ++count;
    float logits[3 * test::kToyVocabulary];
    fathom_status_t status =
        fathom_session_verify(session, &sequence, &count, tokens, 1, logits, 3 * test::kToyVocabulary);
    check(status == FATHOM_STATUS_OK || std::strstr(fathom_status_message(), "not finite"));
  }

  test::ToyModel model{[](test::ToyContents &contents) { test::addDraft(contents); }};
  test::ToySession session{model, [](fathom_session_options_t &options) {
                             options.threads = 1;
                             options.draft = 2;
                           }};
  std::string saved;
};
} // namespace

static std::string edited(std::string bytes, const uint8_t *data, size_t size) {
  if (size >= 2) {
    bytes.resize(bytes.size() - std::min<size_t>(bytes.size(), data[0] | data[1] << 8));
    data += 2, size -= 2;
  }
  for (; size >= 6; data += 6, size -= 6) {
    size_t at = data[0] | data[1] << 8;
    for (size_t i = 0; i < 4 && at + i < bytes.size(); ++i) {
      bytes[at + i] = char(bytes[at + i] ^ data[2 + i]);
    }
  }
  if (bytes.size() >= 16) {
    uint64_t hash = XXH3_64bits(&bytes[16], bytes.size() - 16);
    std::memcpy(&bytes[8], &hash, sizeof(hash));
  }
  return bytes;
}

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  static Fixture fixture;
  std::string bytes = edited(fixture.saved, data, size);
  fathom_sequence_t sequence = 0;
  fathom_status_t status = fathom_session_restore_sequence(fixture.session, bytes.data(), bytes.size(), &sequence);
  check(size >= 2 || status == FATHOM_STATUS_OK);
  if (status != FATHOM_STATUS_OK) {
    check(sequence == 0 && fathom_status_message()[0] != '\0');
    return 0;
  }
  check(fixture.save(sequence) == bytes);
  fixture.step(sequence);
  check(fathom_session_destroy_sequence(fixture.session, sequence) == FATHOM_STATUS_OK);
  return 0;
}
