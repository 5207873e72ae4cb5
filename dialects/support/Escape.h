// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Bytes of hostile files in messages.

#ifndef FATHOM_DIALECTS_SUPPORT_ESCAPE_H
#define FATHOM_DIALECTS_SUPPORT_ESCAPE_H

#include "llvm/ADT/StringRef.h"

#include <string>

namespace fathom {

/// Makes bytes of a hostile file printable: control characters and invalid UTF-8 become \xNN, and what is
/// longer than `limit` bytes is cut and ends in "...".
std::string escape(llvm::StringRef bytes, size_t limit = 200);

/// A path in quotes, escaped.
std::string quotePath(llvm::StringRef path);

} // namespace fathom

#endif // FATHOM_DIALECTS_SUPPORT_ESCAPE_H
