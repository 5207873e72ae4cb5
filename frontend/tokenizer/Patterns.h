// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The sets of patterns that the runtime has scanners for, to be compared with those of a file.

#ifndef FATHOM_FRONTEND_TOKENIZER_PATTERNS_H
#define FATHOM_FRONTEND_TOKENIZER_PATTERNS_H

#include "fathom/tokenizer_generated.h"
#include "llvm/ADT/ArrayRef.h"
#include "llvm/ADT/StringRef.h"

#include <optional>
#include <string>

namespace fathom::frontend {

/// Stands for the stage {"type": "Digits", "individual_digits": true} among patterns.
constexpr const char *kEachDigit = "\\p{N}";

/// One spelling for patterns that differ only in how they escape quotes, carriage returns and line feeds.
std::string canonicalPattern(llvm::StringRef pattern);

/// The pre-tokenizer that consists of these patterns in this order, each isolating its matches.
std::optional<artifact::PreTokenizer> findPreTokenizer(llvm::ArrayRef<std::string> patterns);

} // namespace fathom::frontend

#endif // FATHOM_FRONTEND_TOKENIZER_PATTERNS_H
