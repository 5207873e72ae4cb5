// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Special registers: the first places of every warp.

#ifndef FATHOM_RUNTIME_DEVICE_PTXSIM_SPECIALS_H
#define FATHOM_RUNTIME_DEVICE_PTXSIM_SPECIALS_H

#include "runtime/device/ptxsim/instruction.h"

namespace fathom::runtime::ptxsim {

enum class Special : uint8_t {
#define FATHOM_PTX_SPECIAL(name, spelling, bits) name,
#include "runtime/device/ptxsim/specials.def"
  Count,
};
constexpr size_t kSpecials = static_cast<size_t>(Special::Count);

/// Those that are set when they are read.
inline bool isClock(Special special) { return special >= Special::Clock; }

} // namespace fathom::runtime::ptxsim

#endif // FATHOM_RUNTIME_DEVICE_PTXSIM_SPECIALS_H
