// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Where the bytes of an artifact or a shard come from: a file, or memory of the caller.

#ifndef FATHOM_RUNTIME_SRC_BYTE_SOURCE_H
#define FATHOM_RUNTIME_SRC_BYTE_SOURCE_H

#include "runtime/src/status.h"

namespace fathom::runtime {

/// Bytes of a source in the address space, read-only, until the view ends.
class ByteView {
public:
  ByteView() = default;
  ByteView(const ByteView &) = delete;
  ByteView &operator=(const ByteView &) = delete;
  ~ByteView();

  const unsigned char *data() const { return bytes; }

private:
  friend class ByteSource;
  const unsigned char *bytes = nullptr;
  void *mapping = nullptr;
  size_t mappingSize = 0;
};

class ByteSource {
public:
  ByteSource() = default;
  ByteSource(const ByteSource &) = delete;
  ByteSource &operator=(const ByteSource &) = delete;
  ~ByteSource();

  /// Opens a regular file; the source starts |offset| bytes into it.
  fathom_status_t openFile(const char *path, uint64_t offset);
  /// Uses memory that stays the caller's.
  void openMemory(const void *data, uint64_t size);
  /// Copies bytes to a file in memory that nobody can change or write to any more, e.g. to map them executable.
  fathom_status_t openSealedCopy(const void *data, uint64_t size);

  uint64_t size() const { return length; }

  /// Copies bytes. IO if they cannot be read.
  fathom_status_t read(uint64_t offset, uint64_t bytes, void *into) const;

  /// Makes bytes visible: mapped if the source can be and |copy| is false, read into pages of their own if not.
  fathom_status_t view(uint64_t offset, uint64_t bytes, bool copy, ByteView *out) const;

  /// Maps a range of a file that starts at a page, with a protection as of mmap, in the place of what is mapped at
  /// |address|. False, with errno, if the system refuses or the source is not a file.
  bool mapAt(void *address, uint64_t offset, uint64_t bytes, int protection) const;

  /// IO if the file shrank since it was opened: touching a page that is gone would end the process.
  fathom_status_t checkStillWhole(const char *name) const;

private:
  fathom_status_t viewCopy(uint64_t offset, uint64_t bytes, ByteView *out) const;

  int fd = -1;
  uint64_t start = 0;
  uint64_t length = 0;
  const unsigned char *memory = nullptr;
};

} // namespace fathom::runtime

#endif // FATHOM_RUNTIME_SRC_BYTE_SOURCE_H
