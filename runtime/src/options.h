// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Structs of the API that know their own size.

#ifndef FATHOM_RUNTIME_SRC_OPTIONS_H
#define FATHOM_RUNTIME_SRC_OPTIONS_H

#include "runtime/src/status.h"

#include <string.h>

namespace fathom::runtime {

/// Whether a struct of the caller has the size this runtime knows, or is larger with nothing set in the rest.
inline fathom_status_t checkStruct(const void *given, size_t size, size_t known, const char *function,
                                   const char *name) {
  if (size < known || size > 65536) {
    return fail(FATHOM_STATUS_INVALID_ARGUMENT,
                "%s: %s.struct_size is %zu, expected %zu; set it with the struct's _initialize function", function,
                name, size, known);
  }
  for (size_t i = known; i < size; ++i) {
    if (static_cast<const unsigned char *>(given)[i] != 0) {
      return fail(FATHOM_STATUS_INVALID_ARGUMENT, "%s: %s has options that this runtime does not know", function, name);
    }
  }
  return FATHOM_STATUS_OK;
}

} // namespace fathom::runtime

#define FATHOM_RETURN_IF_BAD_STRUCT(pointer)                                                                           \
  FATHOM_RETURN_IF_ERROR(                                                                                              \
      ::fathom::runtime::checkStruct(pointer, (pointer)->struct_size, sizeof(*(pointer)), __func__, #pointer))

#endif // FATHOM_RUNTIME_SRC_OPTIONS_H
