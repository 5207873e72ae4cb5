// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What every Fathom tool says on standard error, in one form: `fathom: error: file: where: what [code]`.

#ifndef FATHOM_RUNTIME_CLI_MESSAGES_H
#define FATHOM_RUNTIME_CLI_MESSAGES_H

#include "fathom/exit_code.h"

namespace fathom::cli {

/// The exit codes that all tools share, as main returns them.
constexpr int kOk = int(ExitCode::Ok);
constexpr int kFailed = int(ExitCode::Failed);
constexpr int kUsage = int(ExitCode::Usage);
constexpr int kBadInput = int(ExitCode::BadInput);
constexpr int kUnsupported = int(ExitCode::Unsupported);
constexpr int kInputOutput = int(ExitCode::InputOutput);
constexpr int kResources = int(ExitCode::Resources);
constexpr int kMismatch = int(ExitCode::Mismatch);
constexpr int kDevice = int(ExitCode::Device);
constexpr int kInternal = int(ExitCode::Internal);

/// The word in brackets at the end of a message: "usage", "io" and so on.
const char *exitCodeName(int code);

/// Prints "PROGRAM: error: TEXT [CODE]", for each line of the text, and returns |code|. Of "fathom run" only "fathom"
/// is shown; what could move a terminal's cursor is escaped.
[[gnu::format(printf, 3, 4)]] int printError(const char *program, int code, const char *format, ...);

/// Prints "PROGRAM: error: FILE: cannot VERB: ..." for the error number of a call that failed, and what to do. Returns
/// the exit code: that of resources for a lack of descriptors or memory, else that of input and output.
int printSystemError(const char *program, int number, const char *file, const char *verb);

/// Prints "PROGRAM: note: TEXT".
[[gnu::format(printf, 2, 3)]] void printNote(const char *program, const char *format, ...);

/// An error of usage, and a note on where the options are listed: |program| is a command that knows --help.
[[gnu::format(printf, 2, 3)]] int printUsageError(const char *program, const char *format, ...);

/// Opens /dev/null in the place of standard streams that are closed, so that no file gets their numbers. Writing to
/// such a stream still fails. First thing in main.
void secureStandardStreams();

} // namespace fathom::cli

#endif // FATHOM_RUNTIME_CLI_MESSAGES_H
