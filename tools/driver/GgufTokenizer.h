// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The vocabulary of a GGUF file.

#ifndef FATHOM_TOOLS_DRIVER_GGUFTOKENIZER_H
#define FATHOM_TOOLS_DRIVER_GGUFTOKENIZER_H

#include "frontend/checkpoint/Diagnostics.h"
#include "frontend/tokenizer/TokenizerModel.h"

namespace fathom::driver {

/// As frontend::readTokenizer, of the vocabulary in a file; nothing where it has none, and after a finding.
std::optional<frontend::TokenizerModel> readTokenizerOfGguf(llvm::StringRef path, checkpoint::Diagnostics &diagnostics,
                                                            std::optional<uint32_t> vocabulary,
                                                            llvm::StringRef chatFormat);

} // namespace fathom::driver

#endif // FATHOM_TOOLS_DRIVER_GGUFTOKENIZER_H
