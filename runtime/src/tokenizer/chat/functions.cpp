// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Global functions, and methods.

#include "runtime/src/tokenizer/chat/library.h"
#include "runtime/src/tokenizer/chat/operators.h"
#include "runtime/src/tokenizer/chat/text.h"

#include <cstdio>
#include <cstdlib>
#include <ctime>

namespace fathom::tokenizer::chat {

namespace filters {
Value itemsOf(Run &run, const Dict &dict, Type type);
Value join(Run &run, const Value &value, const Arguments &arguments);
Value capitalize(Run &run, const Value &value, const Arguments &arguments);
} // namespace filters

namespace {
using A = const Arguments &;
} // namespace

static Value raiseException(Run &run, A arguments) {
  Text message = toText(run, argument(run, arguments, 0, "message"));
  return run.fail("%.*s", int(message.size > 350 ? 350 : message.size), message.data);
}

/// The time that SOURCE_DATE_EPOCH says, in UTC, or the local one.
static bool currentTime(tm &out) {
  const char *epoch = std::getenv("SOURCE_DATE_EPOCH");
  time_t now = epoch != nullptr && *epoch != '\0' ? time_t(std::strtoll(epoch, nullptr, 10)) : time(nullptr);
  return (epoch != nullptr && *epoch != '\0' ? gmtime_r(&now, &out) : localtime_r(&now, &out)) != nullptr;
}

static Value strftimeNow(Run &run, A arguments) {
  if (argument(run, arguments, 0, "format").isUndefined()) {
    return run.fail("strftime_now: expected a format");
  }
  char format[256], text[1024];
  Text wanted = toText(run, argument(run, arguments, 0, "format"));
  tm now{};
  if (wanted.size >= sizeof(format) || !currentTime(now)) {
    return run.fail("strftime_now: the format is too long");
  }
  std::snprintf(format, sizeof(format), "%.*s", int(wanted.size), wanted.data);
  size_t size = strftime(text, sizeof(text), format, &now);
  Builder builder(run);
  builder.append(std::string_view(text, size));
  return Value::of(builder.finish());
}

static Value range(Run &run, A arguments) {
  int64_t first = integerArgument(run, arguments, 0, "start", 0);
  bool one = arguments.count < 2;
  int64_t stop = one ? first : integerArgument(run, arguments, 1, "stop", 0);
  int64_t at = one ? 0 : first, step = integerArgument(run, arguments, 2, "step", 1);
  if (step == 0 || arguments.count == 0) {
    return run.fail("range: expected a stop, and a step other than 0");
  }
  Sequence *items = run.create<Sequence>();
  while (items != nullptr && (step > 0 ? at < stop : at > stop) && run.step()) {
    // The sandbox's own bound.
    if (items->count >= 100000) {
      return run.fail("Range too big. The sandbox blocks ranges larger than MAX_RANGE (100000).");
    }
    (void)items->push(run, Value::of(at));
    if (__builtin_add_overflow(at, step, &at)) {
      break;
    }
  }
  return run.failed() ? Value() : Value::of(Type::Range, items);
}

/// dict() and namespace(): another dict, pairs, and keywords.
static Value makeDict(Run &run, A arguments, Type type) {
  Dict *dict = run.create<Dict>();
  Value from = argument(run, arguments, 0, "");
  Value pairs = from.is(Type::Dict) ? filters::itemsOf(run, *from.dict, Type::List) : from;
  Sequence *items = iterate(run, pairs);
  for (uint32_t i = 0; dict != nullptr && items != nullptr && i < items->count && run.step(); ++i) {
    Value pair = items->items[i];
    Sequence *two = iterate(run, pair);
    if (two == nullptr || two->count != 2) {
      return run.fail("dict: expected pairs");
    }
    (void)dict->set(run, two->items[0], two->items[1]);
  }
  for (uint32_t i = 0; dict != nullptr && i < arguments.keywordCount && run.step(); ++i) {
    (void)dict->set(run, arguments.keywords[i].key, arguments.keywords[i].value);
  }
  return run.failed() ? Value() : Value::of(type, dict);
}

static Value dict(Run &run, A arguments) { return makeDict(run, arguments, Type::Dict); }
static Value makeNamespace(Run &run, A arguments) { return makeDict(run, arguments, Type::Namespace); }

static constexpr Function kFunctions[] = {
    {"raise_exception", raiseException}, {"strftime_now", strftimeNow}, {"range", range}, {"dict", dict},
    {"namespace", makeNamespace},
};

static Value stripSides(Run &run, const Value &self, A arguments, Side sides) {
  Value characters = argument(run, arguments, 0, "chars");
  Text set = characters.isString() ? characters.toText() : Text();
  return Value::of(strip(self.toText(), sides, characters.isString() ? &set : nullptr));
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
  for (uint32_t i = 0; i < wanted.sequence->count && run.step(); ++i) {
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
  for (uint32_t i = 0; items != nullptr && i < items->count && run.step(); ++i) {
    if (!items->items[i].isString()) {
      return run.fail("sequence item %u: expected str instance, %s found", i, typeName(items->items[i]));
    }
  }
  Value list = items == nullptr ? Value() : Value::of(Type::List, items);
  return filters::join(run, list, {&self, 1, nullptr, 0});
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
static constexpr MethodInfo kTextMethods[] = {
    // clang-format off
    FATHOM_METHOD("capitalize", filters::capitalize(run, self, a))
    FATHOM_METHOD("center", padText(run, self, a, kBothSides))
    FATHOM_METHOD("count", countText(run, self, a))
    FATHOM_METHOD("endswith", hasEnd(run, self, a, endsWith))
    FATHOM_METHOD("find", findText(run, self, a, false, false))
    FATHOM_METHOD("format", formatText(run, self, a))
    FATHOM_METHOD("index", findText(run, self, a, false, true))
    FATHOM_METHOD("isalnum", whole(run, self, isLetterOrDigit))
    FATHOM_METHOD("isalpha", whole(run, self, isLetter))
    FATHOM_METHOD("isdecimal", whole(run, self, isDigit))
    FATHOM_METHOD("isdigit", whole(run, self, isDigit))
    FATHOM_METHOD("islower", Value::of(isCased(self.toText(), false)))
    FATHOM_METHOD("isnumeric", whole(run, self, isDigit))
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
    // clang-format on
};

static Value view(Run &run, const Value &self, const char *name, uint32_t place) {
  Value pairs = filters::itemsOf(run, *self.dict, Type::View);
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

/// What would change a value that templates are given; Hugging Face's sandbox refuses it as well.
static Value refuse(Run &run, const Value &self) {
  return run.fail("changing a '%s' object is unsafe: the sandbox refuses it", typeName(self));
}

static constexpr MethodInfo kDictMethods[] = {
    // clang-format off
    FATHOM_METHOD("clear", refuse(run, self))
    FATHOM_METHOD("copy", makeDict(run, {&self, 1, nullptr, 0}, Type::Dict))
    FATHOM_METHOD("get", getKey(run, self, a))
    FATHOM_METHOD("items", view(run, self, "dict_items", 2))
    FATHOM_METHOD("keys", view(run, self, "dict_keys", 0))
    FATHOM_METHOD("pop", refuse(run, self))
    FATHOM_METHOD("popitem", refuse(run, self))
    FATHOM_METHOD("setdefault", refuse(run, self))
    FATHOM_METHOD("update", refuse(run, self))
    FATHOM_METHOD("values", view(run, self, "dict_values", 1))
    // clang-format on
};

static Value indexOf(Run &run, const Value &self, A arguments, bool counts) {
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
    FATHOM_METHOD("append", refuse(run, self))
    FATHOM_METHOD("clear", refuse(run, self))
    FATHOM_METHOD("extend", refuse(run, self))
    FATHOM_METHOD("insert", refuse(run, self))
    FATHOM_METHOD("pop", refuse(run, self))
    FATHOM_METHOD("remove", refuse(run, self))
    FATHOM_METHOD("reverse", refuse(run, self))
    FATHOM_METHOD("sort", refuse(run, self))
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

const Function *findFunction(std::string_view name) {
  for (const Function &function : kFunctions) {
    if (function.name == name) {
      return &function;
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
  default:
    return nullptr;
  }
}

} // namespace fathom::tokenizer::chat
