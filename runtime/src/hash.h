// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// XXH3-64, the hash of everything in an artifact.

#ifndef FATHOM_RUNTIME_SRC_HASH_H
#define FATHOM_RUNTIME_SRC_HASH_H

#include <stddef.h>
#include <stdint.h>

namespace fathom::runtime {

uint64_t hash64(const void *data, size_t size);

} // namespace fathom::runtime

#endif // FATHOM_RUNTIME_SRC_HASH_H
