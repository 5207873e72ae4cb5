// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Floats: add, sub, mul, fma, mad, div, rcp, sqrt, min, max, neg, abs, copysign, testp. All round once and keep
// subnormals, unless .ftz says otherwise; NaNs that result are the device's.

#include "runtime/device/ptxsim/ops_float.h"

#include "runtime/device/ptxsim/opcodes.h"

#include <cfenv>

namespace fathom::runtime::ptxsim {

namespace {
struct Add {
  template <class T>
  static T run(T a, T b) {
    return a + b;
  }
};
struct Sub {
  template <class T>
  static T run(T a, T b) {
    return a - b;
  }
};
struct Mul {
  template <class T>
  static T run(T a, T b) {
    return a * b;
  }
};
struct Div {
  template <class T>
  static T run(T a, T b) {
    return a / b;
  }
};
struct Fma {
  template <class T>
  static T run(T a, T b, T c) {
    return std::fma(a, b, c);
  }
};
/// Of 16 bits: the product of two is exact in a double, the sum need not be.
struct FmaExact {
  static double run(double a, double b, double c) { return fmaToOdd(a, b, c); }
};
struct Reciprocal {
  template <class T>
  static T run(T a) {
    return 1 / a;
  }
};
struct SquareRoot {
  template <class T>
  static T run(T a) {
    return std::sqrt(a);
  }
};
struct Neg {
  template <class T>
  static T run(T a) {
    return -a;
  }
};
struct Abs {
  template <class T>
  static T run(T a) {
    return std::fabs(a);
  }
};
/// A NaN counts as missing; -0 is less than 0.
template <bool isMax>
struct Extreme {
  template <class T>
  static T run(T a, T b) {
    if (a == b) {
      return (isMax ? std::signbit(a) : std::signbit(b)) ? b : a;
    }
    return a != a ? b : b != b ? a : (a > b) == isMax ? a : b;
  }
};
template <bool isMax>
struct ExtremeOrNan {
  template <class T>
  static T run(T a, T b) {
    return a != a || b != b ? static_cast<T>(NAN) : Extreme<isMax>::run(a, b);
  }
};
} // namespace

/// The instruction's own handler is called through a pointer, so that nothing of it moves out of the mode.
static void inRoundingMode(Warp &warp, const Instruction &instruction, LaneMask mask) {
  static constexpr int kModes[] = {FE_TONEAREST, FE_TOWARDZERO, FE_DOWNWARD, FE_UPWARD};
  int before = std::fegetround();
  std::fesetround(kModes[static_cast<size_t>(instruction.rounding)]);
  instruction.inner(warp, instruction, mask);
  std::fesetround(before);
}

void emitRounded(Decoder &decoder, Handler handler, Rounding rounding) {
  decoder.instruction().rounding = rounding;
  decoder.instruction().inner = handler;
  decoder.emit(rounding == Rounding::Nearest || handler == nullptr ? handler : inRoundingMode);
}

/// Modifiers that most have, then d, a, b, c.
static Type begin(Decoder &decoder, unsigned sources) {
  Instruction &instruction = decoder.instruction();
  instruction.flush = decoder.take("ftz");
  instruction.saturate = decoder.take("sat");
  Type type = decoder.takeType();
  instruction.type = type;
  decoder.destination(type);
  for (unsigned i = 0; i < sources; ++i) {
    decoder.source(type);
  }
  return type;
}

template <class Operation>
static void decodeBinary(Decoder &decoder) {
  Rounding rounding = decoder.takeRounding();
  begin(decoder, 2);
  Handler handler = floatHandlerOf<Operation, Arity::Two>(decoder.instruction());
  emitRounded(decoder, handler, rounding);
}

template <class Operation>
static void decodeSimple(Decoder &decoder) {
  begin(decoder, 1);
  decoder.emit(floatHandlerOf<Operation, Arity::One>(decoder.instruction()));
}

template <bool isMax>
static void decodeExtreme(Decoder &decoder) {
  bool keepsNan = decoder.take("NaN");
  begin(decoder, 2);
  decoder.emit(keepsNan ? floatHandlerOf<ExtremeOrNan<isMax>, Arity::Two>(decoder.instruction())
                        : floatHandlerOf<Extreme<isMax>, Arity::Two>(decoder.instruction()));
}

/// Lanes with the machine's instruction, where it has one.
__attribute__((target("avx2,fma"))) static void fmaHardware(Warp &warp, const Instruction &instruction, LaneMask mask) {
  floatLanes<CodecF32, Fma, Arity::Three, false>(warp, instruction, mask);
}

static Handler fmaHandler(const Instruction &instruction) {
  switch (instruction.type) {
  case Type::F32:
    if (!instruction.flush && !instruction.saturate && __builtin_cpu_supports("fma") &&
        __builtin_cpu_supports("avx2")) {
      return fmaHardware;
    }
    return floatHandler<CodecF32, Fma, Arity::Three>(instruction);
  case Type::F64:
    return floatHandler<CodecF64, Fma, Arity::Three>(instruction);
  case Type::F16:
    return floatHandler<CodecF16, FmaExact, Arity::Three>(instruction);
  case Type::F16x2:
    return floatHandler<CodecF16x2, FmaExact, Arity::Three>(instruction);
  case Type::BF16:
    return floatHandler<CodecBF16, FmaExact, Arity::Three>(instruction);
  case Type::BF16x2:
    return floatHandler<CodecBF16x2, FmaExact, Arity::Three>(instruction);
  default:
    return nullptr;
  }
}

static void decodeFma(Decoder &decoder) {
  Rounding rounding = decoder.takeRounding();
  decoder.instruction().relu = decoder.take("relu");
  begin(decoder, 3);
  emitRounded(decoder, fmaHandler(decoder.instruction()), rounding);
}

namespace {
/// Computed as doubles and rounded once: closer than the device, whose last bits are not specified.
struct DivApproximate {
  template <class T>
  static T run(T a, T b) {
    return static_cast<T>(static_cast<double>(a) / static_cast<double>(b));
  }
};
} // namespace

static void decodeDiv(Decoder &decoder) {
  bool isApproximate = decoder.take("approx") || decoder.take("full");
  Rounding rounding = decoder.takeRounding();
  Type type = begin(decoder, 2);
  Handler handler = type == Type::F32 || type == Type::F64
                        ? isApproximate ? floatHandlerOf<DivApproximate, Arity::Two>(decoder.instruction())
                                        : floatHandlerOf<Div, Arity::Two>(decoder.instruction())
                        : nullptr;
  emitRounded(decoder, handler, rounding);
}

/// rcp and sqrt, which are approximations unless they say how they round.
template <class Operation>
static void decodeRoot(Decoder &decoder) {
  if (!decoder.take("approx") && !decoder.has("rn") && !decoder.has("rz") && !decoder.has("rm") && !decoder.has("rp")) {
    return decoder.fail("expected a rounding mode or .approx");
  }
  Rounding rounding = decoder.takeRounding();
  Type type = begin(decoder, 1);
  Handler handler =
      type == Type::F32 || type == Type::F64 ? floatHandlerOf<Operation, Arity::One>(decoder.instruction()) : nullptr;
  emitRounded(decoder, handler, rounding);
}

bool decodeFloatArithmetic(Decoder &decoder) {
  if (!isFloat(decoder.peekType())) {
    return false;
  }
  static constexpr std::pair<std::string_view, void (*)(Decoder &)> kDecoders[] = {
      {"add", decodeBinary<Add>},   {"sub", decodeBinary<Sub>}, {"mul", decodeBinary<Mul>},
      {"mad", decodeFma},           {"div", decodeDiv},         {"min", decodeExtreme<false>},
      {"max", decodeExtreme<true>}, {"neg", decodeSimple<Neg>}, {"abs", decodeSimple<Abs>},
  };
  for (auto [name, decode] : kDecoders) {
    if (name == decoder.parsed().opcode) {
      decode(decoder);
      return true;
    }
  }
  return false;
}

template <class T>
static void copySign(Warp &warp, const Instruction &instruction, LaneMask mask) {
  const uint64_t *a = warp.lanes(instruction.operands[1]), *b = warp.lanes(instruction.operands[2]);
  constexpr uint64_t sign = uint64_t{1} << (sizeof(T) * 8 - 1);
  forLanes(warp.destination(instruction.operands[0]), mask,
           [=](unsigned lane) { return (a[lane] & sign) | (b[lane] & (sign - 1)); });
}

static void decodeCopySign(Decoder &decoder) {
  Type type = decoder.takeType({Type::F32, Type::F64});
  decoder.destination(type);
  decoder.source(type);
  decoder.source(type);
  decoder.emit(type == Type::F32 ? copySign<float> : copySign<double>);
}

/// Classes of numbers; `immediate` is the index in testp's list.
template <class T>
static void testClass(Warp &warp, const Instruction &instruction, LaneMask mask) {
  const uint64_t *a = warp.lanes(instruction.operands[1]);
  uint64_t which = instruction.immediate;
  forLanes(warp.destination(instruction.operands[0]), mask, [=](unsigned lane) -> uint64_t {
    T value = get<T>(a[lane]);
    const bool tests[] = {std::isfinite(value) != 0, std::isinf(value) != 0,    !std::isnan(value),
                          std::isnan(value) != 0,    std::isnormal(value) != 0, std::fpclassify(value) == FP_SUBNORMAL};
    return tests[which];
  });
}

static void decodeTest(Decoder &decoder) {
  decoder.instruction().immediate =
      decoder.takeOne({"finite", "infinite", "number", "notanumber", "normal", "subnormal"});
  Type type = decoder.takeType({Type::F32, Type::F64});
  decoder.destination(Type::Pred);
  decoder.source(type);
  decoder.emit(type == Type::F32 ? testClass<float> : testClass<double>);
}

static constexpr Opcode kOpcodes[] = {
    {"fma", decodeFma},           {"rcp", decodeRoot<Reciprocal>}, {"sqrt", decodeRoot<SquareRoot>},
    {"copysign", decodeCopySign}, {"testp", decodeTest},
};

std::span<const Opcode> floatOpcodes() { return kOpcodes; }

} // namespace fathom::runtime::ptxsim
