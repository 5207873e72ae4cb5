// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Recognising chat templates. They are programs, and never run: the official ones are known by what they say.

#ifndef FATHOM_FRONTEND_TOKENIZER_CHATTEMPLATES_H
#define FATHOM_FRONTEND_TOKENIZER_CHATTEMPLATES_H

#include "fathom/tokenizer_generated.h"
#include "llvm/ADT/StringRef.h"

#include <optional>

namespace fathom::frontend {

struct KnownChat {
  artifact::ChatFormat format;
  bool joinsSystem = false;
  bool dropsReasoning = false;
  bool opensReasoning = false;
};

/// The format that a chat template stands for; nothing where it is not a known one. Compared are the template's tags
/// in their order, without what serves tool calls: DeepSeek's releases differ there and in white space only.
std::optional<KnownChat> recogniseChatTemplate(llvm::StringRef text);

} // namespace fathom::frontend

#endif // FATHOM_FRONTEND_TOKENIZER_CHATTEMPLATES_H
