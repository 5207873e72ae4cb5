// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Statements, scopes and calls.

#include "runtime/src/tokenizer/chat/interpreter.h"

#include "fathom/tokenizer_abi.h"
#include "runtime/src/tokenizer/chat/library.h"
#include "runtime/src/tokenizer/chat/operators.h"

#include <algorithm>
#include <utility>

namespace fathom::tokenizer::chat {

using artifact::ChatNodeKind;

Interpreter::Interpreter(Run &run, const artifact::ChatTemplate &tree, const Dict &globals)
    : run(run), tree(tree), globals(globals) {
  run.interpreter = this;
}

Text Interpreter::render() {
  Builder builder(run);
  out = &builder;
  execute(tree.nodes()->Get(tree.nodes()->size() - 1));
  return builder.finish();
}

const Interpreter::Node *Interpreter::operand(const Node &node, uint32_t place) const {
  uint32_t index = place < node.count() ? tree.operands()->Get(node.first() + place) : FATHOM_NO_NODE;
  return index == FATHOM_NO_NODE ? nullptr : tree.nodes()->Get(index);
}

Text Interpreter::text(const Node &node) const {
  const flatbuffers::String *string = tree.texts()->Get(node.value());
  return Text(std::string_view(string->c_str(), string->size()));
}

void Interpreter::execute(const Node *node) {
  Deeper deeper(run);
  if (node == nullptr || !deeper || !run.step()) {
    return;
  }
  run.place = {node->line(), node->column()};
  switch (node->kind()) {
  case ChatNodeKind::block:
    return executeBlock(*node);
  case ChatNodeKind::text:
    return out->append(text(*node));
  case ChatNodeKind::output:
    return out->append(toText(run, evaluate(operand(*node, 0))));
  case ChatNodeKind::branch:
    return executeBranch(*node);
  case ChatNodeKind::loop:
    return executeLoop(*node);
  case ChatNodeKind::assign:
    return assign(operand(*node, 0), evaluate(operand(*node, 1)));
  case ChatNodeKind::capture: {
    Value value = Value::of(capture(operand(*node, 1)));
    const Node *filter = operand(*node, 2);
    return assign(operand(*node, 0), filter == nullptr ? value : applyFilters(*filter, value));
  }
  case ChatNodeKind::scope:
    return executeScope(*node);
  case ChatNodeKind::macro:
    return defineMacro(*node);
  case ChatNodeKind::call_block:
    return executeCallBlock(*node);
  case ChatNodeKind::filter_block: {
    Value value = Value::of(capture(operand(*node, 0)));
    const Node *filter = operand(*node, 1);
    return out->append(toText(run, filter == nullptr ? value : applyFilters(*filter, value)));
  }
  case ChatNodeKind::leave:
    flow = Flow::Leave;
    return;
  case ChatNodeKind::next:
    flow = Flow::Next;
    return;
  default:
    evaluate(node);
  }
}

void Interpreter::executeBlock(const Node &node) {
  for (uint32_t i = 0; i < node.count() && flow == Flow::On && !run.failed(); ++i) {
    execute(operand(node, i));
  }
}

void Interpreter::executeBranch(const Node &node) {
  for (uint32_t i = 0; i + 1 < node.count(); i += 2) {
    bool chosen = isTrue(run, evaluate(operand(node, i)));
    if (run.failed()) {
      return;
    }
    if (chosen) {
      return execute(operand(node, i + 1));
    }
  }
  if (node.count() % 2 == 1) {
    execute(operand(node, node.count() - 1));
  }
}

/// The items that satisfy the loop's condition, which sees the target but not the loop.
Sequence *Interpreter::filtered(const Node &node, Sequence *items) {
  Sequence *kept = run.create<Sequence>();
  Scope *outer = scope;
  for (uint32_t i = 0; items != nullptr && kept != nullptr && i < items->count && run.step(); ++i) {
    Scope turn;
    turn.parent = outer;
    scope = &turn;
    assign(operand(node, 0), items->items[i]);
    if (isTrue(run, evaluate(operand(node, 2)))) {
      (void)kept->push(run, items->items[i]);
    }
    scope = outer;
  }
  return kept;
}

/// Executes the body once. False where the loop ends.
bool Interpreter::executeTurn(const Node &node, const Value &item, Loop *loop) {
  Scope *turn = run.create<Scope>();
  if (turn == nullptr) {
    return false;
  }
  turn->parent = std::exchange(scope, turn);
  Value value = Value::none();
  value.type = Type::Loop;
  value.loop = loop;
  (void)turn->variables.set(run, Value::of(std::string_view("loop")), value);
  assign(operand(node, 0), item);
  execute(operand(node, 3));
  scope = turn->parent;
  return std::exchange(flow, Flow::On) != Flow::Leave && !run.failed();
}

void Interpreter::executeLoop(const Node &node) {
  Sequence *items = iterate(run, evaluate(operand(node, 1)));
  if (operand(node, 2) != nullptr) {
    items = filtered(node, items);
  }
  Loop *loop = run.create<Loop>();
  if (items == nullptr || loop == nullptr) {
    return;
  }
  loop->items = items;
  bool empty = items->count == 0;
  for (uint32_t i = 0; i < items->count && run.step(); ++i) {
    loop->index = i;
    if (!executeTurn(node, items->items[i], loop)) {
      break;
    }
  }
  if (empty) {
    execute(operand(node, 4));
  }
}

Value Interpreter::loopAttribute(Loop &loop, const Text &name) {
  int64_t count = loop.items->count;
  struct {
    std::string_view name;
    int64_t value;
  } const numbers[] = {{"index", loop.index + 1},
                       {"index0", loop.index},
                       {"revindex", count - loop.index},
                       {"revindex0", count - loop.index - 1},
                       {"length", count},
                       {"depth", 1},
                       // Only recursive loops, which are not supported, go deeper.
                       {"depth0", 0}};
  for (const auto &number : numbers) {
    if (number.name == name.view()) {
      return Value::of(number.value);
    }
  }
  if (name.view() == "first" || name.view() == "last") {
    return Value::of(name.view() == "first" ? loop.index == 0 : loop.index + 1 == count);
  }
  if (name.view() == "previtem") {
    return loop.index > 0 ? loop.items->items[loop.index - 1] : Value::undefinedBecause("there is no previous item");
  }
  if (name.view() == "nextitem") {
    return loop.index + 1 < count ? loop.items->items[loop.index + 1]
                                  : Value::undefinedBecause("there is no next item");
  }
  return Value();
}

Value Interpreter::macroAttribute(const Macro &macro, std::string_view name) {
  if (name == "name") {
    return macro.isCaller() ? Value::none() : Value::of(text(*macro.node));
  }
  Sequence *names = run.create<Sequence>();
  bool takes[2] = {};
  for (uint32_t i = macro.firstParameter(); names != nullptr && i < macro.node->count() && run.step(); ++i) {
    const Node &parameter = *operand(*macro.node, i);
    if (parameter.kind() == ChatNodeKind::parameter) {
      (void)names->push(run, Value::of(text(parameter)));
    } else {
      takes[parameter.value() != 0] = true;
    }
  }
  if (name == "catch_varargs" || name == "catch_kwargs") {
    return Value::of(takes[name == "catch_kwargs"]);
  }
  return name == "arguments" && !run.failed() ? Value::of(Type::Tuple, names) : Value();
}

void Interpreter::executeScope(const Node &node) {
  Scope *inner = run.create<Scope>();
  if (inner == nullptr) {
    return;
  }
  inner->parent = scope;
  for (uint32_t i = 1; i + 1 < node.count(); i += 2) {
    Value value = evaluate(operand(node, i + 1));
    Scope *outer = std::exchange(scope, inner);
    assign(operand(node, i), value);
    scope = outer;
  }
  scope = inner;
  execute(operand(node, 0));
  scope = inner->parent;
}

void Interpreter::defineMacro(const Node &node) {
  Macro *macro = run.create<Macro>();
  if (macro != nullptr) {
    *macro = {&node, scope};
    Value value = Value::none();
    value.type = Type::Macro;
    value.macro = macro;
    (void)scope->variables.set(run, Value::of(text(node)), value);
  }
}

void Interpreter::executeCallBlock(const Node &node) {
  Macro *caller = run.create<Macro>();
  const Node *call = operand(node, 0);
  if (caller == nullptr || call == nullptr || call->kind() != ChatNodeKind::call) {
    return;
  }
  *caller = {&node, scope};
  Entry extra{Value::of(std::string_view("caller")), Value::none()};
  extra.value.type = Type::Macro;
  extra.value.macro = caller;
  out->append(toText(run, evaluateCall(*call, &extra)));
}

void Interpreter::assign(const Node *target, const Value &value) {
  if (target == nullptr || run.failed()) {
    return;
  }
  switch (target->kind()) {
  case ChatNodeKind::name:
    (void)scope->variables.set(run, Value::of(text(*target)), value);
    return;
  case ChatNodeKind::tuple:
    return assignAll(*target, value);
  case ChatNodeKind::attribute: {
    Value object = evaluate(operand(*target, 0));
    if (!object.is(Type::Namespace)) {
      run.fail("cannot assign attribute on non-namespace object");
      return;
    }
    (void)object.dict->set(run, Value::of(text(*target)), value);
    return;
  }
  default:
    run.fail("cannot assign to this");
  }
}

void Interpreter::assignAll(const Node &target, const Value &value) {
  Deeper deeper(run);
  Sequence *items = deeper ? iterate(run, value) : nullptr;
  if (items != nullptr && items->count != target.count()) {
    run.fail("expected %u values to unpack, found %u", target.count(), items->count);
  }
  for (uint32_t i = 0; items != nullptr && i < target.count() && run.step(); ++i) {
    assign(operand(target, i), items->items[i]);
  }
}

/// What the body writes, with variables of its own.
Text Interpreter::capture(const Node *body) {
  Builder builder(run);
  Scope *inner = run.create<Scope>();
  if (inner == nullptr) {
    return Text();
  }
  inner->parent = std::exchange(scope, inner);
  Builder *outer = std::exchange(out, &builder);
  execute(body);
  out = outer;
  scope = inner->parent;
  return builder.finish();
}

/// Texts made from safe ones are safe.
Value Interpreter::callMethod(const Method &method, const Arguments &arguments) {
  Value result = method.info->call(run, method.self, arguments);
  result.markup |= result.isString() && method.self.isString() && method.self.markup;
  return result;
}

Value Interpreter::call(const Value &callee, const Arguments &arguments) {
  switch (callee.type) {
  case Type::Function:
    return callee.function->call(run, arguments);
  case Type::Method:
    return callMethod(*callee.method, arguments);
  case Type::Macro:
    return callMacro(*callee.macro, arguments);
  default:
    return checkDefined(run, callee) ? run.fail("'%s' object is not callable", typeName(callee)) : Value();
  }
}

/// Gives a parameter its argument or default.
void Interpreter::bindParameter(const Node &parameter, uint32_t place, const Arguments &arguments) {
  Text name = text(parameter);
  Value value = Value::undefined(name.view());
  bool found = place < arguments.count;
  value = found ? arguments.positional[place] : value;
  for (uint32_t i = 0; i < arguments.keywordCount && !found && run.step(); ++i) {
    found = arguments.keywords[i].key.toText().view() == name.view();
    value = found ? arguments.keywords[i].value : value;
  }
  if (!found && operand(parameter, 0) != nullptr) {
    value = evaluate(operand(parameter, 0));
  }
  (void)scope->variables.set(run, Value::of(name), value);
}

/// Whether `name` is that of a parameter from `place` on.
bool Interpreter::isParameter(const Macro &macro, uint32_t place, std::string_view name) const {
  for (uint32_t i = macro.firstParameter() + place; i < macro.node->count() && run.step(); ++i) {
    const Node *parameter = operand(*macro.node, i);
    if (parameter->kind() == ChatNodeKind::parameter && text(*parameter).view() == name) {
      return true;
    }
  }
  return false;
}

/// Arguments that no parameter takes, for a macro that names "varargs" or "kwargs". "caller" is a variable of its own.
void Interpreter::bindRest(const Macro &macro, uint32_t parameters, const Arguments &arguments) {
  bool takes[2] = {};
  for (uint32_t i = macro.firstParameter() + parameters; i < macro.node->count(); ++i) {
    takes[operand(*macro.node, i)->value() != 0] = true;
  }
  Sequence *positional = run.create<Sequence>();
  Dict *keywords = run.create<Dict>();
  for (uint32_t i = parameters; positional != nullptr && i < arguments.count; ++i) {
    (void)positional->push(run, arguments.positional[i]);
  }
  for (uint32_t i = 0; keywords != nullptr && i < arguments.keywordCount; ++i) {
    const auto &[key, value] = arguments.keywords[i];
    if (key.toText().view() == "caller") {
      (void)scope->variables.set(run, key, value);
    } else if (!isParameter(macro, arguments.count, key.toText().view())) {
      (void)keywords->set(run, key, value);
    }
  }
  if (run.failed()) {
    return;
  }
  Text name = macro.isCaller() ? Text("None") : text(*macro.node);
  if (!takes[1] && keywords->count > 0) {
    Text keyword = keywords->entries[0].key.toText();
    run.fail("macro '%.*s' takes no keyword argument '%.*s'", int(std::min(name.size, 100u)), name.data,
             int(std::min(keyword.size, 100u)), keyword.data);
  } else if (!takes[0] && positional->count > 0) {
    run.fail("macro '%.*s' takes not more than %u argument(s)", int(std::min(name.size, 100u)), name.data, parameters);
  }
  (void)(!takes[0] ||
         scope->variables.set(run, Value::of(std::string_view("varargs")), Value::of(Type::Tuple, positional)));
  (void)(!takes[1] ||
         scope->variables.set(run, Value::of(std::string_view("kwargs")), Value::of(Type::Dict, keywords)));
}

Value Interpreter::callMacro(const Macro &macro, const Arguments &arguments) {
  const Node &node = *macro.node;
  Deeper deeper(run);
  Scope *inner = run.create<Scope>();
  if (!deeper || inner == nullptr) {
    return Value();
  }
  inner->parent = macro.scope;
  Scope *outer = std::exchange(scope, inner);
  uint32_t parameters = 0;
  for (uint32_t i = macro.firstParameter(); i < node.count() && !run.failed(); ++i) {
    const Node &parameter = *operand(node, i);
    if (parameter.kind() == ChatNodeKind::parameter) {
      bindParameter(parameter, parameters++, arguments);
    }
  }
  bindRest(macro, parameters, arguments);
  Value result;
  if (!run.failed()) {
    Flow before = std::exchange(flow, Flow::On);
    result = Value::of(capture(operand(node, macro.firstParameter() - 1)));
    flow = before;
  }
  scope = outer;
  return result;
}

} // namespace fathom::tokenizer::chat
