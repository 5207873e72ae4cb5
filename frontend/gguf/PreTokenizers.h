// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What a file's name for a pre-tokenizer stands for.

#ifndef FATHOM_FRONTEND_GGUF_PRETOKENIZERS_H
#define FATHOM_FRONTEND_GGUF_PRETOKENIZERS_H

#include "llvm/ADT/SmallVector.h"
#include "llvm/ADT/StringRef.h"

#include <string>

namespace fathom::gguf {

struct PreTokenizer {
  /// Expressions that split texts, one after the other.
  llvm::SmallVector<llvm::StringRef, 6> splits;
  /// Texts are normalized to NFC first.
  bool normalizes = false;
  /// Words of the vocabulary are taken without merging.
  bool ignoresMerges = false;
  /// What an absent "add_bos_token" means.
  bool addsBos = false;
};

/// The pre-tokenizer of a name; null where it is not known.
const PreTokenizer *findPreTokenizer(llvm::StringRef name);

/// All names.
std::string listPreTokenizers();

} // namespace fathom::gguf

#endif // FATHOM_FRONTEND_GGUF_PRETOKENIZERS_H
