// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Reading tokens of other files.

#include "frontend/tokenizer/ConfiguredTokens.h"

using llvm::StringRef;
using llvm::Twine;

namespace fathom::frontend {

static constexpr StringRef kSpecialListKeys[] = {"additional_special_tokens", "extra_special_tokens"};

/// Calls `take` with the key and the token of everything special that `root` names.
template <class Take>
static void forEachSpecial(Value root, Take take) {
  for (StringRef key : kSpecialTokenKeys) {
    take(key, root.find(key));
  }
  for (StringRef key : kSpecialListKeys) {
    Value list = root.find(key);
    for (Value token : list.elements()) {
      take(key, token);
    }
    for (auto [name, token] : list.members()) {
      take(key, token);
    }
  }
}

Value textOfToken(Value token) {
  Value content = token && token.isObject() ? token.find("content") : Value();
  return content ? content : token;
}

std::string expectedToken(Value found) {
  return "expected a string, or an object with a string \"content\", found " + show(found);
}

/// What a file says of `key`, as textOfToken() has it; nothing where it is null.
static Value findText(Value root, StringRef key) {
  Value text = root ? textOfToken(root.find(key)) : Value();
  return text && text.isNull() ? Value() : text;
}

NamedToken findNamedToken(const ConfigurationFiles &files, StringRef key) {
  Value configured = findText(files.configRoot, key), mapped = findText(files.specialTokensMapRoot, key);
  // With "added_tokens_decoder" the library does not read the map.
  bool configCounts = configured && (!mapped || files.configRoot.find("added_tokens_decoder"));
  return configCounts ? NamedToken{&files.config, configured} : NamedToken{&files.specialTokensMap, mapped};
}

void warnOfTwoNames(const ConfigurationFiles &files, StringRef key) {
  Value configured = findText(files.configRoot, key), mapped = findText(files.specialTokensMapRoot, key);
  if (configured && mapped && configured.string() != mapped.string()) {
    files.config.diagnostics.warning("special-token", files.config.file, key,
                                     show(configured) + ", while special_tokens_map.json says " + show(mapped) +
                                         "; taking " + show(findNamedToken(files, key).text) +
                                         " as the transformers library does");
  }
}

void ConfiguredTokens::read(const ConfigurationFiles &files) {
  for (Value root : {files.configRoot, files.specialTokensMapRoot}) {
    if (root) {
      forEachSpecial(root, [&](StringRef, Value token) {
        Value text = textOfToken(token);
        if (text && text.isString()) {
          special.insert(text.string());
        }
      });
    }
  }
  Value decoder = files.configRoot ? files.configRoot.find("added_tokens_decoder") : Value();
  if (decoder) {
    readDecoder(files.config, decoder);
  } else if (files.addedTokensRoot) {
    readAddedTokens(files.addedTokens, files.addedTokensRoot);
  }
  if (files.configRoot) {
    readSpecial(files.config, files.configRoot);
  }
  if (files.specialTokensMapRoot && !decoder) {
    readSpecial(files.specialTokensMap, files.specialTokensMapRoot);
  }
}

void ConfiguredTokens::readDecoder(const Context &context, Value decoder) {
  for (auto [key, token] : decoder.members()) {
    std::optional<AddedToken> read = readAddedToken(context, token, "added_tokens_decoder");
    if (!read) {
      continue;
    }
    if (key.getAsInteger(10, read->id)) {
      context.bad("token-id", "added_tokens_decoder", token, "key " + quote(key) + " is not a token id");
      continue;
    }
    take(context, token, "added_tokens_decoder", token.find("content").string(), *read);
  }
}

void ConfiguredTokens::readAddedTokens(const Context &context, Value tokens) {
  for (auto [text, value] : tokens.members()) {
    std::optional<int64_t> id = value.integer();
    if (text.empty() || !id || *id < 0 || *id > INT32_MAX) {
      context.bad("token-id", "", value,
                  "expected a text and a token id, found " + quote(text) + " and " + show(value));
      continue;
    }
    AddedToken token{uint32_t(*id)};
    token.special = special.contains(text);
    token.normalized = !token.special;
    // The file knows no flags: those of tokenizer.json stay.
    if (const AddedToken *known = vocabulary.findAdded(text)) {
      token = *known;
      token.id = uint32_t(*id);
    }
    take(context, value, "", text, token);
  }
}

/// Tokens that are only named: where tokenizer.json has them as ordinary ones they become special.
void ConfiguredTokens::readSpecial(const Context &context, Value root) {
  forEachSpecial(root, [&](StringRef key, Value token) {
    if (token && !token.isNull()) {
      takeSpecial(context, key, token);
    }
  });
}

void ConfiguredTokens::takeSpecial(const Context &context, StringRef key, Value token) {
  Value text = textOfToken(token);
  std::optional<uint32_t> id = text.isString() ? vocabulary.find(text.string()) : std::nullopt;
  if (!id) {
    // Of the two that decide, an error says it.
    if (key != "bos_token" && key != "eos_token") {
      context.diagnostics.warning("special-token", context.file, key,
                                  text.isString() ? "names " + quote(text.string()) +
                                                        ", to which no file gives an id: it is ordinary text"
                                                  : expectedToken(token) + "; ignored");
    }
    return;
  }
  if (vocabulary.findAdded(text.string())) {
    return;
  }
  AddedToken named{*id};
  if (token.isObject()) {
    named = readAddedToken(context, token, key).value_or(named);
    named.id = *id;
  }
  named.special = true;
  take(context, token, key, text.string(), named);
}

/// As the library does: a text that is known keeps its id, one that is new gets the next.
void ConfiguredTokens::take(const Context &context, Value at, StringRef where, StringRef text, AddedToken token) {
  std::optional<uint32_t> known = vocabulary.find(text);
  uint32_t id = known ? *known : vocabulary.nextId();
  if (token.id != id) {
    std::string here = "gives token " + quote(text) + " the id " + Twine(token.id).str();
    context.diagnostics.warning("token-id", context.file, where,
                                here + (known
                                            ? ", but tokenizer.json gives it " + Twine(id) + ", which takes precedence"
                                            : ", which is not the next one after those of tokenizer.json (" +
                                                  Twine(id) + "): the token is ignored"));
    if (!known) {
      return;
    }
    token.id = id;
  }
  vocabulary.add(context, at, where, text, token);
}

} // namespace fathom::frontend
