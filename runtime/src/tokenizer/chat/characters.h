// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Classes of characters, as Python's str knows them. What is not UTF-8 is in none.

#ifndef FATHOM_RUNTIME_SRC_TOKENIZER_CHAT_CHARACTERS_H
#define FATHOM_RUNTIME_SRC_TOKENIZER_CHAT_CHARACTERS_H

#include <cstdint>

namespace fathom::tokenizer::chat {

bool isSpace(uint32_t character);
bool isLetter(uint32_t character);
/// Digits of decimal numbers, in any script.
bool isDecimal(uint32_t character);
/// Those, and digits that are not of decimal numbers, such as superscripts.
bool isDigit(uint32_t character);
/// Those, fractions, and whatever else has a value.
bool isNumeric(uint32_t character);
bool isLetterOrNumeric(uint32_t character);

bool isLower(uint32_t character);
bool isUpper(uint32_t character);
/// Digraphs with one upper and one lower letter, such as "ǅ".
bool isTitle(uint32_t character);
bool isCased(uint32_t character);
/// What Unicode looks through for the letters that decide the form of a sigma.
bool isCaseIgnorable(uint32_t character);

} // namespace fathom::tokenizer::chat

#endif // FATHOM_RUNTIME_SRC_TOKENIZER_CHAT_CHARACTERS_H
