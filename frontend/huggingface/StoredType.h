// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What the cache keeps numbers as.

#ifndef FATHOM_FRONTEND_HUGGINGFACE_STOREDTYPE_H
#define FATHOM_FRONTEND_HUGGINGFACE_STOREDTYPE_H

#include <cstdint>

namespace fathom::huggingface {

/// A type for all stores. FP8 keeps the rotated key of latent attention in bf16, as DeepSeek-V3.2 does.
enum class StoredType : uint8_t { F32, Bf16, Fp8 };
/// Their names, as --cache-type takes them.
constexpr const char *kStoredTypeNames = "f32|bf16|fp8";

} // namespace fathom::huggingface

#endif // FATHOM_FRONTEND_HUGGINGFACE_STOREDTYPE_H
