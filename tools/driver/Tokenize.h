// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// `fathom tokenize`.

#ifndef FATHOM_TOOLS_DRIVER_TOKENIZE_H
#define FATHOM_TOOLS_DRIVER_TOKENIZE_H

#include "fathom/tokenizer_generated.h"

#include <memory>
#include <string>

namespace fathom::driver {

/// A tokenizer table and what keeps its memory alive.
struct OpenedTokenizer {
  std::shared_ptr<const void> memory;
  const artifact::Tokenizer *table = nullptr;
};

/// Opens the tokenizer of the artifact (or the executable that carries one) at `path`. Returns 0, or an exit code
/// after printing why. A table it returns has passed the FlatBuffers verifier.
using OpenArtifactTokenizer = int (*)(const std::string &path, OpenedTokenizer &out);

/// Runs `fathom tokenize` with the arguments after the verb: argv[0, argc). Reads stdin, writes stdout, reports to
/// stderr, returns the exit code. Without `openArtifact`, artifacts are refused.
int runTokenize(int argc, const char *const *argv, OpenArtifactTokenizer openArtifact = nullptr);

} // namespace fathom::driver

#endif // FATHOM_TOOLS_DRIVER_TOKENIZE_H
