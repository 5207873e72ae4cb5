// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Puts functions in the place of their calls.

#include "runtime/src/command_list.h"

#include "runtime/device/device.h"
#include "runtime/src/entry_points.h"
#include "runtime/src/memory.h"
#include "runtime/src/places.h"

namespace fathom::runtime {

namespace {
/// The edges of the functions of a program, each found when it is first asked for: layers that are alike share one.
class FunctionEdges {
public:
  explicit FunctionEdges(const artifact::Program &program) : program(program) {}
  FunctionEdges(const FunctionEdges &) = delete;
  FunctionEdges &operator=(const FunctionEdges &) = delete;
  ~FunctionEdges() {
    for (CommandEdges *edges : found) {
      destroy(edges);
    }
  }

  bool allocate() { return found.allocate(program.functions()->size()); }

  fathom_status_t find(uint32_t function, const CommandEdges **edges) {
    CommandEdges *&own = found[function];
    if (!own) {
      own = create<CommandEdges>();
      if (!own) {
        return fail(FATHOM_STATUS_OUT_OF_RESOURCES, "not enough memory for the commands");
      }
      FATHOM_RETURN_IF_ERROR(own->find(*program.functions()->Get(function)));
    }
    *edges = own;
    return FATHOM_STATUS_OK;
  }

private:
  const artifact::Program &program;
  Buffer<CommandEdges *> found;
};

/// Appends the launches of an entry point to those before.
class Flattener {
public:
  Flattener(const artifact::Program &program, FunctionEdges &allEdges, Buffer<Launch> &launches,
            Buffer<LaunchOperand> &operands, Buffer<uint32_t> &earlier)
      : program(program), allEdges(allEdges), launches(launches), operands(operands), earlier(earlier),
        start(static_cast<uint32_t>(launches.size())) {}

  fathom_status_t flatten(uint32_t number);

private:
  fathom_status_t addCall(const artifact::Command &call);
  bool addLaunch(const artifact::Command &command, const artifact::Command *call);
  bool addOperands(const artifact::Command &command, const artifact::Command *call);
  bool waitForCommands(CommandNumbers commands);
  bool waitFor(uint32_t launch) { return earlier.push(launch); }
  void endWaits() { launches[launches.size() - 1].lastEarlier = static_cast<uint32_t>(earlier.size()); }
  uint32_t here() const { return static_cast<uint32_t>(launches.size()) - start; }

  const artifact::Program &program;
  FunctionEdges &allEdges;
  Buffer<Launch> &launches;
  Buffer<LaunchOperand> &operands;
  Buffer<uint32_t> &earlier;
  /// Launches are numbered from here on.
  uint32_t start;
  /// Of the entry point's own function.
  const CommandEdges *edges = nullptr;
  /// What each command of the entry point came to.
  struct Span {
    uint32_t first, last;
  };
  Buffer<Span> spans;
  uint32_t command = 0;
  /// Whether a later launch of the same function waits for a launch.
  Buffer<bool> isAwaited;
};
} // namespace

static LaunchOperand resolve(const artifact::Operand &operand, const artifact::Command *call) {
  const PlaceFacts &facts = factsOf(operand.place());
  if (facts.callOperand >= 0) {
    return resolve(*call->operands()->Get(static_cast<uint32_t>(facts.callOperand)), nullptr);
  }
  uint64_t instance = call ? call->instance() : 0;
  bool isSlice = facts.unit == Unit::slices;
  return {operand.place(),
          isSlice ? (operand.offset() + operand.stride() * instance) * sizeof(DeviceAddress) : operand.offset()};
}

bool Flattener::addOperands(const artifact::Command &command, const artifact::Command *call) {
  bool room = true;
  for (uint32_t i = 0; room && command.operands() && i < command.operands()->size(); ++i) {
    const artifact::Operand &operand = *command.operands()->Get(i);
    room = operand.place() == artifact::Place::store || operands.push(resolve(operand, call));
  }
  return room;
}

bool Flattener::addLaunch(const artifact::Command &command, const artifact::Command *call) {
  Launch launch = {};
  launch.name = "record_state";
  launch.kernel = kNoKernel;
  launch.rows = command.rows();
  launch.factor = command.factor();
  launch.element = command.element();
  launch.layer = command.layer() >= 0 || !call ? command.layer() : call->layer();
  launch.firstOperand = static_cast<uint32_t>(operands.size());
  bool room = addOperands(command, call);
  launch.lastOperand = static_cast<uint32_t>(operands.size());
  launch.firstEarlier = launch.lastEarlier = static_cast<uint32_t>(earlier.size());
  if (command.action() == artifact::Action::launch) {
    launch.name = program.kernels()->Get(command.target())->name()->c_str();
    launch.kernel = command.target();
  }
  return room && launches.push(launch) && isAwaited.push(false);
}

// To wait for a call is to wait for the launches that nothing else in it waits for.
bool Flattener::waitForCommands(CommandNumbers commands) {
  bool room = true;
  for (uint32_t number : commands) {
    for (uint32_t launch = spans[number].first; launch < spans[number].last; ++launch) {
      room = room && (isAwaited[launch] || waitFor(launch));
    }
  }
  endWaits();
  return room;
}

fathom_status_t Flattener::addCall(const artifact::Command &call) {
  const artifact::Function &function = *program.functions()->Get(call.target());
  const CommandEdges *calleeEdges;
  FATHOM_RETURN_IF_ERROR(allEdges.find(call.target(), &calleeEdges));
  uint32_t first = here();
  bool room = true;
  for (uint32_t i = 0; room && i < function.commands()->size(); ++i) {
    CommandNumbers own = calleeEdges->earlier(i);
    room = addLaunch(*function.commands()->Get(i), &call);
    if (room && own.begin() == own.end()) {
      room = waitForCommands(edges->earlier(command));
    }
    for (const uint32_t *number = own.begin(); room && number != own.end(); ++number) {
      isAwaited[first + *number] = true;
      room = waitFor(first + *number);
    }
    if (room) {
      endWaits();
    }
  }
  return room ? FATHOM_STATUS_OK : fail(FATHOM_STATUS_OUT_OF_RESOURCES, "not enough memory for the commands");
}

fathom_status_t Flattener::flatten(uint32_t number) {
  const artifact::Function &function = *program.functions()->Get(number);
  FATHOM_RETURN_IF_ERROR(allEdges.find(number, &edges));
  for (command = 0; command < function.commands()->size(); ++command) {
    const artifact::Command &here = *function.commands()->Get(command);
    uint32_t first = this->here();
    if (here.action() == artifact::Action::call) {
      FATHOM_RETURN_IF_ERROR(addCall(here));
    } else if (!addLaunch(here, nullptr) || !waitForCommands(edges->earlier(command))) {
      return fail(FATHOM_STATUS_OUT_OF_RESOURCES, "not enough memory for the commands");
    }
    if (!spans.push({first, this->here()})) {
      return fail(FATHOM_STATUS_OUT_OF_RESOURCES, "not enough memory for the commands");
    }
  }
  return FATHOM_STATUS_OK;
}

fathom_status_t CommandLists::load(const artifact::Program &newProgram) {
  program = &newProgram;
  FunctionEdges edges(newProgram);
  bool room = edges.allocate() && firsts.push(0);
  for (uint32_t i = 0; room && i < program->entry_points()->size(); ++i) {
    Flattener flattener(newProgram, edges, launches, operands, earlier);
    FATHOM_RETURN_IF_ERROR(flattener.flatten(program->entry_points()->Get(i)->function()));
    room = firsts.push(static_cast<uint32_t>(launches.size()));
  }
  return room ? FATHOM_STATUS_OK : fail(FATHOM_STATUS_OUT_OF_RESOURCES, "not enough memory for the commands");
}

CommandList CommandLists::of(const artifact::EntryPoint &entry) const {
  uint32_t index = indexOf(*program, entry);
  return {entry.name()->c_str(), launches.data() + firsts[index], firsts[index + 1] - firsts[index], operands.data(),
          earlier.data()};
}

uint32_t CommandLists::mostLaunches() const {
  uint32_t most = 0;
  for (size_t i = 0; i + 1 < firsts.size(); ++i) {
    most = firsts[i + 1] - firsts[i] > most ? firsts[i + 1] - firsts[i] : most;
  }
  return most;
}

} // namespace fathom::runtime
