// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Jinja2's expressions, from the weakest binding to the strongest.

#include "fathom/tokenizer_abi.h"
#include "frontend/tokenizer/ChatParser.h"
#include "frontend/tokenizer/ChatSubset.h"

#include "llvm/ADT/StringExtras.h"

using llvm::StringRef;

namespace fathom::frontend {

using artifact::ChatNodeKind;
using artifact::ChatOperator;

#define FATHOM_NAME(name, function) name,
static constexpr StringRef kFilters[] = {FATHOM_CHAT_FILTERS(FATHOM_NAME)};
static constexpr StringRef kTests[] = {FATHOM_CHAT_TESTS(FATHOM_NAME)};
#undef FATHOM_NAME

uint32_t ChatParser::parseTarget(bool withNamespace) {
  std::vector<uint32_t> targets;
  ChatPlace place = peek().place;
  bool isTuple = false;
  do {
    if (isTuple && !(peek().kind == ChatToken::Name && !isName("in")) && !isOperator("(")) {
      break;
    }
    if (takeOperator("(")) {
      targets.push_back(parseTarget(false));
      expect(")");
    } else {
      const ChatToken &token = peek();
      std::string name = expectName();
      if (llvm::is_contained({"true", "True", "false", "False", "none", "None"}, name)) {
        fail(token, "cannot assign to '" + name + "'");
      }
      uint32_t target = program.add(ChatNodeKind::name, token.place, program.text(name), {});
      if (withNamespace && takeOperator(".")) {
        target = program.add(ChatNodeKind::attribute, token.place, program.text(expectName()), {target});
      }
      targets.push_back(target);
    }
    isTuple |= isOperator(",");
  } while (!failed && takeOperator(","));
  return isTuple ? program.add(ChatNodeKind::tuple, place, 0, targets) : targets[0];
}

bool ChatParser::isTupleEnd() const {
  const ChatToken &token = peek();
  return token.kind == ChatToken::VariableEnd || token.kind == ChatToken::BlockEnd || token.kind == ChatToken::End ||
         isOperator(")") || isName("recursive");
}

uint32_t ChatParser::parseTuple(bool withCondition, bool inParentheses) {
  std::vector<uint32_t> items;
  ChatPlace place = peek().place;
  bool isTuple = false;
  while (!failed) {
    if (isTupleEnd()) {
      break;
    }
    items.push_back(parseExpression(withCondition));
    if (!takeOperator(",")) {
      break;
    }
    isTuple = true;
  }
  if (!isTuple && !items.empty()) {
    return items[0];
  }
  if (!isTuple && !inParentheses) {
    fail(peek(), "expected an expression, found " + describe(peek()));
  }
  return program.add(ChatNodeKind::tuple, place, 0, items);
}

uint32_t ChatParser::parseExpression(bool withCondition) {
  Deeper deeper(*this);
  ChatPlace place = peek().place;
  uint32_t value = parseOr();
  while (withCondition && !failed && takeName("if")) {
    uint32_t condition = parseOr(), otherwise = FATHOM_NO_NODE;
    if (takeName("else")) {
      otherwise = parseExpression();
    }
    value = program.add(ChatNodeKind::conditional, place, 0, {condition, value, otherwise});
  }
  return value;
}

uint32_t ChatParser::parseOr() {
  ChatPlace place = peek().place;
  uint32_t left = parseAnd();
  while (!failed && takeName("or")) {
    left = program.add(ChatNodeKind::either, place, 0, {left, parseAnd()});
  }
  return left;
}

uint32_t ChatParser::parseAnd() {
  ChatPlace place = peek().place;
  uint32_t left = parseNot();
  while (!failed && takeName("and")) {
    left = program.add(ChatNodeKind::both, place, 0, {left, parseNot()});
  }
  return left;
}

uint32_t ChatParser::parseNot() {
  Deeper deeper(*this);
  ChatPlace place = peek().place;
  return !failed && takeName("not") ? program.add(ChatNodeKind::invert, place, 0, {parseNot()}) : parseCompare();
}

std::optional<ChatOperator> ChatParser::takeComparison() {
  static constexpr std::pair<StringRef, ChatOperator> kOperators[] = {
      {"==", ChatOperator::equal},      {"!=", ChatOperator::unequal}, {"<", ChatOperator::less},
      {"<=", ChatOperator::less_equal}, {">", ChatOperator::greater},  {">=", ChatOperator::greater_equal}};
  for (auto [name, op] : kOperators) {
    if (takeOperator(name)) {
      return op;
    }
  }
  if (takeName("in")) {
    return ChatOperator::contained;
  }
  if (isName("not") && isName("in", 1)) {
    at += 2;
    return ChatOperator::not_contained;
  }
  return std::nullopt;
}

uint32_t ChatParser::parseCompare() {
  ChatPlace place = peek().place;
  std::vector<uint32_t> operands{parseSum()};
  while (!failed) {
    std::optional<ChatOperator> op = takeComparison();
    if (!op) {
      break;
    }
    operands.push_back(program.add(ChatNodeKind::comparison, place, uint32_t(*op), {parseSum()}));
  }
  return operands.size() == 1 ? operands[0] : program.add(ChatNodeKind::compare, place, 0, operands);
}

uint32_t ChatParser::parseSum() {
  ChatPlace place = peek().place;
  uint32_t left = parseJoin();
  while (!failed && (isOperator("+") || isOperator("-"))) {
    ChatOperator op = tokens[at++].text == "+" ? ChatOperator::add : ChatOperator::subtract;
    left = program.add(ChatNodeKind::binary, place, uint32_t(op), {left, parseJoin()});
  }
  return left;
}

uint32_t ChatParser::parseJoin() {
  ChatPlace place = peek().place;
  std::vector<uint32_t> parts{parseProduct()};
  while (!failed && takeOperator("~")) {
    parts.push_back(parseProduct());
  }
  return parts.size() == 1 ? parts[0] : program.add(ChatNodeKind::join, place, 0, parts);
}

uint32_t ChatParser::parseProduct() {
  ChatPlace place = peek().place;
  uint32_t left = parsePower();
  while (!failed) {
    ChatOperator op;
    if (takeOperator("*")) {
      op = ChatOperator::multiply;
    } else if (takeOperator("/")) {
      op = ChatOperator::divide;
    } else if (takeOperator("//")) {
      op = ChatOperator::floor_divide;
    } else if (takeOperator("%")) {
      op = ChatOperator::modulo;
    } else {
      break;
    }
    if (op == ChatOperator::modulo && literal(left) && hasMissingConversion(*literal(left))) {
      fail(tokens[at - 1], "a conversion of this format is not supported in chat templates", true);
    }
    left = program.add(ChatNodeKind::binary, place, uint32_t(op), {left, parsePower()});
  }
  return left;
}

/// The text of a node that is one.
std::optional<StringRef> ChatParser::literal(uint32_t node) const {
  if (failed || node == FATHOM_NO_NODE || program.nodes[node].kind() != ChatNodeKind::literal) {
    return std::nullopt;
  }
  return StringRef(program.texts[program.nodes[node].value()]);
}

uint32_t ChatParser::parsePower() {
  ChatPlace place = peek().place;
  uint32_t left = parseUnary();
  while (!failed && takeOperator("**")) {
    left = program.add(ChatNodeKind::binary, place, uint32_t(ChatOperator::power), {left, parseUnary()});
  }
  return left;
}

uint32_t ChatParser::parseUnary(bool withFilters) {
  Deeper deeper(*this);
  ChatPlace place = peek().place;
  uint32_t node;
  if (failed) {
    return 0;
  }
  if (takeOperator("-")) {
    node = program.add(ChatNodeKind::negate, place, 0, {parseUnary(false)});
  } else if (takeOperator("+")) {
    node = program.add(ChatNodeKind::plus, place, 0, {parseUnary(false)});
  } else {
    node = parsePrimary();
  }
  node = parsePostfix(node);
  return withFilters ? parsePostfixFilters(node) : node;
}

uint32_t ChatParser::parsePrimary() {
  const ChatToken &token = peek();
  StringRef text = token.text;
  switch (token.kind) {
  case ChatToken::Name:
    ++at;
    if (text == "true" || text == "True" || text == "false" || text == "False") {
      return program.add(ChatNodeKind::boolean, token.place, text.lower() == "true", {});
    }
    return text == "none" || text == "None" ? program.add(ChatNodeKind::none, token.place, 0, {})
                                            : addNamed(ChatNodeKind::name, token, text, {});
  case ChatToken::Text: {
    std::string joined;
    while (peek().kind == ChatToken::Text) {
      joined += tokens[at++].text;
    }
    return addNamed(ChatNodeKind::literal, token, joined, {});
  }
  case ChatToken::Integer:
  case ChatToken::Real:
    return parseNumber();
  default:
    break;
  }
  if (takeOperator("(")) {
    uint32_t node = parseTuple(true, true);
    expect(")");
    return node;
  }
  if (isOperator("[") || isOperator("{")) {
    return tokens[at++].text == "[" ? parseList() : parseDict();
  }
  fail(token, "expected an expression, found " + describe(token));
  return 0;
}

uint32_t ChatParser::parseNumber() {
  const ChatToken &token = tokens[at++];
  if (token.kind == ChatToken::Real) {
    double real = 0;
    (void)StringRef(token.text).getAsDouble(real);
    program.reals.push_back(real);
    return program.add(ChatNodeKind::real, token.place, uint32_t(program.reals.size() - 1), {});
  }
  int64_t integer = 0;
  if (StringRef(token.text).getAsInteger(0, integer)) {
    fail(token, "integers above 2^63 - 1 are not supported in chat templates", true);
  }
  program.integers.push_back(integer);
  return program.add(ChatNodeKind::integer, token.place, uint32_t(program.integers.size() - 1), {});
}

uint32_t ChatParser::parseList() {
  ChatPlace place = peek().place;
  std::vector<uint32_t> items;
  while (!failed && !takeOperator("]")) {
    if (!items.empty()) {
      expect(",");
    }
    if (takeOperator("]")) {
      break;
    }
    items.push_back(parseExpression());
  }
  return program.add(ChatNodeKind::list, place, 0, items);
}

uint32_t ChatParser::parseDict() {
  ChatPlace place = peek().place;
  std::vector<uint32_t> entries;
  while (!failed && !takeOperator("}")) {
    if (!entries.empty()) {
      expect(",");
    }
    if (takeOperator("}")) {
      break;
    }
    entries.push_back(parseExpression());
    expect(":");
    entries.push_back(parseExpression());
  }
  return program.add(ChatNodeKind::dict, place, 0, entries);
}

uint32_t ChatParser::parsePostfix(uint32_t node) {
  while (!failed) {
    if (takeOperator(".")) {
      const ChatToken &token = tokens[at];
      if (token.kind == ChatToken::Integer) {
        node = program.add(ChatNodeKind::item, token.place, 0, {node, parseNumber()});
      } else {
        node = addNamed(ChatNodeKind::attribute, token, expectName(), {node});
      }
    } else if (takeOperator("[")) {
      node = parseSubscript(node);
    } else if (isOperator("(")) {
      node = parseCall(node);
    } else {
      break;
    }
  }
  return node;
}

uint32_t ChatParser::parseSubscript(uint32_t node) {
  ChatPlace place = peek().place;
  if (!isOperator(":")) {
    uint32_t key = parseExpression();
    if (takeOperator("]")) {
      return program.add(ChatNodeKind::item, place, 0, {node, key});
    }
    if (!isOperator(":")) {
      expect("]");
    }
    std::vector<uint32_t> bounds{node, key, FATHOM_NO_NODE, FATHOM_NO_NODE};
    for (size_t i = 2; i < 4 && takeOperator(":"); ++i) {
      bounds[i] = isOperator(":") || isOperator("]") ? FATHOM_NO_NODE : parseExpression();
    }
    expect("]");
    return program.add(ChatNodeKind::slice, place, 0, bounds);
  }
  std::vector<uint32_t> bounds{node, FATHOM_NO_NODE, FATHOM_NO_NODE, FATHOM_NO_NODE};
  for (size_t i = 2; i < 4 && takeOperator(":"); ++i) {
    bounds[i] = isOperator(":") || isOperator("]") ? FATHOM_NO_NODE : parseExpression();
  }
  expect("]");
  return program.add(ChatNodeKind::slice, place, 0, bounds);
}

uint32_t ChatParser::parsePostfixFilters(uint32_t node) {
  while (!failed) {
    if (takeOperator("|")) {
      node = parseFilter(node);
    } else if (takeName("is")) {
      node = parseTest(node);
    } else if (isOperator("(")) {
      node = parseCall(node);
    } else {
      break;
    }
  }
  return node;
}

uint32_t ChatParser::addNamed(ChatNodeKind kind, const ChatToken &token, StringRef name,
                              llvm::ArrayRef<uint32_t> operands) {
  return program.add(kind, token.place, program.text(name), operands);
}

/// A filter or test that is not there: a finding now or, where Jinja2 has none either but looks for it at run time,
/// when a conversation comes to it.
uint32_t ChatParser::addMissing(const ChatToken &token, StringRef what, StringRef name, bool isJinjas) {
  if (isJinjas || !soft) {
    fail(token, "the " + what + " '" + name + "' is not supported in chat templates", true);
  }
  return addNamed(ChatNodeKind::fault, token, ("No " + what + " named '" + name + "' found.").str(), {});
}

uint32_t ChatParser::parseFilter(uint32_t node) {
  const ChatToken &token = peek();
  std::string name = expectName();
  std::vector<uint32_t> operands{node};
  if (takeOperator("(")) {
    parseArguments(operands);
  }
  const StringRef *known = llvm::find(kFilters, name);
  if (known != std::end(kFilters)) {
    return program.add(ChatNodeKind::filter, token.place, uint32_t(known - kFilters), operands);
  }
  return addMissing(token, "filter", name, isMissingFilter(name));
}

uint32_t ChatParser::parseTest(uint32_t node) {
  bool inverts = takeName("not");
  const ChatToken &token = peek();
  std::string name = expectName();
  std::vector<uint32_t> operands{node};
  bool primary = peek().kind == ChatToken::Text || peek().kind == ChatToken::Integer ||
                 peek().kind == ChatToken::Real || isOperator("[") || isOperator("{") ||
                 (peek().kind == ChatToken::Name && !isName("else") && !isName("or") && !isName("and") &&
                  !isName("if") && !isName("in") && !isName("not") && !isName("recursive"));
  if (takeOperator("(")) {
    parseArguments(operands);
  } else if (isName("is")) {
    fail(peek(), "tests cannot be chained with 'is'");
  } else if (primary) {
    operands.push_back(parsePostfix(parsePrimary()));
  }
  const StringRef *known = llvm::find(kTests, name);
  uint32_t test = 0;
  if (known != std::end(kTests)) {
    test = program.add(ChatNodeKind::test, token.place, uint32_t(known - kTests), operands);
  } else {
    test = addMissing(token, "test", name, isMissingTest(name));
  }
  return inverts ? program.add(ChatNodeKind::invert, token.place, 0, {test}) : test;
}

/// Arguments from after "(" to ")".
void ChatParser::parseArguments(std::vector<uint32_t> &operands) {
  bool named = false;
  for (bool isFirst = true; !failed && !takeOperator(")"); isFirst = false) {
    if (!isFirst) {
      expect(",");
    }
    if (takeOperator(")")) {
      break;
    }
    const ChatToken &token = peek();
    if (isOperator("*") || isOperator("**")) {
      bool mapping = tokens[at++].text == "**";
      operands.push_back(program.add(ChatNodeKind::unpack, token.place, mapping ? 1 : 0, {parseExpression()}));
      named = true;
    } else if (token.kind == ChatToken::Name && isOperator("=", 1)) {
      at += 2;
      operands.push_back(addNamed(ChatNodeKind::keyword, token, token.text, {parseExpression()}));
      named = true;
    } else if (named) {
      fail(token, "a positional argument follows a keyword argument");
    } else {
      operands.push_back(parseExpression());
    }
  }
}

/// What exists in Python and not here is a finding now, not when a conversation comes to it.
void ChatParser::checkMethod(uint32_t callee, const ChatToken &token) {
  const artifact::ChatNode &node = program.nodes[callee];
  bool isMethod = node.kind() == ChatNodeKind::attribute;
  if (!isMethod && node.kind() != ChatNodeKind::name) {
    return;
  }
  StringRef name = program.texts[node.value()];
  bool missing = isMethod ? isMissingMethod(name) : isMissingFunction(name);
  if (missing) {
    fail(token, "'" + name + "()' is not supported in chat templates", true);
  } else if (isMethod && name == "format" && literal(program.operands[node.first()]) &&
             hasMissingField(*literal(program.operands[node.first()]))) {
    fail(token, "a field of this format is not supported in chat templates", true);
  }
}

uint32_t ChatParser::parseCall(uint32_t node) {
  ++at;
  ChatPlace place{program.nodes[node].line(), program.nodes[node].column()};
  std::vector<uint32_t> operands{node};
  if (!failed) {
    checkMethod(node, tokens[at >= 2 ? at - 2 : 0]);
  }
  parseArguments(operands);
  return program.add(ChatNodeKind::call, place, 0, operands);
}

} // namespace fathom::frontend
