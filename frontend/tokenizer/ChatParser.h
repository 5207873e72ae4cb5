// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Jinja2's grammar. The tree is built from the leaves, so that a node comes after its operands.

#ifndef FATHOM_FRONTEND_TOKENIZER_CHATPARSER_H
#define FATHOM_FRONTEND_TOKENIZER_CHATPARSER_H

#include "frontend/tokenizer/ChatProgram.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/Twine.h"

#include <utility>

namespace fathom::frontend {

class ChatParser {
public:
  ChatParser(const std::vector<ChatToken> &tokens, ChatError &error) : tokens(tokens), error(error) {}

  /// False after an error.
  bool parse();

  ChatProgram program;

private:
  /// Bounds the recursion.
  struct Deeper {
    explicit Deeper(ChatParser &parser) : parser(parser) {
      if (++parser.depth > kMostDepth) {
        parser.fail(parser.peek(), "nested too deeply", true);
      }
    }
    ~Deeper() { --parser.depth; }
    ChatParser &parser;
  };
  static constexpr unsigned kMostDepth = 200;

  const ChatToken &peek(size_t ahead = 0) const { return tokens[std::min(at + ahead, tokens.size() - 1)]; }
  bool isOperator(llvm::StringRef text, size_t ahead = 0) const {
    return peek(ahead).kind == ChatToken::Operator && peek(ahead).text == text;
  }
  bool isName(llvm::StringRef text, size_t ahead = 0) const {
    return peek(ahead).kind == ChatToken::Name && peek(ahead).text == text;
  }
  bool takeOperator(llvm::StringRef text) { return isOperator(text) && ++at; }
  bool takeName(llvm::StringRef text) { return isName(text) && ++at; }
  bool fail(const ChatToken &token, const llvm::Twine &message, bool unsupported = false);
  void expect(llvm::StringRef operation);
  void expectBlockEnd();
  std::string expectName();
  static std::string describe(const ChatToken &token);

  uint32_t parseBlock(llvm::ArrayRef<llvm::StringRef> ends, std::string *end);
  uint32_t parseStatement();
  uint32_t parseIf(ChatPlace place);
  uint32_t parseFor(ChatPlace place);
  uint32_t parseSet(ChatPlace place);
  uint32_t parseWith(ChatPlace place);
  uint32_t parseScope(ChatPlace place, std::vector<uint32_t> operands, llvm::StringRef name);
  uint32_t parseGeneration(ChatPlace place);
  uint32_t parseMacroBody(llvm::StringRef name, std::vector<uint32_t> &operands, size_t first);
  uint32_t parseMacro(ChatPlace place);
  uint32_t parseCallBlock(ChatPlace place);
  uint32_t parseFilterBlock(ChatPlace place);
  uint32_t parseLoopControl(ChatPlace place);
  uint32_t parsePrint(ChatPlace place);
  uint32_t parseFilters();
  void parseParameters(std::vector<uint32_t> &operands);

  uint32_t parseTarget(bool withNamespace);
  uint32_t parseTuple(bool withCondition = true, bool inParentheses = false);
  bool isTupleEnd() const;
  uint32_t parseExpression(bool withCondition = true);
  uint32_t parseOr();
  uint32_t parseAnd();
  uint32_t parseNot();
  uint32_t parseCompare();
  std::optional<artifact::ChatOperator> takeComparison();
  uint32_t parseSum();
  uint32_t parseJoin();
  uint32_t parseProduct();
  std::optional<llvm::StringRef> literal(uint32_t node) const;
  uint32_t parsePower();
  uint32_t parseUnary(bool withFilters = true);
  uint32_t parsePrimary();
  uint32_t parseNumber();
  uint32_t parseList();
  uint32_t parseDict();
  uint32_t parsePostfix(uint32_t node);
  uint32_t parseSubscript(uint32_t node);
  uint32_t parsePostfixFilters(uint32_t node);
  uint32_t parseFilter(uint32_t node);
  uint32_t parseTest(uint32_t node);
  uint32_t parseCall(uint32_t node);
  void parseArguments(std::vector<uint32_t> &operands);
  void checkMethod(uint32_t callee, const ChatToken &token);
  uint32_t addNamed(artifact::ChatNodeKind kind, const ChatToken &token, llvm::StringRef name,
                    llvm::ArrayRef<uint32_t> operands);
  uint32_t addMissing(const ChatToken &token, llvm::StringRef what, llvm::StringRef name, bool isJinjas);
  bool checkDepth();

  const std::vector<ChatToken> &tokens;
  ChatError &error;
  size_t at = 0;
  unsigned depth = 0;
  unsigned loops = 0;
  /// Inside an if, where Jinja finds out at run time that a filter is not there.
  bool soft = false;
  bool failed = false;
};

} // namespace fathom::frontend

#endif // FATHOM_FRONTEND_TOKENIZER_CHATPARSER_H
