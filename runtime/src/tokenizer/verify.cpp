// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What must hold in a tokenizer table before it is used. Corruption is what this guards against: every index
// is in range and every loop ends, whatever the bytes are.

#include "runtime/src/tokenizer/chat/verify.h"
#include "fathom/tokenizer_abi.h"
#include "runtime/src/tokenizer/added_tokens.h"
#include "runtime/src/tokenizer/tokenizer.h"

namespace fathom::tokenizer {

/// Ids are int32 in the API.
static constexpr uint32_t kMaxTokens = 1u << 30;

static const char *verifyTokens(const artifact::Tokenizer &table) {
  const auto &offsets = *table.token_offsets();
  if (offsets.size() < 1 || offsets.size() - 1 > kMaxTokens) {
    return "tokenizer: the number of tokens is out of range";
  }
  if (offsets.Get(0) != 0 || offsets.Get(offsets.size() - 1) != table.token_bytes()->size()) {
    return "tokenizer: token offsets do not cover the token bytes";
  }
  for (uint32_t i = 1; i < offsets.size(); ++i) {
    if (offsets.Get(i) < offsets.Get(i - 1)) {
      return "tokenizer: token offsets are not ascending";
    }
  }
  if (table.byte_tokens()->size() != 256) {
    return "tokenizer: the table of byte tokens does not have 256 entries";
  }
  for (uint32_t id : *table.byte_tokens()) {
    if (id >= offsets.size() - 1) {
      return "tokenizer: a byte's token is out of range";
    }
  }
  return nullptr;
}

static const char *verifyMerges(const artifact::Tokenizer &table, uint32_t tokens) {
  uint32_t slots = table.merges()->size();
  if (slots == 0 || (slots & (slots - 1)) != 0) {
    return "tokenizer: the merge table's size is not a power of two";
  }
  bool hasEmpty = false;
  for (const artifact::MergeSlot *slot : *table.merges()) {
    if (slot->result() == FATHOM_NO_TOKEN) {
      hasEmpty = true;
    } else if (slot->left() >= tokens || slot->right() >= tokens || slot->result() >= tokens) {
      return "tokenizer: a merge names a token out of range";
    }
  }
  return hasEmpty ? nullptr : "tokenizer: the merge table is full";
}

static const char *verifyGroup(const artifact::Tokenizer &table, const artifact::AddedTokens &group, uint32_t tokens) {
  uint32_t count = group.tokens()->size();
  if (group.first()->size() != 257 || group.first()->Get(0) != 0 || group.first()->Get(256) != count) {
    return "tokenizer: the index of added tokens does not cover them";
  }
  for (uint32_t byte = 0; byte < 256; ++byte) {
    uint32_t begin = group.first()->Get(byte);
    uint32_t end = group.first()->Get(byte + 1);
    if (begin > end || end > count) {
      return "tokenizer: the index of added tokens is not ascending";
    }
    for (uint32_t i = begin; i < end; ++i) {
      uint32_t id = group.tokens()->Get(i)->id();
      if (id >= tokens) {
        return "tokenizer: an added token is out of range";
      }
      std::string_view text = tokenBytes(table, id);
      if (text.empty() || text.size() > FATHOM_MAX_ADDED_TOKEN || uint8_t(text[0]) != byte) {
        return "tokenizer: an added token is not where its first byte says";
      }
      if (i > begin && tokenBytes(table, group.tokens()->Get(i - 1)->id()) >= text) {
        return "tokenizer: added tokens are not sorted";
      }
    }
  }
  return nullptr;
}

static const char *verifyWholeWords(const artifact::Tokenizer &table, uint32_t tokens) {
  if (table.whole_words() == nullptr) {
    return nullptr;
  }
  uint32_t slots = table.whole_words()->size();
  if (slots == 0 || (slots & (slots - 1)) != 0) {
    return "tokenizer: the size of the table of whole words is not a power of two";
  }
  bool hasEmpty = false;
  for (uint32_t id : *table.whole_words()) {
    if (id != FATHOM_NO_TOKEN && id >= tokens) {
      return "tokenizer: a whole word is out of range";
    }
    hasEmpty = hasEmpty || id == FATHOM_NO_TOKEN;
  }
  return hasEmpty ? nullptr : "tokenizer: the table of whole words is full";
}

static const char *verifySplit(const flatbuffers::Vector<artifact::Matcher> &alternatives) {
  if (alternatives.size() == 0 || alternatives.size() > FATHOM_MAX_ALTERNATIVES) {
    return "tokenizer: a split has no alternatives, or too many";
  }
  for (artifact::Matcher matcher : alternatives) {
    if (matcher > artifact::Matcher::MAX) {
      return "tokenizer: a split that this runtime does not know";
    }
    if (matcher == artifact::Matcher::trailing_space && alternatives.size() != 1) {
      return "tokenizer: a split at trailing space has other alternatives";
    }
  }
  return nullptr;
}

static const char *verifySplits(const artifact::Tokenizer &table) {
  if (table.pre_tokenizer()->size() > FATHOM_MAX_SPLITS) {
    return "tokenizer: too many splits";
  }
  for (const artifact::Split *split : *table.pre_tokenizer()) {
    if (const char *problem = verifySplit(*split->alternatives())) {
      return problem;
    }
  }
  return nullptr;
}

static bool isTokenOrNone(int32_t id, uint32_t tokens) { return id == -1 || (id >= 0 && uint32_t(id) < tokens); }

static const char *verifyEnds(const artifact::Tokenizer &table, uint32_t tokens) {
  bool good = isTokenOrNone(table.bos(), tokens) && isTokenOrNone(table.eos(), tokens);
  return good ? nullptr : "tokenizer: a bos or eos token is out of range";
}

static const char *verifyChat(const artifact::Tokenizer &table) {
  if (table.chat_templates() == nullptr || table.chat_templates()->size() == 0) {
    return nullptr;
  }
  bool hasDefault = false;
  for (const artifact::ChatTemplate *tree : *table.chat_templates()) {
    hasDefault |= tree->name()->string_view() == "default";
    if (const char *problem = chat::verify(*tree)) {
      return problem;
    }
  }
  return hasDefault ? nullptr : "tokenizer: no chat template is the default";
}

static const char *verifySpecial(const artifact::Tokenizer &table, uint32_t tokens) {
  const auto &special = *table.special();
  for (uint32_t i = 0; i < special.size(); ++i) {
    if (special.Get(i) >= tokens || (i > 0 && special.Get(i) <= special.Get(i - 1))) {
      return "tokenizer: special tokens are out of range or order";
    }
  }
  return nullptr;
}

const char *verify(const artifact::Tokenizer &table) {
  if (table.normalizer() > artifact::Normalizer::MAX) {
    return "tokenizer: a normalizer that this runtime does not know";
  }
  if (const char *problem = verifySplits(table)) {
    return problem;
  }
  if (const char *problem = verifyTokens(table)) {
    return problem;
  }
  uint32_t tokens = table.token_offsets()->size() - 1;
  if (const char *problem = verifyMerges(table, tokens)) {
    return problem;
  }
  if (const char *problem = verifyWholeWords(table, tokens)) {
    return problem;
  }
  for (const artifact::AddedTokens *group : {table.added(), table.added_normalized()}) {
    if (const char *problem = verifyGroup(table, *group, tokens)) {
      return problem;
    }
  }
  if (const char *problem = verifySpecial(table, tokens)) {
    return problem;
  }
  if (const char *problem = verifyEnds(table, tokens)) {
    return problem;
  }
  return verifyChat(table);
}

} // namespace fathom::tokenizer
