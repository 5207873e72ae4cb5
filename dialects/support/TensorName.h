// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Names of a checkpoint's tensors, which weights give as one pattern for all layers and experts.

#ifndef FATHOM_DIALECTS_SUPPORT_TENSORNAME_H
#define FATHOM_DIALECTS_SUPPORT_TENSORNAME_H

#include "llvm/ADT/StringRef.h"

#include <cstdint>
#include <string>

namespace fathom {

/// Replaces {layer} and {expert}; other braces stay. `out` is overwritten, to save allocations.
void expandPattern(llvm::StringRef pattern, int64_t layer, int64_t expert, std::string &out);

} // namespace fathom

#endif // FATHOM_DIALECTS_SUPPORT_TENSORNAME_H
