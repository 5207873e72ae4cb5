// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What writer and reader of tokenizer.fbs must agree on beyond its layout. Plain C, only <stdint.h>.

#ifndef FATHOM_TOKENIZER_ABI_H
#define FATHOM_TOKENIZER_ABI_H

#include <stdint.h>

/// `result` of an empty slot of the merge table.
#define FATHOM_NO_TOKEN 0xFFFFFFFFu

/// Longest text of an added token, in bytes: it bounds the work of looking for one at a position.
#define FATHOM_MAX_ADDED_TOKEN 1024

/// The slot at which the search for a pair of tokens starts, before masking with the number of slots less one.
/// A change of this function is a change of the artifact's major version.
static inline uint32_t fathom_merge_hash(uint32_t left, uint32_t right) {
  uint64_t key = ((uint64_t)left << 32) | right;
  key *= 0x9E3779B97F4A7C15u;
  return (uint32_t)(key >> 32) ^ (uint32_t)(key >> 15);
}

#endif // FATHOM_TOKENIZER_ABI_H
