// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Barriers of blocks, clusters and warps, and fences: bar, barrier, membar, fence.

#include "runtime/device/ptxsim/block.h"
#include "runtime/device/ptxsim/lanes.h"
#include "runtime/device/ptxsim/opcodes.h"

namespace fathom::runtime::ptxsim {

/// A value that all lanes must have alike; false after a finding.
static bool uniform(Warp &warp, const Instruction &instruction, const Operand &operand, LaneMask mask, const char *what,
                    unsigned &value) {
  const uint64_t *values = warp.lanes(operand);
  value = static_cast<unsigned>(values[std::countr_zero(mask)]);
  for (LaneMask rest = mask; rest != 0; rest &= rest - 1) {
    auto lane = static_cast<unsigned>(std::countr_zero(rest));
    if (static_cast<unsigned>(values[lane]) != value) {
      warp.fail(instruction, lane, cuda::kLaunchFailed, format("lanes of the warp have different %s", what));
      return false;
    }
  }
  return true;
}

enum class Arrival : uint8_t { Sync, Arrive, Reduce };

/// Operands: number of the barrier, threads (0: all), and of bar.red the predicate.
static void arriveAtBarrier(Warp &warp, const Instruction &instruction, LaneMask mask) {
  unsigned id = 0, count = 0;
  if (!uniform(warp, instruction, instruction.operands[0], mask, "barriers", id) ||
      !uniform(warp, instruction, instruction.operands[1], mask, "counts", count)) {
    return;
  }
  auto first = static_cast<unsigned>(std::countr_zero(mask));
  if (id >= kBarriers) {
    warp.fail(instruction, first, cuda::kLaunchFailed, format("barrier %u, there are %u", id, kBarriers));
    return;
  }
  if (count % kWarpSize != 0) {
    warp.fail(instruction, first, cuda::kLaunchFailed, format("a count of %u, which is not a multiple of 32", count));
    return;
  }
  auto arrival = static_cast<Arrival>(instruction.immediate);
  if (arrival == Arrival::Reduce) {
    LaneMask values = warp.predicate(instruction.operands[2]) & mask;
    Barrier &barrier = warp.block().barrier(id);
    barrier.trueCount += static_cast<unsigned>(std::popcount(values));
    barrier.falseCount += static_cast<unsigned>(std::popcount(mask & ~values));
  }
  warp.block().arrive(warp, instruction, id, count, mask, arrival != Arrival::Arrive);
}

enum class BarrierReduction : uint8_t { Population, And, Or };

/// The second half of bar.red, behind the barrier. Operands: d, number of the barrier.
static void readReduction(Warp &warp, const Instruction &instruction, LaneMask mask) {
  const uint64_t *ids = warp.lanes(instruction.operands[1]);
  const Barrier &barrier = warp.block().barrier(static_cast<unsigned>(ids[std::countr_zero(mask)]) % kBarriers);
  const uint64_t results[] = {barrier.lastTrue, barrier.lastFalse == 0, barrier.lastTrue != 0};
  uint64_t result = results[instruction.immediate];
  forLanes(warp.destination(instruction.operands[0]), mask, [=](unsigned) { return result; });
}

static void decodeReduction(Decoder &decoder, Gather gather) {
  size_t reduction = decoder.takeOne({"popc", "and", "or"});
  Type type = decoder.takeType({reduction == 0 ? Type::U32 : Type::Pred});
  const ParsedOperand *result = decoder.next(), *id = decoder.next();
  bool hasCount = decoder.operandsLeft() == 2;
  if (result == nullptr || id == nullptr) {
    return;
  }
  decoder.addSource(*id, Type::B32);
  hasCount ? decoder.source(Type::B32) : decoder.addConstant(0);
  decoder.source(Type::Pred);
  decoder.instruction().gather = gather;
  decoder.instruction().immediate = static_cast<uint64_t>(Arrival::Reduce);
  decoder.emitPart(arriveAtBarrier);
  decoder.addDestination(*result, type);
  decoder.addSource(*id, Type::B32);
  decoder.instruction().immediate = reduction;
  decoder.emit(readReduction);
}

static void arriveAtCluster(Warp &warp, const Instruction &, LaneMask mask) {
  warp.block().cluster().arrive(warp, mask);
}

static void waitForCluster(Warp &warp, const Instruction &, LaneMask mask) { warp.block().cluster().wait(warp, mask); }

static void decodeClusterBarrier(Decoder &decoder) {
  decoder.instruction().gather = decoder.take("aligned") ? Gather::Live : Gather::None;
  decoder.skip({"release", "relaxed", "acquire"});
  decoder.emit(decoder.takeOne({"arrive", "wait"}) == 0 ? arriveAtCluster : waitForCluster);
}

/// They have waited for each other before it is executed.
static void meet(Warp &warp, const Instruction &, LaneMask mask) { warp.block().watch().meet(warp, mask); }

static void decodeWarpBarrier(Decoder &decoder) {
  decoder.take("sync");
  decoder.source(Type::B32);
  decoder.gatherMembers();
  decoder.emit(meet);
}

/// `bar` is `barrier.aligned`.
template <bool isBar>
static void decodeBarrier(Decoder &decoder) {
  if (decoder.take("warp")) {
    return decodeWarpBarrier(decoder);
  }
  if (decoder.take("cluster")) {
    return decodeClusterBarrier(decoder);
  }
  decoder.take("cta");
  Gather gather = decoder.take("aligned") || isBar ? Gather::Live : Gather::None;
  size_t which = decoder.takeOne({"sync", "arrive", "red"});
  if (which == static_cast<size_t>(Arrival::Reduce)) {
    return decodeReduction(decoder, gather);
  }
  decoder.source(Type::B32);
  decoder.operandsLeft() != 0 ? decoder.source(Type::B32) : decoder.addConstant(0);
  decoder.instruction().gather = gather;
  decoder.instruction().immediate = which;
  decoder.emit(arriveAtBarrier);
}

static void fence(Warp &, const Instruction &, LaneMask) { __atomic_thread_fence(__ATOMIC_SEQ_CST); }

static void fenceProxy(Warp &warp, const Instruction &, LaneMask mask) {
  for (; mask != 0; mask &= mask - 1) {
    warp.block().async().fenceProxy(warp.index() * kWarpSize + static_cast<unsigned>(std::countr_zero(mask)));
  }
}

static void fenceInits(Warp &warp, const Instruction &, LaneMask mask) {
  for (; mask != 0; mask &= mask - 1) {
    warp.block().async().fenceInits(warp.index() * kWarpSize + static_cast<unsigned>(std::countr_zero(mask)));
  }
}

static void decodeFence(Decoder &decoder) {
  if (decoder.take("proxy")) {
    decoder.takeOne({"async"});
    decoder.takeSpace();
    return decoder.emit(fenceProxy);
  }
  if (decoder.take("mbarrier_init")) {
    decoder.skip({"release", "cluster"});
    return decoder.emit(fenceInits);
  }
  decoder.skip({"sc", "acq_rel", "acquire", "release", "cta", "cluster", "gpu", "sys", "gl"});
  decoder.emit(fence);
}

static constexpr Opcode kOpcodes[] = {
    {"bar", decodeBarrier<true>},
    {"barrier", decodeBarrier<false>},
    {"membar", decodeFence},
    {"fence", decodeFence},
};

std::span<const Opcode> barrierOpcodes() { return kOpcodes; }

} // namespace fathom::runtime::ptxsim
