// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Comparisons and choices: setp, set, selp, slct.

#include "runtime/device/ptxsim/opcodes.h"
#include "runtime/device/ptxsim/ops_float.h"

#include <functional>

namespace fathom::runtime::ptxsim {

namespace {
template <class T>
struct CodecInteger {
  using Value = T;
  static T load(uint64_t slot) { return get<T>(slot); }
};

/// True also where one is a NaN.
template <class Comparison>
struct OrUnordered {
  template <class T>
  bool operator()(T a, T b) const {
    return a != a || b != b || Comparison()(a, b);
  }
};
struct NotEqual {
  template <class T>
  bool operator()(T a, T b) const {
    return a == a && b == b && a != b;
  }
};
struct AreNumbers {
  template <class T>
  bool operator()(T a, T b) const {
    return a == a && b == b;
  }
};
struct HasNan {
  template <class T>
  bool operator()(T a, T b) const {
    return a != a || b != b;
  }
};
} // namespace

/// How the result is combined with the predicate that follows the sources.
enum class Combination : uint8_t { None, And, Or, Xor };

static LaneMask combine(Combination combination, LaneMask result, LaneMask with) {
  switch (combination) {
  case Combination::And:
    return result & with;
  case Combination::Or:
    return result | with;
  case Combination::Xor:
    return result ^ with;
  default:
    return result;
  }
}

static void writePredicate(Warp &warp, const Operand &operand, LaneMask mask, LaneMask values) {
  if (!operand.isSink) {
    forLanes(warp.destination(operand), mask, [=](unsigned lane) { return uint64_t{values >> lane & 1}; });
  }
}

/// What `set` writes for true: all bits of an integer, 1 of a float.
static uint64_t trueOf(Type type) {
  return type == Type::F32 ? put(1.0f) : type == Type::F16 ? 0x3c00 : type == Type::BF16 ? 0x3f80 : UINT32_MAX;
}

/// Operands: d, q of setp, a, b, perhaps c.
static void finish(Warp &warp, const Instruction &instruction, LaneMask mask, LaneMask result) {
  auto combination = static_cast<Combination>(instruction.immediate);
  LaneMask with = combination == Combination::None ? 0 : warp.predicate(instruction.operands[4]);
  if (instruction.type != Type::Pred) {
    LaneMask values = combine(combination, result, with);
    uint64_t yes = trueOf(instruction.type);
    forLanes(warp.destination(instruction.operands[0]), mask,
             [=](unsigned lane) { return (values >> lane & 1) != 0 ? yes : 0; });
    return;
  }
  LaneMask opposite = combine(combination, ~result, with);
  writePredicate(warp, instruction.operands[0], mask, combine(combination, result, with));
  writePredicate(warp, instruction.operands[1], mask, opposite);
}

template <class Codec, class Comparison>
static void compare(Warp &warp, const Instruction &instruction, LaneMask mask) {
  const uint64_t *a = warp.lanes(instruction.operands[2]), *b = warp.lanes(instruction.operands[3]);
  uint8_t results[kWarpSize];
  for (unsigned lane = 0; lane < kWarpSize; ++lane) {
    results[lane] = Comparison()(Codec::load(a[lane]), Codec::load(b[lane]));
  }
  LaneMask result = 0;
  for (unsigned lane = 0; lane < kWarpSize; ++lane) {
    result |= LaneMask{results[lane]} << lane;
  }
  finish(warp, instruction, mask, result);
}

template <class Comparison>
static void compareFlushed(Warp &warp, const Instruction &instruction, LaneMask mask) {
  const uint64_t *a = warp.lanes(instruction.operands[2]), *b = warp.lanes(instruction.operands[3]);
  LaneMask result = 0;
  for (unsigned lane = 0; lane < kWarpSize; ++lane) {
    bool holds =
        Comparison()(flushed<CodecF32>(get<float>(a[lane]), true), flushed<CodecF32>(get<float>(b[lane]), true));
    result |= static_cast<LaneMask>(holds) << lane;
  }
  finish(warp, instruction, mask, result);
}

template <class Comparison>
static Handler integerComparison(Type type) {
  switch (type) {
  case Type::B16:
  case Type::U16:
    return compare<CodecInteger<uint16_t>, Comparison>;
  case Type::B32:
  case Type::U32:
    return compare<CodecInteger<uint32_t>, Comparison>;
  case Type::B64:
  case Type::U64:
    return compare<CodecInteger<uint64_t>, Comparison>;
  case Type::S16:
    return compare<CodecInteger<int16_t>, Comparison>;
  case Type::S32:
    return compare<CodecInteger<int32_t>, Comparison>;
  case Type::S64:
    return compare<CodecInteger<int64_t>, Comparison>;
  default:
    return nullptr;
  }
}

template <class Comparison>
static Handler floatComparison(Type type, bool flushes) {
  switch (type) {
  case Type::F32:
    return flushes ? compareFlushed<Comparison> : compare<CodecF32, Comparison>;
  case Type::F64:
    return compare<CodecF64, Comparison>;
  case Type::F16:
    return compare<CodecF16, Comparison>;
  case Type::BF16:
    return compare<CodecBF16, Comparison>;
  default:
    return nullptr;
  }
}

namespace {
struct ComparisonRow {
  std::string_view name;
  /// Null where there is none for such types. lo, ls, hi and hs are unsigned whatever the type.
  Handler (*ofIntegers)(Type type);
  Handler (*ofFloats)(Type type, bool flushes);
};
} // namespace

static Type unsignedOf(Type type) {
  return bitsOf(type) == 16 ? Type::U16 : bitsOf(type) == 32 ? Type::U32 : Type::U64;
}

template <class Comparison>
static Handler unsignedComparison(Type type) {
  return integerComparison<Comparison>(unsignedOf(type));
}

static constexpr ComparisonRow kComparisons[] = {
    {"eq", integerComparison<std::equal_to<>>, floatComparison<std::equal_to<>>},
    {"ne", integerComparison<std::not_equal_to<>>, floatComparison<NotEqual>},
    {"lt", integerComparison<std::less<>>, floatComparison<std::less<>>},
    {"le", integerComparison<std::less_equal<>>, floatComparison<std::less_equal<>>},
    {"gt", integerComparison<std::greater<>>, floatComparison<std::greater<>>},
    {"ge", integerComparison<std::greater_equal<>>, floatComparison<std::greater_equal<>>},
    {"lo", unsignedComparison<std::less<>>, nullptr},
    {"ls", unsignedComparison<std::less_equal<>>, nullptr},
    {"hi", unsignedComparison<std::greater<>>, nullptr},
    {"hs", unsignedComparison<std::greater_equal<>>, nullptr},
    {"equ", nullptr, floatComparison<OrUnordered<std::equal_to<>>>},
    {"neu", nullptr, floatComparison<std::not_equal_to<>>},
    {"ltu", nullptr, floatComparison<OrUnordered<std::less<>>>},
    {"leu", nullptr, floatComparison<OrUnordered<std::less_equal<>>>},
    {"gtu", nullptr, floatComparison<OrUnordered<std::greater<>>>},
    {"geu", nullptr, floatComparison<OrUnordered<std::greater_equal<>>>},
    {"num", nullptr, floatComparison<AreNumbers>},
    {"nan", nullptr, floatComparison<HasNan>},
};

static const ComparisonRow *takeComparison(Decoder &decoder) {
  for (const ComparisonRow &row : kComparisons) {
    if (decoder.take(row.name)) {
      return &row;
    }
  }
  decoder.fail("expected a comparison");
  return nullptr;
}

template <bool writesPredicate>
static void decodeSet(Decoder &decoder) {
  Instruction &instruction = decoder.instruction();
  const ComparisonRow *row = takeComparison(decoder);
  auto combination = decoder.take("and")   ? Combination::And
                     : decoder.take("or")  ? Combination::Or
                     : decoder.take("xor") ? Combination::Xor
                                           : Combination::None;
  instruction.immediate = static_cast<uint64_t>(combination);
  bool flushes = decoder.take("ftz");
  instruction.type = writesPredicate
                         ? Type::Pred
                         : decoder.takeType({Type::U32, Type::S32, Type::B32, Type::F32, Type::F16, Type::BF16});
  Type source = decoder.takeType();
  if (row == nullptr) {
    return;
  }
  decoder.destinationPair(instruction.type, instruction.type);
  decoder.source(source);
  decoder.source(source);
  if (combination != Combination::None) {
    decoder.source(Type::Pred);
  }
  Handler handler = isFloat(source) ? (row->ofFloats != nullptr ? row->ofFloats(source, flushes) : nullptr)
                                    : (row->ofIntegers != nullptr ? row->ofIntegers(source) : nullptr);
  decoder.instruction().sourceType = source;
  decoder.emit(handler);
}

static void select(Warp &warp, const Instruction &instruction, LaneMask mask) {
  const uint64_t *a = warp.lanes(instruction.operands[1]), *b = warp.lanes(instruction.operands[2]),
                 *c = warp.lanes(instruction.operands[3]);
  uint64_t flips = instruction.operands[3].negated ? 1 : 0;
  forLanes(warp.destination(instruction.operands[0]), mask,
           [=](unsigned lane) { return ((c[lane] ^ flips) & 1) != 0 ? a[lane] : b[lane]; });
}

static void decodeSelect(Decoder &decoder) {
  Type type = decoder.takeType();
  decoder.destination(type);
  decoder.source(type);
  decoder.source(type);
  decoder.source(Type::Pred);
  decoder.emit(bitsOf(type) == 16 || bitsOf(type) == 32 || bitsOf(type) == 64 ? select : nullptr);
}

/// d = c >= 0 ? a : b
template <class Codec>
static void selectBySign(Warp &warp, const Instruction &instruction, LaneMask mask) {
  const uint64_t *a = warp.lanes(instruction.operands[1]), *b = warp.lanes(instruction.operands[2]),
                 *c = warp.lanes(instruction.operands[3]);
  forLanes(warp.destination(instruction.operands[0]), mask,
           [=](unsigned lane) { return Codec::load(c[lane]) >= 0 ? a[lane] : b[lane]; });
}

static void decodeSelectBySign(Decoder &decoder) {
  decoder.take("ftz");
  Type type = decoder.takeType(), by = decoder.takeType({Type::S32, Type::F32});
  decoder.destination(type);
  decoder.source(type);
  decoder.source(type);
  decoder.source(by);
  decoder.emit(by == Type::S32 ? selectBySign<CodecInteger<int32_t>> : selectBySign<CodecF32>);
}

static constexpr Opcode kOpcodes[] = {
    {"setp", decodeSet<true>},
    {"set", decodeSet<false>},
    {"selp", decodeSelect},
    {"slct", decodeSelectBySign},
};

std::span<const Opcode> compareOpcodes() { return kOpcodes; }

} // namespace fathom::runtime::ptxsim
