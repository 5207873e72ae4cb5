// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The vocabulary of a GGUF file as a tokenizer.json and a tokenizer_config.json.

#ifndef FATHOM_FRONTEND_GGUF_CONVERTTOKENIZER_H
#define FATHOM_FRONTEND_GGUF_CONVERTTOKENIZER_H

#include "frontend/gguf/MetadataReader.h"

namespace fathom::gguf {

struct ConvertedTokenizer {
  std::string tokenizer, config;
};

/// Nothing where the file has no vocabulary, and after a finding.
std::optional<ConvertedTokenizer> convertTokenizer(MetadataReader &metadata);

} // namespace fathom::gguf

#endif // FATHOM_FRONTEND_GGUF_CONVERTTOKENIZER_H
