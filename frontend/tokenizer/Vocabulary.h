// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The part of tokenizer.json that holds tokens: model.vocab, model.merges, added_tokens.

#ifndef FATHOM_FRONTEND_TOKENIZER_VOCABULARY_H
#define FATHOM_FRONTEND_TOKENIZER_VOCABULARY_H

#include "frontend/checkpoint/StringIndex.h"
#include "frontend/tokenizer/Context.h"
#include "frontend/tokenizer/TokenizerModel.h"

#include <algorithm>

namespace fathom::frontend {

/// Entries by their text. Strings live in the JSON document.
class Vocabulary {
public:
  /// Added tokens go to `added`.
  Vocabulary(const Context &context, std::optional<uint32_t> limit, std::vector<AddedToken> &added)
      : context(context), limit(limit), added(added) {}

  /// Reads model.vocab.
  void readEntries(Value vocab);
  /// Reads added_tokens.
  void readAdded(Value tokens);
  /// Reads model.merges: "a b" or ["a", "b"].
  void readMerges(Value merges, std::vector<Merge> &out);
  /// Gives the bytes of each id, none to one that no entry has, and with `ignoresMerges` the whole words.
  void finish(TokenizerModel &model, bool ignoresMerges);

  /// Adds a token that `file` names: as entry `token.id`, or an ordinary entry becomes one. The flags of one that was
  /// added before are replaced, with a warning where they differ.
  void add(const Context &file, Value at, llvm::StringRef where, llvm::StringRef text, const AddedToken &token);

  /// The id of an entry or added token.
  std::optional<uint32_t> find(llvm::StringRef text) const;
  /// The added token with this text; null where that is an ordinary entry, or none.
  const AddedToken *findAdded(llvm::StringRef text) const;
  /// The id that a new token gets when it is added now, by the rule of the tokenizers library.
  uint32_t nextId() const { return std::max(ownEntries, endOfAdded); }

private:
  struct Entry {
    uint32_t id;
    /// Its place in `added`; -1: an ordinary entry.
    int32_t place = -1;
  };
  /// A new token whose id in the file is not the next one.
  struct Misnumbered {
    llvm::StringRef text;
    uint32_t id, next;
  };

  std::optional<uint32_t> readId(Value value, llvm::StringRef where) const;
  int64_t endOfIds() const;
  void readOneAdded(Value token);
  bool splitMerge(Value merge, llvm::StringRef &left, llvm::StringRef &right) const;
  void readMerge(Value value, std::vector<Merge> &out, std::string &room);
  std::vector<uint32_t> sortById() const;
  std::optional<uint32_t> checkIds() const;
  void checkUnused(uint32_t first, size_t count) const;
  void findByteTokens(TokenizerModel &model) const;

  const Context &context;
  std::optional<uint32_t> limit;
  std::vector<AddedToken> &added;
  checkpoint::StringIndex index;
  /// By number of the string in `index`.
  std::vector<Entry> entries;
  /// How many entries model.vocab has.
  uint32_t ownEntries = 0;
  /// The largest id of an added token, and 1.
  uint32_t endOfAdded = 0;
  std::optional<Misnumbered> misnumbered;
};

/// Checks {"content": ..., "special": ..., ...} and reads its flags; the id is left 0.
std::optional<AddedToken> readAddedToken(const Context &context, Value token, llvm::StringRef where);

} // namespace fathom::frontend

#endif // FATHOM_FRONTEND_TOKENIZER_VOCABULARY_H
