// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Global functions.

#include "runtime/src/tokenizer/chat/library.h"
#include "runtime/src/tokenizer/chat/operators.h"
#include "runtime/src/tokenizer/chat/text.h"

#include <cstdio>
#include <cstdlib>
#include <ctime>

namespace fathom::tokenizer::chat {

namespace {
using A = const Arguments &;
} // namespace

static Value raiseException(Run &run, A arguments) {
  Text message = toText(run, argument(run, arguments, 0, "message"));
  return run.fail("%.*s", int(message.size > 350 ? 350 : message.size), message.data);
}

namespace {
struct Time {
  tm parts;
  long microseconds;
};
} // namespace

/// The time that SOURCE_DATE_EPOCH says, in UTC, or the local one. False if it says none.
static bool currentTime(Time &out) {
  const char *epoch = std::getenv("SOURCE_DATE_EPOCH");
  if (epoch == nullptr || *epoch == '\0') {
    timespec now{};
    (void)clock_gettime(CLOCK_REALTIME, &now);
    out.microseconds = now.tv_nsec / 1000;
    return localtime_r(&now.tv_sec, &out.parts) != nullptr;
  }
  char *end = nullptr;
  time_t now = time_t(std::strtoll(epoch, &end, 10));
  out.microseconds = 0;
  return *end == '\0' && gmtime_r(&now, &out.parts) != nullptr;
}

/// The format as the C library takes it: it has no microseconds, and Python's time no zone, for which it writes
/// nothing.
static Text translate(Run &run, const Text &format, long microseconds) {
  Builder out(run);
  char digits[24];
  std::snprintf(digits, sizeof(digits), "%06ld", microseconds);
  for (uint32_t at = 0, size = 1; at < format.size && run.step(); at += size) {
    size = format[at] == '%' && at + 1 < format.size ? 2 : 1;
    char letter = size == 2 ? format[at + 1] : '\0';
    if (letter == 'f') {
      out.append(std::string_view(digits));
    } else if (letter != 'z' && letter != 'Z') {
      out.append(format.slice(at, at + size));
    }
  }
  return out.finish();
}

static Value strftimeNow(Run &run, A arguments) {
  if (argument(run, arguments, 0, "format").isUndefined()) {
    return run.fail("strftime_now: expected a format");
  }
  Time now{};
  if (!currentTime(now)) {
    return run.fail("strftime_now: SOURCE_DATE_EPOCH is not a number of seconds");
  }
  Text format = translate(run, toText(run, argument(run, arguments, 0, "format")), now.microseconds);
  // Something behind it tells what is empty from what has no room.
  Text ended = concatenate(run, format, Text(std::string_view(".", 2)));
  char text[1024];
  size_t size = run.failed() ? 0 : strftime(text, sizeof(text), ended.data, &now.parts);
  if (size == 0) {
    return run.failAs(Failure::Unsupported, "strftime_now: more than %zu bytes are not supported", sizeof(text));
  }
  Builder builder(run);
  builder.append(std::string_view(text, size - 1));
  return Value::of(builder.finish());
}

/// range(…), as it is printed.
static const char *nameRange(Run &run, int64_t first, int64_t stop, int64_t step) {
  constexpr size_t kRoom = 96;
  char *name = static_cast<char *>(run.allocate(kRoom));
  if (name != nullptr) {
    int size = std::snprintf(name, kRoom, "range(%lld, %lld", (long long)first, (long long)stop);
    step == 1 ? std::snprintf(name + size, kRoom - size_t(size), ")")
              : std::snprintf(name + size, kRoom - size_t(size), ", %lld)", (long long)step);
  }
  return name == nullptr ? "" : name;
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
  if (items != nullptr) {
    items->name = nameRange(run, at, stop, step);
  }
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

Value itemsOf(Run &run, const Dict &dict, Type type) {
  Sequence *pairs = run.create<Sequence>();
  for (uint32_t i = 0; pairs != nullptr && i < dict.count && run.step(); ++i) {
    Sequence *pair = run.create<Sequence>();
    (void)(pair != nullptr && pair->push(run, dict.entries[i].key) && pair->push(run, dict.entries[i].value) &&
           pairs->push(run, Value::of(Type::Tuple, pair)));
  }
  return run.failed() ? Value() : Value::of(type, pairs);
}

Value makeDict(Run &run, A arguments, Type type) {
  Dict *dict = run.create<Dict>();
  Value from = argument(run, arguments, 0, "");
  Value pairs = from.is(Type::Dict) ? itemsOf(run, *from.dict, Type::List) : from;
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

const Function *findFunction(std::string_view name) {
  for (const Function &function : kFunctions) {
    if (function.name == name) {
      return &function;
    }
  }
  return nullptr;
}

} // namespace fathom::tokenizer::chat
