// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The header of a safetensors file, checked against the file it describes.
//
// A header is read with pread into memory of our own: another process may truncate or rewrite the file while
// we work, and a mapping would then raise SIGBUS or change under the checks. Weights themselves are not read
// here; whoever reads them finds them by absolute offset.

#ifndef FATHOM_FRONTEND_CHECKPOINT_SAFETENSORS_H
#define FATHOM_FRONTEND_CHECKPOINT_SAFETENSORS_H

#include "frontend/checkpoint/DType.h"
#include "frontend/checkpoint/Diagnostics.h"
#include "frontend/checkpoint/Files.h"
#include "llvm/ADT/ArrayRef.h"
#include "llvm/Support/Allocator.h"

#include <cstdint>
#include <deque>
#include <memory>
#include <string>
#include <vector>

namespace fathom::checkpoint {

/// One tensor of a shard. Name and shape belong to the shard's header.
struct TensorInfo {
  llvm::StringRef name;
  llvm::ArrayRef<int64_t> shape;
  /// Bytes from the start of the file.
  uint64_t offset = 0;
  /// Bytes.
  uint64_t size = 0;
  DType dtype = DType::U8;
};

/// Limits on a header; ours are stricter than the format's where it has none.
struct SafetensorsLimits {
  uint64_t headerBytes = 100'000'000;
  size_t tensors = 1'000'000;
  size_t nameBytes = 4096;
  size_t rank = 8;
  size_t metadataEntries = 10'000;
  /// Of one tensor's entry; the format has three.
  size_t fields = 64;
};

/// A parsed header. Names and shapes stay valid as long as it lives.
class SafetensorsHeader {
public:
  /// Parses a header. `head` is the start of the file: its length field and header, or less where the file
  /// ends early; `fileSize` is the size of the whole file. Reports all findings, naming `file`; returns
  /// nothing after an error.
  static std::unique_ptr<SafetensorsHeader> parse(std::string head, uint64_t fileSize, llvm::StringRef file,
                                                  Diagnostics &diagnostics, const SafetensorsLimits &limits = {});

  /// Reads and parses the header of an open file.
  static std::unique_ptr<SafetensorsHeader> read(const File &input, llvm::StringRef file, Diagnostics &diagnostics,
                                                 const SafetensorsLimits &limits = {});

  /// Tensors in the order of the header.
  const std::vector<TensorInfo> &tensors() const { return all; }
  /// XXH3-64 of the length field and the header: the first `dataStart()` bytes of the file.
  uint64_t hash() const { return headerHash; }
  /// Where tensor data starts in the file: 8 + header bytes.
  uint64_t dataStart() const { return head.size(); }

private:
  friend class SafetensorsParser;
  std::string head;
  std::deque<std::string> unescaped;
  llvm::BumpPtrAllocator shapes;
  std::vector<TensorInfo> all;
  uint64_t headerHash = 0;
};

} // namespace fathom::checkpoint

#endif // FATHOM_FRONTEND_CHECKPOINT_SAFETENSORS_H
