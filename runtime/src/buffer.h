// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A growing array whose growth can fail: the runtime has no exceptions and links no standard container, and a prompt
// must not end the process.

#ifndef FATHOM_RUNTIME_SRC_BUFFER_H
#define FATHOM_RUNTIME_SRC_BUFFER_H

#include <cstddef>
#include <cstdlib>
#include <cstring>
#include <string_view>
#include <type_traits>
#include <utility>

namespace fathom {

/// An owning array of trivially copyable T. Every function that may grow it returns false when memory is out,
/// and then leaves it as it was.
template <class T>
class Buffer {
  static_assert(std::is_trivially_copyable_v<T>);

public:
  Buffer() = default;
  Buffer(const Buffer &) = delete;
  Buffer &operator=(const Buffer &) = delete;
  Buffer(Buffer &&other) noexcept { swap(other); }
  Buffer &operator=(Buffer &&other) noexcept {
    swap(other);
    return *this;
  }
  ~Buffer() { std::free(items); }

  T *data() { return items; }
  const T *data() const { return items; }
  size_t size() const { return count; }
  bool empty() const { return count == 0; }
  T &operator[](size_t i) { return items[i]; }
  const T &operator[](size_t i) const { return items[i]; }
  T *begin() { return items; }
  T *end() { return items + count; }
  const T *begin() const { return items; }
  const T *end() const { return items + count; }

  void clear() { count = 0; }
  /// Drops the items from `size` on.
  void truncate(size_t size) { count = size < count ? size : count; }

  [[nodiscard]] bool push(const T &item) {
    if (count == capacity && !grow(count + 1)) {
      return false;
    }
    items[count++] = item;
    return true;
  }

  [[nodiscard]] bool append(const T *from, size_t extra) {
    size_t wanted = 0;
    if (__builtin_add_overflow(count, extra, &wanted) || (wanted > capacity && !grow(wanted))) {
      return false;
    }
    if (extra != 0) {
      std::memcpy(items + count, from, extra * sizeof(T));
    }
    count = wanted;
    return true;
  }

  /// Exactly `size` zeroed items in place of what there was; pages of a large buffer are not touched.
  [[nodiscard]] bool allocate(size_t size) {
    std::free(items);
    items = static_cast<T *>(std::calloc(size == 0 ? 1 : size, sizeof(T)));
    count = capacity = items == nullptr ? 0 : size;
    return items != nullptr;
  }

  /// Makes the size `size`; new items are uninitialized.
  [[nodiscard]] bool resize(size_t size) {
    if (size > capacity && !grow(size)) {
      return false;
    }
    count = size;
    return true;
  }

  void swap(Buffer &other) noexcept {
    std::swap(items, other.items);
    std::swap(count, other.count);
    std::swap(capacity, other.capacity);
  }

private:
  bool grow(size_t wanted) {
    size_t target = capacity + capacity / 2;
    target = target < wanted ? wanted : target;
    target = target < 16 ? 16 : target;
    size_t bytes = 0;
    if (__builtin_mul_overflow(target, sizeof(T), &bytes)) {
      return false;
    }
    void *memory = std::realloc(static_cast<void *>(items), bytes);
    if (memory == nullptr) {
      return false;
    }
    items = static_cast<T *>(memory);
    capacity = target;
    return true;
  }

  T *items = nullptr;
  size_t count = 0;
  size_t capacity = 0;
};

/// The bytes of a buffer as text; valid until the buffer changes.
inline std::string_view view(const Buffer<char> &text) { return {text.data(), text.size()}; }

} // namespace fathom

#endif // FATHOM_RUNTIME_SRC_BUFFER_H
