// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The parser of PTX: declarations in parser.cpp, variables in parse_variable.cpp, bodies in parse_body.cpp.

#ifndef FATHOM_RUNTIME_DEVICE_PTXSIM_PARSER_H
#define FATHOM_RUNTIME_DEVICE_PTXSIM_PARSER_H

#include "runtime/device/ptxsim/lexer.h"
#include "runtime/device/ptxsim/syntax.h"

namespace fathom::runtime::ptxsim {

/// Recursive descent with one word of look-ahead. What returns bool is false after the first error, which is kept.
class Parser {
public:
  Parser(Module &module, Problem &problem)
      : module_(module), problem_(problem), lexer_(module.text), next_(lexer_.next()) {}

  bool parse();

private:
  // parser.cpp
  bool topLevel();
  bool version();
  bool target();
  bool file();
  bool function(bool isEntry, bool isExtern);
  bool functionDirectives(Function &function);
  bool dimensions(Dimensions &dimensions);
  bool parameters(std::vector<Variable> &list);
  bool section();
  bool skipToSemicolon();

  // parse_variable.cpp
  bool variables(std::vector<Variable> &list, Space space, bool isExtern);
  bool variable(Variable &variable, bool isParameter);
  bool variableType(Variable &variable, uint64_t &elementBytes);
  bool elementCount(Variable &variable, uint64_t &count);
  bool initializer(Variable &variable, uint64_t elementBytes, unsigned depth);
  bool initialValue(Variable &variable, uint64_t elementBytes);
  bool initialAddress(Variable &variable, uint64_t elementBytes);

  // parse_body.cpp
  bool body(Function &function);
  bool statement(Function &function);
  bool directive(Function &function);
  bool registers(Function &function);
  bool localVariables(Function &function, Space space);
  bool label(Function &function, std::string_view name);
  bool branchTargets(Function &function, std::string_view label);
  bool location();
  bool instruction(Function &function, Lexeme opcode, ParsedInstruction &instruction);
  bool guardedInstruction(Function &function);
  bool operandList(std::vector<ParsedOperand> &operands, char end, unsigned depth);
  bool operand(ParsedOperand &operand, unsigned depth);
  bool namedOperand(ParsedOperand &operand);
  bool offset(int64_t &offset);

  bool fail(std::string text);
  bool unexpected(std::string_view expected);
  Lexeme take();
  bool takeIf(char punctuation);
  bool takeDirective(std::string_view name);
  bool expect(char punctuation);
  bool word(std::string_view &text);
  bool integer(uint64_t &value);

  Module &module_;
  Problem &problem_;
  Lexer lexer_;
  Lexeme next_;
  std::vector<unsigned> scopes_;
  unsigned sourceFile_ = 0, sourceLine_ = 0;
};

} // namespace fathom::runtime::ptxsim

#endif // FATHOM_RUNTIME_DEVICE_PTXSIM_PARSER_H
