// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Decoding and classifying characters.

#include "runtime/src/tokenizer/unicode.h"

#include "runtime/src/tokenizer/newer_characters.h"

#include <array>
#include <utf8proc.h>

namespace fathom::tokenizer {

namespace {
/// What the first byte of a character says: its size (0: it cannot start one) and the range of the second byte.
struct Lead {
  uint8_t size;
  uint8_t low;
  uint8_t high;
};
} // namespace

static Lead leadOf(uint8_t byte) {
  if (byte < 0x80) {
    return {1, 0, 0};
  }
  if (byte < 0xC2 || byte > 0xF4) {
    return {0, 0, 0};
  }
  if (byte < 0xE0) {
    return {2, 0x80, 0xBF};
  }
  if (byte < 0xF0) {
    return {3, uint8_t(byte == 0xE0 ? 0xA0 : 0x80), uint8_t(byte == 0xED ? 0x9F : 0xBF)};
  }
  return {4, uint8_t(byte == 0xF0 ? 0x90 : 0x80), uint8_t(byte == 0xF4 ? 0x8F : 0xBF)};
}

/// How many bytes of a character `text` starts with: lead.size when it is whole.
static size_t matchedBytes(std::string_view text, const Lead &lead) {
  size_t n = 1;
  for (; n < lead.size && n < text.size(); ++n) {
    uint8_t byte = uint8_t(text[n]);
    uint8_t low = n == 1 ? lead.low : 0x80;
    uint8_t high = n == 1 ? lead.high : 0xBF;
    if (byte < low || byte > high) {
      break;
    }
  }
  return n;
}

static constexpr uint8_t classifyAscii(char c) {
  if (c == '\n' || c == '\r') {
    return kSpace | kNewline;
  }
  if (c == ' ' || (c >= 9 && c <= 13)) {
    return kSpace;
  }
  if ((c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z')) {
    return kLetter;
  }
  if (c >= '0' && c <= '9') {
    return kNumber;
  }
  bool isSymbol = c == '$' || c == '+' || (c >= '<' && c <= '>') || c == '^' || c == '`' || c == '|' || c == '~';
  return isSymbol ? kSymbol : c > ' ' && c < 127 ? kPunctuation : 0;
}

/// Most of most texts: worth a table of its own.
static constexpr auto kAsciiClasses = [] {
  std::array<uint8_t, 128> classes{};
  for (size_t c = 0; c < classes.size(); ++c) {
    classes[c] = classifyAscii(char(c));
  }
  return classes;
}();

static uint8_t classifyCategory(uint32_t character) {
  switch (utf8proc_category(utf8proc_int32_t(character))) {
  case UTF8PROC_CATEGORY_LU:
  case UTF8PROC_CATEGORY_LL:
  case UTF8PROC_CATEGORY_LT:
  case UTF8PROC_CATEGORY_LM:
  case UTF8PROC_CATEGORY_LO:
    return kLetter;
  case UTF8PROC_CATEGORY_MN:
  case UTF8PROC_CATEGORY_MC:
  case UTF8PROC_CATEGORY_ME:
    return kMark;
  case UTF8PROC_CATEGORY_ND:
  case UTF8PROC_CATEGORY_NL:
  case UTF8PROC_CATEGORY_NO:
    return kNumber;
  case UTF8PROC_CATEGORY_PC:
  case UTF8PROC_CATEGORY_PD:
  case UTF8PROC_CATEGORY_PS:
  case UTF8PROC_CATEGORY_PE:
  case UTF8PROC_CATEGORY_PI:
  case UTF8PROC_CATEGORY_PF:
  case UTF8PROC_CATEGORY_PO:
    return kPunctuation;
  case UTF8PROC_CATEGORY_SM:
  case UTF8PROC_CATEGORY_SC:
  case UTF8PROC_CATEGORY_SK:
  case UTF8PROC_CATEGORY_SO:
    return kSymbol;
  case UTF8PROC_CATEGORY_ZS:
  case UTF8PROC_CATEGORY_ZL:
  case UTF8PROC_CATEGORY_ZP:
    return kSpace;
  case UTF8PROC_CATEGORY_CN:
    return classifyNewer(character);
  default:
    return 0;
  }
}

Character decode(std::string_view text, size_t at) {
  uint8_t first = uint8_t(text[at]);
  if (first < 0x80) {
    return {first, 1};
  }
  Lead lead = leadOf(first);
  if (lead.size == 0 || matchedBytes(text.substr(at), lead) != lead.size) {
    return {kInvalid, 1};
  }
  uint32_t value = first & (0x7Fu >> lead.size);
  for (size_t n = 1; n < lead.size; ++n) {
    value = (value << 6) | (uint8_t(text[at + n]) & 0x3Fu);
  }
  return {value, lead.size};
}

size_t characterBefore(std::string_view text, size_t end) {
  for (size_t size = 1; size <= 4 && size <= end; ++size) {
    Character c = decode(text, end - size);
    if (c.value != kInvalid && c.size == size) {
      return end - size;
    }
  }
  return end - 1;
}

size_t invalidPrefix(std::string_view text, bool &incomplete) {
  Lead lead = leadOf(uint8_t(text[0]));
  incomplete = false;
  if (lead.size == 0) {
    return 1;
  }
  size_t matched = matchedBytes(text, lead);
  incomplete = matched == text.size() && matched < lead.size;
  return matched;
}

uint8_t classify(uint32_t character) {
  if (character < kAsciiClasses.size()) {
    return kAsciiClasses[character];
  }
  if (character == 0x85) {
    return kSpace;
  }
  return character > 0x10FFFF ? uint8_t(0) : classifyCategory(character);
}

bool isWordCharacter(uint32_t character) {
  if (character > 0x10FFFF) {
    return false;
  }
  bool joiner = character == 0x200C || character == 0x200D;
  bool circledLetter = (character >= 0x24B6 && character <= 0x24E9) || (character >= 0x1F130 && character <= 0x1F189);
  if (joiner || circledLetter) {
    return true;
  }
  utf8proc_category_t category = utf8proc_category(utf8proc_int32_t(character));
  return (classify(character) & (kLetter | kMark)) != 0 || category == UTF8PROC_CATEGORY_ND ||
         category == UTF8PROC_CATEGORY_NL || category == UTF8PROC_CATEGORY_PC;
}

} // namespace fathom::tokenizer
