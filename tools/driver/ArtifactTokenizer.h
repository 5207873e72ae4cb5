// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The tokenizer of an artifact, or of an executable that carries one.

#ifndef FATHOM_TOOLS_DRIVER_ARTIFACTTOKENIZER_H
#define FATHOM_TOOLS_DRIVER_ARTIFACTTOKENIZER_H

#include "tools/driver/Tokenize.h"

namespace fathom::driver {

/// An OpenArtifactTokenizer.
int openArtifactTokenizer(const std::string &path, OpenedTokenizer &out);

} // namespace fathom::driver

#endif // FATHOM_TOOLS_DRIVER_ARTIFACTTOKENIZER_H
