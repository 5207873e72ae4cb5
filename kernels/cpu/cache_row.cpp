// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The function by which generated loops find rows of the cache, so that they find them where kernels do.

#include "fathom/kernel_abi.h"

extern "C" {
char *fathom_generated_cache_row(const fathom_cache_t *cache, int64_t row, int64_t layer, int64_t position,
                                 int64_t store, int64_t row_bytes);
}

char *fathom_generated_cache_row(const fathom_cache_t *cache, int64_t row, int64_t layer, int64_t position,
                                 int64_t store, int64_t row_bytes) {
  return fathom_cache_row(cache, row, layer, position, store, row_bytes);
}
