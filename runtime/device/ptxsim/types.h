// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Types and address spaces of PTX.

#ifndef FATHOM_RUNTIME_DEVICE_PTXSIM_TYPES_H
#define FATHOM_RUNTIME_DEVICE_PTXSIM_TYPES_H

#include <cstdint>
#include <string_view>

namespace fathom::runtime::ptxsim {

enum class Type : uint8_t {
  None,
#define FATHOM_PTX_TYPE(name, spelling, bits, kind) name,
#include "runtime/device/ptxsim/types.def"
};

enum class TypeKind : uint8_t { Bits, Unsigned, Signed, Float };

/// The type that is spelled so (without the dot), or Type::None.
Type typeNamed(std::string_view spelling);
std::string_view nameOf(Type type);
unsigned bitsOf(Type type);
TypeKind kindOf(Type type);
/// Bytes in memory.
inline unsigned bytesOf(Type type) { return (bitsOf(type) + 7) / 8; }
inline bool isSigned(Type type) { return kindOf(type) == TypeKind::Signed; }
inline bool isFloat(Type type) { return kindOf(type) == TypeKind::Float; }

enum class Space : uint8_t { Generic, Global, Shared, Local, Param, Const };
constexpr unsigned kSpaces = 6;

/// The space that is spelled so (without the dot), or Space::Generic.
Space spaceNamed(std::string_view spelling);
std::string_view nameOf(Space space);

} // namespace fathom::runtime::ptxsim

#endif // FATHOM_RUNTIME_DEVICE_PTXSIM_TYPES_H
