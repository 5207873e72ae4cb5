// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The part of tokenizer.json that holds tokens: model.vocab, model.merges, added_tokens.

#ifndef FATHOM_FRONTEND_TOKENIZER_VOCABULARY_H
#define FATHOM_FRONTEND_TOKENIZER_VOCABULARY_H

#include "frontend/checkpoint/StringIndex.h"
#include "frontend/tokenizer/Context.h"
#include "frontend/tokenizer/TokenizerModel.h"

namespace fathom::frontend {

/// Entries by their text. Strings live in the JSON document.
class Vocabulary {
public:
  Vocabulary(const Context &context, std::optional<uint32_t> limit) : context(context), limit(limit) {}

  /// Reads model.vocab.
  void readEntries(Value vocab);
  /// Reads added_tokens.
  void readAdded(Value added, std::vector<AddedToken> &out);
  /// Reads model.merges: "a b" or ["a", "b"].
  void readMerges(Value merges, std::vector<Merge> &out);
  /// Ids must run from 0 without gap. Gives the bytes of each, and with `ignoresMerges` the whole words.
  void finish(TokenizerModel &model, bool ignoresMerges);

  /// Adds a token that a file other than tokenizer.json names, as entry `id`, or turns an ordinary entry into one.
  /// False after a finding.
  bool insertNamed(const Context &file, Value at, llvm::StringRef where, llvm::StringRef text, uint32_t id);

  /// The id of an entry or added token.
  std::optional<uint32_t> find(llvm::StringRef text) const;
  /// The id of a token that is added now.
  uint32_t nextId() const { return uint32_t(entries.size()); }

private:
  struct Entry {
    uint32_t id;
    bool added;
  };

  std::optional<uint32_t> readId(Value value, llvm::StringRef where) const;
  int64_t endOfIds() const;
  void readOneAdded(Value token, std::vector<AddedToken> &out);
  void insertAdded(Value token, llvm::StringRef content, uint32_t id);
  bool splitMerge(Value merge, llvm::StringRef &left, llvm::StringRef &right) const;
  void readMerge(Value value, std::vector<Merge> &out, std::string &room);
  void reportIds();
  void findByteTokens(TokenizerModel &model) const;

  const Context &context;
  std::optional<uint32_t> limit;
  checkpoint::StringIndex index;
  /// By number of the string in `index`.
  std::vector<Entry> entries;
};

/// Checks {"content": ..., "special": ..., ...} and reads its flags; the id is left 0.
std::optional<AddedToken> readAddedToken(const Context &context, Value token, llvm::StringRef where);

} // namespace fathom::frontend

#endif // FATHOM_FRONTEND_TOKENIZER_VOCABULARY_H
