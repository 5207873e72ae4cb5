// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Characters that Unicode 15.1 and 16 added. Debian's utf8proc knows Unicode 15.0; the tokenizers library, whose ids
// ours must equal, knows 16.

#ifndef FATHOM_RUNTIME_SRC_TOKENIZER_NEWER_CHARACTERS_H
#define FATHOM_RUNTIME_SRC_TOKENIZER_NEWER_CHARACTERS_H

#include <cstdint>

namespace fathom::tokenizer {

/// The class of a character that Unicode 15.0 does not assign; 0 if 16 does not either.
uint8_t classifyNewer(uint32_t character);

} // namespace fathom::tokenizer

#endif // FATHOM_RUNTIME_SRC_TOKENIZER_NEWER_CHARACTERS_H
