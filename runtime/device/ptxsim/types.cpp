// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Types and address spaces by their names.

#include "runtime/device/ptxsim/types.h"

namespace fathom::runtime::ptxsim {

namespace {
struct TypeRow {
  std::string_view spelling;
  unsigned bits;
  TypeKind kind;
};
} // namespace

static constexpr TypeRow kTypes[] = {
    {"", 0, TypeKind::Bits},
#define FATHOM_PTX_TYPE(name, spelling, bits, kind) {spelling, bits, TypeKind::kind},
#include "runtime/device/ptxsim/types.def"
};
static constexpr std::string_view kSpaceNames[kSpaces] = {"generic", "global", "shared", "local", "param", "const"};

Type typeNamed(std::string_view spelling) {
  for (const TypeRow &row : kTypes) {
    if (row.spelling == spelling) {
      return static_cast<Type>(&row - kTypes);
    }
  }
  return Type::None;
}

std::string_view nameOf(Type type) { return kTypes[static_cast<size_t>(type)].spelling; }

unsigned bitsOf(Type type) { return kTypes[static_cast<size_t>(type)].bits; }

TypeKind kindOf(Type type) { return kTypes[static_cast<size_t>(type)].kind; }

Space spaceNamed(std::string_view spelling) {
  // Where a variant of a space has a name of its own, the address tells which one it is.
  if (spelling == "shared::cta" || spelling == "shared::cluster") {
    return Space::Shared;
  }
  if (spelling == "param::entry" || spelling == "param::func") {
    return Space::Param;
  }
  for (unsigned space = 1; space < kSpaces; ++space) {
    if (kSpaceNames[space] == spelling) {
      return static_cast<Space>(space);
    }
  }
  return Space::Generic;
}

std::string_view nameOf(Space space) { return kSpaceNames[static_cast<size_t>(space)]; }

} // namespace fathom::runtime::ptxsim
