// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The alphabet in which byte-level tokenizers spell bytes as characters.

#ifndef FATHOM_FRONTEND_TOKENIZER_BYTEALPHABET_H
#define FATHOM_FRONTEND_TOKENIZER_BYTEALPHABET_H

#include "llvm/ADT/StringRef.h"

#include <cstdint>
#include <optional>
#include <string>

namespace fathom::frontend {

/// How byte-level BPE spells `byte` (UTF-8): printable Latin-1 as itself, the others as U+0100 and following.
std::string spellByte(uint8_t byte);

/// The bytes that a vocabulary entry stands for, every character through the alphabet; nothing where one is not in it:
/// the decoder shows such an entry as it is, and no text is merged to it.
std::optional<std::string> bytesOfEntry(llvm::StringRef entry);

} // namespace fathom::frontend

#endif // FATHOM_FRONTEND_TOKENIZER_BYTEALPHABET_H
