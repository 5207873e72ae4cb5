// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Byte-pair merging of one piece: from bytes to tokens.

#ifndef FATHOM_RUNTIME_SRC_TOKENIZER_MERGE_H
#define FATHOM_RUNTIME_SRC_TOKENIZER_MERGE_H

#include "fathom/tokenizer_generated.h"
#include "runtime/src/buffer.h"

#include <cstdint>
#include <string_view>

namespace fathom::tokenizer {

/// Merges pieces, keeping its memory from one to the next. Not thread-safe.
class Merger {
public:
  /// `table` has been verified and outlives this.
  explicit Merger(const artifact::Tokenizer &table);

  /// Appends the tokens of `piece` to `ids`: of all merges that apply, the one of lowest rank goes first, the
  /// leftmost of equals. O(n log n) time and O(n) memory in the piece's bytes. False when memory is out.
  bool merge(std::string_view piece, Buffer<int32_t> &ids);

  /// Candidate merges looked at so far: what the time is proportional to (but for the logarithm). For tests.
  uint64_t work() const { return steps; }

private:
  /// A token of the piece; a doubly linked list by index. `id` is FATHOM_NO_TOKEN once merged into the one before.
  struct Symbol {
    uint32_t id;
    uint32_t previous;
    uint32_t next;
  };
  /// A possible merge of the symbol at `at` with the one after it, as of when it was found.
  struct Candidate {
    uint32_t rank;
    uint32_t at;
    uint32_t left;
    uint32_t right;
    uint32_t result;
  };

  static bool later(const Candidate &a, const Candidate &b);
  bool start(std::string_view piece);
  bool propose(uint32_t at);
  bool apply(const Candidate &candidate);
  uint32_t findWhole(std::string_view piece) const;
  const artifact::MergeSlot *find(uint32_t left, uint32_t right) const;
  bool isStale(const Candidate &candidate) const;

  const artifact::Tokenizer &table;
  const artifact::MergeSlot *slots;
  uint32_t slotMask;
  const uint32_t *byteTokens;
  Buffer<Symbol> symbols;
  /// A heap, lowest rank first.
  Buffer<Candidate> candidates;
  uint64_t steps = 0;
};

} // namespace fathom::tokenizer

#endif // FATHOM_RUNTIME_SRC_TOKENIZER_MERGE_H
