// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Tokens that files beside tokenizer.json name: tokenizer_config.json, special_tokens_map.json, added_tokens.json. They
// are taken as the transformers library takes them, and where files disagree a warning names both.

#ifndef FATHOM_FRONTEND_TOKENIZER_CONFIGUREDTOKENS_H
#define FATHOM_FRONTEND_TOKENIZER_CONFIGUREDTOKENS_H

#include "frontend/tokenizer/Vocabulary.h"
#include "llvm/ADT/StringSet.h"

namespace fathom::frontend {

/// Keys of tokenizer_config.json that each name a token.
constexpr llvm::StringLiteral kSpecialTokenKeys[] = {"bos_token", "eos_token", "unk_token", "sep_token",
                                                     "pad_token", "cls_token", "mask_token"};

/// The files; their roots are absent where there is no file.
struct ConfigurationFiles {
  Context config;
  Value configRoot;
  Context specialTokensMap;
  Value specialTokensMapRoot;
  Context addedTokens;
  Value addedTokensRoot;
};

/// Adds to the tokens of tokenizer.json.
class ConfiguredTokens {
public:
  explicit ConfiguredTokens(Vocabulary &vocabulary) : vocabulary(vocabulary) {}

  /// "added_tokens_decoder" of tokenizer_config.json, {"5": {"content": ...}}, or added_tokens.json, {"<x>": 5}; then
  /// what "bos_token" and the like name.
  void read(const ConfigurationFiles &files);

private:
  void readDecoder(const Context &context, Value decoder);
  void readAddedTokens(const Context &context, Value tokens);
  void readSpecial(const Context &context, Value root);
  void takeSpecial(const Context &context, llvm::StringRef key, Value token);
  void take(const Context &context, Value at, llvm::StringRef where, llvm::StringRef text, AddedToken token);

  Vocabulary &vocabulary;
  /// Texts that "bos_token" and the like name.
  llvm::StringSet<> special;
};

/// The text of a token that is spelled "x" or {"content": "x"}; a value that is neither is given back as it is.
Value textOfToken(Value token);

/// What is wrong with a value that should spell a token.
std::string expectedToken(Value found);

/// "bos_token" and the like: from tokenizer_config.json, or special_tokens_map.json where the library reads that.
struct NamedToken {
  const Context *context;
  Value text;
};
NamedToken findNamedToken(const ConfigurationFiles &files, llvm::StringRef key);

/// A warning that names both where the two files differ.
void warnOfTwoNames(const ConfigurationFiles &files, llvm::StringRef key);

} // namespace fathom::frontend

#endif // FATHOM_FRONTEND_TOKENIZER_CONFIGUREDTOKENS_H
