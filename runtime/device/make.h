// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Objects that a device hands out without their type.

#ifndef FATHOM_RUNTIME_DEVICE_MAKE_H
#define FATHOM_RUNTIME_DEVICE_MAKE_H

#include "runtime/src/memory.h"
#include "runtime/src/status.h"

namespace fathom::runtime {

/// A new T on which |start| succeeded, in |*object|.
template <typename T, typename Start>
fathom_status_t make(void **object, Start start) {
  T *made = create<T>();
  if (!made) {
    return fail(FATHOM_STATUS_OUT_OF_RESOURCES, "no memory");
  }
  fathom_status_t status = start(*made);
  if (status != FATHOM_STATUS_OK) {
    destroy(made);
    return status;
  }
  *object = made;
  return status;
}

} // namespace fathom::runtime

#endif // FATHOM_RUNTIME_DEVICE_MAKE_H
