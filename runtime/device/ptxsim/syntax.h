// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A module of PTX as its text says it: names are not resolved yet.

#ifndef FATHOM_RUNTIME_DEVICE_PTXSIM_SYNTAX_H
#define FATHOM_RUNTIME_DEVICE_PTXSIM_SYNTAX_H

#include "runtime/device/ptxsim/types.h"

#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace fathom::runtime::ptxsim {

/// What is wrong with a text, and in which line of it.
struct Problem {
  unsigned line = 0;
  std::string text;
};

struct ParsedOperand {
  enum class Kind : uint8_t {
    Name,    // a register, a symbol or a label, perhaps with `offset`
    Integer, // `value`
    Float32, // `value` has the bits
    Float64,
    Address, // [parts…], the first one with `offset`
    Vector,  // {parts…}
    List,    // (parts…), of a call
    Pair,    // parts[0]|parts[1]
  };
  Kind kind = Kind::Name;
  bool negated = false;
  std::string_view name;
  uint64_t value = 0;
  int64_t offset = 0;
  std::vector<ParsedOperand> parts;
};

struct ParsedInstruction {
  std::string_view opcode;
  /// Without their dots.
  std::vector<std::string_view> modifiers;
  std::vector<ParsedOperand> operands;
  std::string_view guard;
  bool guardNegated = false;
  unsigned line = 0;
  /// Of .loc, 0 where there is none.
  unsigned sourceFile = 0, sourceLine = 0;
  unsigned scope = 0;
};

/// A place in the bytes of a variable where an address is added.
struct Relocation {
  size_t offset;
  std::string_view symbol;
  int64_t addend;
};

struct Variable {
  std::string_view name;
  Space space = Space::Generic;
  Type type = Type::None;
  uint64_t bytes = 0;
  uint64_t align = 1;
  /// Declared [] and sized by the launch, or by another module.
  bool isExtern = false;
  /// A .reg that is a parameter of a function.
  bool isRegister = false;
  std::vector<uint8_t> initial;
  std::vector<Relocation> relocations;
  unsigned line = 0;
};

/// A `.reg` of one name, or of `count` names that end in a number.
struct RegisterDeclaration {
  Type type;
  uint64_t count;
};

/// What braces declare.
struct Scope {
  unsigned parent = 0;
  std::map<std::string_view, RegisterDeclaration> registers, ranges;
  /// Indices into Function::variables.
  std::map<std::string_view, size_t> variables;
  /// Indices of the instructions behind the labels.
  std::map<std::string_view, size_t> labels;
  /// The labels of .branchtargets.
  std::map<std::string_view, std::vector<std::string_view>> targets;
};

struct Dimensions {
  unsigned x = 0, y = 1, z = 1;
  uint64_t count() const { return static_cast<uint64_t>(x) * y * z; }
};

struct Function {
  std::string_view name;
  bool isEntry = false;
  bool hasBody = false;
  std::vector<Variable> results, parameters;
  /// Declared inside it.
  std::vector<Variable> variables;
  std::vector<Scope> scopes;
  std::vector<ParsedInstruction> instructions;
  /// x is 0 where the text does not say.
  Dimensions mostThreads, exactThreads, cluster;
  unsigned line = 0;
};

struct Module {
  /// What the names point into.
  std::string text;
  unsigned version = 0; // 78 for 7.8
  std::string_view target;
  std::map<unsigned, std::string_view> files;
  std::vector<Variable> variables;
  std::vector<Function> functions;
};

/// Parses `text`; false with `problem` where it is not PTX. Opcodes are not looked at.
bool parseModule(std::string_view text, Module &module, Problem &problem);

} // namespace fathom::runtime::ptxsim

#endif // FATHOM_RUNTIME_DEVICE_PTXSIM_SYNTAX_H
