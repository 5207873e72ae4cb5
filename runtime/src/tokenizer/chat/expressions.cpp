// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Expressions of the interpreter.

#include "runtime/src/tokenizer/chat/interpreter.h"
#include "runtime/src/tokenizer/chat/library.h"
#include "runtime/src/tokenizer/chat/operators.h"

#include <utility>

namespace fathom::tokenizer::chat {

using artifact::ChatNodeKind;

Value Interpreter::evaluate(const Node *node) {
  Deeper deeper(run);
  if (node == nullptr || !deeper || !run.step()) {
    return Value();
  }
  Place outer = std::exchange(run.place, {node->line(), node->column()});
  Value value = evaluateExpression(*node);
  run.place = outer;
  return run.look(value) ? value : Value();
}

Value Interpreter::evaluateExpression(const Node &node) {
  switch (node.kind()) {
  case ChatNodeKind::none:
    return Value::none();
  case ChatNodeKind::boolean:
    return Value::of(node.value() != 0);
  case ChatNodeKind::integer:
    return Value::of(tree.integers()->Get(node.value()));
  case ChatNodeKind::real:
    return Value::of(tree.reals()->Get(node.value()));
  case ChatNodeKind::literal:
    return Value::of(text(node));
  case ChatNodeKind::name:
    return evaluateName(text(node));
  case ChatNodeKind::list:
    return evaluateSequence(node, Type::List);
  case ChatNodeKind::tuple:
    return evaluateSequence(node, Type::Tuple);
  case ChatNodeKind::dict:
    return evaluateDict(node);
  case ChatNodeKind::attribute:
    return attribute(run, evaluate(operand(node, 0)), text(node));
  case ChatNodeKind::item: {
    Value object = evaluate(operand(node, 0));
    return item(run, object, evaluate(operand(node, 1)));
  }
  case ChatNodeKind::slice: {
    Value object = evaluate(operand(node, 0));
    Value start = evaluate(operand(node, 1)), stop = evaluate(operand(node, 2));
    return slice(run, object, start, stop, evaluate(operand(node, 3)));
  }
  case ChatNodeKind::call:
    return evaluateCall(node, nullptr);
  case ChatNodeKind::filter:
    return applyFilter(node, evaluate(operand(node, 0)));
  case ChatNodeKind::test:
    return applyTest(node);
  case ChatNodeKind::fault:
    return run.fail("%.200s", text(node).data);
  case ChatNodeKind::unsupported:
    return run.failAs(Failure::Unsupported, "%.200s", text(node).data);
  default:
    return evaluateOperation(node);
  }
}

Value Interpreter::evaluateOperation(const Node &node) {
  switch (node.kind()) {
  case ChatNodeKind::binary: {
    Value left = evaluate(operand(node, 0)), right = evaluate(operand(node, 1));
    return calculate(run, ChatOperator(node.value()), left, right);
  }
  case ChatNodeKind::negate:
    return negate(run, evaluate(operand(node, 0)));
  case ChatNodeKind::plus:
    return evaluate(operand(node, 0));
  case ChatNodeKind::invert:
    return Value::of(!isTrue(run, evaluate(operand(node, 0))));
  case ChatNodeKind::both: {
    Value left = evaluate(operand(node, 0));
    return isTrue(run, left) ? evaluate(operand(node, 1)) : left;
  }
  case ChatNodeKind::either: {
    Value left = evaluate(operand(node, 0));
    return isTrue(run, left) ? left : evaluate(operand(node, 1));
  }
  case ChatNodeKind::conditional:
    return evaluate(operand(node, isTrue(run, evaluate(operand(node, 0))) ? 1 : 2));
  case ChatNodeKind::join:
    return evaluateJoin(node);
  case ChatNodeKind::compare:
    return evaluateCompare(node);
  default:
    return Value();
  }
}

Value Interpreter::evaluateName(const Text &name) {
  for (Scope *at = scope; at != nullptr; at = at->parent) {
    if (const Value *value = at->variables.find(run, name.view())) {
      return *value;
    }
  }
  if (const Value *value = globals.find(run, name.view())) {
    return *value;
  }
  const Function *function = findFunction(name.view());
  if (function == nullptr) {
    return Value::undefined(name.view());
  }
  Value value = Value::none();
  value.type = Type::Function;
  value.function = function;
  return value;
}

Value Interpreter::evaluateSequence(const Node &node, Type type) {
  Sequence *items = run.create<Sequence>();
  for (uint32_t i = 0; items != nullptr && i < node.count() && run.step(); ++i) {
    (void)items->push(run, evaluate(operand(node, i)));
  }
  return run.failed() ? Value() : Value::of(type, items);
}

Value Interpreter::evaluateDict(const Node &node) {
  Dict *dict = run.create<Dict>();
  for (uint32_t i = 0; dict != nullptr && i + 1 < node.count() && run.step(); i += 2) {
    Value key = evaluate(operand(node, i));
    if (key.is(Type::List) || key.is(Type::Dict)) {
      return run.fail("unhashable type: '%s'", typeName(key));
    }
    (void)dict->set(run, key, evaluate(operand(node, i + 1)));
  }
  return run.failed() ? Value() : Value::of(Type::Dict, dict);
}

Value Interpreter::evaluateCompare(const Node &node) {
  Value left = evaluate(operand(node, 0));
  for (uint32_t i = 1; i < node.count() && !run.failed(); ++i) {
    const Node *comparison = operand(node, i);
    if (comparison == nullptr || comparison->kind() != ChatNodeKind::comparison) {
      break;
    }
    Value right = evaluate(operand(*comparison, 0));
    if (!compare(run, ChatOperator(comparison->value()), left, right)) {
      return Value::of(false);
    }
    left = right;
  }
  return Value::of(!run.failed());
}

Value Interpreter::evaluateJoin(const Node &node) {
  Text result = toText(run, evaluate(operand(node, 0)));
  for (uint32_t i = 1; i < node.count() && !run.failed(); ++i) {
    result = concatenate(run, result, toText(run, evaluate(operand(node, i))));
  }
  return Value::of(result);
}

/// The arguments that a list or, after "**", a dict holds.
void Interpreter::unpack(const Node &node, Sequence &positional, Dict &keywords) {
  Value value = evaluate(operand(node, 0));
  if (node.value() == 0) {
    Sequence *items = iterate(run, value);
    for (uint32_t i = 0; items != nullptr && i < items->count && run.step(); ++i) {
      (void)positional.push(run, items->items[i]);
    }
    return;
  }
  if (!value.is(Type::Dict)) {
    run.fail("the argument after ** must be a mapping, not '%s'", typeName(value));
    return;
  }
  for (uint32_t i = 0; i < value.dict->count && run.step(); ++i) {
    const Entry &entry = value.dict->entries[i];
    if (!entry.key.isString()) {
      run.fail("keywords must be strings");
      return;
    }
    (void)keywords.set(run, entry.key, entry.value);
  }
}

/// All operands but the first.
bool Interpreter::readArguments(const Node &node, Sequence &positional, Dict &keywords) {
  for (uint32_t i = 1; i < node.count() && !run.failed(); ++i) {
    const Node *argument = operand(node, i);
    if (argument != nullptr && argument->kind() == ChatNodeKind::unpack) {
      unpack(*argument, positional, keywords);
    } else if (argument != nullptr && argument->kind() == ChatNodeKind::keyword) {
      (void)keywords.set(run, Value::of(text(*argument)), evaluate(operand(*argument, 0)));
    } else {
      (void)positional.push(run, evaluate(argument));
    }
  }
  return !run.failed();
}

Value Interpreter::evaluateCall(const Node &node, const Entry *extra) {
  Value callee = evaluate(operand(node, 0));
  Sequence positional;
  Dict keywords;
  if (!readArguments(node, positional, keywords) ||
      (extra != nullptr && !keywords.set(run, extra->key, extra->value))) {
    return Value();
  }
  return call(callee, {positional.items, positional.count, keywords.entries, keywords.count});
}

Value Interpreter::applyFilter(const Node &node, const Value &value) {
  Sequence positional;
  Dict keywords;
  if (!readArguments(node, positional, keywords)) {
    return Value();
  }
  return filterAt(node.value())(run, value, {positional.items, positional.count, keywords.entries, keywords.count});
}

/// The filters of a block, the innermost of which has no operand.
Value Interpreter::applyFilters(const Node &node, const Value &value) {
  const Node *inner = operand(node, 0);
  bool isFilter = inner != nullptr && inner->kind() == ChatNodeKind::filter;
  return applyFilter(node, isFilter ? applyFilters(*inner, value) : (inner == nullptr ? value : evaluate(inner)));
}

Value Interpreter::applyTest(const Node &node) {
  Value value = evaluate(operand(node, 0));
  Sequence positional;
  Dict keywords;
  if (!readArguments(node, positional, keywords)) {
    return Value();
  }
  return Value::of(
      testAt(node.value())(run, value, {positional.items, positional.count, keywords.entries, keywords.count}));
}

} // namespace fathom::tokenizer::chat
