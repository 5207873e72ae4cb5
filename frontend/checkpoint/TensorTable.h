// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What a file of weights says of its tensors, whatever its format.

#ifndef FATHOM_FRONTEND_CHECKPOINT_TENSORTABLE_H
#define FATHOM_FRONTEND_CHECKPOINT_TENSORTABLE_H

#include "frontend/checkpoint/DType.h"
#include "llvm/ADT/ArrayRef.h"

#include <cstdint>
#include <vector>

namespace fathom::checkpoint {

/// One tensor in a file. Name and shape point into the table.
struct TensorInfo {
  llvm::StringRef name;
  llvm::ArrayRef<int64_t> shape;
  /// Bytes from the start of the file.
  uint64_t offset = 0;
  /// Bytes.
  uint64_t size = 0;
  DType dtype = DType::U8;
};

class TensorTable {
public:
  virtual ~TensorTable() = default;
  /// Tensors in the order of the file.
  const std::vector<TensorInfo> &tensors() const { return all; }
  /// Tells a file from another of its name and size: XXH3-64 of what it says of its tensors.
  uint64_t hash() const { return tableHash; }

protected:
  std::vector<TensorInfo> all;
  uint64_t tableHash = 0;
};

} // namespace fathom::checkpoint

#endif // FATHOM_FRONTEND_CHECKPOINT_TENSORTABLE_H
