// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Tokens and merges. Everything is checked against everything: ids and entries must be one to one.

#include "frontend/tokenizer/Vocabulary.h"

#include "fathom/tokenizer_abi.h"
#include "frontend/tokenizer/ByteAlphabet.h"

#include <algorithm>

using llvm::StringRef;
using llvm::Twine;

namespace fathom::frontend {

namespace {

/// The largest id + 1 the artifact's readers accept.
constexpr int64_t kMaxTokens = 1 << 24;
constexpr size_t kMaxMerges = 1 << 23;

constexpr StringRef kFewerRows = "the model has fewer embedding rows (vocab_size in config.json)";

std::string quote(StringRef text) { return "'" + escape(text, 80) + "'"; }

} // namespace

std::optional<uint32_t> Vocabulary::find(StringRef text) const {
  std::optional<uint32_t> number = index.find(text);
  return number ? std::optional<uint32_t>(entries[*number].id) : std::nullopt;
}

int64_t Vocabulary::endOfIds() const { return limit ? std::min<int64_t>(*limit, kMaxTokens) : kMaxTokens; }

std::optional<uint32_t> Vocabulary::readId(Value value, StringRef where) const {
  std::optional<int64_t> id = value ? value.integer() : std::nullopt;
  if (id && *id >= 0 && *id < endOfIds()) {
    return uint32_t(*id);
  }
  context.bad("token-id", where, value,
              "token id " + show(value) + " is not an integer in [0, " + Twine(endOfIds()) + ")",
              limit && id && *id >= 0 ? kFewerRows : "");
  return std::nullopt;
}

void Vocabulary::readEntries(Value vocab) {
  if (!vocab || !vocab.isObject()) {
    context.bad("tokenizer-type", "model.vocab", vocab, "expected an object of tokens and ids, found " + show(vocab));
    return;
  }
  index.reserve(vocab.size());
  entries.reserve(vocab.size());
  for (auto [key, value] : vocab.members()) {
    if (std::optional<uint32_t> id = readId(value, "model.vocab")) {
      index.insert(key);
      entries.push_back({*id, false});
    }
  }
}

void Vocabulary::readAdded(Value added, std::vector<AddedToken> &out) {
  if (!added || added.isNull()) {
    return;
  }
  if (!added.isArray()) {
    context.bad("tokenizer-type", "added_tokens", added, "expected an array, found " + show(added));
    return;
  }
  for (Value token : added.elements()) {
    readOneAdded(token, out);
  }
}

std::optional<AddedToken> readAddedToken(const Context &context, Value token, StringRef where) {
  Value content = token.find("content");
  if (!content || !content.isString()) {
    context.bad("added-token", where, token, "expected an object with a string 'content'");
    return std::nullopt;
  }
  if (content.string().empty()) {
    context.bad("added-token", where, token, "an added token with empty content would match everywhere");
    return std::nullopt;
  }
  if (content.string().size() > FATHOM_MAX_ADDED_TOKEN) {
    context.unsupported("added-token-length", where, token,
                        "an added token of " + Twine(content.string().size()) + " bytes; at most " +
                            Twine(FATHOM_MAX_ADDED_TOKEN) + " are supported");
    return std::nullopt;
  }
  AddedToken read{0};
  read.special = context.boolean(token, "special", where, false);
  read.leftStrip = context.boolean(token, "lstrip", where, false);
  read.rightStrip = context.boolean(token, "rstrip", where, false);
  read.singleWord = context.boolean(token, "single_word", where, false);
  read.normalized = context.boolean(token, "normalized", where, !read.special);
  return read;
}

void Vocabulary::readOneAdded(Value token, std::vector<AddedToken> &out) {
  std::optional<AddedToken> read = readAddedToken(context, token, "added_tokens");
  std::optional<uint32_t> id = read ? readId(token.find("id"), "added_tokens") : std::nullopt;
  if (id) {
    read->id = *id;
    out.push_back(*read);
    insertAdded(token, token.find("content").string(), *id);
  }
}

bool Vocabulary::insertNamed(const Context &file, Value at, StringRef where, StringRef text, uint32_t id) {
  if (text.size() > FATHOM_MAX_ADDED_TOKEN || id >= endOfIds()) {
    file.bad("token-id", where, at, "token " + quote(text) + " with id " + Twine(id) + " is too long or out of range",
             limit ? kFewerRows : "");
    return false;
  }
  auto [number, isNew] = index.insert(text);
  if (isNew) {
    entries.push_back({id, true});
  }
  entries[number].added = true;
  return true;
}

void Vocabulary::insertAdded(Value token, StringRef content, uint32_t id) {
  auto [number, isNew] = index.insert(content);
  if (isNew) {
    entries.push_back({id, true});
    return;
  }
  Entry &entry = entries[number];
  if (entry.id != id) {
    context.bad("added-token", "added_tokens", token,
                "token " + quote(content) + " has id " + Twine(id) + " here and " + Twine(entry.id) + " before");
  } else if (entry.added) {
    context.bad("added-token", "added_tokens", token, "token " + quote(content) + " is added twice");
  }
  entry.added = true;
}

bool Vocabulary::splitMerge(Value merge, StringRef &left, StringRef &right) const {
  if (merge.isString()) {
    std::tie(left, right) = merge.string().split(' ');
    return !left.empty() && !right.empty() && !right.contains(' ');
  }
  if (!merge.isArray() || merge.size() != 2) {
    return false;
  }
  auto element = merge.elements().begin();
  Value first = *element;
  ++element;
  Value second = *element;
  left = first.string();
  right = second.string();
  return first.isString() && second.isString();
}

void Vocabulary::readMerge(Value value, std::vector<Merge> &out, std::string &room) {
  StringRef left;
  StringRef right;
  if (!splitMerge(value, left, right)) {
    context.bad("merge", "model.merges", value,
                "expected \"left right\" or [\"left\", \"right\"], found " + show(value));
    return;
  }
  room.assign(left.data(), left.size());
  room.append(right.data(), right.size());
  uint32_t ids[3] = {};
  StringRef texts[3] = {left, right, room};
  for (int i = 0; i < 3; ++i) {
    std::optional<uint32_t> id = find(texts[i]);
    if (!id) {
      context.bad("merge", "model.merges", value,
                  "merge of " + quote(left) + " and " + quote(right) + ": token " + quote(texts[i]) +
                      " is not in the vocabulary");
      return;
    }
    ids[i] = *id;
  }
  out.push_back({ids[0], ids[1], ids[2]});
}

void Vocabulary::readMerges(Value merges, std::vector<Merge> &out) {
  if (!merges || !merges.isArray()) {
    context.bad("tokenizer-type", "model.merges", merges, "expected an array, found " + show(merges));
    return;
  }
  if (merges.size() > kMaxMerges) {
    context.report(Problem::Resources, "merge-count", "model.merges", merges,
                   Twine(merges.size()) + " merges; at most " + Twine(kMaxMerges) + " are supported", "");
    return;
  }
  out.reserve(merges.size());
  std::string room;
  for (Value merge : merges.elements()) {
    readMerge(merge, out, room);
  }
}

/// Reports ids that two entries share, and ids that none has.
void Vocabulary::reportIds() {
  std::vector<uint32_t> order(entries.size());
  for (uint32_t i = 0; i < order.size(); ++i) {
    order[i] = i;
  }
  std::sort(order.begin(), order.end(), [&](uint32_t a, uint32_t b) {
    return entries[a].id != entries[b].id ? entries[a].id < entries[b].id : a < b;
  });
  uint32_t expected = 0;
  for (size_t i = 0; i < order.size(); ++i) {
    uint32_t id = entries[order[i]].id;
    if (i > 0 && id == entries[order[i - 1]].id) {
      context.bad("token-id", "", {},
                  "tokens " + quote(index.key(order[i - 1])) + " and " + quote(index.key(order[i])) + " share id " +
                      Twine(id));
    } else if (id > expected) {
      context.bad("token-id", "", {},
                  "no token has " + (id - expected == 1
                                         ? "id " + Twine(expected).str()
                                         : "an id in [" + Twine(expected).str() + ", " + Twine(id).str() + ")"));
    }
    expected = id + 1;
  }
}

void Vocabulary::findByteTokens(TokenizerModel &model) const {
  std::string missing;
  for (unsigned byte = 0; byte < 256; ++byte) {
    if (std::optional<uint32_t> id = find(spellByte(uint8_t(byte)))) {
      model.byteTokens[byte] = *id;
    } else {
      missing += (missing.empty() ? "" : ", ") + Twine(byte).str();
    }
  }
  if (!missing.empty()) {
    context.unsupported("byte-tokens", "model.vocab", {}, "no token for the single bytes " + missing,
                        "only byte-level BPE with all 256 bytes in the vocabulary is supported");
  }
}

void Vocabulary::finish(TokenizerModel &model, bool ignoresMerges) {
  findByteTokens(model);
  size_t before = context.diagnostics.errorCount();
  reportIds();
  if (context.diagnostics.errorCount() != before) {
    return;
  }
  model.tokens.resize(entries.size());
  for (size_t i = 0; i < entries.size(); ++i) {
    StringRef text = index.key(uint32_t(i));
    auto [id, added] = entries[i];
    std::optional<std::string> bytes = added ? std::nullopt : bytesOfEntry(text);
    if (bytes && ignoresMerges) {
      model.wholeWords.push_back(id);
    }
    model.tokens[id] = bytes ? std::move(*bytes) : text.str();
  }
}

} // namespace fathom::frontend
