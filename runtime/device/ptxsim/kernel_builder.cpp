// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Code: functions one after the other, jumps and calls patched.

#include "runtime/device/ptxsim/opcodes.h"

#include <algorithm>

namespace fathom::runtime::ptxsim {

/// Calls within calls; the depth of a lane is a byte.
static constexpr unsigned kDeepestCall = 200;
/// What a thread of a device can have, and a block of memory that is not dynamic.
static constexpr uint64_t kMostLocal = 512 << 10, kMostShared = 48 << 10, kMostParameters = 32764;

void KernelBuilder::fail(unsigned line, std::string text) {
  if (problem_.text.empty()) {
    problem_ = {line, std::move(text)};
  }
}

bool KernelBuilder::build(const Function &entry, Kernel &kernel) {
  kernel_ = &kernel;
  kernel.name = entry.name;
  kernel.places = kSpecials;
  kernel.mostThreads = entry.mostThreads;
  kernel.exactThreads = entry.exactThreads;
  kernel.cluster = entry.cluster;
  for (auto [index, name] : module_.files) {
    kernel.files.emplace(index, name);
  }
  layOutParameters(entry);
  work_.push_back(&entry);
  frames_[&entry];
  while (!work_.empty()) {
    const Function *function = work_.back();
    work_.pop_back();
    if (!buildFunction(*function)) {
      return false;
    }
  }
  if (!checkCalls(entry, 0)) {
    return false;
  }
  patchCalls();
  placeDynamicShared();
  std::pair<uint64_t, uint64_t> limits[] = {
      {kernel.localBytes, kMostLocal}, {kernel.sharedBytes, kMostShared}, {kernel.parameterBytes, kMostParameters}};
  const char *names[] = {"local", "shared", "parameter"};
  for (size_t i = 0; i < 3; ++i) {
    if (limits[i].first > limits[i].second) {
      fail(entry.line, "'" + kernel.name + "' needs " + std::to_string(limits[i].first) + " bytes of " + names[i] +
                           " memory, there are " + std::to_string(limits[i].second));
    }
  }
  return problem_.text.empty();
}

void KernelBuilder::layOutParameters(const Function &entry) {
  for (const Variable &parameter : entry.parameters) {
    uint64_t offset = (kernel_->parameterBytes + parameter.align - 1) / parameter.align * parameter.align;
    Symbol symbol;
    symbol.kind = Symbol::Kind::Variable;
    symbol.space = Space::Param;
    symbol.addressPlace = constant(offset);
    variables_[&parameter] = symbol;
    kernel_->parameters.push_back({offset, parameter.bytes});
    kernel_->parameterBytes = offset + parameter.bytes;
  }
}

bool KernelBuilder::buildFunction(const Function &function) {
  Frame &frame = frames_[&function]; // stays where it is when others are added
  frame.start = static_cast<uint32_t>(kernel_->code.size());
  for (const ParsedInstruction &parsed : function.instructions) {
    frame.starts.push_back(static_cast<uint32_t>(kernel_->code.size()));
    decode(function, parsed);
    if (!problem_.text.empty()) {
      return false;
    }
  }
  // The end of a body is a return; labels may stand there.
  frame.starts.push_back(static_cast<uint32_t>(kernel_->code.size()));
  ParsedInstruction end;
  end.opcode = "ret";
  end.line = function.instructions.empty() ? function.line : function.instructions.back().line;
  decode(function, end);
  for (const Jump &jump : frame.jumps) {
    Instruction &instruction = kernel_->code[jump.instruction];
    (jump.which < 0 ? instruction.target : instruction.targets[static_cast<size_t>(jump.which)]) =
        frame.starts[jump.label];
  }
  return true;
}

void KernelBuilder::decode(const Function &function, const ParsedInstruction &parsed) {
  const Opcode *opcode = findOpcode(parsed.opcode);
  if (opcode == nullptr) {
    fail(parsed.line, "unknown opcode '" + std::string(parsed.opcode) + "'");
    return;
  }
  Decoder decoder(*this, function, parsed);
  opcode->decode(decoder);
}

void KernelBuilder::add(Instruction instruction, const ParsedInstruction &parsed) {
  std::string text(parsed.opcode);
  for (std::string_view modifier : parsed.modifiers) {
    text += "." + std::string(modifier);
  }
  // Inline assembly has more than one instruction on a line.
  if (kernel_->lines.empty() || kernel_->lines.back().line != parsed.line || kernel_->lines.back().text != text) {
    kernel_->lines.push_back({parsed.line, parsed.sourceFile, parsed.sourceLine, std::move(text)});
  }
  instruction.line = static_cast<uint32_t>(kernel_->lines.size() - 1);
  kernel_->code.push_back(std::move(instruction));
}

void KernelBuilder::callNext(const Function &caller, const Function &callee) {
  frames_[&caller].callees.push_back(&callee);
  calls_.emplace_back(kernel_->code.size(), &callee);
  bool isQueued = std::find(work_.begin(), work_.end(), &callee) != work_.end();
  if (frames_[&callee].starts.empty() && !isQueued) {
    work_.push_back(&callee);
  }
}

void KernelBuilder::patchCalls() {
  for (auto [index, callee] : calls_) {
    kernel_->code[index].target = frames_[callee].start;
  }
}

/// No function reaches itself. Each is visited once for each depth that is larger than those before.
bool KernelBuilder::checkCalls(const Function &function, unsigned depth) {
  if (depth > kDeepestCall) {
    fail(function.line, "'" + std::string(function.name) + "' is recursive, or called too deep");
    return false;
  }
  Frame &frame = frames_[&function];
  if (depth != 0 && depth <= frame.depth) {
    return true;
  }
  frame.depth = depth;
  return std::all_of(frame.callees.begin(), frame.callees.end(),
                     [&](const Function *callee) { return checkCalls(*callee, depth + 1); });
}

bool KernelBuilder::labelIndex(const Function &function, unsigned scope, std::string_view label, size_t &index) const {
  for (;; scope = function.scopes[scope].parent) {
    auto found = function.scopes[scope].labels.find(label);
    if (found != function.scopes[scope].labels.end()) {
      index = found->second;
      return true;
    }
    if (scope == 0) {
      return false;
    }
  }
}

bool KernelBuilder::branchNext(const Function &function, unsigned scope, std::string_view label) {
  size_t index = 0;
  if (!labelIndex(function, scope, label, index)) {
    return false;
  }
  frames_[&function].jumps.push_back({kernel_->code.size(), index, -1});
  return true;
}

const std::vector<std::string_view> *KernelBuilder::branchTargets(const Function &function, unsigned scope,
                                                                  std::string_view label) const {
  for (;; scope = function.scopes[scope].parent) {
    auto found = function.scopes[scope].targets.find(label);
    if (found != function.scopes[scope].targets.end()) {
      return &found->second;
    }
    if (scope == 0) {
      return nullptr;
    }
  }
}

bool KernelBuilder::branchAnyNext(const Function &function, unsigned scope, std::span<const std::string_view> labels) {
  for (size_t i = 0; i < labels.size(); ++i) {
    size_t index = 0;
    if (!labelIndex(function, scope, labels[i], index)) {
      return false;
    }
    frames_[&function].jumps.push_back({kernel_->code.size(), index, static_cast<int>(i)});
  }
  return true;
}

const Function *KernelBuilder::findFunction(std::string_view name) const {
  for (const Function &function : module_.functions) {
    if (function.name == name) {
      return &function;
    }
  }
  return nullptr;
}

} // namespace fathom::runtime::ptxsim
