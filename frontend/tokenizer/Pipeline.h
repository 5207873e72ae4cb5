// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The part of tokenizer.json that says what happens to text around the merging, recognised as data.

#ifndef FATHOM_FRONTEND_TOKENIZER_PIPELINE_H
#define FATHOM_FRONTEND_TOKENIZER_PIPELINE_H

#include "frontend/tokenizer/Context.h"
#include "frontend/tokenizer/TokenizerModel.h"

namespace fathom::frontend {

/// Checks `model` but for vocab and merges: byte-level BPE without options that the runtime does not know.
void readModelOptions(const Context &context, Value model);

/// Recognises "normalizer".
void readNormalizer(const Context &context, Value normalizer, TokenizerModel &model);

/// Recognises "pre_tokenizer" among the known sets of patterns. No pattern is ever run.
void readPreTokenizer(const Context &context, Value preTokenizer, TokenizerModel &model);

/// Checks that "decoder" is the byte-level one.
void readDecoder(const Context &context, Value decoder);

/// The bos token that "post_processor" puts in front, spelled; nothing where it adds none.
std::optional<std::string> readPostProcessor(const Context &context, Value postProcessor);

} // namespace fathom::frontend

#endif // FATHOM_FRONTEND_TOKENIZER_PIPELINE_H
