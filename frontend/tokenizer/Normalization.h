// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Normalization form C, as far as reading a tokenizer needs it.

#ifndef FATHOM_FRONTEND_TOKENIZER_NORMALIZATION_H
#define FATHOM_FRONTEND_TOKENIZER_NORMALIZATION_H

#include "llvm/ADT/StringRef.h"

namespace fathom::frontend {

/// Whether the runtime's normalization of `text`, which is UTF-8, leaves it as it is.
bool isNfc(llvm::StringRef text);

} // namespace fathom::frontend

#endif // FATHOM_FRONTEND_TOKENIZER_NORMALIZATION_H
