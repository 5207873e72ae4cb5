// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Conversions: cvt, between numbers of all types, rounded as it says.

#include "runtime/device/ptxsim/opcodes.h"
#include "runtime/device/ptxsim/ops_float.h"

#include <limits>

namespace fathom::runtime::ptxsim {

/// d = a as another integer: cut, extended, or with .sat clamped. What is wider than the type fills the register.
template <class To, class From>
static void integerToInteger(Warp &warp, const Instruction &instruction, LaneMask mask) {
  const uint64_t *a = warp.lanes(instruction.operands[1]);
  bool saturates = instruction.saturate;
  uint64_t keep = instruction.immediate;
  forLanes(warp.destination(instruction.operands[0]), mask, [=](unsigned lane) {
    From value = get<From>(a[lane]);
    __int128 exact = value, least = std::numeric_limits<To>::min(), most = std::numeric_limits<To>::max();
    To result = saturates ? static_cast<To>(std::min(std::max(exact, least), most)) : static_cast<To>(value);
    return static_cast<uint64_t>(static_cast<int64_t>(result)) & keep;
  });
}

template <class To>
static To integral(double value, Rounding rounding) {
  switch (rounding) {
  case Rounding::Zero:
    return static_cast<To>(std::trunc(value));
  case Rounding::Down:
    return static_cast<To>(std::floor(value));
  case Rounding::Up:
    return static_cast<To>(std::ceil(value));
  default:
    return static_cast<To>(std::nearbyint(value));
  }
}

/// Clamped. Of a NaN: 0, where both types have at most 32 bits, else the highest bit.
template <class To, class Codec>
static void floatToInteger(Warp &warp, const Instruction &instruction, LaneMask mask) {
  const uint64_t *a = warp.lanes(instruction.operands[1]);
  constexpr bool isSmall = sizeof(To) < 8 && !std::is_same_v<Codec, CodecF64>;
  constexpr uint64_t ofNan = isSmall ? 0 : uint64_t{1} << (sizeof(To) * 8 - 1);
  uint64_t keep = instruction.immediate;
  Rounding rounding = instruction.rounding;
  bool flushes = instruction.flush;
  forLanes(warp.destination(instruction.operands[0]), mask, [=](unsigned lane) -> uint64_t {
    auto value = integral<double>(static_cast<double>(flushed<Codec>(Codec::load(a[lane]), flushes)), rounding);
    if (value != value) {
      return ofNan;
    }
    constexpr To least = std::numeric_limits<To>::min(), most = std::numeric_limits<To>::max();
    // 2^bits is a double, the largest integer below it need not be.
    To result = value <= static_cast<double>(least)                         ? least
                : value >= std::ldexp(1.0, std::numeric_limits<To>::digits) ? most
                                                                            : static_cast<To>(value);
    return static_cast<uint64_t>(static_cast<int64_t>(result)) & keep;
  });
}

/// In the rounding mode of the host.
template <class Codec, class From>
static void integerToFloat(Warp &warp, const Instruction &instruction, LaneMask mask) {
  const uint64_t *a = warp.lanes(instruction.operands[1]);
  forLanes(warp.destination(instruction.operands[0]), mask, [=, &instruction](unsigned lane) {
    auto value = static_cast<typename Codec::Value>(get<From>(a[lane]));
    return Codec::store(finished<Codec>(value, instruction));
  });
}

/// To the same or a wider format, or from f64 to f32 in the host's rounding mode; .rni and its like to an integer.
template <class To, class From>
static void floatToFloat(Warp &warp, const Instruction &instruction, LaneMask mask) {
  const uint64_t *a = warp.lanes(instruction.operands[1]);
  bool isIntegral = instruction.immediate != 0, flushes = instruction.flush;
  Rounding rounding = instruction.rounding;
  forLanes(warp.destination(instruction.operands[0]), mask, [=, &instruction](unsigned lane) {
    auto loaded = From::load(a[lane]);
    auto value = static_cast<typename To::Value>(flushes ? flushed<From>(loaded, true) : loaded);
    value =
        isIntegral ? static_cast<typename To::Value>(integral<double>(static_cast<double>(value), rounding)) : value;
    return To::store(finished<To>(value, instruction));
  });
}

/// To 16 bits, or TF32, in any rounding.
template <class From>
static void floatToNarrow(Warp &warp, const Instruction &instruction, LaneMask mask) {
  const uint64_t *a = warp.lanes(instruction.operands[1]);
  const FloatFormat &format = *formatOf(instruction.type);
  forLanes(warp.destination(instruction.operands[0]), mask, [&](unsigned lane) {
    auto value = static_cast<double>(flushed<From>(From::load(a[lane]), instruction.flush));
    value = instruction.relu && value < 0 ? 0 : value;
    return uint64_t{narrow(value, format, instruction.rounding, instruction.saturate)};
  });
}

static void f32ToBF16(Warp &warp, const Instruction &instruction, LaneMask mask) {
  const uint64_t *a = warp.lanes(instruction.operands[1]);
  forLanes(warp.destination(instruction.operands[0]), mask,
           [=](unsigned lane) { return uint64_t{narrowBF16(get<float>(a[lane]))}; });
}

static void f32ToBF16x2(Warp &warp, const Instruction &instruction, LaneMask mask) {
  const uint64_t *a = warp.lanes(instruction.operands[1]), *b = warp.lanes(instruction.operands[2]);
  forLanes(warp.destination(instruction.operands[0]), mask, [=](unsigned lane) {
    return uint64_t{narrowBF16(get<float>(a[lane]))} << 16 | narrowBF16(get<float>(b[lane]));
  });
}

/// Two f32 to a pair; the first is the upper half.
static void f32ToPair(Warp &warp, const Instruction &instruction, LaneMask mask) {
  const uint64_t *a = warp.lanes(instruction.operands[1]), *b = warp.lanes(instruction.operands[2]);
  const FloatFormat &format = *formatOf(instruction.type);
  unsigned bits = bitsOf(instruction.type) / 2;
  forLanes(warp.destination(instruction.operands[0]), mask, [&](unsigned lane) {
    auto code = [&](uint64_t slot) {
      double value = get<float>(slot);
      value = instruction.relu && value < 0 ? 0 : value;
      return uint64_t{narrow(value, format, instruction.rounding, instruction.saturate)};
    };
    return code(a[lane]) << bits | code(b[lane]);
  });
}

/// A pair to a pair: e4m3x2 from f16x2, and back.
static void pairToPair(Warp &warp, const Instruction &instruction, LaneMask mask) {
  const uint64_t *a = warp.lanes(instruction.operands[1]);
  const FloatFormat &to = *formatOf(instruction.type), &from = *formatOf(instruction.sourceType);
  unsigned toBits = bitsOf(instruction.type) / 2, fromBits = bitsOf(instruction.sourceType) / 2;
  forLanes(warp.destination(instruction.operands[0]), mask, [&](unsigned lane) {
    uint64_t result = 0;
    for (unsigned part = 0; part < 2; ++part) {
      auto code = static_cast<uint32_t>(a[lane] >> (part * fromBits) & ((uint64_t{1} << fromBits) - 1));
      double value = toDouble(code, from);
      value = instruction.relu && value < 0 ? 0 : value;
      result |= uint64_t{narrow(value, to, instruction.rounding, instruction.saturate)} << (part * toBits);
    }
    return result;
  });
}

// --- Which handler --------------------------------------------------------------------------------------------------

/// Calls `choose` with a value of the integer type.
template <class Choose>
static Handler withInteger(Type type, Choose choose) {
  switch (type) {
  case Type::U8:
    return choose(uint8_t{});
  case Type::S8:
    return choose(int8_t{});
  case Type::U16:
    return choose(uint16_t{});
  case Type::S16:
    return choose(int16_t{});
  case Type::U32:
    return choose(uint32_t{});
  case Type::S32:
    return choose(int32_t{});
  case Type::U64:
    return choose(uint64_t{});
  case Type::S64:
    return choose(int64_t{});
  default:
    return nullptr;
  }
}

/// Calls `choose` with a codec of the type.
template <class Choose>
static Handler withFloat(Type type, Choose choose) {
  switch (type) {
  case Type::F16:
    return choose(CodecF16());
  case Type::BF16:
    return choose(CodecBF16());
  case Type::F32:
    return choose(CodecF32());
  case Type::F64:
    return choose(CodecF64());
  default:
    return nullptr;
  }
}

static Handler betweenIntegers(Type to, Type from) {
  return withInteger(to, [&](auto result) {
    return withInteger(from,
                       [](auto source) -> Handler { return integerToInteger<decltype(result), decltype(source)>; });
  });
}

static Handler toInteger(Type to, Type from) {
  return withInteger(to, [&](auto result) {
    return withFloat(from, [](auto source) -> Handler { return floatToInteger<decltype(result), decltype(source)>; });
  });
}

static Handler fromInteger(Type to, Type from, Rounding rounding) {
  // 64 bits do not fit the doubles in which numbers of 16 bits are computed, and the host rounds them to nearest only.
  if (bitsOf(to) == 16 && (bitsOf(from) == 64 || rounding != Rounding::Nearest)) {
    return nullptr;
  }
  return withFloat(to, [&](auto result) {
    return withInteger(from, [](auto source) -> Handler { return integerToFloat<decltype(result), decltype(source)>; });
  });
}

static Handler betweenFloats(const Instruction &instruction) {
  Type to = instruction.type, from = instruction.sourceType;
  bool isPlain = instruction.rounding == Rounding::Nearest && !instruction.relu && !instruction.flush &&
                 !instruction.saturate && instruction.immediate == 0;
  if (to == Type::BF16 && from == Type::F32 && isPlain) {
    return f32ToBF16;
  }
  bool narrows = (bitsOf(to) == 16 && bitsOf(from) > 16) || to == Type::TF32 || (bitsOf(to) == 16 && to != from);
  if (narrows && instruction.immediate == 0) {
    return withFloat(from, [](auto source) -> Handler { return floatToNarrow<decltype(source)>; });
  }
  return withFloat(to, [&](auto result) {
    return withFloat(from, [](auto source) -> Handler { return floatToFloat<decltype(result), decltype(source)>; });
  });
}

static bool isPairType(Type type) {
  return type == Type::F16x2 || type == Type::BF16x2 || type == Type::E4M3x2 || type == Type::E5M2x2;
}

/// .satfinite keeps them finite; .sat, to between 0 and 1, is not known for them.
static bool isNarrow(Type type) { return formatOf(type) != nullptr; }

static void decodePair(Decoder &decoder) {
  Instruction &instruction = decoder.instruction();
  Type from = instruction.sourceType;
  decoder.destination(instruction.type);
  decoder.source(from);
  if (from == Type::F32) {
    decoder.source(from);
    bool isPlain = instruction.type == Type::BF16x2 && instruction.rounding == Rounding::Nearest && !instruction.relu &&
                   !instruction.saturate;
    return decoder.emit(isPlain ? f32ToBF16x2 : f32ToPair);
  }
  decoder.emit(isPairType(from) ? pairToPair : nullptr);
}

/// .rni and so on, or a rounding of floats, or .rna of tf32.
static Rounding takeConversion(Decoder &decoder, bool &isIntegral) {
  static constexpr std::pair<std::string_view, Rounding> kIntegral[] = {
      {"rni", Rounding::Nearest}, {"rzi", Rounding::Zero}, {"rmi", Rounding::Down}, {"rpi", Rounding::Up}};
  for (auto [name, rounding] : kIntegral) {
    if (decoder.take(name)) {
      isIntegral = true;
      return rounding;
    }
  }
  return decoder.take("rna") ? Rounding::Away : decoder.takeRounding();
}

static void decodeConvert(Decoder &decoder) {
  Instruction &instruction = decoder.instruction();
  bool isIntegral = false;
  Rounding rounding = takeConversion(decoder, isIntegral);
  instruction.flush = decoder.take("ftz");
  instruction.relu = decoder.take("relu");
  instruction.saturate = decoder.take("satfinite") || (decoder.has("sat") && !isNarrow(decoder.peekType()));
  if (instruction.saturate) {
    decoder.take("sat");
  }
  Type to = instruction.type = decoder.takeType(), from = instruction.sourceType = decoder.takeType();
  instruction.rounding = rounding;
  if (isPairType(to)) {
    return decodePair(decoder);
  }
  // A register may be wider than the type of either side; then it is filled.
  decoder.destination(to, true);
  decoder.source(from, true);
  if (decoder.failed()) {
    return;
  }
  unsigned width = instruction.operands[0].bits;
  instruction.immediate = width >= 64 ? UINT64_MAX : (uint64_t{1} << width) - 1;
  if (!isFloat(to) && !isFloat(from)) {
    return decoder.emit(betweenIntegers(to, from));
  }
  if (!isFloat(to)) {
    return decoder.emit(isIntegral ? toInteger(to, from) : nullptr);
  }
  instruction.immediate = isIntegral;
  if (!isFloat(from)) {
    return emitRounded(decoder, fromInteger(to, from, rounding), rounding);
  }
  Handler handler = betweenFloats(instruction);
  // Only f64 to f32 rounds as the host does; narrower ones round by themselves.
  bool usesHost = to == Type::F32 && from == Type::F64 && !isIntegral;
  usesHost ? emitRounded(decoder, handler, rounding) : decoder.emit(handler);
}

static constexpr Opcode kOpcodes[] = {{"cvt", decodeConvert}};

std::span<const Opcode> convertOpcodes() { return kOpcodes; }

} // namespace fathom::runtime::ptxsim
