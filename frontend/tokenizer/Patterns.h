// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Regular expressions of files, compiled to matchers of the runtime. They are compared with known ones, alternative by
// alternative, and never run.

#ifndef FATHOM_FRONTEND_TOKENIZER_PATTERNS_H
#define FATHOM_FRONTEND_TOKENIZER_PATTERNS_H

#include "frontend/tokenizer/TokenizerModel.h"
#include "llvm/ADT/StringRef.h"

#include <optional>

namespace fathom::frontend {

/// The alternatives of `pattern`, in its order; nothing where one of them is not known.
std::optional<Split> compilePattern(llvm::StringRef pattern);

/// The expression of DeepSeek-LLM for letters, whose ranges it lists.
llvm::StringRef getCasedLettersPattern();

/// Whether every character of every text is in a match.
bool leavesNoGaps(const Split &split);

} // namespace fathom::frontend

#endif // FATHOM_FRONTEND_TOKENIZER_PATTERNS_H
