// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Handlers of instructions that compute each lane's result from that lane's operands.
//
// An operation is a type with `template <class T> static T run(T a, …)`; a handler for each type comes from a table
// here.

#ifndef FATHOM_RUNTIME_DEVICE_PTXSIM_LANES_H
#define FATHOM_RUNTIME_DEVICE_PTXSIM_LANES_H

#include "runtime/device/ptxsim/warp.h"

namespace fathom::runtime::ptxsim {

template <size_t Bytes>
using UnsignedOf =
    std::conditional_t<Bytes == 1, uint8_t,
                       std::conditional_t<Bytes == 2, uint16_t, std::conditional_t<Bytes == 4, uint32_t, uint64_t>>>;

/// The value in a slot.
template <class T>
inline T get(uint64_t slot) {
  return std::bit_cast<T>(static_cast<UnsignedOf<sizeof(T)>>(slot));
}

/// A slot with the value: the bits above it are 0.
template <class T>
inline uint64_t put(T value) {
  return std::bit_cast<UnsignedOf<sizeof(T)>>(value);
}

/// out[lane] = function(lane) for the lanes of `mask`. Operands are the same slots or others, never ones that overlap
/// those of other lanes, which is what the compiler is told.
template <class Function>
inline void forLanes(uint64_t *out, LaneMask mask, Function function) {
  if (mask == kAllLanes) {
#pragma clang loop vectorize(assume_safety)
    for (unsigned lane = 0; lane < kWarpSize; ++lane) {
      out[lane] = function(lane);
    }
    return;
  }
  for (; mask != 0; mask &= mask - 1) {
    auto lane = static_cast<unsigned>(std::countr_zero(mask));
    out[lane] = function(lane);
  }
}

template <class T, class Operation>
void unary(Warp &warp, const Instruction &instruction, LaneMask mask) {
  const uint64_t *a = warp.lanes(instruction.operands[1]);
  forLanes(warp.destination(instruction.operands[0]), mask,
           [=](unsigned lane) { return put(Operation::run(get<T>(a[lane]))); });
}

template <class T, class Operation>
void binary(Warp &warp, const Instruction &instruction, LaneMask mask) {
  const uint64_t *a = warp.lanes(instruction.operands[1]), *b = warp.lanes(instruction.operands[2]);
  forLanes(warp.destination(instruction.operands[0]), mask,
           [=](unsigned lane) { return put(Operation::run(get<T>(a[lane]), get<T>(b[lane]))); });
}

template <class T, class Operation>
void ternary(Warp &warp, const Instruction &instruction, LaneMask mask) {
  const uint64_t *a = warp.lanes(instruction.operands[1]), *b = warp.lanes(instruction.operands[2]),
                 *c = warp.lanes(instruction.operands[3]);
  forLanes(warp.destination(instruction.operands[0]), mask,
           [=](unsigned lane) { return put(Operation::run(get<T>(a[lane]), get<T>(b[lane]), get<T>(c[lane]))); });
}

/// Which of the three.
enum class Arity : uint8_t { One, Two, Three };

template <class T, class Operation, Arity arity>
constexpr Handler laneHandler() {
  if constexpr (arity == Arity::One) {
    return unary<T, Operation>;
  } else if constexpr (arity == Arity::Two) {
    return binary<T, Operation>;
  } else {
    return ternary<T, Operation>;
  }
}

/// For types of bits, whatever they mean.
template <class Operation, Arity arity>
Handler forBits(Type type) {
  switch (bitsOf(type)) {
  case 1:
  case 8:
    return laneHandler<uint8_t, Operation, arity>();
  case 16:
    return laneHandler<uint16_t, Operation, arity>();
  case 32:
    return laneHandler<uint32_t, Operation, arity>();
  case 64:
    return laneHandler<uint64_t, Operation, arity>();
  default:
    return nullptr;
  }
}

/// For integers of 16 to 64 bits.
template <class Operation, Arity arity>
Handler forIntegers(Type type) {
  switch (type) {
  case Type::U16:
    return laneHandler<uint16_t, Operation, arity>();
  case Type::U32:
    return laneHandler<uint32_t, Operation, arity>();
  case Type::U64:
    return laneHandler<uint64_t, Operation, arity>();
  case Type::S16:
    return laneHandler<int16_t, Operation, arity>();
  case Type::S32:
    return laneHandler<int32_t, Operation, arity>();
  case Type::S64:
    return laneHandler<int64_t, Operation, arity>();
  default:
    return nullptr;
  }
}

} // namespace fathom::runtime::ptxsim

#endif // FATHOM_RUNTIME_DEVICE_PTXSIM_LANES_H
