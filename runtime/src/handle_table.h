// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Handles that can be checked: what the API hands out are not addresses but entries of one table, each with the
// generation of its slot. A released handle, or one of another type, is recognized without touching freed memory.
// Lock-free, so that looking one up is safe in a signal handler.

#ifndef FATHOM_RUNTIME_SRC_HANDLE_TABLE_H
#define FATHOM_RUNTIME_SRC_HANDLE_TABLE_H

#include "runtime/src/status.h"

namespace fathom::runtime {

enum class HandleKind : uint64_t { kModel = 1, kSession = 2, kSampler = 3, kResults = 4 };

/// Enters |object| with one reference. |end| runs when the last reference is given back and no call uses it.
/// FATHOM_STATUS_OUT_OF_RESOURCES if 4096 handles live; |object| is then still the caller's.
fathom_status_t insertHandle(HandleKind kind, void *object, void (*end)(void *object), void **outHandle);

fathom_status_t retainHandle(HandleKind kind, const void *handle, const char *function);
fathom_status_t releaseHandle(HandleKind kind, const void *handle, const char *function);

/// Finds the object and keeps it alive until unpin().
fathom_status_t pinHandle(HandleKind kind, const void *handle, const char *function, void **outObject);
void unpinHandle(const void *handle);

/// A pinned object for the length of a scope.
template <typename T>
class Pin {
public:
  Pin(const void *handle, const char *function) : handle(handle) {
    void *found = nullptr;
    status = pinHandle(T::kKind, handle, function, &found);
    object = static_cast<T *>(found);
  }
  Pin(const Pin &) = delete;
  Pin &operator=(const Pin &) = delete;
  ~Pin() {
    if (object) {
      unpinHandle(handle);
    }
  }
  T *operator->() const { return object; }
  T *get() const { return object; }

  fathom_status_t status;

private:
  const void *handle;
  T *object;
};

} // namespace fathom::runtime

#endif // FATHOM_RUNTIME_SRC_HANDLE_TABLE_H
