// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Chat templates that Fathom brings along, for checkpoints that come without one: templates/*.jinja.

#ifndef FATHOM_FRONTEND_TOKENIZER_CHATFORMATS_H
#define FATHOM_FRONTEND_TOKENIZER_CHATFORMATS_H

#include "llvm/ADT/StringRef.h"

namespace fathom::frontend {

/// The chat format of no chat.
inline constexpr llvm::StringLiteral kNoChat = "none";

/// The template of a built-in chat format, empty if there is none of that name.
llvm::StringRef findChatFormat(llvm::StringRef name);

/// "none" and the names of the built-in chat formats, sorted, separated by '|'.
const char *chatFormatNames();

} // namespace fathom::frontend

#endif // FATHOM_FRONTEND_TOKENIZER_CHATFORMATS_H
