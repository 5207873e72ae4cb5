// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The token of the largest logit, for greedy answers.

#ifndef FATHOM_RUNTIME_SRC_ARGMAX_H
#define FATHOM_RUNTIME_SRC_ARGMAX_H

#include <stddef.h>
#include <stdint.h>

namespace fathom::runtime {

/// Of |count| logits, one at least, the place of the largest, of equals the first; -1 if one of them is not finite.
int32_t argmax(const float *logits, size_t count);

} // namespace fathom::runtime

#endif // FATHOM_RUNTIME_SRC_ARGMAX_H
