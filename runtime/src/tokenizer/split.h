// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Pre-tokenizers: cutting text into the pieces that are merged on their own. The patterns of tokenizer.json are
// compiled to chains of hand-written scanners; no regular expression is ever run.

#ifndef FATHOM_RUNTIME_SRC_TOKENIZER_SPLIT_H
#define FATHOM_RUNTIME_SRC_TOKENIZER_SPLIT_H

#include "fathom/tokenizer_generated.h"

#include <string_view>

namespace fathom::tokenizer {

/// Receives pieces in order. `take` returns false to stop.
struct PieceSink {
  bool (*take)(void *self, std::string_view piece);
  void *self;

  bool operator()(std::string_view piece) const { return take(self, piece); }
};

using Splits = flatbuffers::Vector<flatbuffers::Offset<artifact::Split>>;

/// Cuts `text` into non-empty pieces that add up to it, with the splits from `first` on. Linear time, stack for
/// FATHOM_MAX_SPLITS calls, no memory. Returns false when the sink stopped it.
bool split(const Splits &splits, std::string_view text, PieceSink sink, uint32_t first = 0);

} // namespace fathom::tokenizer

#endif // FATHOM_RUNTIME_SRC_TOKENIZER_SPLIT_H
