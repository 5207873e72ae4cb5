// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What the lanes of a warp do together: shfl, vote, match, redux, elect, activemask, bar.warp.sync.
//
// All but activemask wait for the lanes of their mask: the executor calls them with all of these at once.

#include "runtime/device/ptxsim/block.h"
#include "runtime/device/ptxsim/lanes.h"
#include "runtime/device/ptxsim/opcodes.h"

namespace fathom::runtime::ptxsim {

static void writePredicate(Warp &warp, const Operand &operand, LaneMask mask, LaneMask values) {
  forLanes(warp.destination(operand), mask, [=](unsigned lane) { return uint64_t{values >> lane & 1}; });
}

// --- shfl -----------------------------------------------------------------------------------------------------------

enum class Shuffle : uint8_t { Up, Down, Butterfly, Index };

/// The lane that a lane reads; `inRange` is false where it keeps its own value.
static unsigned shuffleSource(Shuffle mode, unsigned lane, uint32_t b, uint32_t c, bool &inRange) {
  unsigned amount = b & 31, clamp = c & 31, segments = c >> 8 & 31;
  unsigned most = (lane & segments) | (clamp & ~segments), least = lane & segments;
  int source = 0;
  switch (mode) {
  case Shuffle::Up:
    source = static_cast<int>(lane) - static_cast<int>(amount);
    inRange = source >= static_cast<int>(most);
    break;
  case Shuffle::Down:
    source = static_cast<int>(lane + amount);
    inRange = source <= static_cast<int>(most);
    break;
  case Shuffle::Butterfly:
    source = static_cast<int>(lane ^ amount);
    inRange = source <= static_cast<int>(most);
    break;
  case Shuffle::Index:
    source = static_cast<int>(least | (amount & ~segments));
    inRange = source <= static_cast<int>(most);
    break;
  }
  return inRange ? static_cast<unsigned>(source) : lane;
}

/// Operands: d, p, a, b, c, mask.
static void shuffle(Warp &warp, const Instruction &instruction, LaneMask mask) {
  const uint64_t *a = warp.lanes(instruction.operands[2]), *b = warp.lanes(instruction.operands[3]),
                 *c = warp.lanes(instruction.operands[4]);
  auto mode = static_cast<Shuffle>(instruction.immediate);
  uint64_t results[kWarpSize];
  LaneMask ranges = 0;
  for (LaneMask rest = mask; rest != 0; rest &= rest - 1) {
    auto lane = static_cast<unsigned>(std::countr_zero(rest));
    bool inRange = false;
    unsigned source =
        shuffleSource(mode, lane, static_cast<uint32_t>(b[lane]), static_cast<uint32_t>(c[lane]), inRange);
    if ((mask >> source & 1) == 0) {
      warp.fail(instruction, lane, cuda::kLaunchFailed, format("reads lane %u, which does not take part", source));
      return;
    }
    results[lane] = a[source];
    ranges |= LaneMask{inRange} << lane;
  }
  forLanes(warp.destination(instruction.operands[0]), mask, [&](unsigned lane) { return results[lane]; });
  writePredicate(warp, instruction.operands[1], mask, ranges);
}

static void decodeShuffle(Decoder &decoder) {
  decoder.take("sync");
  decoder.instruction().immediate = decoder.takeOne({"up", "down", "bfly", "idx"});
  Type type = decoder.takeType({Type::B32});
  decoder.destinationPair(type, Type::Pred);
  for (int i = 0; i < 4; ++i) {
    decoder.source(Type::B32);
  }
  decoder.gatherMembers();
  decoder.emit(shuffle);
}

// --- vote, match ----------------------------------------------------------------------------------------------------

enum class Vote : uint8_t { All, Any, Uniform, Ballot };

static void vote(Warp &warp, const Instruction &instruction, LaneMask mask) {
  LaneMask values = warp.predicate(instruction.operands[1]) & mask;
  uint64_t result = 0;
  switch (static_cast<Vote>(instruction.immediate)) {
  case Vote::All:
    result = values == mask;
    break;
  case Vote::Any:
    result = values != 0;
    break;
  case Vote::Uniform:
    result = values == 0 || values == mask;
    break;
  case Vote::Ballot:
    result = values;
    break;
  }
  forLanes(warp.destination(instruction.operands[0]), mask, [=](unsigned) { return result; });
}

static void decodeVote(Decoder &decoder) {
  decoder.take("sync");
  decoder.instruction().immediate = decoder.takeOne({"all", "any", "uni", "ballot"});
  bool isBallot = decoder.instruction().immediate == static_cast<uint64_t>(Vote::Ballot);
  Type type = decoder.takeType({isBallot ? Type::B32 : Type::Pred});
  decoder.destination(type);
  decoder.source(Type::Pred);
  decoder.source(Type::B32);
  decoder.gatherMembers();
  decoder.emit(vote);
}

/// Operands: d, p, a, mask. For each lane those with its value; of match.all all lanes, or none.
static void match(Warp &warp, const Instruction &instruction, LaneMask mask) {
  const uint64_t *a = warp.lanes(instruction.operands[2]);
  LaneMask equal[kWarpSize] = {}, all = 0;
  for (unsigned lane = 0; lane < kWarpSize; ++lane) {
    for (unsigned other = 0; other < kWarpSize; ++other) {
      equal[lane] |= static_cast<LaneMask>(a[lane] == a[other]) << other;
    }
    equal[lane] &= mask;
    all |= static_cast<LaneMask>(equal[lane] == mask) << lane;
  }
  bool matchesAll = instruction.immediate != 0;
  forLanes(warp.destination(instruction.operands[0]), mask,
           [&](unsigned lane) -> uint64_t { return matchesAll ? ((all & mask) == mask ? mask : 0) : equal[lane]; });
  writePredicate(warp, instruction.operands[1], mask, all);
}

static void decodeMatch(Decoder &decoder) {
  decoder.take("sync");
  decoder.instruction().immediate = decoder.takeOne({"any", "all"});
  Type type = decoder.takeType({Type::B32, Type::B64});
  decoder.destinationPair(Type::B32, Type::Pred);
  decoder.source(type);
  decoder.source(Type::B32);
  decoder.gatherMembers();
  decoder.emit(match);
}

// --- redux, elect, activemask ---------------------------------------------------------------------------------------

enum class Reduction : uint8_t { Add, Min, Max, And, Or, Xor };

template <class T>
static T reduced(Reduction reduction, T a, T b) {
  switch (reduction) {
  case Reduction::Add:
    return static_cast<T>(static_cast<uint32_t>(a) + static_cast<uint32_t>(b));
  case Reduction::Min:
    return std::min(a, b);
  case Reduction::Max:
    return std::max(a, b);
  case Reduction::And:
    return a & b;
  case Reduction::Or:
    return a | b;
  default:
    return a ^ b;
  }
}

template <class T>
static void reduce(Warp &warp, const Instruction &instruction, LaneMask mask) {
  const uint64_t *a = warp.lanes(instruction.operands[1]);
  auto first = static_cast<unsigned>(std::countr_zero(mask));
  T result = get<T>(a[first]);
  for (LaneMask rest = mask & (mask - 1); rest != 0; rest &= rest - 1) {
    result = reduced(static_cast<Reduction>(instruction.immediate), result, get<T>(a[std::countr_zero(rest)]));
  }
  forLanes(warp.destination(instruction.operands[0]), mask, [=](unsigned) { return put(result); });
}

static void decodeReduce(Decoder &decoder) {
  decoder.take("sync");
  size_t which = decoder.takeOne({"add", "min", "max", "and", "or", "xor"});
  decoder.instruction().immediate = which;
  bool isArithmetic = which <= static_cast<size_t>(Reduction::Max);
  Type type = isArithmetic ? decoder.takeType({Type::U32, Type::S32}) : decoder.takeType({Type::B32});
  decoder.destination(type);
  decoder.source(type);
  decoder.source(Type::B32);
  decoder.gatherMembers();
  decoder.emit(type == Type::S32 ? reduce<int32_t> : reduce<uint32_t>);
}

/// The lowest lane, as devices do.
static void elect(Warp &warp, const Instruction &instruction, LaneMask mask) {
  auto leader = static_cast<unsigned>(std::countr_zero(mask));
  forLanes(warp.destination(instruction.operands[0]), mask, [=](unsigned) { return uint64_t{leader}; });
  writePredicate(warp, instruction.operands[1], mask, LaneMask{1} << leader);
}

static void decodeElect(Decoder &decoder) {
  decoder.take("sync");
  decoder.destinationPair(Type::B32, Type::Pred);
  decoder.source(Type::B32);
  decoder.gatherMembers();
  decoder.emit(elect);
}

static void activeMask(Warp &warp, const Instruction &instruction, LaneMask mask) {
  forLanes(warp.destination(instruction.operands[0]), mask, [=](unsigned) { return uint64_t{mask}; });
}

static void decodeActiveMask(Decoder &decoder) {
  decoder.destination(decoder.takeType({Type::B32}));
  decoder.emit(activeMask);
}

static constexpr Opcode kOpcodes[] = {
    {"shfl", decodeShuffle}, {"vote", decodeVote},   {"match", decodeMatch},
    {"redux", decodeReduce}, {"elect", decodeElect}, {"activemask", decodeActiveMask},
};

std::span<const Opcode> warpOpcodes() { return kOpcodes; }

} // namespace fathom::runtime::ptxsim
