// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// UTF-8 that may be broken, character classes, and normalization form C.

#ifndef FATHOM_RUNTIME_SRC_TOKENIZER_UNICODE_H
#define FATHOM_RUNTIME_SRC_TOKENIZER_UNICODE_H

#include "runtime/src/buffer.h"

#include <cstdint>
#include <string_view>

namespace fathom::tokenizer {

/// What decode gives for a byte that is not part of well-formed UTF-8.
constexpr uint32_t kInvalid = 0xFFFFFFFF;

/// A character of a text: its value and how many bytes it takes. An invalid byte is a character of its own,
/// of no class, so that every text can be cut, and what is cut can be put together again.
struct Character {
  uint32_t value;
  uint32_t size;
};

/// Decodes the character at `at` < text.size(). Overlong forms, surrogates and values above U+10FFFF are invalid.
Character decode(std::string_view text, size_t at);

/// The start of the character that ends at `end` > 0, or of one invalid byte.
size_t characterBefore(std::string_view text, size_t end);

/// How many bytes of `text`, which starts with an invalid byte, one U+FFFD stands for: the longest start of a
/// well-formed character, at least 1 (Unicode 15, 3.9, "substitution of maximal subparts"). `incomplete`
/// tells whether the text ended before the character did.
size_t invalidPrefix(std::string_view text, bool &incomplete);

/// Character classes, as bits.
enum Class : uint8_t {
  kLetter = 1,
  kMark = 2,
  kNumber = 4,
  kPunctuation = 8,
  kSymbol = 16,
  /// White_Space, which \s of the patterns means.
  kSpace = 32,
  /// \r and \n; they are kSpace too.
  kNewline = 64,
};

/// The classes of a character; 0 for unassigned, control and invalid ones.
uint8_t classify(uint32_t character);

/// Whether \w matches: what "single_word" added tokens must not touch.
bool isWordCharacter(uint32_t character);

/// Appends `text` in normalization form C to `out`. Invalid bytes stay as they are and end what is composed.
/// Linear but for the order of marks on one base character, which is n log n. False when memory is out.
bool normalizeNfc(std::string_view text, Buffer<char> &out);

} // namespace fathom::tokenizer

#endif // FATHOM_RUNTIME_SRC_TOKENIZER_UNICODE_H
