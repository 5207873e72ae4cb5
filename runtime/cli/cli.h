// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The verbs that need no compiler. Executables of --emit=exe and the driver `fathom` share them.

#ifndef FATHOM_RUNTIME_CLI_CLI_H
#define FATHOM_RUNTIME_CLI_CLI_H

#include <stddef.h>
#include <stdint.h>

namespace fathom::cli {

struct RunOptions;

/// What a user who names a model means.
struct ResolvedModel {
  /// A file, unless there is |data|: then only for messages.
  const char *path;
  /// An artifact in memory that lives as long as the process.
  const void *data = nullptr;
  size_t size = 0;
};

/// Which model a verb works on.
struct ModelSource {
  /// The file; NULL: the first positional argument says it.
  const char *path = nullptr;
  /// Where the artifact starts in the file.
  uint64_t offset = 0;
  /// For messages, e.g. "fathom run".
  const char *program = "fathom run";
  /// Makes an artifact of what |model->path| names where that is not one, e.g. by compiling a checkpoint on the spot.
  /// Of |options|, chatFormat is one of |chatFormats|, or empty, and device is where it is to run. Returns 0, or prints
  /// as |program| what is wrong and returns an exit code. NULL: typed paths are artifacts.
  int (*resolve)(const char *program, const RunOptions &options, ResolvedModel *model) = nullptr;
  /// What --chat-format may say of a checkpoint, separated by '|'; NULL: the option does not exist.
  const char *chatFormats = nullptr;
};

/// `run`: parses |argv| from |argv[first]| on and answers a prompt. Returns the exit code.
int runMain(const ModelSource &source, int argc, const char *const *argv, int first);

/// `chat`: a conversation on stdin and stdout. Returns the exit code.
int chatMain(const ModelSource &source, int argc, const char *const *argv, int first);

} // namespace fathom::cli

#endif // FATHOM_RUNTIME_CLI_CLI_H
