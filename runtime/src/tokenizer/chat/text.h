// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Texts as Python sees them: sequences of characters.

#ifndef FATHOM_RUNTIME_SRC_TOKENIZER_CHAT_TEXT_H
#define FATHOM_RUNTIME_SRC_TOKENIZER_CHAT_TEXT_H

#include "runtime/src/tokenizer/chat/run.h"

namespace fathom::tokenizer::chat {

constexpr uint32_t kNowhere = 0xFFFFFFFF;

/// Writes a character's UTF-8 to `out` [4]; returns the number of bytes.
uint32_t encodeUtf8(uint32_t character, char *out);

/// How many characters `text` has.
uint32_t countCharacters(const Text &text);

/// The byte at which character `index` starts; the size of the text where there are not so many.
uint32_t byteOfCharacter(const Text &text, uint64_t index);

enum Side : uint8_t { kLeft = 1, kRight = 2, kBothSides = 3 };

/// str.strip and its kin. Without `characters`, white space goes.
Text strip(Run &run, const Text &text, Side sides, const Text *characters = nullptr);

/// The first or last byte at which `part` starts in `text` at or after `from`, or kNowhere. Linear.
uint32_t find(Run &run, const Text &text, const Text &part, uint32_t from = 0);
uint32_t findLast(Run &run, const Text &text, const Text &part);

bool startsWith(const Text &text, const Text &start);
bool endsWith(const Text &text, const Text &end);

enum class Case : uint8_t { Lower, Upper, Title, Capitalized };
Text changeCase(Run &run, const Text &text, Case wanted);

/// str.replace; `most` < 0: all.
Text replace(Run &run, const Text &text, const Text &from, const Text &to, int64_t most = -1);

/// str.split and str.rsplit. Without `separator`, at runs of white space.
Value split(Run &run, const Text &text, const Text *separator, int64_t most, bool fromRight);
Value splitLines(Run &run, const Text &text, bool keepEnds);

/// Whether the text has a character and all satisfy `predicate`.
bool all(const Text &text, bool (*predicate)(uint32_t character));
/// str.islower, str.isupper: it has cased characters, and all are so.
bool isCased(const Text &text, bool upper);

/// `text` with `fill` around it until it has `width` characters.
Text pad(Run &run, const Text &text, int64_t width, const Text &fill, Side sides);

/// `text` with &, <, >, ' and " as HTML writes them.
Text escapeHtml(Run &run, const Text &text);

/// `text` `count` times.
Text repeat(Run &run, const Text &text, int64_t count);

} // namespace fathom::tokenizer::chat

#endif // FATHOM_RUNTIME_SRC_TOKENIZER_CHAT_TEXT_H
