// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Finding a tokenizer's chat templates.

#ifndef FATHOM_FRONTEND_TOKENIZER_READCHAT_H
#define FATHOM_FRONTEND_TOKENIZER_READCHAT_H

#include "frontend/tokenizer/ConfiguredTokens.h"
#include "frontend/tokenizer/TokenizerModel.h"

namespace fathom::frontend {

/// Reads the chat templates of `directory` (empty: none) as Hugging Face does: chat_template.jinja and
/// additional_chat_templates/<name>.jinja, or "chat_template" of tokenizer_config.json: a text, a list of
/// {name, template}, or an object of templates by name; else that of chat_template.json. Where two sources differ, a
/// warning says which one counts. A broken template is a finding with its line and column: Problem::BadInput, or
/// Problem::Unsupported for what the language here lacks. `chatFormat` is as for readTokenizer.
void readChat(const ConfigurationFiles &files, const std::string &directory, llvm::StringRef chatFormat,
              TokenizerModel &model);

/// Takes a built-in chat format as the template of a tokenizer that has none.
void addChatFormat(llvm::StringRef name, TokenizerModel &model);

} // namespace fathom::frontend

#endif // FATHOM_FRONTEND_TOKENIZER_READCHAT_H
