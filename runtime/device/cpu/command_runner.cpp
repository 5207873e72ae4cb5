// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What a walker does at each launch.

#include "runtime/device/cpu/command_runner.h"

#include "runtime/src/widen.h"

#include <array>
#include <string.h>

namespace fathom::runtime {

namespace {
/// Where each artifact::Place begins in one call.
using Places = std::array<char *, static_cast<size_t>(artifact::Place::MAX) + 1>;

/// What the walkers of a call share.
struct Walk {
  const CommandList &list;
  const fathom_call_t &call;
  const fathom_cache_t &cache;
  const CommandMemory &memory;
  const Places places;
  LaunchSlot<ThreadSystem> *slots;
  WalkLimits limits;
  /// NULL unless calls are traced.
  CommandTrace *trace;
  /// Whether somebody has seen the end, and who comes now need not go there.
  std::atomic<bool> isOver{false};
};

/// One walker's view of the list, as walk() takes it.
class Walker {
public:
  Walker(const Walk &shared, void *scratch) : shared(shared), scratch(scratch) {
    dispatch.operands = operands;
    dispatch.positions = shared.call.positions;
    dispatch.cache = &shared.cache;
  }

  uint32_t size() const { return shared.list.size; }
  CommandNumbers earlier(uint32_t launch) const { return shared.list.earlier(launch); }

  int64_t items(uint32_t index) const {
    const Launch &of = shared.list.launches[index];
    if (of.kernel == kNoKernel) {
      return shared.call.states ? 1 : 0;
    }
    int64_t rows = rowsOf(of);
    return rows > 0 ? shared.memory.kernels[of.kernel].items(rows) : 0;
  }

  void open(uint32_t index) {
    launch = &shared.list.launches[index];
    dispatch.rows = rowsOf(*launch);
    isResolved = false;
  }

  void run(int64_t begin, int64_t end) {
    if (!isResolved) {
      resolveOperands();
    }
    if (launch->kernel == kNoKernel) {
      return recordState();
    }
    const CpuKernel &kernel = shared.memory.kernels[launch->kernel];
    for (int64_t item = begin; item < end; ++item) {
      kernel.task(&dispatch, item, scratch);
    }
  }

protected:
  const Launch &current() const { return *launch; }

private:
  int64_t rowsOf(const Launch &of) const {
    return (of.rows == artifact::Rows::rows ? shared.call.rows : shared.call.logit_rows) * of.factor;
  }

  // Who finds no item needs no operands.
  void resolveOperands() {
    const LaunchOperand *first = shared.list.allOperands + launch->firstOperand;
    for (uint32_t i = 0; i < launch->lastOperand - launch->firstOperand; ++i) {
      char *address = shared.places[static_cast<size_t>(first[i].place)] + first[i].offset;
      operands[i] = first[i].place == artifact::Place::weight
                        ? pointerTo(*reinterpret_cast<const DeviceAddress *>(address))
                        : address;
    }
    dispatch.layer = launch->layer;
    isResolved = true;
  }

  void recordState() const {
    size_t count = static_cast<size_t>(shared.call.rows) * shared.memory.hidden;
    float *states = shared.call.states + static_cast<size_t>(launch->layer) * count;
    if (launch->element == artifact::StoreElement::bf16) {
      return widen(static_cast<const uint16_t *>(operands[0]), count, states);
    }
    memcpy(states, operands[0], count * sizeof(float));
  }

  const Walk &shared;
  void *scratch;
  const Launch *launch = nullptr;
  bool isResolved = false;
  fathom_dispatch_t dispatch = {};
  void *operands[FATHOM_MOST_OPERANDS];
};

/// One that notes what it does: all that it runs of a launch is one box.
class TracedWalker : public Walker {
public:
  TracedWalker(const Walk &shared, int64_t number, void *scratch)
      : Walker(shared, scratch), boxes(shared.trace->boxes(number)), launches(shared.list.launches) {}

  void run(int64_t begin, int64_t end) {
    TraceBox &box = boxes[&current() - launches];
    if (box.items == 0) {
      box = {current().name, now(), 0, current().layer, 0, thread};
    }
    Walker::run(begin, end);
    box.items += end - begin;
    box.end = now();
  }

private:
  TraceBox *boxes;
  const Launch *launches;
  int thread = CommandTrace::currentThread();
};
} // namespace

static Places findPlaces(const fathom_call_t &call, const CommandMemory &memory) {
  using artifact::Place;
  Places places = {};
  auto set = [&](Place place, const void *begin) {
    places[static_cast<size_t>(place)] = static_cast<char *>(const_cast<void *>(begin));
  };
  set(Place::buffer, memory.arena);
  set(Place::weight, memory.weights);
  set(Place::experts, memory.weights);
#define FATHOM_CALL_INPUT(field, element, rows) set(Place::field, call.field);
#define FATHOM_CALL_OUTPUT FATHOM_CALL_INPUT
#include "fathom/call_inputs.def"
  return places;
}

template <typename Walker>
static void walkShare(Walker &walker, const Walk &shared) {
  shared.limits.walkers == 1 ? walkAlone(walker) : walk(walker, shared.slots, shared.limits);
}

static void walkOnce(const void *argument, int64_t number, void *scratch) {
  Walk &shared = *static_cast<Walk *>(const_cast<void *>(argument));
  if (shared.isOver.load(std::memory_order_relaxed)) {
    return;
  }
  if (shared.trace) {
    TracedWalker walker(shared, number, scratch);
    walkShare(walker, shared);
  } else {
    Walker walker(shared, scratch);
    walkShare(walker, shared);
  }
  shared.isOver.store(true, std::memory_order_relaxed);
}

fathom_status_t CommandRunner::start(ThreadPool &newPool, uint32_t mostLaunches, const CommandMemory &newMemory) {
  pool = &newPool;
  memory = newMemory;
  launches = mostLaunches;
  uint32_t processors = availableProcessors();
  limits = {pool->threads() < processors ? pool->threads() : processors, 2000};
  uint64_t bytes;
  slots = multiply(mostLaunches, sizeof(Slot), &bytes) ? static_cast<Slot *>(allocateAligned(bytes)) : nullptr;
  for (uint32_t i = 0; slots && i < mostLaunches; ++i) {
    ::new (slots + i) Slot;
  }
  return slots ? FATHOM_STATUS_OK
               : fail(FATHOM_STATUS_OUT_OF_RESOURCES, "not enough memory for %u launches", mostLaunches);
}

void CommandRunner::run(const CommandList &list, const fathom_call_t &call, const fathom_cache_t &cache) {
  for (uint32_t i = 0; limits.walkers > 1 && i < list.size; ++i) {
    slots[i].reset();
  }
  Walk shared = {
      list, call, cache, memory, findPlaces(call, memory), slots, limits, record.isOpen() ? &record : nullptr};
  uint64_t begin = shared.trace ? now() : 0;
  pool->run(walkOnce, &shared, limits.walkers);
  if (shared.trace) {
    record.endCall({list.name, begin, now(), -1, call.rows, CommandTrace::currentThread()});
  }
}

} // namespace fathom::runtime
