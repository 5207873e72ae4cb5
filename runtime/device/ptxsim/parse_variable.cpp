// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Declarations of variables: `.align 16 .b8 name[64] = {…}`.

#include "runtime/device/ptxsim/parser.h"

#include <bit>
#include <cstring>

namespace fathom::runtime::ptxsim {

/// No variable is larger: what the text asks for is not what there is memory for.
static constexpr uint64_t kMostBytes = uint64_t{1} << 34;
/// Bytes of initial values are in the text, but for the zeros behind them.
static constexpr uint64_t kMostInitialBytes = uint64_t{1} << 28;

bool Parser::variables(std::vector<Variable> &list, Space space, bool isExtern) {
  Variable first;
  first.space = space;
  first.isExtern = isExtern;
  if (!variable(first, false)) {
    return false;
  }
  list.push_back(first);
  while (takeIf(',')) {
    // Names that follow share the type, and have an array of their own.
    Variable next = first;
    next.initial.clear();
    next.relocations.clear();
    next.line = next_.line;
    uint64_t count = 1, element = bytesOf(next.type);
    if (!word(next.name) || !elementCount(next, count)) {
      return false;
    }
    next.bytes = count * element;
    if (takeIf('=') && !initializer(next, element, 0)) {
      return false;
    }
    list.push_back(std::move(next));
  }
  return expect(';');
}

bool Parser::variableType(Variable &variable, uint64_t &elementBytes) {
  uint64_t lanes = 1;
  while (next_.kind == Token::Directive) {
    std::string_view name = take().text;
    Type type = typeNamed(name);
    if (type != Type::None) {
      variable.type = type;
    } else if (name == "align") {
      if (!integer(variable.align) || !std::has_single_bit(variable.align) || variable.align > 4096) {
        return fail("expected an alignment that is a power of two up to 4096");
      }
    } else if (name == "v2" || name == "v4") {
      lanes = name == "v2" ? 2 : 4;
    } else if (name == "attribute") {
      if (!expect('(') || !takeDirective("managed") || !expect(')')) {
        return unexpected("(.managed)");
      }
    } else if (name == "ptr") {
      // What the pointer points to: .space .align n
      uint64_t pointee = 0;
      while (next_.kind == Token::Directive) {
        if (take().text == "align" && !integer(pointee)) {
          return false;
        }
      }
    } else {
      return fail("unknown type '." + std::string(name) + "'");
    }
  }
  if (variable.type == Type::None) {
    return unexpected("a type");
  }
  elementBytes = bytesOf(variable.type) * lanes;
  return true;
}

bool Parser::variable(Variable &variable, bool isParameter) {
  uint64_t element = 0, count = 1;
  variable.line = next_.line;
  if (!variableType(variable, element) || !word(variable.name) || !elementCount(variable, count)) {
    return false;
  }
  variable.bytes = element * count;
  variable.align = std::max<uint64_t>(variable.align, element > 16 ? 16 : std::bit_floor(element));
  if (isParameter || !takeIf('=')) {
    return true;
  }
  return initializer(variable, element, 0);
}

bool Parser::elementCount(Variable &variable, uint64_t &count) {
  count = 1;
  while (takeIf('[')) {
    uint64_t dimension = 0;
    if (next_.is(']')) {
      variable.isExtern = true;
    } else if (!integer(dimension)) {
      return false;
    }
    if (!expect(']')) {
      return false;
    }
    if (dimension != 0 && count > kMostBytes / dimension) {
      return fail("'" + std::string(variable.name) + "' is too large");
    }
    count *= dimension;
  }
  return true;
}

bool Parser::initializer(Variable &variable, uint64_t elementBytes, unsigned depth) {
  if (!takeIf('{')) {
    return initialValue(variable, elementBytes);
  }
  if (depth == 8) {
    return fail("initial values are nested too deep");
  }
  while (!takeIf('}')) {
    if (!initializer(variable, elementBytes, depth + 1)) {
      return false;
    }
    if (!takeIf(',') && !next_.is('}')) {
      return unexpected("',' or '}'");
    }
  }
  return true;
}

bool Parser::initialValue(Variable &variable, uint64_t elementBytes) {
  if (variable.space != Space::Global && variable.space != Space::Const) {
    return fail("only .global and .const variables have initial values");
  }
  if (next_.kind == Token::Word) {
    return initialAddress(variable, elementBytes);
  }
  bool negative = takeIf('-');
  if (next_.kind != Token::Integer && next_.kind != Token::Float32 && next_.kind != Token::Float64) {
    return unexpected("a value");
  }
  Lexeme number = take();
  uint64_t value = number.value;
  if (number.kind == Token::Float64 && variable.type == Type::F32) {
    value = std::bit_cast<uint32_t>(static_cast<float>(std::bit_cast<double>(value)));
  }
  if (negative) {
    value = isFloat(variable.type) ? value ^ uint64_t{1} << (bitsOf(variable.type) - 1) : 0 - value;
  }
  if (variable.initial.size() + elementBytes > std::min(variable.bytes, kMostInitialBytes)) {
    return fail("'" + std::string(variable.name) + "' has more initial values than elements");
  }
  size_t at = variable.initial.size();
  variable.initial.resize(at + elementBytes);
  std::memcpy(variable.initial.data() + at, &value, std::min<size_t>(elementBytes, 8));
  return true;
}

/// symbol, symbol+4, generic(symbol), generic(symbol)+4
bool Parser::initialAddress(Variable &variable, uint64_t elementBytes) {
  std::string_view symbol;
  int64_t addend = 0;
  if (!word(symbol) || (next_.is('(') && symbol != "generic")) {
    return unexpected("an address");
  }
  if (takeIf('(') && (!word(symbol) || !offset(addend) || !expect(')'))) {
    return false;
  }
  if (!offset(addend)) {
    return false;
  }
  if (elementBytes != 8 || variable.initial.size() + 8 > variable.bytes) {
    return fail("an address needs an element of 64 bits");
  }
  variable.relocations.push_back({variable.initial.size(), symbol, addend});
  variable.initial.resize(variable.initial.size() + 8);
  return true;
}

bool Parser::offset(int64_t &offset) {
  while (next_.is('+') || next_.is('-')) {
    bool negative = take().is('-');
    negative ^= takeIf('-');
    uint64_t value = 0;
    if (!integer(value)) {
      return false;
    }
    offset = static_cast<int64_t>(static_cast<uint64_t>(offset) + (negative ? 0 - value : value));
  }
  return true;
}

} // namespace fathom::runtime::ptxsim
