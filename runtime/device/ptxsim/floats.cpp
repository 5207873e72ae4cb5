// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The formats of types.

#include "runtime/device/ptxsim/floats.h"

namespace fathom::runtime::ptxsim {

const FloatFormat *formatOf(Type type) {
  switch (type) {
  case Type::F16:
  case Type::F16x2:
    return &kF16;
  case Type::BF16:
  case Type::BF16x2:
    return &kBf16;
  case Type::E4M3:
  case Type::E4M3x2:
    return &kE4m3;
  case Type::E5M2:
  case Type::E5M2x2:
    return &kE5m2;
  case Type::TF32:
    return &kTf32;
  default:
    return nullptr;
  }
}

} // namespace fathom::runtime::ptxsim
