// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What `fathom tokenize` does with an opened tokenizer and the text on stdin.

#ifndef FATHOM_TOOLS_DRIVER_TOKENIZEINPUT_H
#define FATHOM_TOOLS_DRIVER_TOKENIZEINPUT_H

#include "runtime/src/tokenizer/tokenizer.h"
#include "llvm/ADT/Twine.h"

#include <optional>
#include <string>

namespace fathom::driver {

struct TokenizeOptions {
  std::string source;
  bool decode = false;
  bool jsonl = false;
  bool chat = false;
  /// Instead of the tokenizer's own; empty: its own.
  std::string chatFormat;
  bool text = false;
  std::optional<bool> parseSpecial;
  bool addBos = false;
  bool generationPrompt = true;
  bool skipSpecial = false;
};

/// Prints an error and returns `code`.
int failTokenize(int code, const llvm::Twine &message);

/// Treats all of stdin as one text, or as one list of ids. Returns the exit code.
int tokenizeAll(const artifact::Tokenizer &table, const TokenizeOptions &options);

/// Treats every line of stdin as a JSON value and answers each with a line: null where it fails. The first failure's
/// code is the result.
int tokenizeLines(const artifact::Tokenizer &table, const TokenizeOptions &options);

} // namespace fathom::driver

#endif // FATHOM_TOOLS_DRIVER_TOKENIZEINPUT_H
