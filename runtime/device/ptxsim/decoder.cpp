// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Modifiers and operands.

#include "runtime/device/ptxsim/decoder.h"

#include "runtime/device/ptxsim/finding.h"

#include <algorithm>
#include <bit>

namespace fathom::runtime::ptxsim {

Decoder::Decoder(KernelBuilder &builder, const Function &function, const ParsedInstruction &parsed)
    : builder_(builder), function_(function), parsed_(parsed), modifiers_(parsed.modifiers) {
  if (!parsed.guard.empty()) {
    ParsedOperand guard;
    guard.name = parsed.guard;
    guard.negated = parsed.guardNegated;
    instruction_.isGuarded = true;
    instruction_.guard = resolve(guard, Type::Pred, false);
  }
}

void Decoder::fail(std::string text) {
  if (!failed_) {
    builder_.fail(parsed_.line, std::string(parsed_.opcode) + ": " + text);
  }
  failed_ = true;
}

// --- Modifiers ------------------------------------------------------------------------------------------------------

bool Decoder::has(std::string_view modifier) const {
  return std::find(modifiers_.begin(), modifiers_.end(), modifier) != modifiers_.end();
}

bool Decoder::take(std::string_view modifier) {
  auto found = std::find(modifiers_.begin(), modifiers_.end(), modifier);
  bool isThere = found != modifiers_.end();
  if (isThere) {
    modifiers_.erase(found);
  }
  return isThere;
}

size_t Decoder::takeOne(std::initializer_list<std::string_view> modifiers) {
  std::string list;
  for (const std::string_view &modifier : modifiers) {
    if (take(modifier)) {
      return static_cast<size_t>(&modifier - modifiers.begin());
    }
    list += (list.empty() ? "." : ", .") + std::string(modifier);
  }
  fail("expected one of the modifiers " + list);
  return 0;
}

Type Decoder::peekType() const {
  for (std::string_view modifier : modifiers_) {
    if (Type type = typeNamed(modifier); type != Type::None) {
      return type;
    }
  }
  return Type::None;
}

Type Decoder::takeType() {
  Type type = peekType();
  if (type == Type::None) {
    fail("expected a type");
    return Type::B32;
  }
  take(nameOf(type));
  return type;
}

Type Decoder::takeType(std::initializer_list<Type> types) {
  Type type = takeType();
  if (std::find(types.begin(), types.end(), type) == types.end()) {
    fail("unknown type '." + std::string(nameOf(type)) + "'");
  }
  return type;
}

Space Decoder::takeSpace() {
  for (std::string_view modifier : modifiers_) {
    Space space = spaceNamed(modifier);
    if (space != Space::Generic) {
      take(modifier);
      return space;
    }
  }
  return Space::Generic;
}

Rounding Decoder::takeRounding(Rounding absent) {
  static constexpr std::pair<std::string_view, Rounding> kRoundings[] = {
      {"rn", Rounding::Nearest}, {"rz", Rounding::Zero}, {"rm", Rounding::Down}, {"rp", Rounding::Up}};
  for (auto [name, rounding] : kRoundings) {
    if (take(name)) {
      return rounding;
    }
  }
  return absent;
}

void Decoder::skip(std::initializer_list<std::string_view> modifiers) {
  for (std::string_view modifier : modifiers) {
    take(modifier);
  }
}

void Decoder::skipPrefixed(std::string_view prefix) {
  std::erase_if(modifiers_, [&](std::string_view modifier) { return modifier.starts_with(prefix); });
}

// --- Operands -------------------------------------------------------------------------------------------------------

const ParsedOperand *Decoder::next() {
  if (operandsLeft() == 0) {
    fail("too few operands");
    return nullptr;
  }
  return &parsed_.operands[nextOperand_++];
}

bool Decoder::checkWidth(const ParsedOperand &parsed, unsigned bits, Type type, bool wider) {
  unsigned wanted = bitsOf(type);
  // There are no registers of 8 bits that instructions compute with: 16 bits hold them.
  bool fits = bits == wanted || (wider && bits > wanted && wanted != 1);
  if (!fits) {
    fail("'" + std::string(parsed.name) + "' has " + std::to_string(bits) + " bits, ." + std::string(nameOf(type)) +
         " has " + std::to_string(wanted));
  }
  return fits;
}

Operand Decoder::literal(const ParsedOperand &operand, Type type) {
  Operand result;
  result.isConstant = true;
  uint64_t value = operand.value;
  unsigned bits = bitsOf(type);
  if (operand.kind == ParsedOperand::Kind::Float64 && bits == 32) {
    value = std::bit_cast<uint32_t>(static_cast<float>(std::bit_cast<double>(value)));
  } else if (operand.kind == ParsedOperand::Kind::Float32 && type == Type::F64) {
    value = std::bit_cast<uint64_t>(static_cast<double>(std::bit_cast<float>(static_cast<uint32_t>(value))));
  }
  if (bits < 64) {
    value &= (uint64_t{1} << bits) - 1;
  }
  result.bits = static_cast<uint8_t>(bits);
  result.place = bits == 128 ? builder_.constantPair(value) : builder_.constant(value);
  return result;
}

/// %clock and its like have a value only for instructions that read them on purpose.
Operand Decoder::clocked(Operand operand, const ParsedOperand &parsed) {
  if (parsed_.opcode != "mov") {
    fail("'" + std::string(parsed.name) + "' can only be read by mov");
  }
  return operand;
}

Operand Decoder::resolve(const ParsedOperand &operand, Type type, bool wider) {
  using Kind = ParsedOperand::Kind;
  if (operand.kind == Kind::Integer || operand.kind == Kind::Float32 || operand.kind == Kind::Float64) {
    return literal(operand, type);
  }
  Operand result;
  if (operand.kind != Kind::Name) {
    fail("expected a register or a number as operand");
    return result;
  }
  Symbol symbol = builder_.find(function_, parsed_.scope, operand.name);
  result.negated = operand.negated;
  if (operand.negated && type != Type::Pred) {
    fail("'!" + std::string(operand.name) + "' is not a predicate");
  }
  switch (symbol.kind) {
  case Symbol::Kind::Register:
  case Symbol::Kind::Special:
    // A special register of 32 bits may be read as 64.
    if (symbol.kind == Symbol::Kind::Register || symbol.bits > bitsOf(type)) {
      checkWidth(operand, symbol.bits, type, wider);
    }
    if (operand.offset != 0) {
      fail("an offset needs an address");
    }
    result.place = symbol.place;
    result.bits = static_cast<uint8_t>(symbol.bits);
    return symbol.kind == Symbol::Kind::Special && isClock(symbol.special) ? clocked(result, operand) : result;
  case Symbol::Kind::Variable:
    if (bitsOf(type) < 32) {
      fail("an address has 32 or 64 bits");
    }
    result.place = symbol.addressPlace;
    result.isConstant = true;
    result.offset = operand.offset;
    return result;
  case Symbol::Kind::Function:
    fail("the address of function '" + std::string(operand.name) + "' is not supported");
    return result;
  default:
    fail("unknown name '" + std::string(operand.name) + "'");
    return result;
  }
}

void Decoder::addSource(const ParsedOperand &operand, Type type, bool wider) {
  Operand resolved = resolve(operand, type, wider);
  if (resolved.offset != 0 && parsed_.opcode != "mov" && parsed_.opcode != "cvta") {
    fail("an offset needs mov or cvta, or brackets");
  }
  instruction_.operands.push_back(resolved);
}

void Decoder::addDestination(const ParsedOperand &operand, Type type, bool wider) {
  Operand result;
  result.isSink = operand.kind == ParsedOperand::Kind::Name && operand.name == "_";
  if (!result.isSink) {
    result = resolve(operand, type, wider);
    if (result.isConstant || result.place < kSpecials || result.negated) {
      fail("expected a register to write");
    }
  } else {
    result.place = builder_.sink();
  }
  instruction_.operands.push_back(result);
}

void Decoder::addAddress(const ParsedOperand &operand) {
  if (operand.kind != ParsedOperand::Kind::Address || operand.parts.size() != 1) {
    fail("expected an address in brackets");
    return;
  }
  const ParsedOperand &base = operand.parts[0];
  Operand result;
  if (base.kind == ParsedOperand::Kind::Integer) {
    result.place = builder_.constant(base.value);
    result.isConstant = true;
    instruction_.operands.push_back(result);
    return;
  }
  Symbol symbol =
      base.kind == ParsedOperand::Kind::Name ? builder_.find(function_, parsed_.scope, base.name) : Symbol();
  result.isConstant = symbol.kind == Symbol::Kind::Variable;
  if (result.isConstant) {
    result.place = symbol.addressPlace;
    if (instruction_.space == Space::Param || instruction_.space == Space::Generic) {
      instruction_.space = symbol.space;
    }
  } else if (symbol.kind == Symbol::Kind::Register && symbol.bits >= 32) {
    result.place = symbol.place;
    result.bits = static_cast<uint8_t>(symbol.bits);
    // What a function has as .param is in its frame.
    if (instruction_.space == Space::Param && !function_.isEntry) {
      instruction_.space = Space::Local;
    }
  } else {
    fail("'" + std::string(base.name) + "' is not an address");
  }
  result.offset = base.offset;
  instruction_.operands.push_back(result);
}

void Decoder::addConstant(uint64_t value) {
  Operand operand;
  operand.isConstant = true;
  operand.place = builder_.constant(value);
  instruction_.operands.push_back(operand);
}

void Decoder::destination(Type type, bool wider) {
  if (const ParsedOperand *operand = next()) {
    addDestination(*operand, type, wider);
  }
}

void Decoder::source(Type type, bool wider) {
  if (const ParsedOperand *operand = next()) {
    addSource(*operand, type, wider);
  }
}

unsigned Decoder::destinations(Type type, bool wider) {
  const ParsedOperand *operand = next();
  if (operand == nullptr || operand->kind != ParsedOperand::Kind::Vector) {
    if (operand != nullptr) {
      addDestination(*operand, type, wider);
    }
    return 1;
  }
  for (const ParsedOperand &part : operand->parts) {
    addDestination(part, type, wider);
  }
  return static_cast<unsigned>(operand->parts.size());
}

unsigned Decoder::sources(Type type, bool wider) {
  const ParsedOperand *operand = next();
  if (operand == nullptr || operand->kind != ParsedOperand::Kind::Vector) {
    if (operand != nullptr) {
      addSource(*operand, type, wider);
    }
    return 1;
  }
  for (const ParsedOperand &part : operand->parts) {
    addSource(part, type, wider);
  }
  return static_cast<unsigned>(operand->parts.size());
}

void Decoder::destinationPair(Type first, Type second) {
  const ParsedOperand *operand = next();
  if (operand == nullptr) {
    return;
  }
  ParsedOperand sink;
  sink.name = "_";
  bool isPair = operand->kind == ParsedOperand::Kind::Pair;
  addDestination(isPair ? operand->parts[0] : *operand, first);
  addDestination(isPair ? operand->parts[1] : sink, second);
}

void Decoder::address() {
  if (const ParsedOperand *operand = next()) {
    addAddress(*operand);
  }
}

uint64_t Decoder::integer(uint64_t most) {
  const ParsedOperand *operand = next();
  if (operand == nullptr || operand->kind != ParsedOperand::Kind::Integer || operand->value > most) {
    fail("expected an integer of at most " + std::to_string(most));
    return 0;
  }
  return operand->value;
}

// --- The result -----------------------------------------------------------------------------------------------------

void Decoder::branchTo(std::string_view label) {
  if (!builder_.branchNext(function_, parsed_.scope, label)) {
    fail("unknown label '" + std::string(label) + "'");
  }
}

void Decoder::branchToAny(std::string_view targets) {
  const std::vector<std::string_view> *labels = builder_.branchTargets(function_, parsed_.scope, targets);
  if (labels == nullptr || labels->empty() || !builder_.branchAnyNext(function_, parsed_.scope, *labels)) {
    fail("unknown list of labels '" + std::string(targets) + "'");
    return;
  }
  instruction_.targets.resize(labels->size());
}

void Decoder::gatherMembers() {
  instruction_.gather = Gather::Members;
  instruction_.members = static_cast<uint8_t>(instruction_.operands.empty() ? 0 : instruction_.operands.size() - 1);
}

void Decoder::emitPart(Handler handler) {
  if (failed_) {
    return;
  }
  Instruction rest;
  rest.guard = instruction_.guard;
  rest.isGuarded = instruction_.isGuarded;
  instruction_.handler = handler;
  builder_.add(std::move(instruction_), parsed_);
  instruction_ = std::move(rest);
}

void Decoder::finish() {
  if (!failed_ && !modifiers_.empty()) {
    fail("unknown modifier '." + std::string(modifiers_[0]) + "'");
  }
  if (!failed_ && operandsLeft() != 0) {
    fail("too many operands");
  }
}

void Decoder::emit(Handler handler) {
  finish();
  if (!failed_ && handler == nullptr) {
    fail("unknown type '." + std::string(nameOf(instruction_.type)) + "'");
  }
  emitPart(handler);
}

} // namespace fathom::runtime::ptxsim
