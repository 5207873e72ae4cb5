// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What must hold in a chat template before it is walked: every index in range, no node below itself, bounded depth.
// Which kinds of nodes stand where is left to the walk, where a wrong one is undefined, or does nothing.

#include "runtime/src/tokenizer/chat/verify.h"

#include "fathom/tokenizer_abi.h"
#include "runtime/src/buffer.h"
#include "runtime/src/tokenizer/chat/library.h"

namespace fathom::tokenizer::chat {

namespace {
using artifact::ChatNode;
using artifact::ChatNodeKind;
} // namespace

static bool isValueInRange(const artifact::ChatTemplate &tree, const ChatNode &node) {
  switch (node.kind()) {
  case ChatNodeKind::text:
  case ChatNodeKind::macro:
  case ChatNodeKind::literal:
  case ChatNodeKind::name:
  case ChatNodeKind::attribute:
  case ChatNodeKind::keyword:
  case ChatNodeKind::parameter:
  case ChatNodeKind::fault:
  case ChatNodeKind::unsupported:
    return node.value() < tree.texts()->size();
  case ChatNodeKind::integer:
    return node.value() < tree.integers()->size();
  case ChatNodeKind::real:
    return node.value() < tree.reals()->size();
  case ChatNodeKind::filter:
    return filterAt(node.value()) != nullptr;
  case ChatNodeKind::test:
    return testAt(node.value()) != nullptr;
  case ChatNodeKind::binary:
  case ChatNodeKind::comparison:
    return node.value() <= uint32_t(artifact::ChatOperator::MAX);
  default:
    return node.kind() <= ChatNodeKind::MAX;
  }
}

/// Parameters of macros and call blocks are used without another look, and so are the filters of blocks.
static bool hasRightOperands(const artifact::ChatTemplate &tree, const ChatNode &node) {
  uint32_t parameters =
      node.kind() == ChatNodeKind::macro ? 1 : (node.kind() == ChatNodeKind::call_block ? 2 : UINT32_MAX);
  uint32_t filter =
      node.kind() == ChatNodeKind::capture ? 2 : (node.kind() == ChatNodeKind::filter_block ? 1 : UINT32_MAX);
  if (parameters != UINT32_MAX && node.count() < parameters) {
    return false;
  }
  // Behind the parameters stands that a macro takes more arguments than they are.
  bool rest = false;
  for (uint32_t i = 0; i < node.count(); ++i) {
    uint32_t operand = tree.operands()->Get(node.first() + i);
    bool absent = operand == FATHOM_NO_NODE;
    ChatNodeKind kind = absent ? ChatNodeKind::none : tree.nodes()->Get(operand)->kind();
    rest |= i >= parameters && kind == ChatNodeKind::unpack;
    bool isRight = rest ? kind == ChatNodeKind::unpack : kind == ChatNodeKind::parameter;
    if ((i >= parameters && !isRight) || (i == filter && !absent && kind != ChatNodeKind::filter)) {
      return false;
    }
  }
  return true;
}

const char *verify(const artifact::ChatTemplate &tree) {
  uint32_t count = tree.nodes()->size();
  Buffer<uint16_t> depths;
  if (count == 0 || !depths.resize(count)) {
    return "chat template: no nodes, or no memory to check them";
  }
  for (uint32_t i = 0; i < count; ++i) {
    const ChatNode &node = *tree.nodes()->Get(i);
    uint64_t end = uint64_t(node.first()) + node.count();
    if (end > tree.operands()->size() || !isValueInRange(tree, node)) {
      return "chat template: a node is out of range";
    }
    uint16_t depth = 0;
    for (uint32_t j = node.first(); j < end; ++j) {
      uint32_t operand = tree.operands()->Get(j);
      if (operand != FATHOM_NO_NODE && operand >= i) {
        return "chat template: an operand is not before its node";
      }
      depth = operand != FATHOM_NO_NODE && depths[operand] > depth ? depths[operand] : depth;
    }
    depths[i] = uint16_t(depth + 1);
    if (depths[i] > FATHOM_MAX_CHAT_DEPTH || !hasRightOperands(tree, node)) {
      return "chat template: nested too deeply, or a macro without its parts";
    }
  }
  return nullptr;
}

} // namespace fathom::tokenizer::chat
