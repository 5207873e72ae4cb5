// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Looks at files before they are lost.

#include "runtime/src/output_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

namespace fathom::runtime {

const FileKind kNpyFile = {"a NumPy file", {"\x93NUMPY", nullptr}};
const FileKind kTraceFile = {"a trace", {"[\n{", nullptr}};

static const char *describeMode(mode_t mode) {
  if (S_ISDIR(mode)) {
    return "a directory";
  }
  return S_ISCHR(mode) || S_ISBLK(mode) ? "a device" : "a pipe or a socket";
}

// Without opening it: who opens a pipe wakes those at its other end.
static fathom_status_t checkRegular(const char *path) {
  struct stat file;
  return stat(path, &file) != 0 || S_ISREG(file.st_mode)
             ? FATHOM_STATUS_OK
             : fail(FATHOM_STATUS_INVALID_ARGUMENT, "%s: is %s, which a file cannot replace; name a regular file", path,
                    describeMode(file.st_mode));
}

static fathom_status_t checkStart(int fd, const char *path, const FileKind &kind) {
  char start[8];
  ssize_t size = pread(fd, start, sizeof(start), 0);
  bool known = size == 0;
  for (const char *const *other = kind.starts; *other; ++other) {
    known |= size >= static_cast<ssize_t>(strlen(*other)) && !memcmp(start, *other, strlen(*other));
  }
  return known ? FATHOM_STATUS_OK
               : fail(FATHOM_STATUS_INVALID_ARGUMENT, "%s: exists and is not %s; remove it or name another", path,
                      kind.name);
}

fathom_status_t checkReplaceable(const char *path, const FileKind &kind) {
  FATHOM_RETURN_IF_ERROR(checkRegular(path));
  if (access(path, F_OK) != 0) {
    return FATHOM_STATUS_OK;
  }
  int fd = open(path, O_RDONLY | O_CLOEXEC);
  fathom_status_t status = checkStart(fd, path, kind);
  if (fd >= 0) {
    close(fd);
  }
  return status;
}

Replacement::~Replacement() {
  if (isTemporary) {
    unlink(temporary);
  }
  if (file >= 0) {
    close(file);
  }
}

int Replacement::open(const char *newPath) {
  path = newPath;
  // Not mkstemp, whose files nobody else may read: asking for the mask of those who may changes it for other threads.
  for (unsigned number = 0; file < 0; ++number) {
    int length = snprintf(temporary, sizeof(temporary), "%s.%d.%u", path, static_cast<int>(getpid()), number);
    if (length < 0 || static_cast<size_t>(length) >= sizeof(temporary)) {
      return ENAMETOOLONG;
    }
    file = ::open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    if (file < 0 && errno != EEXIST) {
      return errno;
    }
  }
  isTemporary = true;
  return 0;
}

static int syncDirectory(const char *path) {
  char directory[PATH_MAX];
  const char *slash = strrchr(path, '/');
  int length = slash ? static_cast<int>(slash - path) + 1 : 1;
  snprintf(directory, sizeof(directory), "%.*s", length, slash ? path : ".");
  int fd = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0) {
    return errno;
  }
  int error = fsync(fd) != 0 && errno != EINVAL ? errno : 0;
  close(fd);
  return error;
}

int Replacement::commit() {
  if (fsync(file) != 0 || rename(temporary, path) != 0) {
    return errno;
  }
  isTemporary = false;
  return syncDirectory(path);
}

int Replacement::release() {
  int released = file;
  file = -1;
  return released;
}

fathom_status_t failToWrite(const char *path, int number) {
  SystemError error = describeSystemError(number);
  return fail(error.status, "cannot write '%s': %s%s%s", path, error.text, error.separator, error.advice);
}

int writeAll(int fd, const void *bytes, size_t count) {
  const char *at = static_cast<const char *>(bytes);
  while (count > 0) {
    ssize_t done = write(fd, at, count < (size_t(1) << 30) ? count : size_t(1) << 30);
    if (done < 0 && errno != EINTR) {
      return errno;
    }
    at += done < 0 ? 0 : done;
    count -= done < 0 ? 0 : static_cast<size_t>(done);
  }
  return 0;
}

} // namespace fathom::runtime
