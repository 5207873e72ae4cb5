// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The system calls that writing a file takes.

#include "dialects/support/FileSystem.h"

#include <cerrno>
#include <cstdio>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

namespace fathom {

/// Moves a descriptor out of 0..2: a process may be started with these closed, and what others print there
/// must not end up in an artifact.
static int avoidStandardStreams(int file) {
  if (file < 0 || file > 2) {
    return file;
  }
  int moved = fcntl(file, F_DUPFD_CLOEXEC, 3);
  int error = errno;
  ::close(file);
  errno = error;
  return moved;
}

int FileSystem::openDirectory(const char *path) {
  return avoidStandardStreams(open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC));
}

int FileSystem::createExclusive(int directory, const char *name) {
  return avoidStandardStreams(
      openat(directory, name, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, S_IRUSR | S_IWUSR));
}

int FileSystem::allocate(int file, uint64_t size) {
  // Not posix_fallocate: where a file system lacks the call, that writes to every block instead.
  return fallocate(file, 0, 0, static_cast<off_t>(size));
}

ssize_t FileSystem::writeAt(int file, const void *bytes, size_t size, uint64_t offset) {
  return pwrite(file, bytes, size, static_cast<off_t>(offset));
}

int FileSystem::changeMode(int file, mode_t mode) { return fchmod(file, mode); }

int FileSystem::sync(int file) { return fsync(file); }

int FileSystem::close(int file) { return ::close(file); }

int FileSystem::rename(int directory, const char *from, const char *to) {
  return renameat(directory, from, directory, to);
}

int FileSystem::unlink(int directory, const char *name) { return unlinkat(directory, name, 0); }

FileSystem &FileSystem::system() {
  static FileSystem instance;
  return instance;
}

} // namespace fathom
