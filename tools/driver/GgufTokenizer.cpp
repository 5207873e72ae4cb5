// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A tokenizer.json that is made of it, by what reads those.

#include "tools/driver/GgufTokenizer.h"

#include "frontend/gguf/GgufModel.h"

using llvm::StringRef;

namespace fathom::driver {

using checkpoint::Diagnostics;

std::optional<frontend::TokenizerModel> readTokenizerOfGguf(StringRef path, Diagnostics &diagnostics,
                                                            std::optional<uint32_t> vocabulary, StringRef chatFormat) {
  std::optional<gguf::ConvertedTokenizer> converted = gguf::readTokenizer(path, diagnostics);
  if (!converted) {
    return std::nullopt;
  }
  Diagnostics findings;
  auto tokenizer = frontend::parseTokenizer(std::move(converted->tokenizer), std::move(converted->config), findings,
                                            vocabulary, chatFormat);
  gguf::forward(findings, path, {}, diagnostics);
  return tokenizer;
}

} // namespace fathom::driver
