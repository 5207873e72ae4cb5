// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Loading a module: its variables, then its entries.

#include "runtime/device/ptxsim/loaded_module.h"

#include <charconv>
#include <cstring>

namespace fathom::runtime::ptxsim {

bool runsTarget(std::string_view target, int major, int minor) {
  int number = 0;
  if (!target.starts_with("sm_")) {
    return false;
  }
  auto parsed = std::from_chars(target.data() + 3, target.data() + target.size(), number);
  std::string_view suffix(parsed.ptr, static_cast<size_t>(target.data() + target.size() - parsed.ptr));
  int own = major * 10 + minor;
  if (parsed.ec != std::errc() || (suffix != "" && suffix != "a" && suffix != "f")) {
    return false;
  }
  // Code for one architecture with all that it has runs on no other; that of a family on its later members.
  return suffix == "a" ? number == own : suffix == "f" ? number <= own && number / 10 == major : number <= own;
}

LoadedModule::~LoadedModule() {
  for (uint64_t address : addresses_) {
    memory_.release(address);
  }
}

/// Whether it has memory of its own in the module.
static bool isDefinition(const Variable &variable) {
  return (variable.space == Space::Global || variable.space == Space::Const) && !variable.isExtern;
}

cuda::CUresult LoadedModule::allocateVariables(const Module &module, Problem &problem) {
  for (const Variable &variable : module.variables) {
    if (!isDefinition(variable)) {
      continue;
    }
    if (globals_.contains(variable.name)) {
      problem = {variable.line, "'" + std::string(variable.name) + "' is defined twice"};
      return cuda::kInvalidPtx;
    }
    uint64_t address = memory_.allocate(std::max<uint64_t>(variable.bytes, 1));
    if (address == 0) {
      problem = {variable.line, "no memory for '" + std::string(variable.name) + "'"};
      return cuda::kOutOfMemory;
    }
    addresses_.push_back(address);
    globals_.emplace(variable.name, address);
  }
  for (const Variable &variable : module.variables) {
    if (isDefinition(variable) && !initialize(variable, globals_.find(variable.name)->second, problem)) {
      return cuda::kInvalidPtx;
    }
  }
  return cuda::kSuccess;
}

/// What a text does not initialize is 0.
bool LoadedModule::initialize(const Variable &variable, uint64_t address, Problem &problem) {
  const Allocation *allocation = memory_.find(address, variable.bytes);
  std::memset(allocation->host, 0, variable.bytes);
  if (!variable.initial.empty()) {
    std::memcpy(allocation->host, variable.initial.data(), variable.initial.size());
  }
  for (const Relocation &relocation : variable.relocations) {
    auto symbol = globals_.find(relocation.symbol);
    if (symbol == globals_.end()) {
      problem = {variable.line, "unknown name '" + std::string(relocation.symbol) + "'"};
      return false;
    }
    uint64_t value = symbol->second + static_cast<uint64_t>(relocation.addend);
    std::memcpy(allocation->host + relocation.offset, &value, sizeof(value));
  }
  if (variable.space == Space::Const) {
    memory_.setReadOnly(address);
  }
  return true;
}

cuda::CUresult LoadedModule::load(std::string_view text, int major, int minor, Problem &problem) {
  Module module;
  if (!parseModule(text, module, problem)) {
    bool isVersion = problem.text.starts_with("unsupported version");
    return isVersion ? cuda::kUnsupportedPtxVersion : cuda::kInvalidPtx;
  }
  if (!runsTarget(module.target, major, minor)) {
    problem.text =
        "code for '" + std::string(module.target) + "' does not run on sm_" + std::to_string(major * 10 + minor);
    return cuda::kNoBinaryForGpu;
  }
  if (cuda::CUresult result = allocateVariables(module, problem); result != cuda::kSuccess) {
    return result;
  }
  for (const Function &function : module.functions) {
    if (!function.isEntry || !function.hasBody) {
      continue;
    }
    LoadedFunction &loaded = functions_.emplace_back();
    if (!KernelBuilder(module, globals_, problem).build(function, loaded.kernel)) {
      return cuda::kInvalidPtx;
    }
  }
  globals_.clear(); // its names are of the text
  return cuda::kSuccess;
}

LoadedFunction *LoadedModule::find(std::string_view name) {
  for (LoadedFunction &function : functions_) {
    if (function.kernel.name == name) {
      return &function;
    }
  }
  return nullptr;
}

bool LoadedModule::owns(const LoadedFunction *function) const {
  for (const LoadedFunction &own : functions_) {
    if (&own == function) {
      return true;
    }
  }
  return false;
}

} // namespace fathom::runtime::ptxsim
