// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Arithmetic of floats, whose opcodes are those of integers too.

#ifndef FATHOM_RUNTIME_DEVICE_PTXSIM_OPS_FLOAT_H
#define FATHOM_RUNTIME_DEVICE_PTXSIM_OPS_FLOAT_H

#include "runtime/device/ptxsim/decoder.h"
#include "runtime/device/ptxsim/floats.h"
#include "runtime/device/ptxsim/lanes.h"

namespace fathom::runtime::ptxsim {

/// Decodes an instruction of floats; false, with nothing done, if it is one of integers.
bool decodeFloatArithmetic(Decoder &decoder);

/// How a type's numbers are computed with. Those of 16 bits as doubles, to the odd neighbor where they are inexact.
struct CodecF32 {
  using Value = float;
  static constexpr unsigned kParts = 1;
  static constexpr float kLeastNormal = 0x1p-126f;
  static float load(uint64_t slot) { return get<float>(slot); }
  static uint64_t store(float value) { return value != value ? kNanF32 : put(value); }
};
struct CodecF64 {
  using Value = double;
  static constexpr unsigned kParts = 1;
  static constexpr double kLeastNormal = 0;
  static double load(uint64_t slot) { return get<double>(slot); }
  static uint64_t store(double value) { return put(value); }
};
struct CodecF16 {
  using Value = double;
  static constexpr unsigned kParts = 1;
  static constexpr double kLeastNormal = 0x1p-14;
  static double load(uint64_t slot) { return widenF16(static_cast<uint16_t>(slot)); }
  static uint64_t store(double value) { return narrowF16(toOddFloat(value)); }
};
struct CodecBF16 {
  using Value = double;
  static constexpr unsigned kParts = 1;
  static constexpr double kLeastNormal = 0x1p-126;
  static double load(uint64_t slot) { return widenBF16(static_cast<uint16_t>(slot)); }
  static uint64_t store(double value) { return narrowBF16(toOddFloat(value)); }
};
struct CodecF16x2 : CodecF16 {
  static constexpr unsigned kParts = 2;
};
struct CodecBF16x2 : CodecBF16 {
  static constexpr unsigned kParts = 2;
};

/// .ftz, .sat and .relu.
template <class Codec>
inline typename Codec::Value flushed(typename Codec::Value value, bool flush) {
  return flush && std::fabs(value) < Codec::kLeastNormal ? std::copysign(typename Codec::Value{0}, value) : value;
}

template <class Codec>
inline typename Codec::Value finished(typename Codec::Value value, const Instruction &instruction) {
  using Value = typename Codec::Value;
  value = flushed<Codec>(value, instruction.flush);
  if (instruction.saturate) {
    return value > 0 ? std::min(value, Value{1}) : Value{0}; // also of NaN
  }
  return instruction.relu && value < 0 ? Value{0} : value;
}

template <class Codec, class Operation, Arity arity, bool isSpecial>
void floatLanes(Warp &warp, const Instruction &instruction, LaneMask mask) {
  const uint64_t *a = warp.lanes(instruction.operands[1]);
  const uint64_t *b = arity == Arity::One ? a : warp.lanes(instruction.operands[2]);
  const uint64_t *c = arity == Arity::Three ? warp.lanes(instruction.operands[3]) : a;
  forLanes(warp.destination(instruction.operands[0]), mask, [=, &instruction](unsigned lane) {
    uint64_t result = 0;
    for (unsigned part = 0; part < Codec::kParts; ++part) {
      auto load = [&](uint64_t slot) {
        auto value = Codec::load(slot >> (part * 16));
        return isSpecial ? flushed<Codec>(value, instruction.flush) : value;
      };
      typename Codec::Value value;
      if constexpr (arity == Arity::One) {
        value = Operation::run(load(a[lane]));
      } else if constexpr (arity == Arity::Two) {
        value = Operation::run(load(a[lane]), load(b[lane]));
      } else {
        value = Operation::run(load(a[lane]), load(b[lane]), load(c[lane]));
      }
      result |= Codec::store(isSpecial ? finished<Codec>(value, instruction) : value) << (part * 16);
    }
    return result;
  });
}

template <class Codec, class Operation, Arity arity>
Handler floatHandler(const Instruction &instruction) {
  bool isSpecial = instruction.flush || instruction.saturate || instruction.relu;
  return isSpecial ? floatLanes<Codec, Operation, arity, true> : floatLanes<Codec, Operation, arity, false>;
}

template <class Operation, Arity arity>
Handler floatHandlerOf(const Instruction &instruction) {
  switch (instruction.type) {
  case Type::F32:
    return floatHandler<CodecF32, Operation, arity>(instruction);
  case Type::F64:
    return floatHandler<CodecF64, Operation, arity>(instruction);
  case Type::F16:
    return floatHandler<CodecF16, Operation, arity>(instruction);
  case Type::F16x2:
    return floatHandler<CodecF16x2, Operation, arity>(instruction);
  case Type::BF16:
    return floatHandler<CodecBF16, Operation, arity>(instruction);
  case Type::BF16x2:
    return floatHandler<CodecBF16x2, Operation, arity>(instruction);
  default:
    return nullptr;
  }
}

/// Emits `handler`, for .rz, .rm and .rp within that rounding mode of the host.
void emitRounded(Decoder &decoder, Handler handler, Rounding rounding);

} // namespace fathom::runtime::ptxsim

#endif // FATHOM_RUNTIME_DEVICE_PTXSIM_OPS_FLOAT_H
