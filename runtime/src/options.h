// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Structs of the API that know their own size. The caller's may end earlier than the runtime's, because its program was
// compiled with an older header, or later, with a newer one: only the bytes it has are read and written.

#ifndef FATHOM_RUNTIME_SRC_OPTIONS_H
#define FATHOM_RUNTIME_SRC_OPTIONS_H

#include "runtime/src/status.h"

#include <string.h>

namespace fathom::runtime {

/// Fields are aligned and at most this wide, so a struct of whole steps has no half field.
constexpr size_t kStructStep = 8;
constexpr size_t kLargestStruct = 65536;
/// The most threads of a session, or of calls.
constexpr uint32_t kMostThreads = 1024;

template <typename T>
size_t sharedSize(size_t size) {
  static_assert(sizeof(T) % kStructStep == 0, "a struct of the API has whole steps");
  return size < sizeof(T) ? size : sizeof(T);
}

/// Sets all |size| bytes of a caller's struct: to |defaults|, and what lies beyond them to zero.
template <typename T>
void initializeStruct(T *given, size_t size, T defaults) {
  if (!given || size < sizeof(size_t)) {
    return;
  }
  defaults.struct_size = size;
  memset(static_cast<void *>(given), 0, size);
  memcpy(static_cast<void *>(given), &defaults, sharedSize<T>(size));
}

/// Whether a caller's struct has a possible size, and nothing set in what lies beyond the |known| bytes.
inline fathom_status_t checkStruct(const void *given, size_t known, const char *function, const char *name) {
  size_t size;
  memcpy(&size, given, sizeof(size));
  if (size == 0 || size % kStructStep != 0 || size > kLargestStruct) {
    return fail(FATHOM_STATUS_INVALID_ARGUMENT,
                "%s: %s.struct_size is %zu, expected %zu; set it with the struct's _initialize function", function,
                name, size, known);
  }
  for (size_t i = known; i < size; ++i) {
    if (static_cast<const unsigned char *>(given)[i] != 0) {
      return fail(FATHOM_STATUS_INVALID_ARGUMENT,
                  "%s: %s has an option at byte %zu that this runtime, which knows %zu bytes, does not have; use the "
                  "runtime that the program was compiled with, or a later one",
                  function, name, i, known);
    }
  }
  return FATHOM_STATUS_OK;
}

/// Copies what a checked struct of the caller's has over |taken|, which holds the defaults.
template <typename T>
void takeStruct(const T *given, T *taken) {
  memcpy(static_cast<void *>(taken), given, sharedSize<T>(given->struct_size));
  taken->struct_size = sizeof(T);
}

/// Copies as much of |made| as a checked struct of the caller's has room for.
template <typename T>
void giveStruct(T made, T *given) {
  made.struct_size = given->struct_size;
  memcpy(static_cast<void *>(given), &made, sharedSize<T>(made.struct_size));
}

/// The number an enum of the caller's holds, which need not be one of its names: reading it as the enum is undefined.
template <typename T>
int integerOf(const T &value) {
  int number;
  static_assert(sizeof(value) == sizeof(number), "enums of the API are integers");
  memcpy(&number, &value, sizeof(number));
  return number;
}

} // namespace fathom::runtime

#define FATHOM_RETURN_IF_BAD_STRUCT(pointer)                                                                           \
  FATHOM_RETURN_IF_ERROR(::fathom::runtime::checkStruct(pointer, sizeof(*(pointer)), __func__, #pointer))

#endif // FATHOM_RUNTIME_SRC_OPTIONS_H
