// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Reading files that may be anything: pipes, devices, directories.

#ifndef FATHOM_DIALECTS_SUPPORT_FILE_H
#define FATHOM_DIALECTS_SUPPORT_FILE_H

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <sys/types.h>

namespace fathom {

/// A regular file that is open for reading; closed on destruction.
class File {
public:
  File() = default;
  File(File &&other) noexcept : descriptor(other.descriptor), bytes(other.bytes) { other.descriptor = -1; }
  File &operator=(File &&other) noexcept;
  ~File();

  /// Opens `path` without waiting for a pipe's writer. Nothing, with errno set, where the system refuses; nothing, with
  /// errno 0 and its type in `mode`, where it is not a regular file.
  static std::optional<File> open(const std::string &path, mode_t &mode);

  bool isOpen() const { return descriptor >= 0; }
  int fd() const { return descriptor; }
  uint64_t size() const { return bytes; }
  /// Reads exactly `count` bytes at `offset`; false with errno (0: the file ended) otherwise. Thread-safe.
  bool read(void *out, size_t count, uint64_t offset) const;

private:
  int descriptor = -1;
  uint64_t bytes = 0;
};

} // namespace fathom

#endif // FATHOM_DIALECTS_SUPPORT_FILE_H
