// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// How functions of the runtime fail: a code is returned, the words stay with the thread.

#ifndef FATHOM_RUNTIME_SRC_STATUS_H
#define FATHOM_RUNTIME_SRC_STATUS_H

#include "fathom/fathom.h"

namespace fathom::runtime {

/// Formats the message of the calling thread and returns |code|. Never allocates; long messages are cut.
[[gnu::format(printf, 2, 3)]] fathom_status_t fail(fathom_status_t code, const char *format, ...);

/// Appends to the message of the calling thread, e.g. a second finding. Returns |code|.
[[gnu::format(printf, 2, 3)]] fathom_status_t failAlso(fathom_status_t code, const char *format, ...);

/// Puts "|file|: " before the message of the calling thread, unless it begins with the file's name. Returns |code|.
fathom_status_t failInFile(fathom_status_t code, const char *file);

/// What an error number of the system means.
struct SystemError {
  /// OUT_OF_RESOURCES for a lack of descriptors or memory, IO for anything else.
  fathom_status_t status;
  const char *text;
  /// "; " and what to do, or both "".
  const char *separator, *advice;
};
SystemError describeSystemError(int number);

inline fathom_status_t failNull(const char *function, const char *parameter) {
  return fail(FATHOM_STATUS_INVALID_ARGUMENT, "%s: '%s' is NULL", function, parameter);
}

} // namespace fathom::runtime

/// Returns from the current function if |expression| is not FATHOM_STATUS_OK.
#define FATHOM_RETURN_IF_ERROR(expression)                                                                             \
  do {                                                                                                                 \
    fathom_status_t fathomStatus = (expression);                                                                       \
    if (fathomStatus != FATHOM_STATUS_OK) {                                                                            \
      return fathomStatus;                                                                                             \
    }                                                                                                                  \
  } while (0)

#define FATHOM_RETURN_IF_NULL(parameter)                                                                               \
  do {                                                                                                                 \
    if (!(parameter)) {                                                                                                \
      return ::fathom::runtime::failNull(__func__, #parameter);                                                        \
    }                                                                                                                  \
  } while (0)

/// The same for an array that may be NULL if it has no elements.
#define FATHOM_RETURN_IF_NULL_ARRAY(parameter, count)                                                                  \
  do {                                                                                                                 \
    if (!(parameter) && (count)) {                                                                                     \
      return ::fathom::runtime::failNull(__func__, #parameter);                                                        \
    }                                                                                                                  \
  } while (0)

#endif // FATHOM_RUNTIME_SRC_STATUS_H
