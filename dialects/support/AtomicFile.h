// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A file that appears whole or not at all.

#ifndef FATHOM_DIALECTS_SUPPORT_ATOMICFILE_H
#define FATHOM_DIALECTS_SUPPORT_ATOMICFILE_H

#include "dialects/support/FileSystem.h"
#include "dialects/support/TemporaryRegistry.h"

#include "llvm/ADT/StringRef.h"
#include "llvm/Support/Error.h"

#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace fathom {

struct AtomicFileOptions {
  /// Mode 0777 instead of 0666, both less the umask.
  bool executable = false;
  /// Files and directories that are read to make this one: it must not replace any of them.
  std::vector<std::string> inputs;
  /// nullptr: the real one. Must outlive the file.
  FileSystem *fileSystem = nullptr;
};

/// Writes to a temporary file beside `path`, which replaces what is at `path` when it is complete and on
/// disk. Until commit() has succeeded, what was there before stays untouched; the temporary file is removed
/// by the destructor after a failure and by a signal handler when the process is interrupted.
class AtomicFile {
public:
  /// Refuses (exit code 2) paths that are directories, devices or inputs. A symbolic link is replaced, not followed.
  static llvm::Expected<std::unique_ptr<AtomicFile>> create(llvm::StringRef path, const AtomicFileOptions &options);
  ~AtomicFile();
  AtomicFile(const AtomicFile &) = delete;
  AtomicFile &operator=(const AtomicFile &) = delete;

  /// Takes the disk space for `size` bytes where the file system can, so that a full disk is noticed at once.
  llvm::Error reserve(uint64_t size);

  /// Writes all of `bytes` at `offset`. Thread-safe. Gaps between what is written are zero.
  llvm::Error writeAt(uint64_t offset, llvm::StringRef bytes);

  /// Sets the mode, flushes, renames, flushes the directory. Call it once; nothing can be written after it.
  llvm::Error commit();

private:
  AtomicFile(std::string path, const AtomicFileOptions &options);
  llvm::Error open();
  llvm::Error closeFile();
  llvm::Error syncFile(int file, const char *what);
  llvm::Error failure(const char *what, int errorNumber) const;

  std::string path;
  std::string name;
  std::string temporaryName;
  bool executable;
  FileSystem &fileSystem;
  int directory = -1;
  int file = -1;
  /// There is a temporary file to remove.
  bool pending = false;
  std::optional<TemporaryRegistration> registration;
};

} // namespace fathom

#endif // FATHOM_DIALECTS_SUPPORT_ATOMICFILE_H
