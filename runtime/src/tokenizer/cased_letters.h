// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The letters of DeepSeek-LLM's and V2's second pattern.

#ifndef FATHOM_RUNTIME_SRC_TOKENIZER_CASED_LETTERS_H
#define FATHOM_RUNTIME_SRC_TOKENIZER_CASED_LETTERS_H

#include <cstdint>

namespace fathom::tokenizer {

/// The class [A-Za-zµÀ-Ö...] of that pattern: most letters that have case, as of Unicode 11.
bool isCasedLetterLlm(uint32_t character);

} // namespace fathom::tokenizer

#endif // FATHOM_RUNTIME_SRC_TOKENIZER_CASED_LETTERS_H
