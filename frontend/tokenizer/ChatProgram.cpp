// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Building programs, and Jinja2's statements.

#include "frontend/tokenizer/ChatParser.h"

#include "fathom/tokenizer_abi.h"

using llvm::StringRef;

namespace fathom::frontend {

using artifact::ChatNodeKind;

uint32_t ChatProgram::add(ChatNodeKind kind, ChatPlace place, uint32_t value, llvm::ArrayRef<uint32_t> nodeOperands) {
  uint16_t column = place.column > UINT16_MAX ? 0 : uint16_t(place.column);
  nodes.emplace_back(kind, column, place.line, value, uint32_t(operands.size()), uint32_t(nodeOperands.size()));
  operands.insert(operands.end(), nodeOperands.begin(), nodeOperands.end());
  return uint32_t(nodes.size() - 1);
}

uint32_t ChatProgram::text(StringRef text) {
  auto [entry, isNew] = places.try_emplace(text, uint32_t(texts.size()));
  if (isNew) {
    texts.push_back(text.str());
  }
  return entry->second;
}

bool ChatParser::fail(const ChatToken &token, const llvm::Twine &message, bool unsupported) {
  if (!failed) {
    error = {unsupported, token.place, message.str()};
  }
  failed = true;
  // Nothing more is read.
  at = tokens.size() - 1;
  return false;
}

void ChatParser::expect(StringRef operation) {
  if (!takeOperator(operation)) {
    fail(peek(), "expected '" + operation + "', found " + describe(peek()));
  }
}

void ChatParser::expectBlockEnd() {
  if (peek().kind != ChatToken::BlockEnd) {
    fail(peek(), "expected '%}', found " + describe(peek()));
    return;
  }
  ++at;
}

std::string ChatParser::expectName() {
  if (peek().kind != ChatToken::Name) {
    fail(peek(), "expected a name, found " + describe(peek()));
    return "";
  }
  return tokens[at++].text;
}

std::string ChatParser::describe(const ChatToken &token) {
  switch (token.kind) {
  case ChatToken::End:
    return "the end of the template";
  case ChatToken::BlockEnd:
    return "'%}'";
  case ChatToken::VariableEnd:
    return "'}}'";
  default:
    return "'" + StringRef(token.text).take_front(40).str() + "'";
  }
}

/// Statements until a block begins with one of `ends`; that name is taken.
uint32_t ChatParser::parseBlock(llvm::ArrayRef<StringRef> ends, std::string *end) {
  std::vector<uint32_t> statements;
  ChatPlace place = peek().place;
  Deeper deeper(*this);
  while (!failed) {
    const ChatToken &token = peek();
    if (token.kind == ChatToken::End) {
      if (!ends.empty()) {
        fail(token, "expected '{% " + ends.back() + " %}', found the end of the template");
      }
      break;
    }
    ++at;
    if (token.kind == ChatToken::Data) {
      statements.push_back(program.add(ChatNodeKind::text, token.place, program.text(token.text), {}));
    } else if (token.kind == ChatToken::VariableBegin) {
      statements.push_back(program.add(ChatNodeKind::output, token.place, 0, {parseTuple()}));
      if (!failed && tokens[at++].kind != ChatToken::VariableEnd) {
        fail(tokens[at - 1], "expected '}}', found " + describe(tokens[at - 1]));
      }
    } else {
      if (peek().kind == ChatToken::Name && llvm::is_contained(ends, peek().text)) {
        *end = tokens[at++].text;
        break;
      }
      statements.push_back(parseStatement());
    }
  }
  return program.add(ChatNodeKind::block, place, 0, statements);
}

uint32_t ChatParser::parseStatement() {
  const ChatToken &token = peek();
  std::string name = expectName();
  using Parse = uint32_t (ChatParser::*)(ChatPlace place);
  static constexpr std::pair<StringRef, Parse> kStatements[] = {
      {"if", &ChatParser::parseIf},
      {"for", &ChatParser::parseFor},
      {"set", &ChatParser::parseSet},
      {"with", &ChatParser::parseWith},
      {"macro", &ChatParser::parseMacro},
      {"call", &ChatParser::parseCallBlock},
      {"filter", &ChatParser::parseFilterBlock},
      {"generation", &ChatParser::parseGeneration},
      {"break", &ChatParser::parseLoopControl},
      {"continue", &ChatParser::parseLoopControl},
      {"print", &ChatParser::parsePrint},
  };
  for (auto [known, parse] : kStatements) {
    if (name == known) {
      return (this->*parse)(token.place);
    }
  }
  for (StringRef other : {"block", "extends", "include", "import", "from", "autoescape", "trans", "do"}) {
    if (name == other) {
      fail(token, "the statement '" + other + "' is not supported in chat templates", true);
      return 0;
    }
  }
  fail(token, "unknown statement " + describe(token));
  return 0;
}

uint32_t ChatParser::parseIf(ChatPlace place) {
  std::vector<uint32_t> operands;
  std::string end;
  bool outer = std::exchange(soft, true);
  do {
    operands.push_back(parseTuple(false));
    expectBlockEnd();
    operands.push_back(parseBlock({"elif", "else", "endif"}, &end));
  } while (!failed && end == "elif");
  if (!failed && end == "else") {
    expectBlockEnd();
    operands.push_back(parseBlock({"endif"}, &end));
  }
  soft = outer;
  expectBlockEnd();
  return program.add(ChatNodeKind::branch, place, 0, operands);
}

uint32_t ChatParser::parseFor(ChatPlace place) {
  uint32_t target = parseTarget(false);
  if (!takeName("in")) {
    fail(peek(), "expected 'in', found " + describe(peek()));
  }
  uint32_t iterable = parseTuple(false);
  uint32_t condition = FATHOM_NO_NODE, otherwise = FATHOM_NO_NODE;
  bool outer = std::exchange(soft, false);
  if (takeName("if")) {
    condition = parseExpression();
  }
  if (peek().kind == ChatToken::Name && peek().text == "recursive") {
    fail(peek(), "recursive loops are not supported in chat templates", true);
  }
  expectBlockEnd();
  std::string end;
  ++loops;
  uint32_t body = parseBlock({"else", "endfor"}, &end);
  --loops;
  if (!failed && end == "else") {
    expectBlockEnd();
    // A scope: what is set there is not visible after the loop.
    otherwise = program.add(ChatNodeKind::scope, place, 0, {parseBlock({"endfor"}, &end)});
  }
  soft = outer;
  expectBlockEnd();
  return program.add(ChatNodeKind::loop, place, 0, {target, iterable, condition, body, otherwise});
}

/// The filters of a block, each around the one before and the first around an absent operand: as in a | b, or after
/// "|".
uint32_t ChatParser::parseFilters() {
  uint32_t filter = FATHOM_NO_NODE;
  (void)takeOperator("|");
  do {
    const ChatToken &token = peek();
    filter = parseFilter(filter);
    if (!failed && program.nodes[filter].kind() != ChatNodeKind::filter) {
      fail(token, "the filter '" + token.text + "' is not supported in chat templates", true);
    }
  } while (!failed && takeOperator("|"));
  return filter;
}

uint32_t ChatParser::parseSet(ChatPlace place) {
  uint32_t target = parseTarget(true);
  if (takeOperator("=")) {
    uint32_t value = parseTuple();
    expectBlockEnd();
    return program.add(ChatNodeKind::assign, place, 0, {target, value});
  }
  uint32_t filter = isOperator("|") ? parseFilters() : FATHOM_NO_NODE;
  expectBlockEnd();
  std::string end;
  bool outer = std::exchange(soft, false);
  uint32_t body = parseBlock({"endset"}, &end);
  soft = outer;
  expectBlockEnd();
  return program.add(ChatNodeKind::capture, place, 0, {target, body, filter});
}

uint32_t ChatParser::parseWith(ChatPlace place) {
  std::vector<uint32_t> operands{0};
  while (!failed && peek().kind != ChatToken::BlockEnd) {
    if (operands.size() > 1) {
      expect(",");
    }
    operands.push_back(parseTarget(false));
    expect("=");
    operands.push_back(parseExpression());
  }
  return parseScope(place, operands, "endwith");
}

uint32_t ChatParser::parseScope(ChatPlace place, std::vector<uint32_t> operands, StringRef name) {
  expectBlockEnd();
  std::string end;
  bool outer = std::exchange(soft, false);
  operands[0] = parseBlock({name}, &end);
  soft = outer;
  expectBlockEnd();
  return program.add(ChatNodeKind::scope, place, 0, operands);
}

/// Hugging Face's mark around what the assistant says.
uint32_t ChatParser::parseGeneration(ChatPlace place) { return parseScope(place, {0}, "endgeneration"); }

/// The parameters of a macro, from after its "(".
void ChatParser::parseParameters(std::vector<uint32_t> &operands) {
  for (bool isFirst = true; !failed && !takeOperator(")"); isFirst = false) {
    if (!isFirst) {
      expect(",");
    }
    ChatPlace place = peek().place;
    std::string name = expectName();
    std::vector<uint32_t> otherwise;
    if (takeOperator("=")) {
      otherwise.push_back(parseExpression());
    }
    operands.push_back(program.add(ChatNodeKind::parameter, place, program.text(name), otherwise));
  }
}

/// The body of a macro whose parameters are the operands from `first` on. Jinja gives macros what they name: all other
/// arguments as "varargs", and those by keyword as "kwargs".
uint32_t ChatParser::parseMacroBody(StringRef name, std::vector<uint32_t> &operands, size_t first) {
  std::string end;
  size_t begin = program.nodes.size();
  bool outer = std::exchange(soft, false);
  unsigned outerLoops = std::exchange(loops, 0);
  uint32_t body = parseBlock({name}, &end);
  loops = outerLoops;
  soft = outer;
  auto isNamed = [&](const artifact::ChatNode &node, ChatNodeKind kind, StringRef text) {
    return node.kind() == kind && program.texts[node.value()] == text;
  };
  for (uint32_t byKeyword : {0, 1}) {
    StringRef text = byKeyword == 0 ? "varargs" : "kwargs";
    bool isParameter = llvm::any_of(llvm::ArrayRef(operands).drop_front(first), [&](uint32_t operand) {
      return isNamed(program.nodes[operand], ChatNodeKind::parameter, text);
    });
    bool isUsed = llvm::any_of(llvm::ArrayRef(program.nodes).drop_front(begin),
                               [&](const auto &node) { return isNamed(node, ChatNodeKind::name, text); });
    if (isUsed && !isParameter) {
      operands.push_back(program.add(ChatNodeKind::unpack, peek().place, byKeyword, {}));
    }
  }
  return body;
}

uint32_t ChatParser::parseMacro(ChatPlace place) {
  std::vector<uint32_t> operands{0};
  std::string name = expectName();
  expect("(");
  parseParameters(operands);
  expectBlockEnd();
  uint32_t body = parseMacroBody("endmacro", operands, 1);
  operands[0] = body;
  expectBlockEnd();
  return program.add(ChatNodeKind::macro, place, program.text(name), operands);
}

uint32_t ChatParser::parseCallBlock(ChatPlace place) {
  std::vector<uint32_t> operands{0, 0};
  if (takeOperator("(")) {
    parseParameters(operands);
  }
  const ChatToken &token = peek();
  operands[0] = parseExpression();
  if (!failed && program.nodes[operands[0]].kind() != ChatNodeKind::call) {
    fail(token, "expected a call");
  }
  expectBlockEnd();
  uint32_t body = parseMacroBody("endcall", operands, 2);
  operands[1] = body;
  expectBlockEnd();
  return program.add(ChatNodeKind::call_block, place, 0, operands);
}

uint32_t ChatParser::parseFilterBlock(ChatPlace place) {
  uint32_t filter = parseFilters();
  expectBlockEnd();
  std::string end;
  uint32_t body = parseBlock({"endfilter"}, &end);
  expectBlockEnd();
  return program.add(ChatNodeKind::filter_block, place, 0, {body, filter});
}

uint32_t ChatParser::parseLoopControl(ChatPlace place) {
  const ChatToken &token = tokens[at - 1];
  if (loops == 0) {
    fail(token, "'" + token.text + "' outside of a loop");
  }
  bool leaves = token.text == "break";
  expectBlockEnd();
  return program.add(leaves ? ChatNodeKind::leave : ChatNodeKind::next, place, 0, {});
}

uint32_t ChatParser::parsePrint(ChatPlace place) {
  uint32_t value = parseTuple();
  expectBlockEnd();
  return program.add(ChatNodeKind::output, place, 0, {value});
}

/// Chains such as a + b + c + … make trees that are deeper than the parser is.
bool ChatParser::checkDepth() {
  std::vector<uint32_t> depths(program.nodes.size(), 1);
  for (size_t i = 0; i < program.nodes.size(); ++i) {
    const artifact::ChatNode &node = program.nodes[i];
    for (uint32_t j = 0; j < node.count(); ++j) {
      uint32_t operand = program.operands[node.first() + j];
      depths[i] = operand == FATHOM_NO_NODE ? depths[i] : std::max(depths[i], depths[operand] + 1);
    }
    if (depths[i] > FATHOM_MAX_CHAT_DEPTH) {
      error = {true, {node.line(), node.column()}, "nested too deeply"};
      return false;
    }
  }
  return true;
}

bool ChatParser::parse() {
  std::string end;
  parseBlock({}, &end);
  return !failed && checkDepth();
}

std::optional<ChatProgram> compileChatTemplate(StringRef source, ChatError &error) {
  std::optional<std::vector<ChatToken>> tokens = lexChatTemplate(source, error);
  if (!tokens) {
    return std::nullopt;
  }
  ChatParser parser(*tokens, error);
  return parser.parse() ? std::optional(std::move(parser.program)) : std::nullopt;
}

} // namespace fathom::frontend
