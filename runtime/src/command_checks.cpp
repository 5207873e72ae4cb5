// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The meaning of commands: first each number for itself, then what each entry point comes to.

#include "fathom/artifact_abi.h"
#include "runtime/src/findings.h"
#include "runtime/src/memory.h"

namespace fathom::runtime {

namespace {
using U64 = unsigned long long;
using artifact::Access;
using artifact::Action;
using artifact::Place;

/// A command, and how messages name it.
struct Command {
  const artifact::Function &function;
  uint32_t index;

  const artifact::Command &operator*() const { return *function.commands()->Get(index); }
  const artifact::Command *operator->() const { return function.commands()->Get(index); }
  const char *name() const { return function.name()->c_str(); }
  uint32_t operands() const { return (*this)->operands() ? (*this)->operands()->size() : 0; }
  const artifact::Operand &operand(uint32_t number) const { return *(*this)->operands()->Get(number); }
};

/// What a function is for.
struct Role {
  bool isEntry, isCalled;
  /// Of all its calls the last instance.
  uint32_t instance;
};

/// All of a program's commands.
class CommandChecker {
public:
  CommandChecker(const artifact::Artifact &contents, const artifact::Program &program, Findings &findings)
      : contents(contents), program(program), findings(findings) {}

  void check();

private:
  bool checkCounts();
  uint64_t countOperands(const artifact::Function &function);
  void findRoles();
  void checkKernels();
  void checkCommand(const Command &command, const Role &role);
  void checkLaunch(const Command &command);
  void checkCall(const Command &command, const Role &role);
  void checkRecord(const Command &command, const Role &role);
  void checkOperand(const Command &command, uint32_t number, const Role &role);
  void checkNumbers(const Command &command, const artifact::Operand &operand, uint32_t instances);
  void checkEntryPoint(const artifact::EntryPoint &entry);
  void checkIn(const artifact::EntryPoint &entry, const Command &command, const artifact::Command *call);
  void checkMemory(const artifact::EntryPoint &entry, const Command &command, const artifact::Operand &operand);
  void checkLayer(const Command &command, const artifact::Operand &operand, const artifact::Command *call);

  const artifact::Function &function(uint32_t number) const { return *program.functions()->Get(number); }

  const artifact::Artifact &contents;
  const artifact::Program &program;
  Findings &findings;
  uint64_t launches = 0;
  Role roles[FATHOM_MOST_FUNCTIONS] = {};
};
} // namespace

/// Whether a kernel may only read what is there.
static bool isConstant(Place place) {
  return place == Place::weight || place == Place::experts || place == Place::tokens || place == Place::positions ||
         place == Place::hidden || place == Place::logit_row_ids;
}

/// Whether rows of the model's width may be there, in a function of an entry point.
static bool mayHoldRows(Place place) {
  return place == Place::buffer || place == Place::hidden || place == Place::hidden_out;
}

uint64_t CommandChecker::countOperands(const artifact::Function &function) {
  uint64_t total = 0;
  for (uint32_t i = 0; i < function.commands()->size(); ++i) {
    Command command = {function, i};
    findings.require(command.operands() <= FATHOM_MOST_OPERANDS,
                     "function '%.32s', command %u: %u operands, expected at most %d", command.name(), i,
                     command.operands(), FATHOM_MOST_OPERANDS);
    findings.require(command.operands() == 0 || isAligned(*command->operands()),
                     "function '%.32s', command %u: its operands are not aligned", command.name(), i);
    total += command.operands();
  }
  return total;
}

bool CommandChecker::checkCounts() {
  const auto &functions = *program.functions();
  findings.require(functions.size() <= FATHOM_MOST_FUNCTIONS, "%u functions, expected at most %d", functions.size(),
                   FATHOM_MOST_FUNCTIONS);
  uint64_t operands = 0;
  for (uint32_t i = 0; i < functions.size() && i < FATHOM_MOST_FUNCTIONS; ++i) {
    uint32_t commands = functions.Get(i)->commands()->size();
    bool good = commands > 0 && commands <= FATHOM_MOST_COMMANDS;
    findings.require(good, "function '%.32s' has %u commands, expected 1 to %d", functions.Get(i)->name()->c_str(),
                     commands, FATHOM_MOST_COMMANDS);
    operands += good ? countOperands(*functions.Get(i)) : 0;
  }
  findings.require(operands <= FATHOM_MOST_OPERANDS_IN_ALL, "%llu operands of commands, expected at most %d",
                   static_cast<U64>(operands), FATHOM_MOST_OPERANDS_IN_ALL);
  return !findings.any();
}

void CommandChecker::checkKernels() {
  for (const artifact::Kernel *kernel : *program.kernels()) {
    findings.require(kernel->operands() <= FATHOM_MOST_OPERANDS, "kernel '%.64s' has %u operands, expected at most %d",
                     kernel->name()->c_str(), kernel->operands(), FATHOM_MOST_OPERANDS);
  }
}

void CommandChecker::findRoles() {
  uint32_t functions = program.functions()->size();
  for (const artifact::EntryPoint *entry : *program.entry_points()) {
    bool inside = entry->function() < functions;
    findings.require(inside, "entry point '%.32s': function is %u, but there are %u functions", entry->name()->c_str(),
                     entry->function(), functions);
    if (inside) {
      roles[entry->function()].isEntry = true;
    }
  }
  for (const artifact::Function *function : *program.functions()) {
    for (const artifact::Command *command : *function->commands()) {
      if (command->action() == Action::call && command->target() < functions) {
        Role &role = roles[command->target()];
        role.isCalled = true;
        role.instance = command->instance() > role.instance ? command->instance() : role.instance;
      }
    }
  }
}

void CommandChecker::checkLaunch(const Command &command) {
  uint32_t kernels = program.kernels()->size();
  if (command->target() >= kernels) {
    findings.require(false, "function '%.32s', command %u: kernel is %u, but there are %u kernels", command.name(),
                     command.index, command->target(), kernels);
    return;
  }
  uint32_t wanted = program.kernels()->Get(command->target())->operands(), count = 0;
  while (count < command.operands() && command.operand(count).place() != Place::store) {
    ++count;
  }
  bool behind = true;
  for (uint32_t i = count; i < command.operands(); ++i) {
    behind &= command.operand(i).place() == Place::store;
  }
  findings.require(count == wanted && behind,
                   "function '%.32s', command %u: %u operands%s, expected those of the kernel, %u, and stores behind "
                   "them",
                   command.name(), command.index, count, behind ? "" : " before the first store", wanted);
}

void CommandChecker::checkCall(const Command &command, const Role &role) {
  uint32_t functions = program.functions()->size();
  bool good = !role.isCalled && command->target() < functions && !roles[command->target()].isEntry;
  findings.require(good,
                   "function '%.32s', command %u calls function %u of %u, expected a function that nobody "
                   "calls to call one that an entry point does not name",
                   command.name(), command.index, command->target(), functions);
  findings.require(command.operands() == 2 && command->layer() >= 0,
                   "function '%.32s', command %u calls with %u operands for layer %d, expected 2, and a layer",
                   command.name(), command.index, command.operands(), command->layer());
}

void CommandChecker::checkRecord(const Command &command, const Role &role) {
  uint32_t layers = contents.model()->layers();
  findings.require(!role.isCalled && command.operands() == 1 && command->layer() >= 0 &&
                       static_cast<uint32_t>(command->layer()) < layers,
                   "function '%.32s', command %u records %u operands as the state of layer %d, expected a "
                   "function that nobody calls to record 1, of %u layers",
                   command.name(), command.index, command.operands(), command->layer(), layers);
  findings.require(command->element() <= artifact::StoreElement::bf16,
                   "function '%.32s', command %u records numbers of type %d, expected f32 or bf16", command.name(),
                   command.index, static_cast<int>(command->element()));
}

// Numbers that lead out of tables of the program.
void CommandChecker::checkNumbers(const Command &command, const artifact::Operand &operand, uint32_t instances) {
  bool isWeight = operand.place() == Place::weight;
  if (isWeight || operand.place() == Place::experts) {
    uint64_t slices = program.weight_slices()->size(), last = uint64_t(operand.stride()) * instances;
    bool inside = fits(operand.offset(), operand.size(), slices) && last <= slices - operand.offset() - operand.size();
    findings.require(inside && operand.size() > 0 && (!isWeight || operand.size() == 1),
                     "function '%.32s', command %u: %llu weight slices from index %llu, and %llu more for the last "
                     "instance, of a table of %llu",
                     command.name(), command.index, static_cast<U64>(operand.size()),
                     static_cast<U64>(operand.offset()), static_cast<U64>(last), static_cast<U64>(slices));
  }
  if (operand.place() == Place::store) {
    uint32_t stores = contents.cache()->stores()->size();
    findings.require(operand.offset() < stores, "function '%.32s', command %u: store is %llu, but there are %u stores",
                     command.name(), command.index, static_cast<U64>(operand.offset()), stores);
  }
}

void CommandChecker::checkOperand(const Command &command, uint32_t number, const Role &role) {
  const artifact::Operand &operand = command.operand(number);
  Place place = operand.place();
  if (place > Place::MAX || operand.access() > Access::MAX) {
    findings.require(false, "function '%.32s', command %u: operand %u is of unknown place %d or access %d",
                     command.name(), command.index, number, static_cast<int>(place),
                     static_cast<int>(operand.access()));
    return;
  }
  findings.require(operand.access() == Access::read || !isConstant(place),
                   "function '%.32s', command %u: operand %u writes to %s, which is only read", command.name(),
                   command.index, number, EnumNamePlace(place));
  findings.require(role.isCalled || (place != Place::input && place != Place::output),
                   "function '%.32s', command %u: operand %u is the %s of a call, but nobody calls the function",
                   command.name(), command.index, number, EnumNamePlace(place));
  findings.require(command->action() == Action::launch || mayHoldRows(place),
                   "function '%.32s', command %u: operand %u is of place %s, where no layer's rows are", command.name(),
                   command.index, number, EnumNamePlace(place));
  checkNumbers(command, operand, role.instance);
}

void CommandChecker::checkCommand(const Command &command, const Role &role) {
  findings.require(command->action() <= Action::MAX && command->rows() <= artifact::Rows::MAX,
                   "function '%.32s', command %u is of unknown action %d or rows %d", command.name(), command.index,
                   static_cast<int>(command->action()), static_cast<int>(command->rows()));
  findings.require(command->factor() > 0 && command->factor() <= FATHOM_LARGEST_DIMENSION && command->layer() >= -1,
                   "function '%.32s', command %u has factor %u and layer %d, expected 1 to %d, and -1 or more",
                   command.name(), command.index, command->factor(), command->layer(), FATHOM_LARGEST_DIMENSION);
  switch (command->action()) {
  case Action::launch:
    checkLaunch(command);
    break;
  case Action::call:
    checkCall(command, role);
    break;
  case Action::record_state:
    checkRecord(command, role);
    break;
  }
}

// What an entry point lends its commands.
void CommandChecker::checkMemory(const artifact::EntryPoint &entry, const Command &command,
                                 const artifact::Operand &operand) {
  const char *array = EnumNamePlace(operand.place());
  Place place = operand.place();
  bool has = place == Place::hidden                                      ? entry.hidden()
             : place == Place::hidden_out                                ? entry.hidden_out()
             : (place == Place::logits || place == Place::logit_row_ids) ? entry.logits()
                                                                         : true;
  findings.require(has, "entry point '%.32s' has no %s, but function '%.32s', command %u", entry.name()->c_str(), array,
                   command.name(), command.index);
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
  findings.require(command->action() != Action::record_state || size >= rows,
                   "entry point '%.32s': function '%.32s', command %u records %llu bytes, but rows have %llu",
                   entry.name()->c_str(), command.name(), command.index, size, rows);
}

void CommandChecker::checkLayer(const Command &command, const artifact::Operand &operand,
                                const artifact::Command *call) {
  int64_t layer = command->layer() >= 0 || !call ? command->layer() : call->layer();
  const artifact::Store &store = *contents.cache()->stores()->Get(static_cast<uint32_t>(operand.offset()));
  findings.require(layer >= 0 && layer < static_cast<int64_t>(store.layers()),
                   "function '%.32s', command %u runs for layer %lld, but store '%.32s' has %u layers", command.name(),
                   command.index, static_cast<long long>(layer), store.name()->c_str(), store.layers());
}

void CommandChecker::checkIn(const artifact::EntryPoint &entry, const Command &command, const artifact::Command *call) {
  for (uint32_t i = 0; i < command.operands(); ++i) {
    const artifact::Operand &operand = command.operand(i);
    checkMemory(entry, command, operand);
    if (operand.place() == Place::store) {
      checkLayer(command, operand, call);
    }
    for (uint32_t j = 0; call && operand.place() == Place::buffer && j < 2; ++j) {
      // Nothing else orders commands that know a memory as a buffer, and those that know it as what they are called
      // with.
      const artifact::Operand &lent = *call->operands()->Get(j);
      findings.require(lent.place() != Place::buffer ||
                           areApart(operand.offset(), operand.size(), lent.offset(), lent.size()),
                       "function '%.32s', command %u: its buffer overlaps the %s of a call", command.name(),
                       command.index, j == 0 ? "input" : "output");
    }
  }
}

void CommandChecker::checkEntryPoint(const artifact::EntryPoint &entry) {
  const artifact::Function &outer = function(entry.function());
  for (uint32_t i = 0; i < outer.commands()->size() && launches <= FATHOM_MOST_LAUNCHES; ++i) {
    Command command = {outer, i};
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

void CommandChecker::check() {
  if (!checkCounts()) {
    return;
  }
  checkKernels();
  findRoles();
  for (uint32_t f = 0; f < program.functions()->size(); ++f) {
    for (uint32_t i = 0; i < function(f).commands()->size(); ++i) {
      Command command = {function(f), i};
      checkCommand(command, roles[f]);
      for (uint32_t o = 0; o < command.operands(); ++o) {
        checkOperand(command, o, roles[f]);
      }
    }
  }
  if (findings.any()) {
    return; // Numbers lead nowhere.
  }
  for (const artifact::EntryPoint *entry : *program.entry_points()) {
    checkEntryPoint(*entry);
  }
  findings.require(launches <= FATHOM_MOST_LAUNCHES, "more than %d launches in all entry points", FATHOM_MOST_LAUNCHES);
}

void checkCommands(const artifact::Artifact &contents, const artifact::Program &program, Findings &findings) {
  CommandChecker(contents, program, findings).check();
}

} // namespace fathom::runtime
