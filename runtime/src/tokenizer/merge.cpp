// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Merging with a linked list of symbols and a heap of candidates: a piece may be a megabyte of one letter.

#include "runtime/src/tokenizer/merge.h"

#include "fathom/tokenizer_abi.h"
#include "runtime/src/tokenizer/added_tokens.h"

#include <algorithm>

namespace fathom::tokenizer {

static constexpr uint32_t kNone = 0xFFFFFFFF;

Merger::Merger(const artifact::Tokenizer &table)
    : table(table), slots(reinterpret_cast<const artifact::MergeSlot *>(table.merges()->Data())),
      slotMask(table.merges()->size() - 1), byteTokens(table.byte_tokens()->data()) {}

const artifact::MergeSlot *Merger::find(uint32_t left, uint32_t right) const {
  for (uint32_t at = fathom_merge_hash(left, right) & slotMask;; at = (at + 1) & slotMask) {
    const artifact::MergeSlot &slot = slots[at];
    if (slot.result() == FATHOM_NO_TOKEN) {
      return nullptr;
    }
    if (slot.left() == left && slot.right() == right) {
      return &slot;
    }
  }
}

/// The order of the heap: what is merged later compares as less.
bool Merger::later(const Candidate &a, const Candidate &b) { return a.rank != b.rank ? a.rank > b.rank : a.at > b.at; }

/// Adds the merge of the symbol at `at` and its successor, if there is one, to the candidates.
bool Merger::propose(uint32_t at) {
  if (at == kNone || symbols[at].next == kNone) {
    return true;
  }
  ++steps;
  uint32_t right = symbols[symbols[at].next].id;
  uint32_t left = symbols[at].id;
  const artifact::MergeSlot *slot = find(left, right);
  if (slot == nullptr) {
    return true;
  }
  if (!candidates.push({slot->rank(), at, left, right, slot->result()})) {
    return false;
  }
  std::push_heap(candidates.begin(), candidates.end(), later);
  return true;
}

/// Whether the proposed pair has disappeared.
bool Merger::isStale(const Candidate &candidate) const {
  const Symbol &left = symbols[candidate.at];
  return left.id != candidate.left || left.next == kNone || symbols[left.next].id != candidate.right;
}

bool Merger::apply(const Candidate &candidate) {
  Symbol &left = symbols[candidate.at];
  Symbol &right = symbols[left.next];
  left.id = candidate.result;
  left.next = right.next;
  right.id = FATHOM_NO_TOKEN;
  if (left.next != kNone) {
    symbols[left.next].previous = candidate.at;
  }
  return propose(left.previous) && propose(candidate.at);
}

bool Merger::start(std::string_view piece) {
  candidates.clear();
  if (!symbols.resize(piece.size())) {
    return false;
  }
  uint32_t count = uint32_t(piece.size());
  for (uint32_t i = 0; i < count; ++i) {
    symbols[i] = {byteTokens[uint8_t(piece[i])], i == 0 ? kNone : i - 1, i + 1 == count ? kNone : i + 1};
  }
  for (uint32_t i = 0; i < count; ++i) {
    if (!propose(i)) {
      return false;
    }
  }
  return true;
}

/// The token that is all of `piece`, where the tokenizer takes such tokens without merging; FATHOM_NO_TOKEN otherwise.
uint32_t Merger::findWhole(std::string_view piece) const {
  if (table.whole_words() == nullptr) {
    return FATHOM_NO_TOKEN;
  }
  const uint32_t *words = table.whole_words()->data();
  uint32_t mask = table.whole_words()->size() - 1;
  for (uint32_t at = fathom_text_hash(piece.data(), piece.size()) & mask;; at = (at + 1) & mask) {
    if (words[at] == FATHOM_NO_TOKEN || tokenBytes(table, words[at]) == piece) {
      return words[at];
    }
  }
}

bool Merger::merge(std::string_view piece, Buffer<int32_t> &ids) {
  if (uint32_t whole = findWhole(piece); whole != FATHOM_NO_TOKEN) {
    return ids.push(int32_t(whole));
  }
  if (!start(piece)) {
    return false;
  }
  while (!candidates.empty()) {
    std::pop_heap(candidates.begin(), candidates.end(), later);
    Candidate best = candidates[candidates.size() - 1];
    candidates.truncate(candidates.size() - 1);
    if (!isStale(best) && !apply(best)) {
      return false;
    }
  }
  for (uint32_t at = piece.empty() ? kNone : 0; at != kNone; at = symbols[at].next) {
    if (!ids.push(int32_t(symbols[at].id))) {
      return false;
    }
  }
  return true;
}

} // namespace fathom::tokenizer
