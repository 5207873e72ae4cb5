// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Methods of texts, dicts, lists and loops.

#include "fathom/tokenizer_abi.h"
#include "runtime/src/tokenizer/chat/characters.h"
#include "runtime/src/tokenizer/chat/library.h"
#include "runtime/src/tokenizer/chat/operators.h"
#include "runtime/src/tokenizer/chat/text.h"

namespace fathom::tokenizer::chat {

namespace {
using A = const Arguments &;
} // namespace

static Value stripSides(Run &run, const Value &self, A arguments, Side sides) {
  Value characters = argument(run, arguments, 0, "chars");
  Text set = characters.isString() ? characters.toText() : Text();
  return Value::of(strip(run, self.toText(), sides, characters.isString() ? &set : nullptr));
}

/// A string argument; fails where it is something else.
static Text textArgument(Run &run, A arguments, uint32_t place) {
  Value value = argument(run, arguments, place, "");
  if (!value.isString()) {
    run.fail("expected a str argument, found '%s'", typeName(value));
    return Text();
  }
  return value.toText();
}

static Value splitText(Run &run, const Value &self, A arguments, bool fromRight) {
  Value separator = argument(run, arguments, 0, "sep");
  int64_t most = integerArgument(run, arguments, 1, "maxsplit", -1);
  Text text = separator.isString() ? separator.toText() : Text();
  return split(run, self.toText(), separator.isString() ? &text : nullptr, most, fromRight);
}

/// What lies between the second and third argument, which count characters, from the end where they are negative.
static Text window(Run &run, const Value &self, A arguments, int64_t *start = nullptr) {
  Text text = self.toText();
  int64_t count = countCharacters(text);
  auto bound = [&](uint32_t place, int64_t otherwise) {
    int64_t at = integerArgument(run, arguments, place, "", otherwise);
    at = at < 0 ? at + count : at;
    return at < 0 ? 0 : (at > count ? count : at);
  };
  int64_t first = bound(1, 0), last = bound(2, count);
  if (start != nullptr) {
    *start = first;
  }
  uint32_t begin = byteOfCharacter(text, uint64_t(first));
  return text.slice(begin, first < last ? byteOfCharacter(text, uint64_t(last)) : begin);
}

/// startswith and endswith, with one text or a tuple of them.
static Value hasEnd(Run &run, const Value &self, A arguments, bool (*matches)(const Text &, const Text &)) {
  Value wanted = argument(run, arguments, 0, "");
  Text text = window(run, self, arguments);
  if (!wanted.is(Type::Tuple)) {
    Text end = textArgument(run, arguments, 0);
    return run.failed() ? Value() : Value::of(matches(text, end));
  }
  bool found = false;
  for (uint32_t i = 0; i < wanted.sequence->count && run.look(wanted.sequence->items[i]); ++i) {
    found |= wanted.sequence->items[i].isString() && matches(text, wanted.sequence->items[i].toText());
  }
  return Value::of(found);
}

static Value findText(Run &run, const Value &self, A arguments, bool fromRight, bool must) {
  int64_t start = 0;
  Text text = window(run, self, arguments, &start), part = textArgument(run, arguments, 0);
  uint32_t at = fromRight ? findLast(run, text, part) : find(run, text, part);
  if (at == kNowhere) {
    return must ? run.fail("substring not found") : Value::of(int64_t(-1));
  }
  return Value::of(start + int64_t(countCharacters(text.slice(0, at))));
}

static Value countText(Run &run, const Value &self, A arguments) {
  Text text = window(run, self, arguments), part = textArgument(run, arguments, 0);
  int64_t count = 0;
  for (uint32_t at = find(run, text, part); !part.empty() && at != kNowhere && run.step(); ++count) {
    at = find(run, text, part, at + part.size);
  }
  return Value::of(part.empty() ? int64_t(countCharacters(text)) + 1 : count);
}

static Value partition(Run &run, const Value &self, A arguments, bool fromRight) {
  Text text = self.toText(), part = textArgument(run, arguments, 0);
  uint32_t at = fromRight ? findLast(run, text, part) : find(run, text, part);
  bool none = at == kNowhere;
  uint32_t begin = none ? (fromRight ? 0 : text.size) : at, end = none ? begin : at + part.size;
  Sequence *parts = run.create<Sequence>();
  (void)(parts != nullptr && parts->push(run, Value::of(text.slice(0, begin))) &&
         parts->push(run, Value::of(none ? Text() : part)) && parts->push(run, Value::of(text.slice(end, text.size))));
  return run.failed() ? Value() : Value::of(Type::Tuple, parts);
}

static Value padText(Run &run, const Value &self, A arguments, Side sides) {
  Value fill = argument(run, arguments, 1, "");
  int64_t width = integerArgument(run, arguments, 0, "", 0);
  return Value::of(pad(run, self.toText(), width, fill.isString() ? fill.toText() : Text(" "), sides));
}

static Value joinTexts(Run &run, const Value &self, A arguments) {
  Sequence *items = iterate(run, argument(run, arguments, 0, ""));
  Builder builder(run);
  for (uint32_t i = 0; items != nullptr && i < items->count && run.step(); ++i) {
    const Value &item = items->items[i];
    if (!item.isString()) {
      return run.fail("sequence item %u: expected str instance, %s found", i, typeName(item));
    }
    builder.append(i == 0 ? Text() : self.toText());
    builder.append(item.toText());
  }
  return Value::of(builder.finish());
}

static Value whole(Run &, const Value &self, bool (*predicate)(uint32_t)) {
  return Value::of(all(self.toText(), predicate));
}

static Value removeEnd(Run &run, const Value &self, A arguments, bool prefix) {
  Text text = self.toText(), part = textArgument(run, arguments, 0);
  bool has = prefix ? startsWith(text, part) : endsWith(text, part);
  return !has ? self : Value::of(prefix ? text.slice(part.size, text.size) : text.slice(0, text.size - part.size));
}

#define FATHOM_METHOD(name, body)                                                                                      \
  {name, [](Run &run, const Value &self, A a) -> Value {                                                               \
     (void)run;                                                                                                        \
     (void)a;                                                                                                          \
     return body;                                                                                                      \
   }},
/// A method of Python's that is not here.
#define FATHOM_MISSING(name)                                                                                           \
  FATHOM_METHOD(name, run.failAs(Failure::Unsupported, "'" name "()' is not supported in chat templates"))
/// See findMethod.
#define FATHOM_REFUSED(name) {name, nullptr},
static constexpr MethodInfo kTextMethods[] = {
    // clang-format off
    FATHOM_METHOD("capitalize", Value::of(changeCase(run, self.toText(), Case::Capitalized)))
    FATHOM_METHOD("center", padText(run, self, a, kBothSides))
    FATHOM_METHOD("count", countText(run, self, a))
    FATHOM_METHOD("endswith", hasEnd(run, self, a, endsWith))
    FATHOM_METHOD("find", findText(run, self, a, false, false))
    FATHOM_METHOD("format", formatText(run, self, a))
    FATHOM_METHOD("index", findText(run, self, a, false, true))
    FATHOM_METHOD("isalnum", whole(run, self, isLetterOrNumeric))
    FATHOM_METHOD("isalpha", whole(run, self, isLetter))
    FATHOM_METHOD("isdecimal", whole(run, self, isDecimal))
    FATHOM_METHOD("isdigit", whole(run, self, isDigit))
    FATHOM_METHOD("islower", Value::of(isCased(self.toText(), false)))
    FATHOM_METHOD("isnumeric", whole(run, self, isNumeric))
    FATHOM_METHOD("isspace", whole(run, self, isSpace))
    FATHOM_METHOD("isupper", Value::of(isCased(self.toText(), true)))
    FATHOM_METHOD("join", joinTexts(run, self, a))
    FATHOM_METHOD("ljust", padText(run, self, a, kRight))
    FATHOM_METHOD("lower", Value::of(changeCase(run, self.toText(), Case::Lower)))
    FATHOM_METHOD("lstrip", stripSides(run, self, a, kLeft))
    FATHOM_METHOD("partition", partition(run, self, a, false))
    FATHOM_METHOD("removeprefix", removeEnd(run, self, a, true))
    FATHOM_METHOD("removesuffix", removeEnd(run, self, a, false))
    FATHOM_METHOD("replace", Value::of(replace(run, self.toText(), textArgument(run, a, 0), textArgument(run, a, 1), integerArgument(run, a, 2, "count", -1))))
    FATHOM_METHOD("rfind", findText(run, self, a, true, false))
    FATHOM_METHOD("rindex", findText(run, self, a, true, true))
    FATHOM_METHOD("rjust", padText(run, self, a, kLeft))
    FATHOM_METHOD("rpartition", partition(run, self, a, true))
    FATHOM_METHOD("rsplit", splitText(run, self, a, true))
    FATHOM_METHOD("rstrip", stripSides(run, self, a, kRight))
    FATHOM_METHOD("split", splitText(run, self, a, false))
    FATHOM_METHOD("splitlines", splitLines(run, self.toText(), isTrue(run, argument(run, a, 0, "keepends"))))
    FATHOM_METHOD("startswith", hasEnd(run, self, a, startsWith))
    FATHOM_METHOD("strip", stripSides(run, self, a, kBothSides))
    FATHOM_METHOD("title", Value::of(changeCase(run, self.toText(), Case::Title)))
    FATHOM_METHOD("upper", Value::of(changeCase(run, self.toText(), Case::Upper)))
    FATHOM_CHAT_MISSING_METHODS(FATHOM_MISSING)
    // clang-format on
};

static Value view(Run &run, const Value &self, const char *name, uint32_t place) {
  Value pairs = itemsOf(run, *self.dict, Type::View);
  for (uint32_t i = 0; !run.failed() && place < 2 && i < pairs.sequence->count; ++i) {
    pairs.sequence->items[i] = pairs.sequence->items[i].sequence->items[place];
  }
  if (!run.failed()) {
    pairs.sequence->name = name;
  }
  return pairs;
}

static Value getKey(Run &run, const Value &self, A arguments) {
  Value key = argument(run, arguments, 0, "key"), other = argument(run, arguments, 1, "default");
  const Value *found = self.dict->find(run, key);
  return found != nullptr ? *found : (other.isUndefined() && arguments.count < 2 ? Value::none() : other);
}

static constexpr MethodInfo kDictMethods[] = {
    // clang-format off
    FATHOM_REFUSED("clear")
    FATHOM_METHOD("copy", makeDict(run, {&self, 1, nullptr, 0}, Type::Dict))
    FATHOM_METHOD("get", getKey(run, self, a))
    FATHOM_METHOD("items", view(run, self, "dict_items", 2))
    FATHOM_METHOD("keys", view(run, self, "dict_keys", 0))
    FATHOM_REFUSED("pop")
    FATHOM_REFUSED("popitem")
    FATHOM_REFUSED("setdefault")
    FATHOM_REFUSED("update")
    FATHOM_METHOD("values", view(run, self, "dict_values", 1))
    // clang-format on
};

static Value indexOf(Run &run, const Value &self, A arguments, bool counts) {
  if (arguments.count > 1) {
    return run.failAs(Failure::Unsupported, "'index()' from a place on is not supported in chat templates");
  }
  Value wanted = argument(run, arguments, 0, "");
  int64_t count = 0;
  for (uint32_t i = 0; i < self.sequence->count && run.step(); ++i) {
    bool same = equal(run, self.sequence->items[i], wanted);
    if (same && !counts) {
      return Value::of(int64_t(i));
    }
    count += same ? 1 : 0;
  }
  return counts ? Value::of(count) : run.fail("the value is not in list");
}

static constexpr MethodInfo kListMethods[] = {
    // clang-format off
    FATHOM_METHOD("index", indexOf(run, self, a, false))
    FATHOM_METHOD("count", indexOf(run, self, a, true))
    FATHOM_METHOD("copy", copy(run, self.type, *self.sequence))
    FATHOM_REFUSED("append")
    FATHOM_REFUSED("clear")
    FATHOM_REFUSED("extend")
    FATHOM_REFUSED("insert")
    FATHOM_REFUSED("pop")
    FATHOM_REFUSED("remove")
    FATHOM_REFUSED("reverse")
    FATHOM_REFUSED("sort")
    // clang-format on
};

static Value cycle(Run &run, const Value &self, A arguments) {
  return arguments.count == 0 ? run.fail("no items for cycling given")
                              : arguments.positional[self.loop->index % int64_t(arguments.count)];
}

/// Whether the arguments are others than in the turn before.
static Value changed(Run &run, const Value &self, A arguments) {
  Sequence *now = run.create<Sequence>();
  for (uint32_t i = 0; now != nullptr && i < arguments.count; ++i) {
    (void)now->push(run, arguments.positional[i]);
  }
  if (run.failed()) {
    return Value();
  }
  Value before = self.loop->seen;
  self.loop->seen = Value::of(Type::Tuple, now);
  return Value::of(before.isUndefined() || !equal(run, before, self.loop->seen));
}

static constexpr MethodInfo kLoopMethods[] = {
    // clang-format off
    FATHOM_METHOD("changed", changed(run, self, a))
    FATHOM_METHOD("cycle", cycle(run, self, a))
    // clang-format on
};
static constexpr MethodInfo kNumberMethods[] = {
    // clang-format off
    FATHOM_MISSING("as_integer_ratio")
    FATHOM_MISSING("bit_count")
    FATHOM_MISSING("bit_length")
    FATHOM_MISSING("conjugate")
    FATHOM_MISSING("hex")
    FATHOM_MISSING("is_integer")
    FATHOM_MISSING("to_bytes")
    // clang-format on
};
#undef FATHOM_REFUSED
#undef FATHOM_MISSING
#undef FATHOM_METHOD

template <size_t N>
static const MethodInfo *search(const MethodInfo (&methods)[N], std::string_view name) {
  for (const MethodInfo &method : methods) {
    if (method.name == name) {
      return &method;
    }
  }
  return nullptr;
}

const MethodInfo *findMethod(const Value &value, std::string_view name) {
  switch (value.type) {
  case Type::String:
    return search(kTextMethods, name);
  case Type::Dict:
    return search(kDictMethods, name);
  case Type::List:
  case Type::Tuple:
    return search(kListMethods, name);
  case Type::Loop:
    return search(kLoopMethods, name);
  case Type::Boolean:
  case Type::Integer:
  case Type::Real:
    return search(kNumberMethods, name);
  default:
    return nullptr;
  }
}

} // namespace fathom::tokenizer::chat
