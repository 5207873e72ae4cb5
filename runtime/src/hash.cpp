// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The one place that compiles xxHash in.

#include "runtime/src/hash.h"

#define XXH_INLINE_ALL
#include <xxhash.h>

namespace fathom::runtime {

uint64_t hash64(const void *data, size_t size) { return XXH3_64bits(data, size); }

} // namespace fathom::runtime
