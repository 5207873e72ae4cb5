// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Checking chat templates before use.

#ifndef FATHOM_RUNTIME_SRC_TOKENIZER_CHAT_VERIFY_H
#define FATHOM_RUNTIME_SRC_TOKENIZER_CHAT_VERIFY_H

#include "fathom/tokenizer_generated.h"

namespace fathom::tokenizer::chat {

/// Null, or what is wrong (static). Nothing else may see a tree that failed.
const char *verify(const artifact::ChatTemplate &tree);

} // namespace fathom::tokenizer::chat

#endif // FATHOM_RUNTIME_SRC_TOKENIZER_CHAT_VERIFY_H
