// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Fuzzes chat templates: a template, a NUL, and a conversation as JSON. What compiles must verify, and end.

#include "frontend/tokenizer/TokenizerModel.h"
#include "runtime/src/tokenizer/tokenizer.h"

#include <cstdlib>

using namespace fathom;

/// A tokenizer of single bytes with `program` as its chat template.
static void write(flatbuffers::FlatBufferBuilder &builder, frontend::ChatProgram program) {
  frontend::TokenizerModel model;
  for (unsigned byte = 0; byte < 256; ++byte) {
    model.tokens.emplace_back(1, char(byte));
    model.byteTokens[byte] = byte;
  }
  program.name = "default";
  model.chats.push_back(std::move(program));
  builder.Finish(frontend::writeTokenizer(builder, model));
}

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  llvm::StringRef text(reinterpret_cast<const char *>(data), size);
  auto [source, json] = text.split('\0');
  frontend::ChatError error;
  std::optional<frontend::ChatProgram> program = frontend::compileChatTemplate(source, error);
  if (!program) {
    return error.place.line == 0 || error.message.empty() ? (std::abort(), 0) : 0;
  }
  flatbuffers::FlatBufferBuilder builder;
  write(builder, std::move(*program));
  const auto *table = flatbuffers::GetRoot<artifact::Tokenizer>(builder.GetBufferPointer());
  if (tokenizer::verify(*table) != nullptr) {
    std::abort();
  }
  tokenizer::Tokenizer tokenizer(*table);
  tokenizer::RenderedChat chat;
  if (tokenizer.renderChat({json.data(), json.size()}, true, chat) == tokenizer::Status::Ok) {
    Buffer<int32_t> ids;
    (void)tokenizer.encodeChat(chat, false, ids);
  }
  return 0;
}
