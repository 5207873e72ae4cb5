// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The part of tokenizer.json that says what happens to text around the merging, recognized as data.

#ifndef FATHOM_FRONTEND_TOKENIZER_PIPELINE_H
#define FATHOM_FRONTEND_TOKENIZER_PIPELINE_H

#include "frontend/tokenizer/Context.h"
#include "frontend/tokenizer/TokenizerModel.h"

namespace fathom::frontend {

/// Whether `model` is BPE over bytes, and not over characters with "byte_fallback". False after a finding.
bool checkModelKind(const Context &context, Value model);

/// Checks the rest of `model` but for vocab and merges: no options that the runtime does not know. Returns
/// "ignore_merges": whether pieces that are a token are taken without merging.
bool readModelOptions(const Context &context, Value model);

/// Recognizes "normalizer".
void readNormalizer(const Context &context, Value normalizer, TokenizerModel &model);

/// Compiles "pre_tokenizer" to a chain of splits.
void readPreTokenizer(const Context &context, Value preTokenizer, TokenizerModel &model);

/// Checks that "decoder" is the byte-level one.
void readDecoder(const Context &context, Value decoder);

/// A token that "post_processor" puts in front: how it is spelled, and its "ids", absent where only the name is given.
struct AddedBos {
  std::string token;
  Value ids;
};

/// Nothing where "post_processor" adds no token.
std::optional<AddedBos> readPostProcessor(const Context &context, Value postProcessor);

} // namespace fathom::frontend

#endif // FATHOM_FRONTEND_TOKENIZER_PIPELINE_H
