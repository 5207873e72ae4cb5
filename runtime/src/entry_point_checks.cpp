// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What commands come to, as each entry point runs them: in its memory, and for layers of its calls.

#include "runtime/src/entry_point_checks.h"

#include "fathom/artifact_abi.h"
#include "runtime/src/memory.h"
#include "runtime/src/places.h"

#include <string.h>

namespace fathom::runtime {

namespace {
using U64 = unsigned long long;
using artifact::Action;
using artifact::Place;
} // namespace

// What an entry point lends its commands.
void EntryPointChecker::checkMemory(const artifact::EntryPoint &entry, const NumberedCommand &command,
                                    const artifact::Operand &operand) {
  Place place = operand.place();
  auto isIn = factsOf(place).isIn;
  findings.require(!isIn || (entry.*isIn)(), "entry point '%.32s' has no %s, but function '%.32s', command %u",
                   entry.name()->c_str(), EnumNamePlace(place), command.name(), command.index);
  if (place != Place::buffer) {
    return;
  }
  U64 size = operand.size(), offset = operand.offset();
  findings.require(fits(offset, size, entry.arena_bytes()),
                   "entry point '%.32s': function '%.32s', command %u: %llu bytes at offset %llu exceed its arena of "
                   "%llu bytes",
                   entry.name()->c_str(), command.name(), command.index, size, offset,
                   static_cast<U64>(entry.arena_bytes()));
  U64 bytes = command->element() == artifact::StoreElement::bf16 ? sizeof(uint16_t) : sizeof(float);
  U64 rows = U64(entry.max_rows()) * contents.model()->hidden() * bytes;
  findings.require(
      command->action() == Action::launch || size >= rows,
      "entry point '%.32s': function '%.32s', command %u: %llu bytes for rows of the model, which have %llu",
      entry.name()->c_str(), command.name(), command.index, size, rows);
}

// A row that a launch counts has bytes in the buffers that it writes, at least one.
void EntryPointChecker::checkRows(const artifact::EntryPoint &entry, const NumberedCommand &command) {
  bool writes = false;
  U64 rows = U64(command->factor()) * entry.max_rows(), bytes = 0;
  for (uint32_t i = 0; i < command.operands(); ++i) {
    const artifact::Operand &operand = command.operand(i);
    if (operand.place() == Place::buffer && operand.access() == artifact::Access::write) {
      writes = true;
      bytes += operand.size();
    }
  }
  findings.require(command->action() != Action::launch || !writes || rows <= bytes,
                   "entry point '%.32s': function '%.32s', command %u has factor %u, which makes %llu rows, but the "
                   "buffers that it writes have %llu bytes",
                   entry.name()->c_str(), command.name(), command.index, command->factor(), rows, bytes);
}

void EntryPointChecker::checkLayer(const NumberedCommand &command, const artifact::Operand &operand,
                                   const artifact::Command *call) {
  int64_t layer = command->layer() >= 0 || !call ? command->layer() : call->layer();
  const artifact::Store &store = *contents.cache()->stores()->Get(static_cast<uint32_t>(operand.offset()));
  findings.require(layer >= 0 && layer < static_cast<int64_t>(store.layers()),
                   "function '%.32s', command %u runs for layer %lld, but store '%.32s' has %u layers", command.name(),
                   command.index, static_cast<long long>(layer), store.name()->c_str(), store.layers());
}

// Nothing else orders commands that know a memory as a buffer, and those that know it as what they are called with.
void EntryPointChecker::checkApart(const NumberedCommand &command, const artifact::Operand &operand,
                                   const artifact::Command &call) {
  for (uint32_t i = 0; operand.place() == Place::buffer && i < 2; ++i) {
    const artifact::Operand &lent = *call.operands()->Get(i);
    findings.require(lent.place() != Place::buffer ||
                         areApart(operand.offset(), operand.size(), lent.offset(), lent.size()),
                     "function '%.32s', command %u: its buffer overlaps the %s of a call", command.name(),
                     command.index, i == 0 ? "input" : "output");
  }
}

void EntryPointChecker::checkIn(const artifact::EntryPoint &entry, const NumberedCommand &command,
                                const artifact::Command *call) {
  checkRows(entry, command);
  for (uint32_t i = 0; i < command.operands(); ++i) {
    const artifact::Operand &operand = command.operand(i);
    isWritten[static_cast<size_t>(operand.place())] |= operand.access() == artifact::Access::write;
    checkMemory(entry, command, operand);
    if (operand.place() == Place::store) {
      checkLayer(command, operand, call);
    }
    if (call) {
      checkApart(command, operand, *call);
    }
  }
}

// What an entry point says that it gives, somebody has to write.
void EntryPointChecker::checkPromise(const artifact::EntryPoint &entry, Place place) {
  findings.require(!(entry.*factsOf(place).isIn)() || isWritten[static_cast<size_t>(place)],
                   "entry point '%.32s' has %s, but no command writes them", entry.name()->c_str(),
                   EnumNamePlace(place));
}

// Of every layer or of none: a caller that wants states reads those of all.
void EntryPointChecker::checkStates(const artifact::EntryPoint &entry) {
  bool isRecorded[FATHOM_MOST_COMMANDS] = {};
  uint32_t recorded = 0, layers = contents.model()->layers();
  for (const artifact::Command *command : *function(entry.function()).commands()) {
    auto layer = static_cast<uint32_t>(command->layer());
    if (command->action() == Action::record_state && layer < FATHOM_MOST_COMMANDS && !isRecorded[layer]) {
      isRecorded[layer] = true;
      ++recorded;
    }
  }
  findings.require(recorded == 0 || recorded == layers,
                   "entry point '%.32s' records states of %u layers, expected of all %u or of none",
                   entry.name()->c_str(), recorded, layers);
}

void EntryPointChecker::checkCommands(const artifact::EntryPoint &entry) {
  const artifact::Function &outer = function(entry.function());
  for (uint32_t i = 0; i < outer.commands()->size() && launches <= FATHOM_MOST_LAUNCHES; ++i) {
    NumberedCommand command = {outer, i};
    checkIn(entry, command, nullptr);
    if (command->action() != Action::call) {
      ++launches;
      continue;
    }
    const artifact::Function &inner = function(command->target());
    launches += inner.commands()->size();
    for (uint32_t j = 0; j < inner.commands()->size(); ++j) {
      checkIn(entry, {inner, j}, &*command);
    }
  }
}

void EntryPointChecker::checkEntryPoint(const artifact::EntryPoint &entry) {
  memset(isWritten, 0, sizeof(isWritten));
  checkCommands(entry);
  checkPromise(entry, Place::logits);
  checkPromise(entry, Place::hidden_out);
  checkPromise(entry, Place::argmax);
  checkStates(entry);
}

void EntryPointChecker::check() {
  for (const artifact::EntryPoint *entry : *program.entry_points()) {
    checkEntryPoint(*entry);
  }
  findings.require(launches <= FATHOM_MOST_LAUNCHES, "more than %d launches in all entry points", FATHOM_MOST_LAUNCHES);
}

} // namespace fathom::runtime
