// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Walks the tree of a verified chat template.

#ifndef FATHOM_RUNTIME_SRC_TOKENIZER_CHAT_INTERPRETER_H
#define FATHOM_RUNTIME_SRC_TOKENIZER_CHAT_INTERPRETER_H

#include "fathom/tokenizer_generated.h"
#include "runtime/src/tokenizer/chat/run.h"

namespace fathom::tokenizer::chat {

/// Variables of a loop's turn, a macro's call, and so on.
struct Scope {
  Scope *parent = nullptr;
  Dict variables;
};

struct Macro {
  const artifact::ChatNode *node;
  /// Where it was defined: it sees the variables there.
  Scope *scope;

  /// What a call block gives to its call, which has no name.
  bool isCaller() const { return node->kind() == artifact::ChatNodeKind::call_block; }
  uint32_t firstParameter() const { return isCaller() ? 2 : 1; }
};

class Interpreter {
public:
  /// `globals` holds the variables that are given to the template.
  Interpreter(Run &run, const artifact::ChatTemplate &tree, const Dict &globals);

  /// What the template writes.
  Text render();

  Value loopAttribute(Loop &loop, const Text &name);
  Value macroAttribute(const Macro &macro, std::string_view name);
  /// Calls any callable value.
  Value callMethod(const Method &method, const Arguments &arguments);
  Value call(const Value &callee, const Arguments &arguments);

private:
  using Node = artifact::ChatNode;
  enum class Flow : uint8_t { On, Leave, Next };

  const Node *operand(const Node &node, uint32_t place) const;
  Text text(const Node &node) const;
  void execute(const Node *node);
  void executeBlock(const Node &node);
  void executeBranch(const Node &node);
  void executeLoop(const Node &node);
  bool executeTurn(const Node &node, const Value &item, Loop *loop);
  Sequence *filtered(const Node &node, Sequence *items);
  void executeScope(const Node &node);
  void executeCallBlock(const Node &node);
  void defineMacro(const Node &node);
  void assign(const Node *target, const Value &value);
  void assignAll(const Node &target, const Value &value);
  Text capture(const Node *body);

  Value evaluate(const Node *node);
  Value evaluateExpression(const Node &node);
  Value evaluateOperation(const Node &node);
  Value evaluateName(const Text &name);
  Value evaluateSequence(const Node &node, Type type);
  Value evaluateDict(const Node &node);
  Value evaluateCompare(const Node &node);
  Value evaluateJoin(const Node &node);
  Value evaluateCall(const Node &node, const Entry *extra);
  Value applyFilter(const Node &node, const Value &value);
  Value applyFilters(const Node &node, const Value &value);
  Value applyTest(const Node &node);
  void unpack(const Node &node, Sequence &positional, Dict &keywords);
  bool readArguments(const Node &node, Sequence &positional, Dict &keywords);
  Value callMacro(const Macro &macro, const Arguments &arguments);
  void bindParameter(const Node &parameter, uint32_t place, const Arguments &arguments);
  bool isParameter(const Macro &macro, uint32_t place, std::string_view name) const;
  void bindRest(const Macro &macro, uint32_t parameters, const Arguments &arguments);

  Run &run;
  const artifact::ChatTemplate &tree;
  const Dict &globals;
  Scope root;
  Scope *scope = &root;
  Builder *out = nullptr;
  Flow flow = Flow::On;
};

} // namespace fathom::tokenizer::chat

#endif // FATHOM_RUNTIME_SRC_TOKENIZER_CHAT_INTERPRETER_H
