// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Memory that says when there is none: the runtime uses no operator new and no standard container, so that an
// allocation that fails is a status and nothing of the C++ library is linked.

#ifndef FATHOM_RUNTIME_SRC_MEMORY_H
#define FATHOM_RUNTIME_SRC_MEMORY_H

#include <new>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <utility>

namespace fathom::runtime {

constexpr size_t kAlignment = 64;

/// The smallest multiple of |alignment| (a power of two) not below |value|; false if that does not fit.
inline bool alignUp(uint64_t value, uint64_t alignment, uint64_t *result) {
  uint64_t sum;
  if (__builtin_add_overflow(value, alignment - 1, &sum)) {
    return false;
  }
  *result = sum & ~(alignment - 1);
  return true;
}

/// Whether [offset, offset + size) lies in [0, limit).
inline bool fits(uint64_t offset, uint64_t size, uint64_t limit) { return offset <= limit && size <= limit - offset; }

/// Whether two ranges have nothing in common.
inline bool areApart(uint64_t offset, uint64_t size, uint64_t otherOffset, uint64_t otherSize) {
  return size == 0 || otherSize == 0 ||
         (offset >= otherOffset ? offset - otherOffset >= otherSize : otherOffset - offset >= size);
}

inline bool multiply(uint64_t a, uint64_t b, uint64_t *result) { return !__builtin_mul_overflow(a, b, result); }

/// Memory aligned to 64 bytes, to be given back to free(). NULL if there is none.
inline void *allocateAligned(size_t bytes) {
  uint64_t rounded;
  if (!alignUp(bytes ? bytes : 1, kAlignment, &rounded)) {
    return nullptr;
  }
  return aligned_alloc(kAlignment, rounded);
}

/// A new object, or NULL if memory runs out.
template <typename T, typename... Arguments>
T *create(Arguments &&...arguments) {
  void *memory = allocateAligned(sizeof(T));
  return memory ? ::new (memory) T(std::forward<Arguments>(arguments)...) : nullptr;
}

/// Ends an object made by create().
template <typename T>
void destroy(T *object) {
  if (object) {
    object->~T();
    free(static_cast<void *>(object));
  }
}

} // namespace fathom::runtime

#endif // FATHOM_RUNTIME_SRC_MEMORY_H
