// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The model as a FlatBuffer. Everything a runtime would have to compute is computed here.

#include "fathom/tokenizer_abi.h"
#include "frontend/tokenizer/TokenizerModel.h"

#include <algorithm>

namespace fathom::frontend {

namespace {
using flatbuffers::FlatBufferBuilder;
using flatbuffers::Offset;
} // namespace

/// Twice as many slots as entries at least: short searches, and one that is empty.
static size_t slotCount(size_t entries) {
  size_t slots = 2;
  while (slots < 2 * entries) {
    slots *= 2;
  }
  return slots;
}

static std::vector<artifact::MergeSlot> hashMerges(const std::vector<Merge> &merges) {
  size_t count = slotCount(merges.size());
  std::vector<artifact::MergeSlot> slots(count, {0, 0, 0, FATHOM_NO_TOKEN});
  for (uint32_t rank = 0; rank < merges.size(); ++rank) {
    const Merge &merge = merges[rank];
    size_t at = fathom_merge_hash(merge.left, merge.right) & (count - 1);
    while (slots[at].result() != FATHOM_NO_TOKEN &&
           (slots[at].left() != merge.left || slots[at].right() != merge.right)) {
      at = (at + 1) & (count - 1);
    }
    // The later of two equal merges wins, as in the tokenizers library.
    slots[at] = artifact::MergeSlot(merge.left, merge.right, rank, merge.result);
  }
  return slots;
}

/// Absent where there are none.
static Offset<flatbuffers::Vector<uint32_t>> writeWholeWords(FlatBufferBuilder &builder, const TokenizerModel &model) {
  if (model.wholeWords.empty()) {
    return {};
  }
  std::vector<uint32_t> slots(slotCount(model.wholeWords.size()), FATHOM_NO_TOKEN);
  for (uint32_t id : model.wholeWords) {
    const std::string &text = model.tokens[id];
    size_t at = fathom_text_hash(text.data(), text.size()) & (slots.size() - 1);
    while (slots[at] != FATHOM_NO_TOKEN) {
      at = (at + 1) & (slots.size() - 1);
    }
    slots[at] = id;
  }
  return builder.CreateVector(slots);
}

static Offset<flatbuffers::Vector<Offset<artifact::Split>>> writeSplits(FlatBufferBuilder &builder,
                                                                        const std::vector<Split> &splits) {
  std::vector<Offset<artifact::Split>> written;
  for (const Split &split : splits) {
    written.push_back(artifact::CreateSplit(builder, builder.CreateVector(split)));
  }
  return builder.CreateVector(written);
}

static Offset<artifact::AddedTokens> writeAdded(FlatBufferBuilder &builder, const TokenizerModel &model,
                                                bool normalized) {
  std::vector<artifact::AddedToken> tokens;
  for (const AddedToken &token : model.added) {
    if (token.normalized != normalized) {
      continue;
    }
    auto flags = token.leftStrip ? artifact::AddedTokenFlags::lstrip : artifact::AddedTokenFlags::NONE;
    flags |= token.rightStrip ? artifact::AddedTokenFlags::rstrip : artifact::AddedTokenFlags::NONE;
    flags |= token.singleWord ? artifact::AddedTokenFlags::single_word : artifact::AddedTokenFlags::NONE;
    tokens.emplace_back(token.id, flags);
  }
  std::sort(tokens.begin(), tokens.end(), [&](const artifact::AddedToken &a, const artifact::AddedToken &b) {
    return model.tokens[a.id()] < model.tokens[b.id()];
  });
  std::vector<uint32_t> first(257, 0);
  for (const artifact::AddedToken &token : tokens) {
    ++first[uint8_t(model.tokens[token.id()][0]) + 1u];
  }
  for (size_t byte = 0; byte < 256; ++byte) {
    first[byte + 1] += first[byte];
  }
  return artifact::CreateAddedTokens(builder, builder.CreateVectorOfStructs(tokens), builder.CreateVector(first));
}

static Offset<flatbuffers::Vector<uint32_t>> writeSpecial(FlatBufferBuilder &builder, const TokenizerModel &model) {
  std::vector<uint32_t> special;
  for (const AddedToken &token : model.added) {
    if (token.special) {
      special.push_back(token.id);
    }
  }
  std::sort(special.begin(), special.end());
  return builder.CreateVector(special);
}

static Offset<artifact::ChatTemplate> writeChat(FlatBufferBuilder &builder, const ChatProgram &program) {
  auto name = builder.CreateString(program.name);
  auto nodes = builder.CreateVectorOfStructs(program.nodes);
  auto operands = builder.CreateVector(program.operands);
  auto integers = builder.CreateVector(program.integers);
  auto reals = builder.CreateVector(program.reals);
  auto texts = builder.CreateVectorOfStrings(program.texts);
  return artifact::CreateChatTemplate(builder, name, nodes, operands, integers, reals, texts);
}

static Offset<artifact::ChatVariable> writeVariable(FlatBufferBuilder &builder,
                                                    const std::pair<std::string, std::string> &variable) {
  auto name = builder.CreateString(variable.first);
  auto value = builder.CreateString(variable.second);
  return artifact::CreateChatVariable(builder, name, value);
}

Offset<artifact::Tokenizer> writeTokenizer(FlatBufferBuilder &builder, const TokenizerModel &model) {
  std::string bytes;
  std::vector<uint32_t> offsets{0};
  for (const std::string &token : model.tokens) {
    bytes += token;
    offsets.push_back(uint32_t(bytes.size()));
  }
  auto tokenBytes = builder.CreateVector(reinterpret_cast<const uint8_t *>(bytes.data()), bytes.size());
  auto tokenOffsets = builder.CreateVector(offsets);
  auto byteTokens = builder.CreateVector(model.byteTokens.data(), model.byteTokens.size());
  auto merges = builder.CreateVectorOfStructs(hashMerges(model.merges));
  auto wholeWords = writeWholeWords(builder, model);
  auto added = writeAdded(builder, model, false);
  auto addedNormalized = writeAdded(builder, model, true);
  auto special = writeSpecial(builder, model);
  std::vector<Offset<artifact::ChatTemplate>> chats;
  for (const ChatProgram &program : model.chats) {
    chats.push_back(writeChat(builder, program));
  }
  std::vector<Offset<artifact::ChatVariable>> variables;
  for (const auto &variable : model.chatVariables) {
    variables.push_back(writeVariable(builder, variable));
  }
  auto chatTemplates = builder.CreateVector(chats);
  auto chatVariables = builder.CreateVector(variables);
  auto splits = writeSplits(builder, model.preTokenizer);
  return artifact::CreateTokenizer(builder, tokenBytes, tokenOffsets, byteTokens, merges, wholeWords, added,
                                   addedNormalized, special, splits, model.normalizer, model.addBos, model.bos,
                                   model.eos, chatTemplates, chatVariables);
}

} // namespace fathom::frontend
