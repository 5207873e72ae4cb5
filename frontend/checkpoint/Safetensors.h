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

#include "frontend/checkpoint/Diagnostics.h"
#include "frontend/checkpoint/Files.h"
#include "frontend/checkpoint/TensorTable.h"
#include "llvm/Support/Allocator.h"

#include <cstdint>
#include <deque>
#include <memory>
#include <string>

namespace fathom::checkpoint {

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

/// A parsed header, whose hash is that of the first `dataStart()` bytes: the length field and the header. Names and
/// shapes stay valid as long as it lives.
class SafetensorsHeader : public TensorTable {
public:
  /// Parses a header. `head` is the start of the file: its length field and header, or less where the file
  /// ends early; `fileSize` is the size of the whole file. Reports all findings, naming `file`; returns
  /// nothing after an error.
  static std::unique_ptr<SafetensorsHeader> parse(std::string head, uint64_t fileSize, llvm::StringRef file,
                                                  Diagnostics &diagnostics, const SafetensorsLimits &limits = {});

  /// Reads and parses the header of an open file.
  static std::unique_ptr<SafetensorsHeader> read(const File &input, llvm::StringRef file, Diagnostics &diagnostics,
                                                 const SafetensorsLimits &limits = {});

  /// Where tensor data starts in the file: 8 + header bytes.
  uint64_t dataStart() const { return head.size(); }

private:
  friend class SafetensorsParser;
  std::string head;
  std::deque<std::string> unescaped;
  llvm::BumpPtrAllocator shapes;
};

} // namespace fathom::checkpoint

#endif // FATHOM_FRONTEND_CHECKPOINT_SAFETENSORS_H
