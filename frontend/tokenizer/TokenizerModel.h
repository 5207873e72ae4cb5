// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What a tokenizer is, in terms of the artifact's table, and the two ways to it: from files, and into a FlatBuffer.

#ifndef FATHOM_FRONTEND_TOKENIZER_TOKENIZERMODEL_H
#define FATHOM_FRONTEND_TOKENIZER_TOKENIZERMODEL_H

#include "fathom/tokenizer_generated.h"
#include "frontend/checkpoint/Diagnostics.h"
#include "frontend/tokenizer/ChatProgram.h"

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace fathom::frontend {

/// Two tokens and what they merge to. Its place in the list is its rank.
struct Merge {
  uint32_t left;
  uint32_t right;
  uint32_t result;
};

struct AddedToken {
  uint32_t id;
  bool special = false;
  bool leftStrip = false;
  bool rightStrip = false;
  bool singleWord = false;
  /// Looked for after normalization.
  bool normalized = false;
};

/// Alternatives of a pattern that splits text; the first that matches wins.
using Split = std::vector<artifact::Matcher>;

struct TokenizerModel {
  /// The bytes of each id.
  std::vector<std::string> tokens;
  std::array<uint32_t, 256> byteTokens{};
  std::vector<Merge> merges;
  /// Tokens that are taken without merging where a piece is all of one; empty where pieces are always merged.
  std::vector<uint32_t> wholeWords;
  std::vector<AddedToken> added;
  /// One after the other.
  std::vector<Split> preTokenizer;
  artifact::Normalizer normalizer = artifact::Normalizer::none;
  bool addBos = false;
  /// -1 where there is none.
  int32_t bos = -1;
  int32_t eos = -1;
  /// The chat templates, one of them named "default"; none: there is no chat.
  std::vector<ChatProgram> chats;
  /// Variables that templates see: bos_token and so on.
  std::vector<std::pair<std::string, std::string>> chatVariables;
};

/// Reads the tokenizer at `path`: a tokenizer.json, or a directory with one. tokenizer_config.json,
/// chat templates (ReadChat.h), special_tokens_map.json and added_tokens.json beside it are read where present. Ids
/// must be below `vocabulary` where that is given. Reports all findings and returns nothing after an error: bad data is
/// Problem::BadInput, what the runtime cannot do (another model than byte-level BPE, an unknown pre-tokenizer) is
/// Problem::Unsupported. `chatFormat` names a built-in chat template to take instead of the tokenizer's own, or is
/// "none" for no chat (ChatFormats.h); empty: the tokenizer's own.
std::optional<TokenizerModel> readTokenizer(llvm::StringRef path, checkpoint::Diagnostics &diagnostics,
                                            std::optional<uint32_t> vocabulary = std::nullopt,
                                            llvm::StringRef chatFormat = {});

/// The same for files in memory: tokenizer.json, and tokenizer_config.json where that is not empty.
std::optional<TokenizerModel> parseTokenizer(std::string tokenizer, std::string config,
                                             checkpoint::Diagnostics &diagnostics,
                                             std::optional<uint32_t> vocabulary = std::nullopt,
                                             llvm::StringRef chatFormat = {});

/// Whether `directory` holds a tokenizer.json.
bool hasTokenizer(llvm::StringRef directory);

/// Writes the table. Equal models give equal bytes.
flatbuffers::Offset<artifact::Tokenizer> writeTokenizer(flatbuffers::FlatBufferBuilder &builder,
                                                        const TokenizerModel &model);

} // namespace fathom::frontend

#endif // FATHOM_FRONTEND_TOKENIZER_TOKENIZERMODEL_H
