// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Commands as a person reads them.

#include "tools/driver/InspectCommands.h"

#include "dialects/support/Escape.h"
#include "runtime/src/command_edges.h"
#include "runtime/src/places.h"

namespace fathom::driver {

/// A weight's name and the slice of it: "layers.q_proj[0 + instance]".
static std::string nameWeight(const artifact::Program &program, const artifact::Operand &operand) {
  for (const artifact::Weight *weight : *program.weights()) {
    if (operand.offset() >= weight->first_slice() && operand.offset() - weight->first_slice() < weight->slice_count()) {
      std::string slice = std::to_string(operand.offset() - weight->first_slice());
      slice += operand.stride() > 1 ? " + " + std::to_string(operand.stride()) + " instance" : "";
      slice += operand.stride() == 1 ? " + instance" : "";
      return escape(weight->name()->str()) + "[" + slice + "]";
    }
  }
  return "weight_slices[" + std::to_string(operand.offset()) + "]";
}

/// Where an operand is: "arena[0..4096]".
static std::string namePlace(const artifact::Artifact &contents, const artifact::Program &program,
                             const artifact::Operand &operand) {
  switch (runtime::factsOf(operand.place()).unit) {
  case runtime::Unit::bytes:
    return "arena[" + std::to_string(operand.offset()) + ".." + std::to_string(operand.offset() + operand.size()) + "]";
  case runtime::Unit::slices:
    return nameWeight(program, operand);
  case runtime::Unit::stores:
    return "store " + escape(contents.cache()->stores()->Get(operand.offset())->name()->str());
  case runtime::Unit::none:
    return EnumNamePlace(operand.place());
  }
  return "";
}

/// What a command touches in one way: "arena[0..4096], store latent".
static std::string listPlaces(const artifact::Artifact &contents, const artifact::Program &program,
                              const artifact::Command &command, artifact::Access access) {
  std::string text;
  for (uint32_t i = 0; command.operands() && i < command.operands()->size(); ++i) {
    const artifact::Operand &operand = *command.operands()->Get(i);
    if (operand.access() == access) {
      text += (text.empty() ? "" : ", ") + namePlace(contents, program, operand);
    }
  }
  return text;
}

static std::string nameTarget(const artifact::Program &program, const artifact::Command &command) {
  switch (command.action()) {
  case artifact::Action::launch:
    return escape(program.kernels()->Get(command.target())->name()->str());
  case artifact::Action::call:
    return escape(program.functions()->Get(command.target())->name()->str());
  case artifact::Action::record_state:
    return "";
  }
  return "";
}

static std::string describeRows(const artifact::Command &command) {
  std::string factor = command.factor() > 1 ? std::to_string(command.factor()) + " " : "";
  return command.action() == artifact::Action::launch ? factor + EnumNameRows(command.rows()) : "";
}

static std::string listEarlier(const runtime::CommandEdges &edges, uint32_t command) {
  std::string text;
  for (uint32_t earlier : edges.earlier(command)) {
    text = std::to_string(earlier) + (text.empty() ? "" : " ") + text;
  }
  return text;
}

fathom_status_t listCommands(const artifact::Artifact &contents, const artifact::Program &program, Report &report) {
  report.table("commands",
               {"function", "command", "action", "target", "rows", "layer", "instance", "after", "reads", "writes"});
  for (const artifact::Function *function : *program.functions()) {
    runtime::CommandEdges edges;
    FATHOM_RETURN_IF_ERROR(edges.find(*function));
    for (uint32_t i = 0; i < function->commands()->size(); ++i) {
      const artifact::Command &command = *function->commands()->Get(i);
      bool isCall = command.action() == artifact::Action::call;
      report.row({escape(function->name()->str()), i, EnumNameAction(command.action()), nameTarget(program, command),
                  describeRows(command), command.layer() < 0 ? json::Value(nullptr) : json::Value(command.layer()),
                  isCall ? json::Value(command.instance()) : json::Value(nullptr), listEarlier(edges, i),
                  listPlaces(contents, program, command, artifact::Access::read),
                  listPlaces(contents, program, command, artifact::Access::write)});
    }
  }
  return FATHOM_STATUS_OK;
}

} // namespace fathom::driver
