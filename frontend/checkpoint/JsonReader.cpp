// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The forward reader of Json.h: characters to keys, strings and numbers, in one pass.

#include "frontend/checkpoint/Json.h"

#include "llvm/ADT/StringExtras.h"
#include "llvm/ADT/Twine.h"

namespace fathom::checkpoint::json {

std::string SyntaxError::where() const { return (llvm::Twine(line) + ":" + llvm::Twine(column)).str(); }

llvm::StringRef describe(Kind kind) {
  switch (kind) {
  case Kind::Null:
    return "null";
  case Kind::False:
  case Kind::True:
    return "a boolean";
  case Kind::Number:
    return "a number";
  case Kind::String:
    return "a string";
  case Kind::Array:
    return "an array";
  case Kind::Object:
    return "an object";
  }
  return "a value";
}

std::string describeByte(unsigned char byte) {
  if (byte > 0x20 && byte < 0x7f) {
    return std::string("'") + static_cast<char>(byte) + "'";
  }
  return "byte 0x" + llvm::utohexstr(byte, /*LowerCase=*/true, /*Width=*/2);
}

bool Reader::failAt(size_t offset, std::string message) {
  if (!bad) {
    bad = true;
    errorOffset = offset;
    errorMessage = std::move(message);
  }
  return false;
}

bool Reader::fail(std::string message) { return failAt(mark, std::move(message)); }

bool Reader::failHere(const char *expected) {
  size_t at = cursor - text.data();
  if (cursor == end) {
    return failAt(at, std::string("expected ") + expected + ", found the end of the text");
  }
  if (at == 0 && text.starts_with("\xef\xbb\xbf")) {
    return failAt(at,
                  "the text starts with a UTF-8 byte order mark, which JSON does not allow; save it without the mark");
  }
  bool wide = text.starts_with("\xff\xfe") || text.starts_with("\xfe\xff") ||
              (text.size() > 1 && (text[0] == '\0') != (text[1] == '\0'));
  if (at < 2 && wide) {
    return failAt(at, "the text looks like UTF-16, expected UTF-8");
  }
  return failAt(at, std::string("expected ") + expected + ", found " + describeByte(*cursor));
}

SyntaxError Reader::error() const {
  llvm::StringRef before = text.take_front(errorOffset);
  SyntaxError result;
  result.offset = errorOffset;
  result.line = static_cast<unsigned>(before.count('\n')) + 1;
  size_t newline = before.rfind('\n');
  result.column = static_cast<unsigned>(newline == llvm::StringRef::npos ? errorOffset : errorOffset - newline - 1) + 1;
  result.message = errorMessage;
  return result;
}

void Reader::skipSpace() {
  while (cursor != end && (*cursor == ' ' || *cursor == '\n' || *cursor == '\t' || *cursor == '\r')) {
    ++cursor;
  }
}

std::optional<Kind> Reader::peek() {
  if (bad) {
    return std::nullopt;
  }
  skipSpace();
  mark = cursor - text.data();
  switch (cursor == end ? '\0' : *cursor) {
  case '{':
    return Kind::Object;
  case '[':
    return Kind::Array;
  case '"':
    return Kind::String;
  case 't':
    return Kind::True;
  case 'f':
    return Kind::False;
  case 'n':
    return Kind::Null;
  case '-':
  case '0':
  case '1':
  case '2':
  case '3':
  case '4':
  case '5':
  case '6':
  case '7':
  case '8':
  case '9':
    return Kind::Number;
  case 'I':
  case 'N':
    fail("JSON has no NaN and no Infinity, which Python writes");
    return std::nullopt;
  default:
    failHere("a value");
    return std::nullopt;
  }
}

bool Reader::enter(Kind wanted) {
  std::optional<Kind> kind = peek();
  if (!kind) {
    return false;
  }
  if (*kind != wanted) {
    return fail(("expected " + describe(wanted) + ", found " + describe(*kind)).str());
  }
  if (++depth > kMaxDepth) {
    return fail("values nest deeper than " + std::to_string(kMaxDepth));
  }
  ++cursor;
  fresh = true;
  return true;
}

bool Reader::advance(char close, const char *expected) {
  if (bad) {
    return false;
  }
  skipSpace();
  if (cursor != end && *cursor == close) {
    ++cursor;
    --depth;
    fresh = false;
    return false;
  }
  if (!fresh) {
    if (cursor == end || *cursor != ',') {
      return failHere(expected);
    }
    ++cursor;
    skipSpace();
  }
  fresh = false;
  return true;
}

bool Reader::nextKey(llvm::StringRef &key, std::deque<std::string> &storage) {
  if (!advance('}', "',' or '}'")) {
    return false;
  }
  if (cursor == end || *cursor != '"') {
    return failHere("a key in double quotes");
  }
  if (!readString(key, storage)) {
    return false;
  }
  skipSpace();
  if (cursor == end || *cursor != ':') {
    return failHere("':' after a key");
  }
  ++cursor;
  return true;
}

bool Reader::nextElement() { return advance(']', "',' or ']'"); }

bool Reader::readString(llvm::StringRef &value, std::deque<std::string> &storage) {
  std::optional<Kind> kind = peek();
  if (!kind) {
    return false;
  }
  if (*kind != Kind::String) {
    return fail("expected a string, found " + describe(*kind).str());
  }
  bool escaped = false;
  if (!scanString(value, escaped)) {
    return false;
  }
  if (escaped) {
    storage.emplace_back();
    unescape(value, storage.back());
    value = storage.back();
  }
  return true;
}

bool Reader::readNumber(llvm::StringRef &spelling) {
  std::optional<Kind> kind = peek();
  if (!kind) {
    return false;
  }
  if (*kind != Kind::Number) {
    return fail("expected a number, found " + describe(*kind).str());
  }
  const char *first = cursor;
  auto digits = [&] {
    const char *start = cursor;
    while (cursor != end && llvm::isDigit(*cursor)) {
      ++cursor;
    }
    return cursor != start || failHere("a digit");
  };
  cursor += *cursor == '-';
  // A 0 stands alone: "01" is two values to JSON, and the caller finds the second where a comma should be.
  if (cursor != end && *cursor == '0') {
    ++cursor;
  } else if (!digits()) {
    return false;
  }
  if (cursor != end && *cursor == '.') {
    ++cursor;
    if (!digits()) {
      return false;
    }
  }
  if (cursor != end && (*cursor == 'e' || *cursor == 'E')) {
    ++cursor;
    cursor += cursor != end && (*cursor == '+' || *cursor == '-');
    if (!digits()) {
      return false;
    }
  }
  spelling = llvm::StringRef(first, cursor - first);
  return true;
}

bool Reader::readWord(Kind kind) {
  if (!peek()) {
    return false;
  }
  llvm::StringRef word = kind == Kind::True ? "true" : kind == Kind::False ? "false" : "null";
  if (!llvm::StringRef(cursor, end - cursor).starts_with(word)) {
    return failHere("true, false or null");
  }
  cursor += word.size();
  return true;
}

bool Reader::skipValue() {
  std::optional<Kind> kind = peek();
  if (!kind) {
    return false;
  }
  llvm::StringRef raw;
  bool escaped = false;
  switch (*kind) {
  case Kind::String:
    return scanString(raw, escaped);
  case Kind::Number:
    return readNumber(raw);
  case Kind::Object: {
    std::deque<std::string> keys;
    enterObject();
    while (nextKey(raw, keys) && skipValue()) {
      keys.clear(); // what nobody looks at must not fill the memory
    }
    return !bad;
  }
  case Kind::Array:
    enterArray();
    while (nextElement() && skipValue()) {
    }
    return !bad;
  default:
    return readWord(*kind);
  }
}

bool Reader::finish() {
  if (bad) {
    return false;
  }
  skipSpace();
  return cursor == end || failHere("nothing after the value");
}

} // namespace fathom::checkpoint::json
