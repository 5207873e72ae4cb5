// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The byte alphabet.

#include "frontend/tokenizer/ByteAlphabet.h"

#include <array>

namespace fathom::frontend {

static bool isItself(unsigned byte) {
  return (byte >= 0x21 && byte <= 0x7E) || (byte >= 0xA1 && byte <= 0xAC) || byte >= 0xAE;
}

/// Characters of the alphabet are below this.
static constexpr unsigned kEnd = 0x100 + 68;

namespace {
struct Alphabet {
  std::array<uint16_t, 256> character{};
  /// -1 for characters that are not in the alphabet.
  std::array<int16_t, kEnd> byte{};

  Alphabet() {
    byte.fill(-1);
    unsigned next = 0x100;
    for (unsigned b = 0; b < 256; ++b) {
      unsigned c = isItself(b) ? b : next++;
      character[b] = uint16_t(c);
      byte[c] = int16_t(b);
    }
  }
};
} // namespace

static const Alphabet &alphabet() {
  static const Alphabet instance;
  return instance;
}

std::string spellByte(uint8_t byte) {
  unsigned c = alphabet().character[byte];
  if (c < 0x80) {
    return std::string(1, char(c));
  }
  return {char(0xC0 | (c >> 6)), char(0x80 | (c & 0x3F))};
}

std::optional<std::string> bytesOfEntry(llvm::StringRef entry) {
  std::string bytes;
  bytes.reserve(entry.size());
  for (size_t i = 0; i < entry.size(); ++i) {
    unsigned c = uint8_t(entry[i]);
    // The alphabet ends before U+0800: two bytes at most, and the JSON reader has checked that they are UTF-8.
    if (c >= 0x80) {
      if (c >= 0xE0 || i + 1 == entry.size()) {
        return std::nullopt;
      }
      c = ((c & 0x1F) << 6) | (uint8_t(entry[++i]) & 0x3F);
    }
    if (c >= kEnd || alphabet().byte[c] < 0) {
      return std::nullopt;
    }
    bytes.push_back(char(alphabet().byte[c]));
  }
  return bytes;
}

} // namespace fathom::frontend
