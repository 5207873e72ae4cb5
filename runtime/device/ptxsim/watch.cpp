// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Conflicts with their places, as a finding.

#include "runtime/device/ptxsim/watch.h"

#include "runtime/device/ptxsim/block.h"

#include <cstring>

namespace fathom::runtime::ptxsim {

Watch::Watch(Block &block)
    : block_(block), code_(block.grid().kernel->code.data()),
      clocks_(static_cast<unsigned>(block.grid().threads.count())),
      shadow_(static_cast<uint32_t>(block.shared().size()), clocks_,
              [this](const Conflict &conflict) { take(conflict); }) {}

void Watch::access(const Event &event, Shadow::Kind kind, uint32_t address, uint32_t bytes, const uint8_t *host) {
  settle();
  host_ = host;
  hostBytes_ = std::min<uint32_t>(bytes, sizeof(doubtful_.before));
  unsigned thread = event.thread();
  bool isStrong = kind == Shadow::Kind::StrongRead || kind == Shadow::Kind::StrongWrite;
  if (isStrong) {
    clocks_.acquire(thread, synchronized_[address]);
  }
  shadow_.access(thread, numberOf(event.instruction), kind, address, bytes);
  if (kind == Shadow::Kind::StrongWrite) {
    clocks_.release(thread, synchronized_[address]);
  }
}

void Watch::start(const Event &event, unsigned actor, uint32_t epoch, Shadow::Kind kind, uint32_t address,
                  uint32_t bytes) {
  settle();
  host_ = nullptr;
  shadow_.start(event.thread(), {actor, numberOf(event.instruction)}, epoch, kind, address, bytes);
}

void Watch::land(unsigned actor, const Instruction &instruction, uint32_t epoch, uint32_t address, uint32_t bytes) {
  shadow_.land({actor, numberOf(instruction)}, epoch, address, bytes);
}

void Watch::arrive(Warp &warp, LaneMask mask, Knowledge &barrier) {
  for (; mask != 0; mask &= mask - 1) {
    clocks_.release(warp.index() * kWarpSize + static_cast<unsigned>(std::countr_zero(mask)), barrier);
  }
}

void Watch::meet(std::span<const unsigned> threads, const Knowledge &barrier) { clocks_.meet(threads, barrier); }

void Watch::meet(Warp &warp, LaneMask mask) {
  std::vector<unsigned> threads;
  for (; mask != 0; mask &= mask - 1) {
    threads.push_back(warp.index() * kWarpSize + static_cast<unsigned>(std::countr_zero(mask)));
  }
  meet(threads);
}

void Watch::take(const Conflict &conflict) {
  if (conflict.hazard != Hazard::Race || !conflict.isWrite || !conflict.earlierIsWrite || host_ == nullptr) {
    report(conflict);
    return;
  }
  doubtful_.isThere = true;
  doubtful_.conflict = conflict;
  doubtful_.host = host_;
  doubtful_.bytes = hostBytes_;
  std::memcpy(doubtful_.before, host_, hostBytes_);
}

void Watch::settle() {
  bool differs = doubtful_.isThere && std::memcmp(doubtful_.before, doubtful_.host, doubtful_.bytes) != 0;
  doubtful_.isThere = false;
  if (differs) {
    report(doubtful_.conflict);
  }
}

void Watch::report(const Conflict &conflict) {
  unsigned thread = clocks_.threadOf(conflict.access.actor);
  const Instruction &instruction = code_[conflict.access.instruction];
  block_.warps()[thread / kWarpSize].fail(instruction, thread % kWarpSize, cuda::kLaunchFailed, describe(conflict));
}

std::string Watch::describe(const Conflict &conflict) const {
  const Kernel &kernel = *block_.grid().kernel;
  const CodeLine &line = kernel.lines[kernel.code[conflict.earlier.instruction].line];
  unsigned number = clocks_.threadOf(conflict.earlier.actor);
  Dimensions thread = block_.warps()[number / kWarpSize].threadOf(number % kWarpSize);
  std::string what =
      format("%s byte 0x%x of shared memory, which ", conflict.isWrite ? "writes" : "reads", conflict.address);
  std::string earlier = format("thread (%u, %u, %u) %s at line %u (%s)", thread.x, thread.y, thread.z,
                               conflict.earlierIsWrite ? "writes" : "reads", line.line, line.text.c_str());
  switch (conflict.hazard) {
  case Hazard::Uninitialized:
    return "uninitialized: " + what + "nothing wrote";
  case Hazard::Race:
    return "race: " + what + earlier + ", and nothing orders the two";
  case Hazard::Unfinished:
    return "unfinished: " + what + earlier + ", in the background, and nothing says that it is done";
  case Hazard::MissingProxyFence:
    return "no fence.proxy.async: " + what + earlier + ", through the async proxy";
  }
  return what;
}

} // namespace fathom::runtime::ptxsim
