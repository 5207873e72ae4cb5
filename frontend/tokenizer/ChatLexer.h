// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Tokens of a Jinja2 template, with trim_blocks and lstrip_blocks as Hugging Face sets them.

#ifndef FATHOM_FRONTEND_TOKENIZER_CHATLEXER_H
#define FATHOM_FRONTEND_TOKENIZER_CHATLEXER_H

#include "llvm/ADT/StringRef.h"
#include "llvm/ADT/Twine.h"

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace fathom::frontend {

/// Where something stands in a template, in bytes, from 1.
struct ChatPlace {
  uint32_t line = 1;
  uint32_t column = 1;
};

struct ChatToken {
  enum Kind : uint8_t {
    Data,
    VariableBegin,
    VariableEnd,
    BlockBegin,
    BlockEnd,
    Name,
    Text,
    Integer,
    Real,
    Operator,
    End
  };
  Kind kind;
  /// Data and Text: what is meant, escapes resolved. Else as written.
  std::string text;
  ChatPlace place;
};

/// A finding in a template.
struct ChatError {
  /// The template is fine for Jinja, and beyond what Fathom does.
  bool unsupported = false;
  ChatPlace place;
  std::string message;
};

/// The tokens of `source`, the last one End; nothing after an error.
std::optional<std::vector<ChatToken>> lexChatTemplate(llvm::StringRef source, ChatError &error);

} // namespace fathom::frontend

#endif // FATHOM_FRONTEND_TOKENIZER_CHATLEXER_H
