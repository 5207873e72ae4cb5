// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The meaning of commands: each number for itself.

#include "runtime/src/command_checks.h"

#include "fathom/artifact_abi.h"
#include "runtime/src/entry_point_checks.h"
#include "runtime/src/kernel_checks.h"
#include "runtime/src/memory.h"
#include "runtime/src/places.h"

#include <initializer_list>

namespace fathom::runtime {

namespace {
using U64 = unsigned long long;
using artifact::Access;
using artifact::Action;
using artifact::Place;

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
  void findLayers();
  void findRoles();
  void checkCommand(const NumberedCommand &command, const Role &role);
  static bool hasEffects(const NumberedCommand &command, std::initializer_list<Access> accesses);
  void checkCall(const NumberedCommand &command, const Role &role);
  void checkRecord(const NumberedCommand &command, const Role &role);
  void checkOperand(const NumberedCommand &command, uint32_t number, const Role &role);
  void checkNumbers(const NumberedCommand &command, const artifact::Operand &operand, uint32_t instances);

  const artifact::Function &function(uint32_t number) const { return *program.functions()->Get(number); }

  const artifact::Artifact &contents;
  const artifact::Program &program;
  Findings &findings;
  /// The model's, and those of a draft.
  int64_t layers = 0;
  Role roles[FATHOM_MOST_FUNCTIONS] = {};
};
} // namespace

uint64_t CommandChecker::countOperands(const artifact::Function &function) {
  uint64_t total = 0;
  for (uint32_t i = 0; i < function.commands()->size(); ++i) {
    NumberedCommand command = {function, i};
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

void CommandChecker::findLayers() {
  layers = contents.model()->layers();
  for (const artifact::Store *store : *contents.cache()->stores()) {
    layers = store->layers() > layers ? store->layers() : layers;
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

// Whether a command touches memory in these ways, one for each operand.
bool CommandChecker::hasEffects(const NumberedCommand &command, std::initializer_list<Access> accesses) {
  bool good = command.operands() == accesses.size();
  for (uint32_t i = 0; good && i < accesses.size(); ++i) {
    good = command.operand(i).access() == accesses.begin()[i];
  }
  return good;
}

void CommandChecker::checkCall(const NumberedCommand &command, const Role &role) {
  uint32_t functions = program.functions()->size();
  bool good = !role.isCalled && command->target() < functions && !roles[command->target()].isEntry;
  findings.require(good,
                   "function '%.32s', command %u calls function %u of %u, expected a function that nobody "
                   "calls to call one that an entry point does not name",
                   command.name(), command.index, command->target(), functions);
  findings.require(hasEffects(command, {Access::read, Access::write}) && command->layer() >= 0,
                   "function '%.32s', command %u calls with %u operands for layer %d, expected one to read, one to "
                   "write, and a layer",
                   command.name(), command.index, command.operands(), command->layer());
}

void CommandChecker::checkRecord(const NumberedCommand &command, const Role &role) {
  uint32_t layers = contents.model()->layers();
  findings.require(!role.isCalled && hasEffects(command, {Access::read}) && command->layer() >= 0 &&
                       static_cast<uint32_t>(command->layer()) < layers,
                   "function '%.32s', command %u records %u operands as the state of layer %d, expected a "
                   "function that nobody calls to record one that it reads, of %u layers",
                   command.name(), command.index, command.operands(), command->layer(), layers);
}

// Numbers that lead out of tables of the program, or into the middle of something.
void CommandChecker::checkNumbers(const NumberedCommand &command, const artifact::Operand &operand,
                                  uint32_t instances) {
  Unit unit = factsOf(operand.place()).unit;
  if (unit == Unit::slices) {
    bool isWeight = operand.place() == Place::weight;
    uint64_t slices = program.weight_slices()->size(), last = uint64_t(operand.stride()) * instances;
    bool inside = fits(operand.offset(), operand.size(), slices) && last <= slices - operand.offset() - operand.size();
    findings.require(inside && operand.size() > 0 && (!isWeight || operand.size() == 1),
                     "function '%.32s', command %u: %llu weight slices from index %llu, and %llu more for the last "
                     "instance, of a table of %llu",
                     command.name(), command.index, static_cast<U64>(operand.size()),
                     static_cast<U64>(operand.offset()), static_cast<U64>(last), static_cast<U64>(slices));
  }
  if (unit == Unit::bytes) {
    findings.require(operand.offset() % FATHOM_MEMORY_ALIGNMENT == 0,
                     "function '%.32s', command %u: buffer at offset %llu, expected a multiple of %d", command.name(),
                     command.index, static_cast<U64>(operand.offset()), FATHOM_MEMORY_ALIGNMENT);
  }
  findings.require(unit != Unit::none || operand.offset() == 0,
                   "function '%.32s', command %u: %s from offset %llu on, expected from 0 on", command.name(),
                   command.index, EnumNamePlace(operand.place()), static_cast<U64>(operand.offset()));
  if (unit == Unit::stores) {
    uint32_t stores = contents.cache()->stores()->size();
    findings.require(operand.offset() < stores, "function '%.32s', command %u: store is %llu, but there are %u stores",
                     command.name(), command.index, static_cast<U64>(operand.offset()), stores);
  }
}

void CommandChecker::checkOperand(const NumberedCommand &command, uint32_t number, const Role &role) {
  const artifact::Operand &operand = command.operand(number);
  Place place = operand.place();
  if (place > Place::MAX || operand.access() > Access::MAX) {
    findings.require(false, "function '%.32s', command %u: operand %u is of unknown place %d or access %d",
                     command.name(), command.index, number, static_cast<int>(place),
                     static_cast<int>(operand.access()));
    return;
  }
  const PlaceFacts &facts = factsOf(place);
  findings.require(operand.access() == Access::read || !facts.isConstant,
                   "function '%.32s', command %u: operand %u writes to %s, which is only read", command.name(),
                   command.index, number, EnumNamePlace(place));
  findings.require(role.isCalled || facts.callOperand < 0,
                   "function '%.32s', command %u: operand %u is the %s of a call, but nobody calls the function",
                   command.name(), command.index, number, EnumNamePlace(place));
  findings.require(command->action() == Action::launch || facts.mayHoldRows,
                   "function '%.32s', command %u: operand %u is of place %s, where no layer's rows are", command.name(),
                   command.index, number, EnumNamePlace(place));
  checkNumbers(command, operand, role.instance);
}

void CommandChecker::checkCommand(const NumberedCommand &command, const Role &role) {
  findings.require(command->action() <= Action::MAX && command->rows() <= artifact::Rows::MAX,
                   "function '%.32s', command %u is of unknown action %d or rows %d", command.name(), command.index,
                   static_cast<int>(command->action()), static_cast<int>(command->rows()));
  findings.require(command->factor() > 0 && command->factor() <= FATHOM_LARGEST_DIMENSION,
                   "function '%.32s', command %u has factor %u, expected 1 to %d", command.name(), command.index,
                   command->factor(), FATHOM_LARGEST_DIMENSION);
  findings.require(command->layer() >= -1 && command->layer() < layers,
                   "function '%.32s', command %u is of layer %d, expected -1 to %lld", command.name(), command.index,
                   command->layer(), static_cast<long long>(layers) - 1);
  findings.require(command->element() <= artifact::StoreElement::bf16,
                   "function '%.32s', command %u is of numbers of type %d, expected f32 or bf16", command.name(),
                   command.index, static_cast<int>(command->element()));
  switch (command->action()) {
  case Action::launch:
    checkLaunch(program, command, findings);
    break;
  case Action::call:
    checkCall(command, role);
    break;
  case Action::record_state:
    checkRecord(command, role);
    break;
  }
}

void CommandChecker::check() {
  if (!checkCounts()) {
    return;
  }
  checkKernels(program, findings);
  findLayers();
  findRoles();
  for (uint32_t f = 0; f < program.functions()->size(); ++f) {
    for (uint32_t i = 0; i < function(f).commands()->size(); ++i) {
      NumberedCommand command = {function(f), i};
      checkCommand(command, roles[f]);
      for (uint32_t o = 0; o < command.operands(); ++o) {
        checkOperand(command, o, roles[f]);
      }
    }
  }
  if (!findings.any()) { // Else numbers lead nowhere.
    EntryPointChecker(contents, program, findings).check();
  }
}

void checkCommands(const artifact::Artifact &contents, const artifact::Program &program, Findings &findings) {
  CommandChecker(contents, program, findings).check();
}

} // namespace fathom::runtime
