// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What activations are.

#ifndef FATHOM_PASSES_SUPPORT_ACTIVATIONTYPE_H
#define FATHOM_PASSES_SUPPORT_ACTIVATIONTYPE_H

#include "llvm/ADT/StringRef.h"

namespace fathom {

/// What the results of ops are rounded to; F32: not at all.
enum class ActivationType : uint8_t { F32, Bf16 };
/// Their names, as --act-type and passes take them.
constexpr const char *kActivationTypeNames = "f32|bf16";

/// One of kActivationTypeNames.
inline ActivationType parseActivationType(llvm::StringRef name) {
  return name == "bf16" ? ActivationType::Bf16 : ActivationType::F32;
}

} // namespace fathom

#endif // FATHOM_PASSES_SUPPORT_ACTIVATIONTYPE_H
