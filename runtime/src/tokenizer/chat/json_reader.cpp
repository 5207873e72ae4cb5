// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A strict JSON reader for hostile bytes.

#include "runtime/src/tokenizer/chat/json.h"
#include "runtime/src/tokenizer/chat/operators.h"
#include "runtime/src/tokenizer/chat/text.h"
#include "runtime/src/tokenizer/unicode.h"

#include <cmath>

namespace fathom::tokenizer::chat {

static constexpr uint32_t kMostDepth = 200;

namespace {
class Reader {
public:
  Reader(Run &run, std::string_view json) : run(run), json(json) {}

  Value read() {
    Value value = readValue(0);
    skipSpace();
    return at == json.size() || run.failed() ? value : fail("expected nothing after the value");
  }

private:
  Value fail(const char *what) {
    run.place.column = uint32_t(at + 1);
    return run.failAs(Failure::BadInput, "%s", what);
  }
  Value failInteger() {
    run.place.column = uint32_t(at + 1);
    return failTooLarge(run);
  }
  char peek() const { return at < json.size() ? json[at] : '\0'; }
  void skipSpace() {
    while (peek() == ' ' || peek() == '\t' || peek() == '\n' || peek() == '\r') {
      ++at;
    }
  }
  bool take(char wanted) {
    skipSpace();
    bool found = peek() == wanted;
    at += found ? 1 : 0;
    return found;
  }

  Value readValue(uint32_t depth);
  Value readObject(uint32_t depth);
  Value readArray(uint32_t depth);
  Value readNumber();
  Value readString();
  bool readEscape(Builder &text);
  bool readHex(uint32_t &value);
  bool takeWord(std::string_view word) {
    bool found = json.substr(at, word.size()) == word;
    at += found ? word.size() : 0;
    return found;
  }

  Run &run;
  std::string_view json;
  size_t at = 0;
};
} // namespace

Value Reader::readValue(uint32_t depth) {
  skipSpace();
  if (depth > kMostDepth) {
    return run.failAs(Failure::Limit, "the conversation nests too deeply");
  }
  if (!run.step()) {
    return Value();
  }
  switch (peek()) {
  case '{':
    return readObject(depth);
  case '[':
    return readArray(depth);
  case '"':
    return readString();
  case 't':
    return takeWord("true") ? Value::of(true) : fail("expected a value");
  case 'f':
    return takeWord("false") ? Value::of(false) : fail("expected a value");
  case 'n':
    return takeWord("null") ? Value::none() : fail("expected a value");
  default:
    return readNumber();
  }
}

Value Reader::readObject(uint32_t depth) {
  Dict *dict = run.create<Dict>();
  ++at;
  for (bool more = !take('}'); more && dict != nullptr && !run.failed();) {
    skipSpace();
    Value key = peek() == '"' ? readString() : fail("expected a key in quotes");
    Value value = take(':') ? readValue(depth + 1) : fail("expected ':'");
    (void)(run.failed() || dict->set(run, key, value));
    more = take(',');
    if (!more && !take('}')) {
      return fail("expected ',' or '}'");
    }
  }
  return run.failed() ? Value() : Value::of(Type::Dict, dict);
}

Value Reader::readArray(uint32_t depth) {
  Sequence *items = run.create<Sequence>();
  ++at;
  for (bool more = !take(']'); more && items != nullptr && !run.failed();) {
    Value value = readValue(depth + 1);
    (void)(run.failed() || items->push(run, value));
    more = take(',');
    if (!more && !take(']')) {
      return fail("expected ',' or ']'");
    }
  }
  return run.failed() ? Value() : Value::of(Type::List, items);
}

static bool isDigitByte(char c) { return c >= '0' && c <= '9'; }

Value Reader::readNumber() {
  size_t start = at;
  at += peek() == '-' ? 1 : 0;
  bool leadingZero = peek() == '0' && at + 1 < json.size() && isDigitByte(json[at + 1]);
  if (!isDigitByte(peek()) || leadingZero) {
    return fail("expected a value");
  }
  int64_t integer = 0;
  bool fits = true, negative = at > start;
  for (; isDigitByte(peek()); ++at) {
    int64_t digit = negative ? '0' - peek() : peek() - '0';
    fits &= !__builtin_mul_overflow(integer, 10, &integer) && !__builtin_add_overflow(integer, digit, &integer);
  }
  bool isReal = peek() == '.' || peek() == 'e' || peek() == 'E';
  if (!isReal) {
    return fits ? Value::of(integer) : failInteger();
  }
  if (peek() == '.' && !(at + 1 < json.size() && isDigitByte(json[at + 1]))) {
    return fail("expected a digit after '.'");
  }
  size_t size = 0;
  double real = parseReal(json.substr(start), size);
  at = start + size;
  return peek() == 'e' || peek() == 'E' ? fail("expected an exponent") : Value::of(real);
}

bool Reader::readHex(uint32_t &value) {
  value = 0;
  for (int i = 0; i < 4; ++i, ++at) {
    char c = peek();
    uint32_t digit = isDigitByte(c) ? uint32_t(c - '0') : uint32_t((c | 0x20) - 'a' + 10);
    if (!isDigitByte(c) && !((c | 0x20) >= 'a' && (c | 0x20) <= 'f')) {
      fail("expected four hexadecimal digits");
      return false;
    }
    value = value * 16 + digit;
  }
  return true;
}

/// `at` is after the backslash.
bool Reader::readEscape(Builder &text) {
  constexpr std::string_view kNames = "\"\\/bfnrt";
  constexpr std::string_view kMeanings = "\"\\/\b\f\n\r\t";
  char name = peek();
  ++at;
  if (name == 'u') {
    uint32_t value = 0, low = 0;
    if (!readHex(value)) {
      return false;
    }
    if (value >= 0xD800 && value < 0xDC00 && json.substr(at, 2) == "\\u") {
      size_t back = at;
      at += 2;
      if (!readHex(low)) {
        return false;
      }
      bool pair = low >= 0xDC00 && low < 0xE000;
      value = pair ? 0x10000 + ((value - 0xD800) << 10) + (low - 0xDC00) : value;
      at = pair ? at : back;
    }
    text.appendCharacter(value >= 0xD800 && value < 0xE000 ? 0xFFFD : value, true);
    return true;
  }
  size_t found = name == '\0' ? std::string_view::npos : kNames.find(name);
  if (found == std::string_view::npos) {
    --at;
    fail("expected an escape such as \\n");
    return false;
  }
  text.appendCharacter(uint32_t(kMeanings[found]), true);
  return true;
}

Value Reader::readString() {
  Builder text(run);
  ++at;
  size_t start = at;
  auto flush = [&] {
    Text part(json.substr(start, at - start));
    if (part.empty()) {
      return;
    }
    // All of it comes from the conversation: marks that are not 0, and the text itself has no 0 in it.
    part.marks = part.data;
    text.append(part);
  };
  while (run.step()) {
    if (at >= json.size()) {
      return fail("expected '\"'");
    }
    Character c = decode(json, at);
    if (c.value == '"' || c.value == '\\') {
      flush();
      ++at;
      if (c.value == '"') {
        return Value::of(text.finish());
      }
      if (!readEscape(text)) {
        return Value();
      }
      start = at;
      continue;
    }
    if (c.value < 0x20 || c.value == kInvalid) {
      return fail(c.value == kInvalid ? "not UTF-8" : "a control character in a string");
    }
    at += c.size;
  }
  return Value();
}

Value parseJson(Run &run, std::string_view json) { return Reader(run, json).read(); }

} // namespace fathom::tokenizer::chat
