// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Which bytes of an allocation a launch has touched.

#ifndef FATHOM_RUNTIME_DEVICE_PTXSIM_TOUCHED_BYTES_H
#define FATHOM_RUNTIME_DEVICE_PTXSIM_TOUCHED_BYTES_H

#include <algorithm>
#include <bit>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <memory>

namespace fathom::runtime::ptxsim {

/// A bit a byte. Threads of the host mark at once; whatever their order, each byte is new to one of them.
class TouchedBytes {
public:
  /// Whether there was memory for it; only then may bytes be marked.
  bool create(uint64_t bytes) {
    words_.reset(static_cast<uint64_t *>(std::calloc(bytes / kWordBits + 1, sizeof(uint64_t))));
    isUsed_.reset(static_cast<uint8_t *>(std::calloc(bytes / kPageBytes + 1, 1)));
    bytes_ = bytes;
    return words_ != nullptr && isUsed_ != nullptr;
  }

  /// How many of [offset, offset + bytes) are new.
  uint64_t mark(uint64_t offset, uint64_t bytes) {
    uint64_t fresh = 0;
    while (bytes != 0) {
      uint64_t bit = offset % kWordBits, count = std::min(kWordBits - bit, bytes);
      uint64_t mask = ~uint64_t{0} >> (kWordBits - count) << bit, *word = &words_[offset / kWordBits];
      // Most bytes are read again and again.
      if ((__atomic_load_n(word, __ATOMIC_RELAXED) & mask) != mask) {
        fresh += static_cast<unsigned>(std::popcount(mask & ~__atomic_fetch_or(word, mask, __ATOMIC_RELAXED)));
        __atomic_store_n(&isUsed_[offset / kPageBytes], uint8_t{1}, __ATOMIC_RELAXED);
      }
      offset += count;
      bytes -= count;
    }
    return fresh;
  }

  bool any() const {
    return std::any_of(isUsed_.get(), isUsed_.get() + bytes_ / kPageBytes + 1, [](uint8_t used) { return used != 0; });
  }

  /// All bytes are new again.
  void clear() {
    for (uint64_t page = 0; page <= bytes_ / kPageBytes; ++page) {
      if (isUsed_[page] != 0) {
        uint64_t first = page * kPageWords, end = std::min(first + kPageWords, bytes_ / kWordBits + 1);
        std::fill(words_.get() + first, words_.get() + end, 0);
        isUsed_[page] = 0;
      }
    }
  }

private:
  struct Free {
    void operator()(void *memory) const { std::free(memory); }
  };

  static constexpr uint64_t kWordBits = 64, kPageWords = 1024, kPageBytes = kPageWords * kWordBits;
  std::unique_ptr<uint64_t[], Free> words_;
  /// Pages with bytes that are marked: others need not be cleared.
  std::unique_ptr<uint8_t[], Free> isUsed_;
  uint64_t bytes_ = 0;
};

} // namespace fathom::runtime::ptxsim

#endif // FATHOM_RUNTIME_DEVICE_PTXSIM_TOUCHED_BYTES_H
