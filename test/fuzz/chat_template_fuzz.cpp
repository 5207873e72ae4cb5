// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Fuzzes chat templates: a template, a NUL, and a conversation as JSON. What compiles must verify, and end.

#include "frontend/tokenizer/TokenizerModel.h"
#include "runtime/src/tokenizer/chat/verify.h"
#include "runtime/src/tokenizer/tokenizer.h"

#include <cstdlib>
#include <functional>

using namespace fathom;

static const artifact::Tokenizer &write(flatbuffers::FlatBufferBuilder &builder,
                                        const frontend::TokenizerModel &model) {
  builder.Finish(frontend::writeTokenizer(builder, model));
  return *flatbuffers::GetRoot<artifact::Tokenizer>(builder.GetBufferPointer());
}

/// A tokenizer of single bytes, made once: that takes longer than most templates.
static tokenizer::Tokenizer getBytes() {
  static flatbuffers::FlatBufferBuilder builder;
  static const artifact::Tokenizer &table = [] {
    frontend::TokenizerModel model;
    for (unsigned byte = 0; byte < 256; ++byte) {
      model.tokens.emplace_back(1, char(byte));
      model.byteTokens[byte] = byte;
    }
    return std::cref(write(builder, model));
  }();
  return tokenizer::Tokenizer(table);
}

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  llvm::StringRef text(reinterpret_cast<const char *>(data), size);
  auto [source, json] = text.split('\0');
  frontend::ChatError error;
  std::optional<frontend::ChatProgram> program = frontend::compileChatTemplate(source, error);
  if (!program) {
    return error.place.line == 0 || error.message.empty() ? (std::abort(), 0) : 0;
  }
  // Without tokens, which rendering does not read.
  frontend::TokenizerModel model;
  program->name = "default";
  model.chats.push_back(std::move(*program));
  flatbuffers::FlatBufferBuilder builder;
  const artifact::Tokenizer &table = write(builder, model);
  if (tokenizer::chat::verify(*table.chat_templates()->Get(0)) != nullptr) {
    std::abort();
  }
  tokenizer::RenderedChat chat;
  if (tokenizer::Tokenizer(table).renderChat({json.data(), json.size()}, true, chat) == tokenizer::Status::Ok) {
    Buffer<int32_t> ids;
    (void)getBytes().encodeChat(chat, false, ids);
  }
  return 0;
}
