// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Element types a safetensors file can hold.

#ifndef FATHOM_FRONTEND_CHECKPOINT_DTYPE_H
#define FATHOM_FRONTEND_CHECKPOINT_DTYPE_H

#include "llvm/ADT/StringRef.h"

#include <cstdint>
#include <optional>

namespace fathom::checkpoint {

enum class DType : uint8_t {
  BOOL,
  F4,
  F6_E2M3,
  F6_E3M2,
  U8,
  I8,
  F8_E5M2,
  F8_E4M3,
  F8_E8M0,
  F8_E4M3FNUZ,
  F8_E5M2FNUZ,
  I16,
  U16,
  F16,
  BF16,
  I32,
  U32,
  F32,
  C64,
  F64,
  I64,
  U64,
};

/// Bits of one element; below 8 for the packed types.
unsigned bitWidth(DType type);

/// The spelling of the safetensors format, e.g. "F8_E4M3".
llvm::StringRef name(DType type);

/// The type spelled exactly like this, or nothing.
std::optional<DType> parseDType(llvm::StringRef spelling);

} // namespace fathom::checkpoint

#endif // FATHOM_FRONTEND_CHECKPOINT_DTYPE_H
