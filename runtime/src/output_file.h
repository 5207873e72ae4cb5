// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Files that are written: what they may replace, and whole writes.

#ifndef FATHOM_RUNTIME_SRC_OUTPUT_FILE_H
#define FATHOM_RUNTIME_SRC_OUTPUT_FILE_H

#include "runtime/src/status.h"

#include <limits.h>

namespace fathom::runtime {

/// What an output may replace: older files of its kind, and neither a model, a shard of its weights, nor a prompt.
struct FileKind {
  /// As messages say it, with its article.
  const char *name;
  /// How such files begin, with up to 8 bytes; the last is NULL.
  const char *starts[3];
};

extern const FileKind kNpyFile, kTraceFile;

/// INVALID_ARGUMENT if there is something else at |path| than a regular file that is empty or of |kind|.
fathom_status_t checkReplaceable(const char *path, const FileKind &kind);

/// A new file beside the one that it replaces, which stays as it is until the new one is whole: a replacement that is
/// not committed leaves nothing behind.
class Replacement {
public:
  Replacement() = default;
  Replacement(const Replacement &) = delete;
  Replacement &operator=(const Replacement &) = delete;
  ~Replacement();

  /// 0 or an error number, as commit().
  int open(const char *newPath);
  /// To be written to.
  int fd() const { return file; }
  /// Moves what was written to the path, on the disk too.
  int commit();
  /// The file, which the caller closes.
  int release();

private:
  const char *path = nullptr;
  char temporary[PATH_MAX];
  int file = -1;
  bool isTemporary = false;
};

/// "cannot write '|path|': ..." for an error number of the system.
fathom_status_t failToWrite(const char *path, int error);

/// Writes all bytes; 0 or an error number.
int writeAll(int fd, const void *bytes, size_t count);

} // namespace fathom::runtime

#endif // FATHOM_RUNTIME_SRC_OUTPUT_FILE_H
