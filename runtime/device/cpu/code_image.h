// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Model code in memory: an ELF shared object without imports or relocations, mapped without a dynamic loader.

#ifndef FATHOM_RUNTIME_DEVICE_CPU_CODE_IMAGE_H
#define FATHOM_RUNTIME_DEVICE_CPU_CODE_IMAGE_H

#include "runtime/src/byte_source.h"

namespace fathom::runtime {

class CodeImage {
public:
  CodeImage() = default;
  CodeImage(const CodeImage &) = delete;
  CodeImage &operator=(const CodeImage &) = delete;
  ~CodeImage();

  /// Maps the loadable parts of |elf|, each with its protection. Pages of code are those of a file and never writable,
  /// so that it works where the system forbids to make memory executable: of a copy in memory, which nobody can change,
  /// or, if the system has no such files, of |file|, which has |elf| at |offset|. Whatever |elf| holds, nothing outside
  /// it is read. BAD_DATA if it is not such an image.
  fathom_status_t load(const unsigned char *elf, uint64_t size, const ByteSource *file = nullptr, uint64_t offset = 0);

  /// The address of an offset that lies in executable bytes of the file; NULL for any other.
  const void *function(uint64_t offset) const;

private:
  fathom_status_t reserve(uint64_t bytes);

  unsigned char *base = nullptr;
  uint64_t span = 0;
  /// Executable ranges, at most one a segment.
  struct Range {
    uint64_t begin, end;
  };
  Range ranges[16];
  unsigned rangeCount = 0;
};

} // namespace fathom::runtime

#endif // FATHOM_RUNTIME_DEVICE_CPU_CODE_IMAGE_H
