// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What Jinja2 has and the runtime does not, so that a template that uses it fails when it is compiled.

#ifndef FATHOM_FRONTEND_TOKENIZER_CHATSUBSET_H
#define FATHOM_FRONTEND_TOKENIZER_CHATSUBSET_H

#include "llvm/ADT/StringRef.h"

namespace fathom::frontend {

/// Whether Jinja2 has a filter or test `name` that the runtime lacks.
bool isMissingFilter(llvm::StringRef name);
bool isMissingTest(llvm::StringRef name);

/// Whether Python's str, dict or list has a method `name` that the runtime lacks.
bool isMissingMethod(llvm::StringRef name);

/// The same of Jinja2's global functions.
bool isMissingFunction(llvm::StringRef name);

/// Whether str.format of `text` has a field that the runtime does not do.
bool hasMissingField(llvm::StringRef text);

/// Whether `text` % values has a conversion that the runtime does not do: widths among the values, characters, ascii().
bool hasMissingConversion(llvm::StringRef text);

} // namespace fathom::frontend

#endif // FATHOM_FRONTEND_TOKENIZER_CHATSUBSET_H
