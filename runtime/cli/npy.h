// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// NumPy files: tensors that calls of functions take and give.

#ifndef FATHOM_RUNTIME_CLI_NPY_H
#define FATHOM_RUNTIME_CLI_NPY_H

#include "fathom/fathom.h"
#include "runtime/src/buffer.h"

namespace fathom::cli {

/// What numpy calls elements of a type; bf16, which it does not know, is the "<V2" that others write for it.
const char *npyType(fathom_element_t element);

/// Writes values of a type and shape as a NumPy file: to a temporary file beside it, synced, renamed. 0, or 5 with a
/// message on stderr.
int writeNpy(const char *program, const char *path, fathom_element_t element, const void *values, uint64_t bytes,
             const uint64_t *shape, size_t rank);

/// The same of f32.
inline int writeNpy(const char *program, const char *path, const float *values, const uint64_t *shape, size_t rank) {
  uint64_t bytes = sizeof(float);
  for (size_t i = 0; i < rank; ++i) {
    bytes *= shape[i];
  }
  return writeNpy(program, path, FATHOM_ELEMENT_F32, values, bytes, shape, rank);
}

/// A tensor of a file.
struct NpyArray {
  fathom_element_t element;
  size_t rank = 0;
  int64_t sizes[FATHOM_MOST_RANK];
  /// Aligned for any element.
  Buffer<uint64_t> values;
  size_t bytes = 0;
};

/// Reads a NumPy file, row by row and little-endian, of at most 256 MiB. 0, or an exit code with a message on stderr.
int readNpy(const char *program, const char *path, NpyArray *array);

} // namespace fathom::cli

#endif // FATHOM_RUNTIME_CLI_NPY_H
