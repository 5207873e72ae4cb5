// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What writer and reader of tokenizer.fbs must agree on beyond its layout. Plain C, only headers of a freestanding one.

#ifndef FATHOM_TOKENIZER_ABI_H
#define FATHOM_TOKENIZER_ABI_H

#include <stddef.h>
#include <stdint.h>

/// `result` of an empty slot of the merge table, and an empty slot of `whole_words`.
#define FATHOM_NO_TOKEN 0xFFFFFFFFu

/// Most splits of a pre-tokenizer, and most alternatives of a split: they bound stack and time per character.
#define FATHOM_MAX_SPLITS 16
#define FATHOM_MAX_ALTERNATIVES 16

/// Longest text of an added token, in bytes: it bounds the work of looking for one at a position.
#define FATHOM_MAX_ADDED_TOKEN 1024

/// The slot at which the search for a pair of tokens starts, before masking with the number of slots less one.
/// A change of this function is a change of the artifact's major version.
static inline uint32_t fathom_merge_hash(uint32_t left, uint32_t right) {
  uint64_t key = ((uint64_t)left << 32) | right;
  key *= 0x9E3779B97F4A7C15u;
  return (uint32_t)(key >> 32) ^ (uint32_t)(key >> 15);
}

/// The same for a text and the table of whole words (FNV-1a).
static inline uint32_t fathom_text_hash(const char *text, size_t size) {
  uint32_t hash = 0x811C9DC5u;
  for (size_t i = 0; i < size; ++i) {
    hash = (hash ^ (uint8_t)text[i]) * 0x01000193u;
  }
  return hash;
}

#endif // FATHOM_TOKENIZER_ABI_H
