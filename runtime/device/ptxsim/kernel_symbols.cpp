// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Names: registers, special registers and variables, and where they are.

#include "runtime/device/ptxsim/kernel_builder.h"
#include "runtime/device/ptxsim/memory.h"

#include <charconv>

namespace fathom::runtime::ptxsim {

namespace {
struct SpecialRow {
  std::string_view spelling;
  unsigned bits;
};
} // namespace

static constexpr SpecialRow kSpecialRows[] = {
#define FATHOM_PTX_SPECIAL(name, spelling, bits) {spelling, bits},
#include "runtime/device/ptxsim/specials.def"
};

uint32_t KernelBuilder::constant(uint64_t value) {
  auto [known, isNew] = constants_.try_emplace(value, static_cast<uint32_t>(kernel_->constants.size() / kWarpSize));
  if (isNew) {
    kernel_->constants.insert(kernel_->constants.end(), kWarpSize, value);
  }
  return known->second;
}

uint32_t KernelBuilder::constantPair(uint64_t low) {
  auto place = static_cast<uint32_t>(kernel_->constants.size() / kWarpSize);
  kernel_->constants.insert(kernel_->constants.end(), kWarpSize, low);
  kernel_->constants.insert(kernel_->constants.end(), kWarpSize, 0);
  return place;
}

uint32_t KernelBuilder::sink() {
  if (sink_ == 0) {
    sink_ = kernel_->places;
    kernel_->places += 2;
  }
  return sink_;
}

Symbol KernelBuilder::find(const Function &function, unsigned scope, std::string_view name) {
  Symbol symbol = findRegister(function, scope, name);
  if (symbol.kind != Symbol::Kind::Unknown) {
    return symbol;
  }
  if (name.starts_with('%')) {
    symbol = findSpecial(name);
    if (symbol.kind != Symbol::Kind::Unknown) {
      return symbol;
    }
  }
  Space space = Space::Generic;
  if (const Variable *variable = findVariable(function, scope, name, space)) {
    return symbolOf(*variable, space);
  }
  if ((symbol.function = findFunction(name)) != nullptr) {
    symbol.kind = Symbol::Kind::Function;
  }
  return symbol;
}

Symbol KernelBuilder::findSpecial(std::string_view name) const {
  Symbol symbol;
  for (const SpecialRow &row : kSpecialRows) {
    if (row.spelling == name) {
      symbol.kind = Symbol::Kind::Special;
      symbol.place = static_cast<uint32_t>(&row - kSpecialRows);
      symbol.special = static_cast<Special>(symbol.place);
      symbol.bits = row.bits;
    }
  }
  return symbol;
}

/// A register gets its place when it is first used: what a text declares and does not use costs nothing.
uint32_t KernelBuilder::place(const Function &function, unsigned scope, std::string_view name, unsigned bits) {
  auto [known, isNew] = frames_[&function].places.try_emplace({scope, name}, kernel_->places);
  if (isNew) {
    kernel_->places += bits > 64 ? 2 : 1;
  }
  return known->second;
}

/// `%r<5>` declares %r0 to %r4.
static const RegisterDeclaration *inRange(const Scope &scope, std::string_view name) {
  for (size_t digits = name.find_last_not_of("0123456789") + 1; digits < name.size(); ++digits) {
    auto range = scope.ranges.find(name.substr(0, digits));
    uint64_t number = 0;
    auto parsed = std::from_chars(name.data() + digits, name.data() + name.size(), number);
    bool isPlain = name[digits] != '0' || digits + 1 == name.size();
    if (range != scope.ranges.end() && parsed.ec == std::errc() && isPlain && number < range->second.count) {
      return &range->second;
    }
  }
  return nullptr;
}

Symbol KernelBuilder::findRegister(const Function &function, unsigned scope, std::string_view name) {
  Symbol symbol;
  symbol.kind = Symbol::Kind::Register;
  for (;; scope = function.scopes[scope].parent) {
    const Scope &here = function.scopes[scope];
    auto single = here.registers.find(name);
    const RegisterDeclaration *declared = single != here.registers.end() ? &single->second : inRange(here, name);
    if (declared != nullptr) {
      symbol.bits = bitsOf(declared->type);
      symbol.place = place(function, scope, name, symbol.bits);
      return symbol;
    }
    if (scope == 0) {
      break;
    }
  }
  for (const std::vector<Variable> *list : {&function.parameters, &function.results}) {
    for (const Variable &parameter : *list) {
      if (parameter.isRegister && parameter.name == name) {
        symbol.bits = bitsOf(parameter.type);
        symbol.place = place(function, 0, name, symbol.bits);
        return symbol;
      }
    }
  }
  return {};
}

const Variable *KernelBuilder::findVariable(const Function &function, unsigned scope, std::string_view name,
                                            Space &space) const {
  for (;; scope = function.scopes[scope].parent) {
    auto found = function.scopes[scope].variables.find(name);
    if (found != function.scopes[scope].variables.end()) {
      const Variable &variable = function.variables[found->second];
      space = variable.space == Space::Param ? Space::Local : variable.space;
      return &variable;
    }
    if (scope == 0) {
      break;
    }
  }
  for (const std::vector<Variable> *list : {&function.parameters, &function.results}) {
    for (const Variable &parameter : *list) {
      if (!parameter.isRegister && parameter.name == name) {
        space = function.isEntry ? Space::Param : Space::Local;
        return &parameter;
      }
    }
  }
  for (const Variable &variable : module_.variables) {
    if (variable.name == name) {
      space = variable.space;
      return &variable;
    }
  }
  return nullptr;
}

static uint64_t reserve(uint64_t &used, const Variable &variable) {
  uint64_t offset = (used + variable.align - 1) / variable.align * variable.align;
  used = offset + variable.bytes;
  return offset;
}

Symbol KernelBuilder::symbolOf(const Variable &variable, Space space) {
  auto [known, isNew] = variables_.try_emplace(&variable);
  Symbol &symbol = known->second;
  if (!isNew) {
    return symbol;
  }
  symbol.kind = Symbol::Kind::Variable;
  symbol.space = space;
  if (space == Space::Shared && variable.isExtern) {
    // Behind all others, which are not all known yet.
    kernel_->dynamicSharedAlign = std::max(kernel_->dynamicSharedAlign, variable.align);
    symbol.addressPlace = static_cast<uint32_t>(kernel_->constants.size() / kWarpSize);
    kernel_->constants.insert(kernel_->constants.end(), kWarpSize, 0);
    dynamicShared_.push_back(symbol.addressPlace);
  } else if (space == Space::Shared) {
    symbol.addressPlace = constant(reserve(kernel_->sharedBytes, variable));
  } else if (space == Space::Local) {
    symbol.addressPlace = constant(reserve(kernel_->localBytes, variable));
  } else {
    auto global = globals_.find(variable.name);
    if (global == globals_.end()) {
      fail(variable.line, "'" + std::string(variable.name) + "' is declared, but not defined");
    }
    symbol.addressPlace = constant(global == globals_.end() ? 0 : global->second);
  }
  return symbol;
}

uint64_t KernelBuilder::localAddress(const Variable &variable) {
  return kernel_->constants[size_t{symbolOf(variable, Space::Local).addressPlace} * kWarpSize];
}

void KernelBuilder::placeDynamicShared() {
  uint64_t align = kernel_->dynamicSharedAlign;
  uint64_t offset = (kernel_->sharedBytes + align - 1) / align * align;
  for (uint32_t place : dynamicShared_) {
    std::fill_n(kernel_->constants.begin() + static_cast<ptrdiff_t>(size_t{place} * kWarpSize), kWarpSize, offset);
  }
}

} // namespace fathom::runtime::ptxsim
