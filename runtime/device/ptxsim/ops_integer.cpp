// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Integer arithmetic: add, sub, mul, mad, div, rem, min, max, neg, abs, sad, dp4a, dp2a.

#include "runtime/device/ptxsim/lanes.h"
#include "runtime/device/ptxsim/opcodes.h"
#include "runtime/device/ptxsim/ops_float.h"

namespace fathom::runtime::ptxsim {

namespace {
/// Unsigned of at least 32 bits, so that nothing overflows.
template <class T>
using Wide = std::conditional_t<sizeof(T) == 8, uint64_t, uint32_t>;

struct Add {
  template <class T>
  static T run(T a, T b) {
    return static_cast<T>(Wide<T>(a) + Wide<T>(b));
  }
};
struct Sub {
  template <class T>
  static T run(T a, T b) {
    return static_cast<T>(Wide<T>(a) - Wide<T>(b));
  }
};
struct MulLow {
  template <class T>
  static T run(T a, T b) {
    return static_cast<T>(Wide<T>(a) * Wide<T>(b));
  }
};
struct MadLow {
  template <class T>
  static T run(T a, T b, T c) {
    return static_cast<T>(Wide<T>(a) * Wide<T>(b) + Wide<T>(c));
  }
};
template <class T>
using Product = std::conditional_t<sizeof(T) == 8, std::conditional_t<std::is_signed_v<T>, __int128, unsigned __int128>,
                                   std::conditional_t<std::is_signed_v<T>, int64_t, uint64_t>>;
struct MulHigh {
  template <class T>
  static T run(T a, T b) {
    return static_cast<T>(Product<T>{a} * b >> (sizeof(T) * 8));
  }
};
struct MadHigh {
  template <class T>
  static T run(T a, T b, T c) {
    return Add::run(MulHigh::run(a, b), c);
  }
};
/// What devices give for a division by 0: all bits set; the remainder is the dividend.
struct Div {
  template <class T>
  static T run(T a, T b) {
    if (b == 0) {
      return static_cast<T>(~T{0});
    }
    return std::is_signed_v<T> && b == static_cast<T>(-1) ? Sub::run(T{0}, a) : static_cast<T>(a / b);
  }
};
struct Rem {
  template <class T>
  static T run(T a, T b) {
    if (b == 0) {
      return a;
    }
    return std::is_signed_v<T> && b == static_cast<T>(-1) ? T{0} : static_cast<T>(a % b);
  }
};
struct Min {
  template <class T>
  static T run(T a, T b) {
    return a < b ? a : b;
  }
};
struct Max {
  template <class T>
  static T run(T a, T b) {
    return a > b ? a : b;
  }
};
struct Neg {
  template <class T>
  static T run(T a) {
    return Sub::run(T{0}, a);
  }
};
struct Abs {
  template <class T>
  static T run(T a) {
    return a < 0 ? Neg::run(a) : a;
  }
};
struct Sad {
  template <class T>
  static T run(T a, T b, T c) {
    return Add::run(c, a < b ? Sub::run(b, a) : Sub::run(a, b));
  }
};
struct AddSaturated {
  static int32_t run(int32_t a, int32_t b) { return clamp(int64_t{a} + b); }
  static int32_t clamp(int64_t value) {
    return static_cast<int32_t>(std::min<int64_t>(std::max<int64_t>(value, INT32_MIN), INT32_MAX));
  }
};
struct SubSaturated {
  static int32_t run(int32_t a, int32_t b) { return AddSaturated::clamp(int64_t{a} - b); }
};
} // namespace

/// mul.wide, mad.wide: the product of two T is as wide as it needs to be.
template <class T, bool adds>
static void multiplyWide(Warp &warp, const Instruction &instruction, LaneMask mask) {
  using Result = std::conditional_t<sizeof(T) == 2, std::conditional_t<std::is_signed_v<T>, int32_t, uint32_t>,
                                    std::conditional_t<std::is_signed_v<T>, int64_t, uint64_t>>;
  const uint64_t *a = warp.lanes(instruction.operands[1]), *b = warp.lanes(instruction.operands[2]);
  const uint64_t *c = adds ? warp.lanes(instruction.operands[3]) : a;
  forLanes(warp.destination(instruction.operands[0]), mask, [=](unsigned lane) {
    Result product = static_cast<Result>(Result{get<T>(a[lane])} * Result{get<T>(b[lane])});
    return put(adds ? Add::run(product, get<Result>(c[lane])) : product);
  });
}

template <bool adds>
static Handler wideHandler(Type type) {
  switch (type) {
  case Type::U16:
    return multiplyWide<uint16_t, adds>;
  case Type::S16:
    return multiplyWide<int16_t, adds>;
  case Type::U32:
    return multiplyWide<uint32_t, adds>;
  case Type::S32:
    return multiplyWide<int32_t, adds>;
  default:
    return nullptr;
  }
}

static Type widened(Type type) {
  switch (type) {
  case Type::U16:
    return Type::U32;
  case Type::S16:
    return Type::S32;
  default:
    return isSigned(type) ? Type::S64 : Type::U64;
  }
}

/// d, a, b[, c] of one type.
static void operands(Decoder &decoder, Type type, unsigned sources) {
  decoder.instruction().type = type;
  decoder.destination(type);
  for (unsigned i = 0; i < sources; ++i) {
    decoder.source(type);
  }
}

template <class Operation, class Saturated>
static void decodeAdd(Decoder &decoder) {
  if (decodeFloatArithmetic(decoder)) {
    return;
  }
  bool saturates = decoder.take("sat");
  Type type = decoder.takeType();
  operands(decoder, type, 2);
  if (saturates) {
    return decoder.emit(type == Type::S32 ? binary<int32_t, Saturated> : nullptr);
  }
  decoder.emit(forIntegers<Operation, Arity::Two>(type));
}

template <class Low, class High, bool adds>
static void decodeMul(Decoder &decoder) {
  if (decodeFloatArithmetic(decoder)) {
    return;
  }
  size_t part = decoder.takeOne({"lo", "hi", "wide"});
  Type type = decoder.takeType();
  constexpr Arity arity = adds ? Arity::Three : Arity::Two;
  if (part != 2) {
    operands(decoder, type, adds ? 3 : 2);
    return decoder.emit(part == 0 ? forIntegers<Low, arity>(type) : forIntegers<High, arity>(type));
  }
  decoder.instruction().type = type;
  decoder.destination(widened(type));
  decoder.source(type);
  decoder.source(type);
  if (adds) {
    decoder.source(widened(type));
  }
  decoder.emit(wideHandler<adds>(type));
}

template <class Operation, Arity arity>
static void decodePlain(Decoder &decoder) {
  if (decodeFloatArithmetic(decoder)) {
    return;
  }
  Type type = decoder.takeType();
  operands(decoder, type, static_cast<unsigned>(arity) + 1);
  decoder.emit(forIntegers<Operation, arity>(type));
}

/// dp4a, dp2a: four products of bytes, two of 16 by 8 bits.
template <bool isSignedA, bool isSignedB, unsigned count, unsigned shift>
static void dotProduct(Warp &warp, const Instruction &instruction, LaneMask mask) {
  constexpr unsigned bits = 32 / count;
  const uint64_t *a = warp.lanes(instruction.operands[1]), *b = warp.lanes(instruction.operands[2]),
                 *c = warp.lanes(instruction.operands[3]);
  auto element = [](uint64_t slot, unsigned from, unsigned width, bool isSigned) {
    auto top = static_cast<uint32_t>(slot) << (32 - width - from);
    return isSigned ? static_cast<uint32_t>(static_cast<int32_t>(top) >> (32 - width)) : top >> (32 - width);
  };
  forLanes(warp.destination(instruction.operands[0]), mask, [=](unsigned lane) {
    auto sum = static_cast<uint32_t>(c[lane]);
    for (unsigned i = 0; i < count; ++i) {
      sum += element(a[lane], i * bits, bits, isSignedA) * element(b[lane], shift + i * 8, 8, isSignedB);
    }
    return uint64_t{sum};
  });
}

template <unsigned count, unsigned shift>
static Handler dotProductOf(Type a, Type b) {
  if (isSigned(a)) {
    return isSigned(b) ? dotProduct<true, true, count, shift> : dotProduct<true, false, count, shift>;
  }
  return isSigned(b) ? dotProduct<false, true, count, shift> : dotProduct<false, false, count, shift>;
}

template <unsigned count>
static void decodeDotProduct(Decoder &decoder) {
  bool high = count == 2 && decoder.takeOne({"lo", "hi"}) == 1;
  Type a = decoder.takeType({Type::U32, Type::S32}), b = decoder.takeType({Type::U32, Type::S32});
  operands(decoder, Type::B32, 3);
  decoder.emit(high ? dotProductOf<count, 16>(a, b) : dotProductOf<count, 0>(a, b));
}

static constexpr Opcode kOpcodes[] = {
    {"add", decodeAdd<Add, AddSaturated>},
    {"sub", decodeAdd<Sub, SubSaturated>},
    {"mul", decodeMul<MulLow, MulHigh, false>},
    {"mad", decodeMul<MadLow, MadHigh, true>},
    {"div", decodePlain<Div, Arity::Two>},
    {"rem", decodePlain<Rem, Arity::Two>},
    {"min", decodePlain<Min, Arity::Two>},
    {"max", decodePlain<Max, Arity::Two>},
    {"neg", decodePlain<Neg, Arity::One>},
    {"abs", decodePlain<Abs, Arity::One>},
    {"sad", decodePlain<Sad, Arity::Three>},
    {"dp4a", decodeDotProduct<4>},
    {"dp2a", decodeDotProduct<2>},
};

std::span<const Opcode> integerOpcodes() { return kOpcodes; }

} // namespace fathom::runtime::ptxsim
