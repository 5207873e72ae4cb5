// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What a walker does at each launch.

#include "runtime/device/cpu/command_runner.h"

#include <string.h>

namespace fathom::runtime {

namespace {
/// What the walkers of a call share.
struct Walk {
  const CommandList &list;
  const fathom_call_t &call;
  const CommandMemory &memory;
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
    dispatch.cache = &shared.call.cache;
  }

  uint32_t size() const { return shared.list.size; }
  CommandNumbers earlier(uint32_t launch) const { return shared.list.earlier(launch); }

  int64_t open(uint32_t index) {
    launch = &shared.list.launches[index];
    isResolved = false;
    if (!launch->task) {
      return shared.call.states ? 1 : 0;
    }
    bool all = launch->command->rows() == artifact::Rows::rows;
    dispatch.rows = (all ? shared.call.rows : shared.call.logit_rows) * launch->command->factor();
    return dispatch.rows > 0 ? launch->items(dispatch.rows) : 0;
  }

  void run(int64_t begin, int64_t end) {
    if (!isResolved) {
      resolveOperands();
    }
    for (int64_t item = begin; launch->task && item < end; ++item) {
      launch->task(&dispatch, item, scratch);
    }
    if (!launch->task) {
      recordState();
    }
  }

protected:
  const Launch &current() const { return *launch; }

private:
  // Who finds no item needs no operands.
  void resolveOperands() {
    for (uint32_t i = 0; i < launch->operands; ++i) {
      operands[i] = const_cast<void *>(resolve(*launch->command->operands()->Get(i)));
    }
    dispatch.layer = launch->layer;
    isResolved = true;
  }

  const void *resolve(const artifact::Operand &operand) const {
    switch (operand.place()) {
    case artifact::Place::input:
      return resolve(*launch->call->operands()->Get(0));
    case artifact::Place::output:
      return resolve(*launch->call->operands()->Get(1));
    case artifact::Place::weight:
      return *slices(operand);
    case artifact::Place::experts:
      return slices(operand);
    case artifact::Place::tokens:
      return shared.call.tokens;
    case artifact::Place::positions:
      return shared.call.positions;
    case artifact::Place::hidden:
      return shared.call.hidden;
    case artifact::Place::logit_row_ids:
      return shared.call.logit_row_ids;
    case artifact::Place::logits:
      return shared.call.logits;
    case artifact::Place::hidden_out:
      return shared.call.hidden_out;
    case artifact::Place::buffer:
    case artifact::Place::store:
      break;
    }
    return shared.memory.arena + operand.offset();
  }

  const void *const *slices(const artifact::Operand &operand) const {
    uint64_t instance = launch->call ? launch->call->instance() : 0;
    return shared.memory.weights + operand.offset() + operand.stride() * instance;
  }

  void recordState() const {
    size_t count = static_cast<size_t>(shared.call.rows) * shared.memory.hidden;
    memcpy(shared.call.states + static_cast<size_t>(launch->layer) * count, operands[0], count * sizeof(float));
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

static void walkOnce(const void *argument, int64_t number, void *scratch) {
  Walk &shared = *static_cast<Walk *>(const_cast<void *>(argument));
  if (shared.isOver.load(std::memory_order_relaxed)) {
    return;
  }
  if (shared.trace) {
    TracedWalker walker(shared, number, scratch);
    walk(walker, shared.slots, shared.limits);
  } else {
    Walker walker(shared, scratch);
    walk(walker, shared.slots, shared.limits);
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

void CommandRunner::run(const CommandList &list, const fathom_call_t &call) {
  for (uint32_t i = 0; i < list.size; ++i) {
    slots[i].reset();
  }
  Walk shared = {list, call, memory, slots, limits, record.isOpen() ? &record : nullptr};
  uint64_t begin = shared.trace ? now() : 0;
  pool->run(walkOnce, &shared, limits.walkers);
  if (shared.trace) {
    record.endCall({list.name, begin, now(), -1, call.rows, CommandTrace::currentThread()});
  }
}

} // namespace fathom::runtime
