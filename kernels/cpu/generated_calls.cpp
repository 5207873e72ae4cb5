// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What generated code calls.

#include "kernels/cpu/cache_rows.h"

extern "C" {
char *fathom_generated_cache_row(const fathom_cache_t *cache, int64_t row, int64_t layer, int64_t position,
                                 int64_t store, int64_t row_bytes);
float fathom_generated_read_number(const char *row, int64_t element, int64_t width, int64_t tail, int64_t index);
void fathom_generated_write_row(const float *numbers, int64_t element, int64_t width, int64_t tail, char *row);
}

/// Loops find rows of the cache where kernels do.
char *fathom_generated_cache_row(const fathom_cache_t *cache, int64_t row, int64_t layer, int64_t position,
                                 int64_t store, int64_t row_bytes) {
  return fathom_cache_row(cache, row, layer, position, store, row_bytes);
}

/// A number of a row that is not f32.
float fathom_generated_read_number(const char *row, int64_t element, int64_t width, int64_t tail, int64_t index) {
  return fathom::cpu::decode_number(row, {element, width, tail}, index);
}

void fathom_generated_write_row(const float *numbers, int64_t element, int64_t width, int64_t tail, char *row) {
  fathom::cpu::encode_row(numbers, {element, width, tail}, row);
}
