// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Strings of the forward reader of Json.h: UTF-8 is checked, escapes are resolved.

#include "frontend/checkpoint/Json.h"

#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/ConvertUTF.h"

#include <array>

namespace fathom::checkpoint::json {

/// Bytes that a string scanner may pass over: everything but quote, backslash, control and non-ASCII bytes.
static constexpr std::array<bool, 256> makePlainTable() {
  std::array<bool, 256> table = {};
  for (unsigned c = 0x20; c < 0x80; ++c) {
    table[c] = c != '"' && c != '\\';
  }
  return table;
}

static constexpr std::array<bool, 256> kPlain = makePlainTable();

/// Passes over a string; `raw` is what stands between the quotes.
bool Reader::scanString(llvm::StringRef &raw, bool &escaped) {
  const char *first = ++cursor;
  for (;;) {
    while (cursor != end && kPlain[static_cast<unsigned char>(*cursor)]) {
      ++cursor;
    }
    if (cursor == end) {
      return failHere("'\"' at the end of a string");
    }
    if (*cursor == '"') {
      raw = llvm::StringRef(first, cursor - first);
      ++cursor;
      return true;
    }
    if (*cursor == '\\') {
      escaped = true;
      if (!scanEscape()) {
        return false;
      }
    } else if (static_cast<unsigned char>(*cursor) < 0x20) {
      return failAt(cursor - text.data(), "control character " + describeByte(*cursor) + " in a string");
    } else if (!scanUtf8()) {
      return false;
    }
  }
}

/// Passes over one UTF-8 sequence of two to four bytes; no overlong forms, surrogates or values over U+10FFFF.
bool Reader::scanUtf8() {
  auto *bytes = reinterpret_cast<const llvm::UTF8 *>(cursor);
  if (!llvm::isLegalUTF8Sequence(bytes, reinterpret_cast<const llvm::UTF8 *>(end))) {
    return failAt(cursor - text.data(), "invalid UTF-8: " + describeByte(*bytes) + " in a string");
  }
  cursor += llvm::getNumBytesForUTF8(*bytes);
  return true;
}

/// The value of four hexadecimal digits at `digits`, or -1.
static int hexQuad(const char *digits, const char *end) {
  if (end - digits < 4) {
    return -1;
  }
  int value = 0;
  for (int i = 0; i < 4; ++i) {
    unsigned digit = llvm::hexDigitValue(digits[i]);
    if (digit > 15) {
      return -1;
    }
    value = value * 16 + static_cast<int>(digit);
  }
  return value;
}

static bool isHighSurrogate(int unit) { return unit >= 0xd800 && unit < 0xdc00; }
static bool isLowSurrogate(int unit) { return unit >= 0xdc00 && unit < 0xe000; }

bool Reader::scanEscape() {
  size_t at = cursor - text.data();
  char kind = end - cursor > 1 ? cursor[1] : '\0';
  if (kind != 'u') {
    if (kind == '\0' || llvm::StringRef("\"\\/bfnrt").find(kind) == llvm::StringRef::npos) {
      return failAt(at, "unknown escape in a string");
    }
    cursor += 2;
    return true;
  }
  int unit = hexQuad(cursor + 2, end);
  if (unit < 0) {
    return failAt(at, "'\\u' needs four hexadecimal digits");
  }
  cursor += 6;
  // Beyond U+FFFF a character is two escapes, high and low. Half of one has no UTF-8.
  if (isLowSurrogate(unit)) {
    return failAt(at, "lone surrogate in a string");
  }
  if (!isHighSurrogate(unit)) {
    return true;
  }
  bool paired = end - cursor >= 6 && cursor[0] == '\\' && cursor[1] == 'u' && isLowSurrogate(hexQuad(cursor + 2, end));
  if (!paired) {
    return failAt(at, "lone surrogate in a string");
  }
  cursor += 6;
  return true;
}

static void appendUtf8(uint32_t point, std::string &out) {
  char bytes[UNI_MAX_UTF8_BYTES_PER_CODE_POINT];
  char *bytesEnd = bytes;
  llvm::ConvertCodePointToUTF8(point, bytesEnd);
  out.append(bytes, bytesEnd);
}

static char simpleEscape(char kind) {
  switch (kind) {
  case 'b':
    return '\b';
  case 'f':
    return '\f';
  case 'n':
    return '\n';
  case 'r':
    return '\r';
  case 't':
    return '\t';
  default:
    return kind;
  }
}

/// Resolves the escapes of a string that scanString has accepted.
void Reader::unescape(llvm::StringRef raw, std::string &out) {
  out.reserve(raw.size());
  const char *p = raw.begin();
  while (p != raw.end()) {
    if (*p != '\\') {
      out += *p++;
      continue;
    }
    if (p[1] != 'u') {
      out += simpleEscape(p[1]);
      p += 2;
      continue;
    }
    uint32_t point = hexQuad(p + 2, raw.end());
    p += 6;
    if (isHighSurrogate(static_cast<int>(point))) {
      point = 0x10000 + ((point - 0xd800) << 10) + (hexQuad(p + 2, raw.end()) - 0xdc00);
      p += 6;
    }
    appendUtf8(point, out);
  }
}

} // namespace fathom::checkpoint::json
