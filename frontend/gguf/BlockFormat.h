// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// How tensors of GGUF files are stored: in blocks of numbers that share scales.

#ifndef FATHOM_FRONTEND_GGUF_BLOCKFORMAT_H
#define FATHOM_FRONTEND_GGUF_BLOCKFORMAT_H

#include "llvm/ADT/StringRef.h"

#include <cstdint>

namespace fathom::gguf {

/// The code of a tensor's type in a file.
enum class TypeCode : uint32_t {
  F32 = 0,
  F16 = 1,
  Q4_0 = 2,
  Q4_1 = 3,
  Q5_0 = 6,
  Q5_1 = 7,
  Q8_0 = 8,
  Q4_K = 12,
  Q5_K = 13,
  Q6_K = 14,
  BF16 = 30,
};

struct BlockFormat {
  TypeCode code;
  const char *name;
  /// Numbers of a block, which lie in one row.
  uint32_t elements;
  uint32_t bytes;
  /// Writes the `elements` numbers that a block stands for, bit for bit those of ggml; null: elements are plain floats.
  void (*dequantize)(const uint8_t *block, float *numbers);
};

/// The format of a type's code; null where it is not read.
const BlockFormat *findFormat(uint32_t code);

/// What ggml calls a type that is not read; empty where it has none of this code.
llvm::StringRef nameOfOther(uint32_t code);

/// "F32, F16, …": those that are read.
std::string listFormats();

} // namespace fathom::gguf

#endif // FATHOM_FRONTEND_GGUF_BLOCKFORMAT_H
