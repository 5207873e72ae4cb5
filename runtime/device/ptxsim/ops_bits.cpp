// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Bits: and, or, xor, not, cnot, shifts, bfe, bfi, prmt, lop3, popc, clz, brev, bfind.

#include "runtime/device/ptxsim/lanes.h"
#include "runtime/device/ptxsim/opcodes.h"

namespace fathom::runtime::ptxsim {

namespace {
struct And {
  template <class T>
  static T run(T a, T b) {
    return a & b;
  }
};
struct Or {
  template <class T>
  static T run(T a, T b) {
    return a | b;
  }
};
struct Xor {
  template <class T>
  static T run(T a, T b) {
    return a ^ b;
  }
};
struct Not {
  template <class T>
  static T run(T a) {
    return static_cast<T>(~a);
  }
};
struct Cnot {
  template <class T>
  static T run(T a) {
    return a == 0;
  }
};
struct Population {
  template <class T>
  static uint32_t run(T a) {
    return static_cast<uint32_t>(std::popcount(a));
  }
};
struct LeadingZeros {
  template <class T>
  static uint32_t run(T a) {
    return static_cast<uint32_t>(std::countl_zero(a));
  }
};
struct Reverse {
  template <class T>
  static T run(T a) {
    T reversed = 0;
    for (unsigned i = 0; i < sizeof(T) * 8; ++i) {
      reversed |= static_cast<T>((a >> i & 1) << (sizeof(T) * 8 - 1 - i));
    }
    return reversed;
  }
};
/// The highest bit that is set, or, of a negative number, that is not.
struct FindHighest {
  template <class T>
  static uint32_t run(T a) {
    using U = std::make_unsigned_t<T>;
    U value = static_cast<U>(std::is_signed_v<T> && a < 0 ? ~a : a);
    return static_cast<uint32_t>(sizeof(T) * 8 - 1) - static_cast<uint32_t>(std::countl_zero(value));
  }
};
struct FindShift {
  template <class T>
  static uint32_t run(T a) {
    uint32_t highest = FindHighest::run(a);
    return highest == UINT32_MAX ? highest : static_cast<uint32_t>(sizeof(T) * 8 - 1) - highest;
  }
};
} // namespace

/// Predicates have one bit, also after `not`.
static void notPredicate(Warp &warp, const Instruction &instruction, LaneMask mask) {
  const uint64_t *a = warp.lanes(instruction.operands[1]);
  forLanes(warp.destination(instruction.operands[0]), mask, [=](unsigned lane) { return (a[lane] & 1) ^ 1; });
}

/// and.pred and the like, whose sources may be negated.
template <class Operation>
static void predicates(Warp &warp, const Instruction &instruction, LaneMask mask) {
  LaneMask a = warp.predicate(instruction.operands[1]), b = warp.predicate(instruction.operands[2]);
  LaneMask result = Operation::run(a, b);
  forLanes(warp.destination(instruction.operands[0]), mask,
           [=](unsigned lane) { return uint64_t{result >> lane & 1}; });
}

template <class Operation>
static void decodeLogic(Decoder &decoder) {
  Type type = decoder.takeType({Type::Pred, Type::B16, Type::B32, Type::B64});
  decoder.instruction().type = type;
  decoder.destination(type);
  decoder.source(type);
  decoder.source(type);
  decoder.emit(type == Type::Pred ? predicates<Operation> : forBits<Operation, Arity::Two>(type));
}

template <class Operation>
static void decodeNot(Decoder &decoder) {
  Type type = decoder.takeType({Type::Pred, Type::B16, Type::B32, Type::B64});
  decoder.destination(type);
  decoder.source(type);
  decoder.emit(type == Type::Pred ? notPredicate : forBits<Operation, Arity::One>(type));
}

/// The result has the type of the operand, or, of `popc` and its like, 32 bits.
template <class Operation, bool isCount>
static void decodeUnary(Decoder &decoder) {
  Type type = decoder.takeType({Type::B32, Type::B64});
  decoder.destination(isCount ? Type::U32 : type);
  decoder.source(type);
  decoder.emit(forBits<Operation, Arity::One>(type));
}

static void decodeFind(Decoder &decoder) {
  bool isShift = decoder.take("shiftamt");
  Type type = decoder.takeType({Type::U32, Type::U64, Type::S32, Type::S64});
  decoder.destination(Type::U32);
  decoder.source(type);
  decoder.emit(isShift ? forIntegers<FindShift, Arity::One>(type) : forIntegers<FindHighest, Arity::One>(type));
}

// --- Shifts: amounts of the width or more clamp to it ----------------------------------------------------------------

template <class T>
static void shiftLeft(Warp &warp, const Instruction &instruction, LaneMask mask) {
  const uint64_t *a = warp.lanes(instruction.operands[1]), *b = warp.lanes(instruction.operands[2]);
  forLanes(warp.destination(instruction.operands[0]), mask, [=](unsigned lane) {
    auto amount = static_cast<uint32_t>(b[lane]);
    return amount >= sizeof(T) * 8 ? 0 : put(static_cast<T>(uint64_t{get<T>(a[lane])} << amount));
  });
}

template <class T>
static void shiftRight(Warp &warp, const Instruction &instruction, LaneMask mask) {
  const uint64_t *a = warp.lanes(instruction.operands[1]), *b = warp.lanes(instruction.operands[2]);
  forLanes(warp.destination(instruction.operands[0]), mask, [=](unsigned lane) {
    auto amount = static_cast<uint32_t>(b[lane]);
    // By the largest amount there is, twice: a shift by the width in C is none.
    unsigned half = std::min<unsigned>(amount, sizeof(T) * 8) / 2,
             rest = std::min<unsigned>(amount, sizeof(T) * 8) - half;
    return put(static_cast<T>(get<T>(a[lane]) >> half >> rest));
  });
}

static Handler leftHandler(Type type) {
  return type == Type::B16 ? shiftLeft<uint16_t> : type == Type::B32 ? shiftLeft<uint32_t> : shiftLeft<uint64_t>;
}

static Handler rightHandler(Type type) {
  switch (type) {
  case Type::S16:
    return shiftRight<int16_t>;
  case Type::S32:
    return shiftRight<int32_t>;
  case Type::S64:
    return shiftRight<int64_t>;
  case Type::B16:
  case Type::U16:
    return shiftRight<uint16_t>;
  case Type::B32:
  case Type::U32:
    return shiftRight<uint32_t>;
  default:
    return shiftRight<uint64_t>;
  }
}

template <bool isLeft>
static void decodeShift(Decoder &decoder) {
  Type type = isLeft ? decoder.takeType({Type::B16, Type::B32, Type::B64})
                     : decoder.takeType({Type::B16, Type::B32, Type::B64, Type::U16, Type::U32, Type::U64, Type::S16,
                                         Type::S32, Type::S64});
  decoder.destination(type);
  decoder.source(type);
  decoder.source(Type::U32);
  decoder.emit(isLeft ? leftHandler(type) : rightHandler(type));
}

/// shf: a funnel of b:a, to the left or right, by an amount that is clamped to 32 or wraps.
template <bool isLeft, bool wraps>
static void funnel(Warp &warp, const Instruction &instruction, LaneMask mask) {
  const uint64_t *a = warp.lanes(instruction.operands[1]), *b = warp.lanes(instruction.operands[2]),
                 *c = warp.lanes(instruction.operands[3]);
  forLanes(warp.destination(instruction.operands[0]), mask, [=](unsigned lane) {
    auto amount = static_cast<uint32_t>(c[lane]);
    amount = wraps ? amount & 31 : std::min<uint32_t>(amount, 32);
    uint64_t both = (b[lane] << 32) | static_cast<uint32_t>(a[lane]);
    return isLeft ? (both << amount) >> 32 : (both >> amount) & UINT32_MAX;
  });
}

static void decodeFunnel(Decoder &decoder) {
  bool isLeft = decoder.takeOne({"r", "l"}) == 1, wraps = decoder.takeOne({"clamp", "wrap"}) == 1;
  Type type = decoder.takeType({Type::B32});
  decoder.destination(type);
  decoder.source(type);
  decoder.source(type);
  decoder.source(Type::U32);
  decoder.emit(isLeft ? (wraps ? funnel<true, true> : funnel<true, false>)
                      : (wraps ? funnel<false, true> : funnel<false, false>));
}

// --- Fields ---------------------------------------------------------------------------------------------------------

template <class T>
static void extractField(Warp &warp, const Instruction &instruction, LaneMask mask) {
  constexpr unsigned bits = sizeof(T) * 8;
  const uint64_t *a = warp.lanes(instruction.operands[1]), *b = warp.lanes(instruction.operands[2]),
                 *c = warp.lanes(instruction.operands[3]);
  forLanes(warp.destination(instruction.operands[0]), mask, [=](unsigned lane) {
    unsigned position = b[lane] & 0xff, length = c[lane] & 0xff;
    T value = get<T>(a[lane]);
    bool fills = std::is_signed_v<T> && length != 0 &&
                 (static_cast<std::make_unsigned_t<T>>(value) >> std::min(position + length - 1, bits - 1) & 1) != 0;
    auto field = position >= bits ? 0 : static_cast<std::make_unsigned_t<T>>(value) >> position;
    using U = std::make_unsigned_t<T>;
    U keep = length >= bits ? static_cast<U>(~U{0}) : static_cast<U>((U{1} << length) - 1);
    // Bits beyond the end are copies of the sign.
    U beyond = position >= bits ? static_cast<U>(~U{0})
               : position == 0  ? U{0}
                                : static_cast<U>(~U{0} << (bits - position));
    U result = fills ? static_cast<U>(((field | beyond) & keep) | static_cast<U>(~keep)) : static_cast<U>(field & keep);
    return put(result);
  });
}

static void decodeExtract(Decoder &decoder) {
  Type type = decoder.takeType({Type::U32, Type::S32, Type::U64, Type::S64});
  decoder.destination(type);
  decoder.source(type);
  decoder.source(Type::U32);
  decoder.source(Type::U32);
  static constexpr Handler kHandlers[] = {extractField<uint32_t>, extractField<int32_t>, extractField<uint64_t>,
                                          extractField<int64_t>};
  decoder.emit(kHandlers[(bitsOf(type) == 64 ? 2 : 0) + isSigned(type)]);
}

template <class T>
static void insertField(Warp &warp, const Instruction &instruction, LaneMask mask) {
  constexpr unsigned bits = sizeof(T) * 8;
  const uint64_t *a = warp.lanes(instruction.operands[1]), *b = warp.lanes(instruction.operands[2]),
                 *c = warp.lanes(instruction.operands[3]), *d = warp.lanes(instruction.operands[4]);
  forLanes(warp.destination(instruction.operands[0]), mask, [=](unsigned lane) {
    unsigned position = c[lane] & 0xff, length = d[lane] & 0xff;
    T keep = length >= bits ? ~T{0} : (T{1} << length) - 1;
    T field = position >= bits ? 0 : keep << position;
    T value = position >= bits ? 0 : get<T>(a[lane]) << position;
    return put(static_cast<T>((get<T>(b[lane]) & ~field) | (value & field)));
  });
}

static void decodeInsert(Decoder &decoder) {
  Type type = decoder.takeType({Type::B32, Type::B64});
  decoder.destination(type);
  decoder.source(type);
  decoder.source(type);
  decoder.source(Type::U32);
  decoder.source(Type::U32);
  decoder.emit(type == Type::B32 ? insertField<uint32_t> : insertField<uint64_t>);
}

/// prmt in its general mode: a selector's nibble names a byte of b:a; with its highest bit, the byte's sign fills.
static uint32_t permute(uint32_t a, uint32_t b, uint32_t selector) {
  uint64_t bytes = uint64_t{b} << 32 | a;
  uint32_t result = 0;
  for (unsigned i = 0; i < 4; ++i) {
    uint32_t nibble = selector >> (i * 4) & 15;
    auto byte = static_cast<uint8_t>(bytes >> ((nibble & 7) * 8));
    byte = (nibble & 8) != 0 ? static_cast<uint8_t>((byte & 0x80) != 0 ? 0xff : 0) : byte;
    result |= uint32_t{byte} << (i * 8);
  }
  return result;
}

static void permuteBytes(Warp &warp, const Instruction &instruction, LaneMask mask) {
  const uint64_t *a = warp.lanes(instruction.operands[1]), *b = warp.lanes(instruction.operands[2]),
                 *c = warp.lanes(instruction.operands[3]);
  forLanes(warp.destination(instruction.operands[0]), mask, [=](unsigned lane) {
    return uint64_t{
        permute(static_cast<uint32_t>(a[lane]), static_cast<uint32_t>(b[lane]), static_cast<uint32_t>(c[lane]))};
  });
}

/// prmt.f4e and so on: the low two bits of c choose a row.
static void permuteMode(Warp &warp, const Instruction &instruction, LaneMask mask) {
  static constexpr uint16_t kSelectors[6][4] = {
      {0x3210, 0x4321, 0x5432, 0x6543}, // f4e
      {0x5670, 0x6701, 0x7012, 0x0123}, // b4e
      {0x0000, 0x1111, 0x2222, 0x3333}, // rc8
      {0x3210, 0x3211, 0x3222, 0x3333}, // ecl
      {0x0000, 0x1110, 0x2210, 0x3210}, // ecr
      {0x1010, 0x3232, 0x1010, 0x3232}, // rc16
  };
  const uint64_t *a = warp.lanes(instruction.operands[1]), *b = warp.lanes(instruction.operands[2]),
                 *c = warp.lanes(instruction.operands[3]);
  const uint16_t *row = kSelectors[instruction.immediate];
  forLanes(warp.destination(instruction.operands[0]), mask, [=](unsigned lane) {
    return uint64_t{permute(static_cast<uint32_t>(a[lane]), static_cast<uint32_t>(b[lane]), row[c[lane] & 3])};
  });
}

static void decodePermute(Decoder &decoder) {
  Type type = decoder.takeType({Type::B32});
  static constexpr std::string_view kModes[] = {"f4e", "b4e", "rc8", "ecl", "ecr", "rc16"};
  Handler handler = permuteBytes;
  for (size_t mode = 0; mode < std::size(kModes); ++mode) {
    if (decoder.take(kModes[mode])) {
      decoder.instruction().immediate = mode;
      handler = permuteMode;
    }
  }
  decoder.destination(type);
  for (int i = 0; i < 3; ++i) {
    decoder.source(type);
  }
  decoder.emit(handler);
}

/// Any function of three bits: bit (a << 2 | b << 1 | c) of the table.
static void lookUp(Warp &warp, const Instruction &instruction, LaneMask mask) {
  const uint64_t *a = warp.lanes(instruction.operands[1]), *b = warp.lanes(instruction.operands[2]),
                 *c = warp.lanes(instruction.operands[3]);
  uint64_t table = instruction.immediate;
  forLanes(warp.destination(instruction.operands[0]), mask, [=](unsigned lane) {
    uint64_t result = 0;
    for (unsigned i = 0; i < 8; ++i) {
      uint64_t matches = (i & 4 ? a[lane] : ~a[lane]) & (i & 2 ? b[lane] : ~b[lane]) & (i & 1 ? c[lane] : ~c[lane]);
      result |= (table >> i & 1) != 0 ? matches : 0;
    }
    return result & UINT32_MAX;
  });
}

static void decodeLookUp(Decoder &decoder) {
  Type type = decoder.takeType({Type::B32});
  decoder.destination(type);
  for (int i = 0; i < 3; ++i) {
    decoder.source(type);
  }
  decoder.instruction().immediate = decoder.integer(255);
  decoder.emit(lookUp);
}

static constexpr Opcode kOpcodes[] = {
    {"and", decodeLogic<And>},
    {"or", decodeLogic<Or>},
    {"xor", decodeLogic<Xor>},
    {"not", decodeNot<Not>},
    {"cnot", decodeNot<Cnot>},
    {"popc", decodeUnary<Population, true>},
    {"clz", decodeUnary<LeadingZeros, true>},
    {"brev", decodeUnary<Reverse, false>},
    {"bfind", decodeFind},
    {"shl", decodeShift<true>},
    {"shr", decodeShift<false>},
    {"shf", decodeFunnel},
    {"bfe", decodeExtract},
    {"bfi", decodeInsert},
    {"prmt", decodePermute},
    {"lop3", decodeLookUp},
};

std::span<const Opcode> bitOpcodes() { return kOpcodes; }

} // namespace fathom::runtime::ptxsim
