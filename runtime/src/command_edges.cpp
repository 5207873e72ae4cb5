// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Conflicts of commands, and of these the ones that do not follow from others.

#include "runtime/src/command_edges.h"

#include "runtime/src/memory.h"
#include "runtime/src/places.h"

namespace fathom::runtime {

static bool shareMemory(const artifact::Operand &a, const artifact::Operand &b) {
  const PlaceFacts &facts = factsOf(a.place());
  if (facts.isOfCaller && factsOf(b.place()).isOfCaller) {
    return true;
  }
  if (a.place() != b.place()) {
    return false;
  }
  switch (facts.unit) {
  case Unit::bytes:
    return !areApart(a.offset(), a.size(), b.offset(), b.size());
  case Unit::stores:
    return a.offset() == b.offset();
  default:
    return true;
  }
}

static bool haveConflict(const artifact::Operand &a, const artifact::Operand &b) {
  return (a.access() == artifact::Access::write || b.access() == artifact::Access::write) && shareMemory(a, b);
}

bool haveConflict(const artifact::Command &a, const artifact::Command &b) {
  if (a.action() == artifact::Action::call || b.action() == artifact::Action::call) {
    return true;
  }
  if (a.action() == artifact::Action::record_state && b.action() == a.action() && a.layer() == b.layer()) {
    return true;
  }
  for (uint32_t i = 0; a.operands() && i < a.operands()->size(); ++i) {
    for (uint32_t j = 0; b.operands() && j < b.operands()->size(); ++j) {
      if (haveConflict(*a.operands()->Get(i), *b.operands()->Get(j))) {
        return true;
      }
    }
  }
  return false;
}

namespace {
/// For each command, a bit for each earlier one that has ended when it begins.
class Order {
public:
  bool allocate(uint32_t commands) {
    words = (commands + 63) / 64;
    return bits.allocate(size_t(commands) * words);
  }

  bool has(uint32_t command, uint32_t earlier) const {
    return bits[command * words + earlier / 64] >> earlier % 64 & 1;
  }

  /// What |earlier| waits for has ended, too.
  void add(uint32_t command, uint32_t earlier) {
    for (size_t word = 0; word <= earlier / 64; ++word) {
      bits[command * words + word] |= bits[earlier * words + word];
    }
    bits[command * words + earlier / 64] |= uint64_t(1) << earlier % 64;
  }

private:
  size_t words = 0;
  Buffer<uint64_t> bits;
};
} // namespace

fathom_status_t CommandEdges::find(const artifact::Function &function) {
  const auto &commands = *function.commands();
  Order order;
  firsts.clear();
  numbers.clear();
  bool room = order.allocate(commands.size()) && firsts.push(0);
  for (uint32_t i = 0; room && i < commands.size(); ++i) {
    // From the last one on: what an earlier one implies is known before that is looked at.
    for (uint32_t j = i; room && j-- > 0;) {
      if (!order.has(i, j) && haveConflict(*commands.Get(i), *commands.Get(j))) {
        order.add(i, j);
        room = numbers.push(j);
      }
    }
    room = room && firsts.push(static_cast<uint32_t>(numbers.size()));
  }
  return room ? FATHOM_STATUS_OK
              : fail(FATHOM_STATUS_OUT_OF_RESOURCES, "not enough memory for the order of %u commands", commands.size());
}

} // namespace fathom::runtime
