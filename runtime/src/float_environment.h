// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The floating-point state that results are defined in, whatever the host program set.

#ifndef FATHOM_RUNTIME_SRC_FLOAT_ENVIRONMENT_H
#define FATHOM_RUNTIME_SRC_FLOAT_ENVIRONMENT_H

#include <immintrin.h>

namespace fathom::runtime {

/// Round to nearest, keep denormals, mask traps; the caller's state comes back at the end of the scope.
class FloatEnvironment {
public:
  FloatEnvironment() : before(_mm_getcsr()) { _mm_setcsr(0x1f80); }
  FloatEnvironment(const FloatEnvironment &) = delete;
  FloatEnvironment &operator=(const FloatEnvironment &) = delete;
  ~FloatEnvironment() { _mm_setcsr(before); }

private:
  unsigned before;
};

} // namespace fathom::runtime

#endif // FATHOM_RUNTIME_SRC_FLOAT_ENVIRONMENT_H
