// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What stands outside of bodies: modules, functions, sections.

#include "runtime/device/ptxsim/parser.h"

#include <algorithm>
#include <array>

namespace fathom::runtime::ptxsim {

/// The newest version whose instructions are known here.
static constexpr unsigned kNewestVersion = 93;

bool parseModule(std::string_view text, Module &module, Problem &problem) {
  module.text = text;
  return Parser(module, problem).parse();
}

bool Parser::fail(std::string text) {
  if (problem_.text.empty()) {
    problem_ = {next_.line, std::move(text)};
  }
  return false;
}

bool Parser::unexpected(std::string_view expected) {
  std::string found = next_.kind == Token::End ? "the end of the text" : "'" + std::string(next_.text) + "'";
  return fail("expected " + std::string(expected) + ", found " + found);
}

Lexeme Parser::take() {
  Lexeme taken = next_;
  next_ = lexer_.next();
  return taken;
}

bool Parser::takeIf(char punctuation) {
  bool matches = next_.is(punctuation);
  if (matches) {
    take();
  }
  return matches;
}

bool Parser::takeDirective(std::string_view name) {
  bool matches = next_.kind == Token::Directive && next_.text == name;
  if (matches) {
    take();
  }
  return matches;
}

bool Parser::expect(char punctuation) {
  return takeIf(punctuation) || unexpected("'" + std::string(1, punctuation) + "'");
}

bool Parser::word(std::string_view &text) {
  if (next_.kind != Token::Word) {
    return unexpected("a name");
  }
  text = take().text;
  return true;
}

bool Parser::integer(uint64_t &value) {
  if (next_.kind != Token::Integer) {
    return unexpected("an integer");
  }
  value = take().value;
  return true;
}

bool Parser::parse() {
  while (next_.kind != Token::End) {
    if (!topLevel()) {
      return false;
    }
  }
  return module_.version != 0 || fail("expected .version at the start of the module");
}

bool Parser::skipToSemicolon() {
  while (!next_.is(';')) {
    if (next_.kind == Token::End) {
      return unexpected("';'");
    }
    take();
  }
  take();
  return true;
}

bool Parser::topLevel() {
  bool isExtern = false;
  while (next_.kind == Token::Directive &&
         (next_.text == "visible" || next_.text == "weak" || next_.text == "extern" || next_.text == "common")) {
    isExtern = take().text == "extern" || isExtern;
  }
  if (next_.kind != Token::Directive) {
    return unexpected("a directive");
  }
  std::string_view name = next_.text;
  Space space = spaceNamed(name);
  if (space != Space::Generic && space != Space::Param) {
    take();
    return variables(module_.variables, space, isExtern);
  }
  if (name == "entry" || name == "func") {
    take();
    return function(name == "entry", isExtern);
  }
  using Method = bool (Parser::*)();
  static constexpr std::pair<std::string_view, Method> kDirectives[] = {
      {"version", &Parser::version}, {"target", &Parser::target},          {"file", &Parser::file},
      {"section", &Parser::section}, {"pragma", &Parser::skipToSemicolon},
  };
  for (const auto &[directive, method] : kDirectives) {
    if (takeDirective(directive)) {
      return (this->*method)();
    }
  }
  uint64_t bits = 0;
  if (takeDirective("address_size")) {
    return integer(bits) && (bits == 64 || fail("expected 64 as address size"));
  }
  return fail("unknown directive '." + std::string(name) + "'");
}

bool Parser::version() {
  Lexeme number = take();
  size_t dot = number.text.find('.');
  if (number.kind != Token::Float64 || dot != 1 || number.text.size() != 3) {
    return fail("expected a version like 7.8");
  }
  module_.version = static_cast<unsigned>(number.text[0] - '0') * 10 + static_cast<unsigned>(number.text[2] - '0');
  return module_.version <= kNewestVersion || fail("unsupported version " + std::string(number.text));
}

bool Parser::target() {
  if (!word(module_.target)) {
    return false;
  }
  std::string_view option;
  while (takeIf(',')) {
    if (!word(option)) {
      return false;
    }
  }
  return true;
}

/// .file index "name"[, timestamp, size]
bool Parser::file() {
  uint64_t index = 0;
  if (!integer(index) || next_.kind != Token::String) {
    return unexpected("the name of a file");
  }
  module_.files[static_cast<unsigned>(index)] = take().text;
  while (takeIf(',')) {
    if (!integer(index)) {
      return false;
    }
  }
  return true;
}

/// Sections are for debuggers.
bool Parser::section() {
  while (!next_.is('{')) {
    if (next_.kind == Token::End) {
      return unexpected("'{'");
    }
    take();
  }
  unsigned depth = 0;
  do {
    if (next_.kind == Token::End) {
      return unexpected("'}'");
    }
    depth += next_.is('{');
    depth -= next_.is('}');
    take();
  } while (depth != 0);
  return true;
}

bool Parser::function(bool isEntry, bool isExtern) {
  Function function;
  function.isEntry = isEntry;
  function.line = next_.line;
  if (next_.is('(') && !parameters(function.results)) {
    return false;
  }
  if (!word(function.name) || (next_.is('(') && !parameters(function.parameters)) || !functionDirectives(function)) {
    return false;
  }
  function.hasBody = next_.is('{');
  if (!function.hasBody) {
    takeIf(';'); // nvcc and LLVM write declarations with and without one
  } else if (isExtern || !body(function)) {
    return fail("a function that is .extern has no body");
  }
  auto isSame = [&](const Function &other) { return other.name == function.name; };
  auto known = std::find_if(module_.functions.begin(), module_.functions.end(), isSame);
  if (known == module_.functions.end()) {
    module_.functions.push_back(std::move(function));
  } else if (function.hasBody && known->hasBody) {
    return fail("'" + std::string(function.name) + "' is defined twice");
  } else if (function.hasBody) {
    *known = std::move(function);
  }
  return true;
}

bool Parser::dimensions(Dimensions &dimensions) {
  std::array<uint64_t, 3> values = {1, 1, 1};
  size_t count = 0;
  do {
    if (count == 3 || !integer(values[count]) || values[count] > UINT32_MAX) {
      return fail("expected up to three numbers of 32 bits");
    }
    ++count;
  } while (takeIf(','));
  dimensions = {static_cast<unsigned>(values[0]), static_cast<unsigned>(values[1]), static_cast<unsigned>(values[2])};
  return true;
}

bool Parser::functionDirectives(Function &function) {
  Dimensions unused;
  while (next_.kind == Token::Directive) {
    std::string_view name = take().text;
    bool good = true;
    if (name == "maxntid") {
      good = dimensions(function.mostThreads);
    } else if (name == "reqntid") {
      good = dimensions(function.exactThreads);
    } else if (name == "reqnctapercluster") {
      good = dimensions(function.cluster);
    } else if (name == "minnctapersm" || name == "maxnreg" || name == "maxclusterrank" || name == "maxnctapersm") {
      good = dimensions(unused);
    } else if (name == "pragma") {
      good = skipToSemicolon();
    } else if (name != "noreturn" && name != "explicitcluster" && name != "blocksareclusters") {
      return fail("unknown directive '." + std::string(name) + "'");
    }
    if (!good) {
      return false;
    }
  }
  return true;
}

bool Parser::parameters(std::vector<Variable> &list) {
  expect('(');
  while (!takeIf(')')) {
    Variable parameter;
    parameter.isRegister = takeDirective("reg");
    if (!parameter.isRegister && !takeDirective("param")) {
      return unexpected(".param or .reg");
    }
    parameter.space = Space::Param;
    if (!variable(parameter, true)) {
      return false;
    }
    list.push_back(std::move(parameter));
    if (!takeIf(',') && !next_.is(')')) {
      return unexpected("',' or ')'");
    }
  }
  return true;
}

} // namespace fathom::runtime::ptxsim
