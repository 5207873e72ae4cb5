// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Statuses of the tokenizer as statuses of the API.

#ifndef FATHOM_RUNTIME_SRC_TEXT_H
#define FATHOM_RUNTIME_SRC_TEXT_H

#include "runtime/src/model.h"

namespace fathom::runtime {

/// |detail|, if not empty, says more than the status.
fathom_status_t checkText(tokenizer::Status status, const char *detail = nullptr);

/// INVALID_ARGUMENT if |flags| has others than |known|, of FATHOM_ENCODE_*.
fathom_status_t checkEncodeFlags(uint32_t flags, uint32_t known = FATHOM_ENCODE_ADD_BOS | FATHOM_ENCODE_SPECIAL |
                                                                  FATHOM_ENCODE_FORCE_BOS);

/// Text to tokens, appended; |flags| have been checked. UNSUPPORTED without a tokenizer.
fathom_status_t encodeText(const Model &model, const char *text, size_t length, uint32_t flags,
                           Buffer<int32_t> *tokens);

} // namespace fathom::runtime

#endif // FATHOM_RUNTIME_SRC_TEXT_H
