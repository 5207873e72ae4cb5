// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Chat templates as trees that the runtime walks.

#ifndef FATHOM_FRONTEND_TOKENIZER_CHATPROGRAM_H
#define FATHOM_FRONTEND_TOKENIZER_CHATPROGRAM_H

#include "fathom/tokenizer_generated.h"
#include "frontend/tokenizer/ChatLexer.h"
#include "llvm/ADT/ArrayRef.h"
#include "llvm/ADT/StringMap.h"

namespace fathom::frontend {

/// A chat template in the terms of artifact::ChatTemplate.
struct ChatProgram {
  std::string name;
  std::vector<artifact::ChatNode> nodes;
  std::vector<uint32_t> operands;
  std::vector<int64_t> integers;
  std::vector<double> reals;
  std::vector<std::string> texts;

  /// Adds a node after its operands; returns its place.
  uint32_t add(artifact::ChatNodeKind kind, ChatPlace place, uint32_t value, llvm::ArrayRef<uint32_t> nodeOperands);
  /// The place of a text, one for equal ones.
  uint32_t text(llvm::StringRef text);

private:
  llvm::StringMap<uint32_t> places;
};

/// Parses `source`, a Jinja2 template as Hugging Face sets Jinja up. Nothing after an error.
std::optional<ChatProgram> compileChatTemplate(llvm::StringRef source, ChatError &error);

} // namespace fathom::frontend

#endif // FATHOM_FRONTEND_TOKENIZER_CHATPROGRAM_H
