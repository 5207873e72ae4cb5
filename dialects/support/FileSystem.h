// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The system calls that writing a file takes, one function each, so that tests can make any of them fail.

#ifndef FATHOM_DIALECTS_SUPPORT_FILESYSTEM_H
#define FATHOM_DIALECTS_SUPPORT_FILESYSTEM_H

#include <cstddef>
#include <cstdint>
#include <sys/types.h>

namespace fathom {

/// Thin wrappers of system calls: each returns what the call returns, -1 with errno set after a failure. The
/// functions are thread-safe.
class FileSystem {
public:
  virtual ~FileSystem() = default;

  /// open(2) with O_DIRECTORY.
  virtual int openDirectory(const char *path);
  /// openat(2) with O_CREAT, O_EXCL, O_NOFOLLOW and mode 0600.
  virtual int createExclusive(int directory, const char *name);
  /// fallocate(2) from offset 0.
  virtual int allocate(int file, uint64_t size);
  virtual ssize_t writeAt(int file, const void *bytes, size_t size, uint64_t offset);
  virtual int changeMode(int file, mode_t mode);
  virtual int sync(int file);
  virtual int close(int file);
  /// renameat(2) within one directory.
  virtual int rename(int directory, const char *from, const char *to);
  virtual int unlink(int directory, const char *name);

  /// The real thing.
  static FileSystem &system();
};

} // namespace fathom

#endif // FATHOM_DIALECTS_SUPPORT_FILESYSTEM_H
