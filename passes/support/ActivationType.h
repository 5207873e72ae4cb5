// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What activations are.

#ifndef FATHOM_PASSES_SUPPORT_ACTIVATIONTYPE_H
#define FATHOM_PASSES_SUPPORT_ACTIVATIONTYPE_H

#include "llvm/ADT/StringSwitch.h"

namespace fathom {

/// What activations are rounded to: F32, nothing; Bf16, what ops give; Int8, what products with weights of 8 bits read.
enum class ActivationType : uint8_t { F32, Bf16, Int8 };
/// Their names, as --act-type and passes take them.
constexpr const char *kActivationTypeNames = "f32|bf16|int8";

/// One of kActivationTypeNames.
inline ActivationType parseActivationType(llvm::StringRef name) {
  return llvm::StringSwitch<ActivationType>(name)
      .Case("bf16", ActivationType::Bf16)
      .Case("int8", ActivationType::Int8)
      .Default(ActivationType::F32);
}

} // namespace fathom

#endif // FATHOM_PASSES_SUPPORT_ACTIVATIONTYPE_H
