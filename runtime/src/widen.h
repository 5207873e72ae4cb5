// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// bf16 as f32.

#ifndef FATHOM_RUNTIME_SRC_WIDEN_H
#define FATHOM_RUNTIME_SRC_WIDEN_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

namespace fathom::runtime {

/// A bf16 is the upper half of an f32. |from| may be the second half of |to|.
inline void widen(const uint16_t *from, size_t count, float *to) {
  for (size_t i = 0; i < count; ++i) {
    uint32_t bits = static_cast<uint32_t>(from[i]) << 16;
    memcpy(&to[i], &bits, sizeof bits);
  }
}

} // namespace fathom::runtime

#endif // FATHOM_RUNTIME_SRC_WIDEN_H
