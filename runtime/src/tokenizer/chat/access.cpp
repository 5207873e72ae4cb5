// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Attributes, items, slices, and what loops walk over.

#include "runtime/src/tokenizer/chat/interpreter.h"
#include "runtime/src/tokenizer/chat/library.h"
#include "runtime/src/tokenizer/chat/operators.h"
#include "runtime/src/tokenizer/chat/text.h"
#include "runtime/src/tokenizer/unicode.h"

#include <algorithm>
#include <cstdarg>
#include <cstdio>

namespace fathom::tokenizer::chat {

/// Index `index` of `count` items, negative ones from the end.
static bool inRange(int64_t &index, uint32_t count) {
  index += index < 0 ? count : 0;
  return index >= 0 && index < int64_t(count);
}

static Value characterAt(const Value &value, int64_t index) {
  Text text = value.toText();
  uint32_t count = countCharacters(text);
  if (!inRange(index, count)) {
    return Value();
  }
  uint32_t begin = byteOfCharacter(text, uint64_t(index));
  return Value::ofMarkup(text.slice(begin, begin + decode(text.view(), begin).size), value.markup);
}

/// What the object holds under the key, or undefined.
static Value lookUp(Run &run, const Value &object, const Value &key) {
  if (object.is(Type::Dict)) {
    const Value *value = key.isString() ? object.dict->find(run, key.toText().view()) : object.dict->find(run, key);
    return value == nullptr ? Value() : *value;
  }
  if (object.isString() && key.isIntegral()) {
    return characterAt(object, key.toInteger());
  }
  bool indexed = object.is(Type::List) || object.is(Type::Tuple) || object.is(Type::Range);
  int64_t index = key.isIntegral() ? key.toInteger() : 0;
  if (indexed && key.isIntegral() && inRange(index, object.sequence->count)) {
    return object.sequence->items[index];
  }
  return Value();
}

/// Undefined, for a reason.
[[gnu::format(printf, 2, 3)]] static Value because(Run &run, const char *format, ...) {
  char reason[200];
  va_list arguments;
  va_start(arguments, format);
  std::vsnprintf(reason, sizeof(reason), format, arguments);
  va_end(arguments);
  Builder builder(run);
  builder.append(std::string_view(reason));
  return Value::undefinedBecause(builder.finish().view());
}

/// What the object's type has under the name, or undefined.
static Value member(Run &run, const Value &object, const Text &name) {
  if (object.is(Type::Loop) && findMethod(object, name.view()) == nullptr) {
    return run.interpreter->loopAttribute(*object.loop, name);
  }
  if (object.is(Type::Namespace)) {
    const Value *value = object.dict->find(run, name.view());
    return value == nullptr ? Value() : *value;
  }
  if (object.is(Type::Macro)) {
    return run.interpreter->macroAttribute(*object.macro, name.view());
  }
  const MethodInfo *info = findMethod(object, name.view());
  if (info != nullptr && info->call == nullptr) {
    return because(run, "access to attribute '%.*s' of '%s' object is unsafe.", int(name.size), name.data,
                   typeName(object));
  }
  Method *method = info == nullptr ? nullptr : run.create<Method>();
  if (method == nullptr) {
    return Value();
  }
  *method = {object, info};
  Value value = Value::none();
  value.type = Type::Method;
  value.method = method;
  return value;
}

static bool isMissing(const Value &found) { return found.isUndefined() && found.owner != kReason; }

namespace {
struct Bounds {
  int64_t start, stop, step;
};
} // namespace

static int64_t clampIndex(int64_t index, int64_t count, int64_t low, int64_t high) {
  index += index < 0 ? count : 0;
  return index < low ? low : (index > high ? high : index);
}

/// slice.indices.
static bool resolve(Run &run, const Value &start, const Value &stop, const Value &step, uint32_t count, Bounds &out) {
  for (const Value *bound : {&start, &stop, &step}) {
    if (!bound->isUndefined() && !bound->is(Type::None) && !bound->isIntegral()) {
      run.fail("slice indices must be integers or None");
      return false;
    }
  }
  out.step = step.isIntegral() ? step.toInteger() : 1;
  if (out.step == 0) {
    run.fail("slice step cannot be zero");
    return false;
  }
  bool forward = out.step > 0;
  int64_t low = forward ? 0 : -1, high = forward ? count : int64_t(count) - 1;
  out.start = start.isIntegral() ? clampIndex(start.toInteger(), count, low, high) : (forward ? low : high);
  out.stop = stop.isIntegral() ? clampIndex(stop.toInteger(), count, low, high) : (forward ? high : low);
  return true;
}

static bool isWithin(const Bounds &bounds, int64_t at) { return bounds.step > 0 ? at < bounds.stop : at > bounds.stop; }

static Value sliceText(Run &run, const Text &text, const Bounds &bounds) {
  if (bounds.step == 1) {
    uint32_t begin = byteOfCharacter(text, uint64_t(bounds.start));
    uint32_t end = byteOfCharacter(text, uint64_t(bounds.stop < bounds.start ? bounds.start : bounds.stop));
    return Value::of(text.slice(begin, end));
  }
  Sequence *characters = iterate(run, Value::of(text));
  Builder builder(run);
  for (int64_t at = bounds.start; characters != nullptr && isWithin(bounds, at) && run.step();) {
    builder.append(characters->items[at].toText());
    if (__builtin_add_overflow(at, bounds.step, &at)) {
      break;
    }
  }
  return Value::of(builder.finish());
}

static Sequence *charactersOf(Run &run, const Text &text) {
  Sequence *items = run.create<Sequence>();
  for (size_t at = 0; items != nullptr && at < text.size && run.step();) {
    uint32_t size = decode(text.view(), at).size;
    (void)items->push(run, Value::of(text.slice(at, at + size)));
    at += size;
  }
  return items;
}

static Sequence *takeRest(Run &run, Sequence &generator) {
  Sequence *items = run.create<Sequence>();
  for (; items != nullptr && generator.taken < generator.count && run.step(); ++generator.taken) {
    (void)items->push(run, generator.items[generator.taken]);
  }
  return items;
}

Value attribute(Run &run, const Value &object, const Text &name) {
  if (!checkDefined(run, object)) {
    return Value();
  }
  Value found = member(run, object, name);
  bool hidden = name.size > 0 && name[0] == '_';
  found = isMissing(found) && !hidden ? lookUp(run, object, Value::of(name)) : found;
  return isMissing(found) ? Value::undefined(name.view(), object.type) : found;
}

Value item(Run &run, const Value &object, const Value &key) {
  if (!checkDefined(run, object)) {
    return Value();
  }
  Value found = lookUp(run, object, key);
  if (found.isUndefined() && key.isString()) {
    found = member(run, object, key.toText());
  }
  if (!isMissing(found)) {
    return found;
  }
  if (key.isString()) {
    return Value::undefined(key.toText().view(), object.type);
  }
  Text shown = toText(run, key);
  return because(run, "%s has no element %.*s", objectName(object.type), int(std::min(shown.size, 80u)), shown.data);
}

Value slice(Run &run, const Value &object, const Value &start, const Value &stop, const Value &step) {
  if (!checkDefined(run, object)) {
    return Value();
  }
  Bounds bounds;
  bool isText = object.isString();
  if (!isText && !object.is(Type::List) && !object.is(Type::Tuple) && !object.is(Type::Range)) {
    return Value();
  }
  uint32_t count = isText ? countCharacters(object.toText()) : object.sequence->count;
  if (!resolve(run, start, stop, step, count, bounds)) {
    return Value();
  }
  if (isText) {
    Value part = sliceText(run, object.toText(), bounds);
    part.markup = object.markup;
    return part;
  }
  Sequence *items = run.create<Sequence>();
  for (int64_t at = bounds.start; items != nullptr && isWithin(bounds, at) && run.step();) {
    (void)items->push(run, object.sequence->items[at]);
    if (__builtin_add_overflow(at, bounds.step, &at)) {
      break;
    }
  }
  return run.failed() ? Value() : Value::of(object.type, items);
}

/// What a part of a path looks up: an index where it is digits, else a key.
static Value pathKey(const Text &name) {
  bool digits = name.size > 0;
  int64_t index = 0;
  for (char c : name.view()) {
    digits &= c >= '0' && c <= '9';
    // No list is that long.
    index = digits && index < INT32_MAX ? index * 10 + (c - '0') : index;
  }
  return digits ? Value::of(index) : Value::of(name);
}

Value attributePath(Run &run, const Value &object, const Value &path) {
  if (!path.isString()) {
    return item(run, object, path);
  }
  Value value = object;
  Text rest = path.toText();
  while (run.step()) {
    uint32_t dot = find(run, rest, Text("."));
    Text name = rest.slice(0, dot == kNowhere ? rest.size : dot);
    value = item(run, value, pathKey(name));
    if (dot == kNowhere) {
      break;
    }
    rest = rest.slice(dot + 1, rest.size);
  }
  return value;
}

Sequence *iterate(Run &run, const Value &value) {
  switch (value.type) {
  case Type::List:
  case Type::Tuple:
  case Type::Range:
  case Type::View:
    return value.sequence;
  case Type::Generator:
    return takeRest(run, *value.sequence);
  case Type::String:
    return charactersOf(run, value.toText());
  case Type::Undefined:
    return run.create<Sequence>();
  case Type::Dict: {
    Sequence *keys = run.create<Sequence>();
    for (uint32_t i = 0; keys != nullptr && i < value.dict->count && run.step(); ++i) {
      (void)keys->push(run, value.dict->entries[i].key);
    }
    return keys;
  }
  default:
    run.fail("'%s' object is not iterable", typeName(value));
    return nullptr;
  }
}

Value length(Run &run, const Value &value) {
  switch (value.type) {
  case Type::Undefined:
    return Value::of(int64_t(0));
  case Type::String:
    return Value::of(int64_t(countCharacters(value.toText())));
  case Type::List:
  case Type::Tuple:
  case Type::Range:
  case Type::View:
    return Value::of(int64_t(value.sequence->count));
  case Type::Dict:
    return Value::of(int64_t(value.dict->count));
  default:
    return run.fail("object of type '%s' has no len()", typeName(value));
  }
}

Value copy(Run &run, Type type, const Sequence &items) {
  Sequence *result = run.create<Sequence>();
  for (uint32_t i = 0; result != nullptr && i < items.count && run.step(); ++i) {
    (void)result->push(run, items.items[i]);
  }
  return run.failed() ? Value() : Value::of(type, result);
}

} // namespace fathom::tokenizer::chat
