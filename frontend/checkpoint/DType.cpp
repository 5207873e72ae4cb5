// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The table of element types.

#include "frontend/checkpoint/DType.h"

namespace fathom::checkpoint {

struct TypeFacts {
  const char *name;
  unsigned bits;
};

/// In the order of DType.
static constexpr TypeFacts kFacts[] = {
    {"BOOL", 8},    {"F4", 4},      {"F6_E2M3", 6}, {"F6_E3M2", 6},     {"U8", 8},          {"I8", 8},
    {"F8_E5M2", 8}, {"F8_E4M3", 8}, {"F8_E8M0", 8}, {"F8_E4M3FNUZ", 8}, {"F8_E5M2FNUZ", 8}, {"I16", 16},
    {"U16", 16},    {"F16", 16},    {"BF16", 16},   {"I32", 32},        {"U32", 32},        {"F32", 32},
    {"C64", 64},    {"F64", 64},    {"I64", 64},    {"U64", 64},
};

unsigned bitWidth(DType type) { return kFacts[static_cast<unsigned>(type)].bits; }

llvm::StringRef name(DType type) { return kFacts[static_cast<unsigned>(type)].name; }

std::optional<DType> parseDType(llvm::StringRef spelling) {
  for (unsigned i = 0; i < std::size(kFacts); ++i) {
    if (spelling == kFacts[i].name) {
      return static_cast<DType>(i);
    }
  }
  return std::nullopt;
}

} // namespace fathom::checkpoint
