// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Tokens and merges. Everything is checked against everything: no two entries may
// have one id.

#include "frontend/tokenizer/Vocabulary.h"

#include "fathom/tokenizer_abi.h"
#include "frontend/tokenizer/ByteAlphabet.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/StringExtras.h"

#include <algorithm>
#include <numeric>

using llvm::StringRef;
using llvm::Twine;

namespace fathom::frontend {

/// The largest id + 1 the artifact's readers accept.
static constexpr int64_t kMaxTokens = 1 << 24;
static constexpr size_t kMaxMerges = 1 << 23;
/// Ids that no token has take memory that no byte of the file pays for.
static constexpr size_t kMaxUnused = 1 << 20;

static constexpr StringRef kOwnIds =
    "give each token the id that the model was trained with; ids between those of tokens "
    "may be filled with tokens such as \"<unused0>\"";
static constexpr StringRef kFewerRows = "the model has fewer embedding rows (vocab_size in config.json)";

static bool sameFlags(const AddedToken &a, const AddedToken &b) {
  return a.special == b.special && a.leftStrip == b.leftStrip && a.rightStrip == b.rightStrip &&
         a.singleWord == b.singleWord && a.normalized == b.normalized;
}

std::optional<uint32_t> Vocabulary::find(StringRef text) const {
  std::optional<uint32_t> number = index.find(text);
  return number ? std::optional<uint32_t>(entries[*number].id) : std::nullopt;
}

const AddedToken *Vocabulary::findAdded(StringRef text) const {
  std::optional<uint32_t> number = index.find(text);
  return number && entries[*number].place >= 0 ? &added[entries[*number].place] : nullptr;
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
      entries.push_back({*id});
    }
  }
  ownEntries = uint32_t(entries.size());
}

void Vocabulary::readAdded(Value tokens) {
  if (!tokens || tokens.isNull()) {
    return;
  }
  if (!tokens.isArray()) {
    context.bad("tokenizer-type", "added_tokens", tokens, "expected an array, found " + show(tokens));
    return;
  }
  for (Value token : tokens.elements()) {
    readOneAdded(token);
  }
}

std::optional<AddedToken> readAddedToken(const Context &context, Value token, StringRef where) {
  Value content = token.find("content");
  if (!content || !content.isString()) {
    context.bad("added-token", where, token, "expected an object with a string 'content'");
    return std::nullopt;
  }
  if (content.string().empty()) {
    // It would match everywhere. The tokenizers library leaves it out as well.
    context.diagnostics.warning("added-token", context.file, where, "an added token with empty content is ignored");
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

/// As the tokenizers library does: a text that is known keeps its id, whatever is said here.
void Vocabulary::readOneAdded(Value token) {
  std::optional<AddedToken> read = readAddedToken(context, token, "added_tokens");
  std::optional<uint32_t> id = read ? readId(token.find("id"), "added_tokens") : std::nullopt;
  if (!id) {
    return;
  }
  StringRef content = token.find("content").string();
  read->id = find(content).value_or(*id);
  if (read->id != *id) {
    context.diagnostics.warning("token-id", context.file, "added_tokens",
                                "gives token " + quote(content) + " the id " + Twine(*id) + ", but it has the id " +
                                    Twine(read->id) + " already, which takes precedence");
  } else if (!find(content) && *id != nextId() && !misnumbered) {
    misnumbered = {content, *id, nextId()};
  }
  add(context, token, "added_tokens", content, *read);
}

void Vocabulary::add(const Context &file, Value at, StringRef where, StringRef text, const AddedToken &token) {
  if (text.size() > FATHOM_MAX_ADDED_TOKEN || token.id >= endOfIds()) {
    file.bad("token-id", where, at,
             "token " + quote(text) + " with id " + Twine(token.id) + " is too long or out of range",
             limit ? kFewerRows : "");
    return;
  }
  auto [number, isNew] = index.insert(text);
  if (isNew) {
    entries.push_back({token.id});
  }
  Entry &entry = entries[number];
  if (entry.place < 0) {
    entry.place = int32_t(added.size());
    added.push_back(token);
    endOfAdded = std::max(endOfAdded, token.id + 1);
    return;
  }
  AddedToken &present = added[entry.place];
  if (!sameFlags(present, token)) {
    file.diagnostics.warning("added-token", file.file, where,
                             "gives token " + quote(text) +
                                 " other flags than before; using these, as the tokenizers library does");
    present = token;
  }
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
    // A comment of merges.txt that came along, in files whose merges are lines.
    if (!merge.isString() || !merge.string().starts_with("#version")) {
      readMerge(merge, out, room);
    }
  }
}

std::vector<uint32_t> Vocabulary::sortById() const {
  std::vector<uint32_t> order(entries.size());
  std::iota(order.begin(), order.end(), 0);
  llvm::sort(order, [&](uint32_t a, uint32_t b) { return std::pair(entries[a].id, a) < std::pair(entries[b].id, b); });
  return order;
}

/// Reports ids that two entries share. Returns the largest id and 1, or nothing after a finding.
std::optional<uint32_t> Vocabulary::checkIds() const {
  size_t before = context.diagnostics.errorCount();
  std::vector<uint32_t> order = sortById();
  std::optional<uint32_t> firstUnused;
  uint32_t end = 0;
  for (size_t i = 0; i < order.size(); ++i) {
    uint32_t id = entries[order[i]].id;
    if (id > end && !firstUnused) {
      firstUnused = end;
    }
    if (id < end) {
      context.bad("token-id", "", {},
                  "tokens " + quote(index.key(order[i - 1])) + " and " + quote(index.key(order[i])) + " share id " +
                      Twine(id),
                  kOwnIds);
    }
    end = id + 1;
  }
  if (firstUnused && context.diagnostics.errorCount() == before) {
    checkUnused(*firstUnused, end - entries.size());
  }
  return context.diagnostics.errorCount() == before ? std::optional(end) : std::nullopt;
}

/// Ids that no token has are well where model.vocab leaves them out. Not where the tokenizers library, which numbers
/// new tokens itself, gives other ids than the file: which ones the model was trained with nobody knows.
void Vocabulary::checkUnused(uint32_t first, size_t count) const {
  if (count > kMaxUnused) {
    context.report(
        Problem::Resources, "unused-ids", "", {},
        Twine(count) + " ids below the largest have no token; at most " + Twine(kMaxUnused) + " are supported", "");
  } else if (misnumbered) {
    context.bad("token-id", "added_tokens", {},
                "token " + quote(misnumbered->text) + " has id " + Twine(misnumbered->id) +
                    ", but the tokenizers library gives it " + Twine(misnumbered->next) + ", and no token has id " +
                    Twine(first),
                kOwnIds);
  }
}

void Vocabulary::findByteTokens(TokenizerModel &model) const {
  constexpr size_t shown = 8;
  std::vector<std::string> missing;
  for (unsigned byte = 0; byte < 256; ++byte) {
    if (std::optional<uint32_t> id = find(spellByte(uint8_t(byte)))) {
      model.byteTokens[byte] = *id;
    } else {
      missing.push_back(std::to_string(byte));
    }
  }
  if (!missing.empty()) {
    size_t others = missing.size() - std::min(missing.size(), shown);
    missing.resize(missing.size() - others);
    context.unsupported("byte-tokens", "model.vocab", {},
                        "no token for the single bytes " + llvm::join(missing, ", ") +
                            (others ? " and " + std::to_string(others) + " others" : ""),
                        "only byte-level BPE with all 256 bytes in the vocabulary is supported");
  }
}

void Vocabulary::finish(TokenizerModel &model, bool ignoresMerges) {
  findByteTokens(model);
  std::optional<uint32_t> end = checkIds();
  if (!end) {
    return;
  }
  model.tokens.resize(*end);
  for (size_t i = 0; i < entries.size(); ++i) {
    StringRef text = index.key(uint32_t(i));
    auto [id, place] = entries[i];
    std::optional<std::string> bytes = place >= 0 ? std::nullopt : bytesOfEntry(text);
    if (bytes && ignoresMerges) {
      model.wholeWords.push_back(id);
    }
    model.tokens[id] = bytes ? std::move(*bytes) : text.str();
  }
}

} // namespace fathom::frontend
