// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Bodies of functions: scopes, registers, labels, instructions and their operands.

#include "runtime/device/ptxsim/parser.h"

namespace fathom::runtime::ptxsim {

static constexpr unsigned kDeepest = 8;
static constexpr size_t kMostScopes = 1 << 20;

bool Parser::body(Function &function) {
  scopes_.clear();
  sourceFile_ = sourceLine_ = 0;
  expect('{');
  function.scopes.emplace_back();
  scopes_.push_back(0);
  while (!scopes_.empty()) {
    if (!statement(function)) {
      return false;
    }
  }
  return true;
}

bool Parser::statement(Function &function) {
  if (takeIf('{')) {
    if (function.scopes.size() == kMostScopes) {
      return fail("the function has too many scopes");
    }
    Scope scope;
    scope.parent = scopes_.back();
    scopes_.push_back(static_cast<unsigned>(function.scopes.size()));
    function.scopes.push_back(std::move(scope));
    return true;
  }
  if (takeIf('}')) {
    scopes_.pop_back();
    return true;
  }
  if (takeIf(';')) {
    return true;
  }
  if (next_.kind == Token::Directive) {
    return directive(function);
  }
  if (next_.is('@')) {
    return guardedInstruction(function);
  }
  if (next_.kind != Token::Word) {
    return unexpected("an instruction");
  }
  Lexeme name = take();
  if (takeIf(':')) {
    return label(function, name.text);
  }
  ParsedInstruction parsed;
  return instruction(function, name, parsed);
}

bool Parser::directive(Function &function) {
  std::string_view name = take().text;
  Space space = spaceNamed(name);
  if (space != Space::Generic) {
    return localVariables(function, space);
  }
  if (name == "reg") {
    return registers(function);
  }
  if (name == "loc") {
    return location();
  }
  if (name == "pragma") {
    return skipToSemicolon();
  }
  return fail("unknown directive '." + std::string(name) + "'");
}

/// .reg .b32 %r<5>, %sum;
bool Parser::registers(Function &function) {
  if (next_.kind != Token::Directive) {
    return unexpected("a type");
  }
  Type type = typeNamed(next_.text);
  if (type == Type::None) {
    return fail("unknown type '." + std::string(next_.text) + "'");
  }
  take();
  Scope &scope = function.scopes[scopes_.back()];
  do {
    std::string_view name;
    uint64_t count = 0;
    if (!word(name)) {
      return false;
    }
    bool isRange = takeIf('<');
    if (isRange && (!integer(count) || !expect('>'))) {
      return false;
    }
    bool isNew = (isRange ? scope.ranges : scope.registers).try_emplace(name, RegisterDeclaration{type, count}).second;
    if (!isNew) {
      return fail("'" + std::string(name) + "' is declared twice");
    }
  } while (takeIf(','));
  return expect(';');
}

bool Parser::localVariables(Function &function, Space space) {
  size_t first = function.variables.size();
  if (!variables(function.variables, space, false)) {
    return false;
  }
  Scope &scope = function.scopes[scopes_.back()];
  for (size_t i = first; i < function.variables.size(); ++i) {
    if (!scope.variables.try_emplace(function.variables[i].name, i).second) {
      return fail("'" + std::string(function.variables[i].name) + "' is declared twice");
    }
  }
  return true;
}

bool Parser::label(Function &function, std::string_view name) {
  if (takeDirective("branchtargets")) {
    return branchTargets(function, name);
  }
  if (takeDirective("callprototype")) {
    return skipToSemicolon();
  }
  bool isNew = function.scopes[scopes_.back()].labels.try_emplace(name, function.instructions.size()).second;
  return isNew || fail("label '" + std::string(name) + "' is defined twice");
}

bool Parser::branchTargets(Function &function, std::string_view label) {
  std::vector<std::string_view> &targets = function.scopes[scopes_.back()].targets[label];
  do {
    std::string_view target;
    if (!word(target)) {
      return false;
    }
    targets.push_back(target);
  } while (takeIf(','));
  return expect(';');
}

/// .loc file line column[, function_name label[+offset], inlined_at file line column]
bool Parser::location() {
  uint64_t file = 0, line = 0, column = 0;
  if (!integer(file) || !integer(line) || !integer(column)) {
    return false;
  }
  sourceFile_ = static_cast<unsigned>(file);
  sourceLine_ = static_cast<unsigned>(line);
  while (takeIf(',')) {
    std::string_view key, symbol;
    int64_t addend = 0;
    if (!word(key)) {
      return false;
    }
    bool good = key == "function_name" ? word(symbol) && offset(addend)
                                       : key == "inlined_at" && integer(file) && integer(line) && integer(column);
    if (!good) {
      return unexpected("function_name or inlined_at");
    }
  }
  return true;
}

bool Parser::guardedInstruction(Function &function) {
  ParsedInstruction parsed;
  take();
  parsed.guardNegated = takeIf('!');
  if (!word(parsed.guard) || next_.kind != Token::Word) {
    return unexpected("an instruction");
  }
  return instruction(function, take(), parsed);
}

bool Parser::instruction(Function &function, Lexeme opcode, ParsedInstruction &parsed) {
  parsed.opcode = opcode.text;
  parsed.line = opcode.line;
  parsed.sourceFile = sourceFile_;
  parsed.sourceLine = sourceLine_;
  parsed.scope = scopes_.back();
  while (next_.kind == Token::Directive) {
    parsed.modifiers.push_back(take().text);
  }
  if (!operandList(parsed.operands, ';', 0)) {
    return false;
  }
  function.instructions.push_back(std::move(parsed));
  return true;
}

/// Operands up to `end`, which is taken.
bool Parser::operandList(std::vector<ParsedOperand> &operands, char end, unsigned depth) {
  if (depth == kDeepest) {
    return fail("operands are nested too deep");
  }
  while (!takeIf(end)) {
    operands.emplace_back();
    if (!operand(operands.back(), depth)) {
      return false;
    }
    if (!takeIf(',') && !next_.is(end)) {
      return unexpected("',' or '" + std::string(1, end) + "'");
    }
  }
  return true;
}

bool Parser::operand(ParsedOperand &operand, unsigned depth) {
  using Kind = ParsedOperand::Kind;
  static constexpr struct {
    char open, close;
    Kind kind;
  } kBrackets[] = {{'[', ']', Kind::Address}, {'{', '}', Kind::Vector}, {'(', ')', Kind::List}};
  for (const auto &bracket : kBrackets) {
    if (takeIf(bracket.open)) {
      operand.kind = bracket.kind;
      return operandList(operand.parts, bracket.close, depth + 1);
    }
  }
  operand.negated = takeIf('!');
  if (next_.kind == Token::Word) {
    return namedOperand(operand);
  }
  bool negative = takeIf('-');
  switch (next_.kind) {
  case Token::Integer:
    operand.kind = Kind::Integer;
    operand.value = negative ? 0 - take().value : take().value;
    return true;
  case Token::Float32:
  case Token::Float64:
    operand.kind = next_.kind == Token::Float32 ? Kind::Float32 : Kind::Float64;
    operand.value = next_.value ^ (negative ? uint64_t{1} << (next_.kind == Token::Float32 ? 31 : 63) : 0);
    take();
    return true;
  default:
    return unexpected("an operand");
  }
}

/// %r1, %tid.x, symbol+4, %p1|%p2
bool Parser::namedOperand(ParsedOperand &operand) {
  Lexeme name = take();
  operand.name = name.text;
  if (next_.kind == Token::Directive && next_.adjacent) {
    std::string_view part = take().text;
    operand.name = std::string_view(name.text.data(), name.text.size() + 1 + part.size());
  }
  if (takeIf('|')) {
    ParsedOperand first = operand, second;
    if (!word(second.name)) {
      return false;
    }
    operand = {};
    operand.kind = ParsedOperand::Kind::Pair;
    operand.parts = {first, second};
    return true;
  }
  return offset(operand.offset);
}

} // namespace fathom::runtime::ptxsim
