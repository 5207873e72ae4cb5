// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Pre-tokenizers: cutting text into the pieces that are merged on their own. The patterns of tokenizer.json
// are known in advance and written as scanners here; no pattern from a file is ever run.

#ifndef FATHOM_RUNTIME_TOKENIZER_SPLIT_H
#define FATHOM_RUNTIME_TOKENIZER_SPLIT_H

#include "fathom/tokenizer_generated.h"

#include <string_view>

namespace fathom::tokenizer {

/// Receives pieces in order. `take` returns false to stop.
struct PieceSink {
  bool (*take)(void *self, std::string_view piece);
  void *self;

  bool operator()(std::string_view piece) const { return take(self, piece); }
};

/// Cuts `text` into non-empty pieces that add up to it. Linear time, constant stack, no memory. Returns false
/// when the sink stopped it.
bool split(artifact::PreTokenizer preTokenizer, std::string_view text, PieceSink sink);

} // namespace fathom::tokenizer

#endif // FATHOM_RUNTIME_TOKENIZER_SPLIT_H
