// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Standard output without buffering or surprises, and files that appear whole or not at all.

#ifndef FATHOM_RUNTIME_CLI_OUTPUT_H
#define FATHOM_RUNTIME_CLI_OUTPUT_H

#include "runtime/src/buffer.h"
#include "runtime/src/output_file.h"

namespace fathom::cli {

/// Bytes on standard output, each piece at once. After the first failure nothing more is written.
class Output {
public:
  /// False once output is impossible.
  bool write(const char *bytes, size_t count);
  bool write(const char *text);
  [[gnu::format(printf, 2, 3)]] bool print(const char *format, ...);

  /// 0, or 5 with a message on stderr; a reader that went away (EPIPE) is 5 without one.
  int finish(const char *program) const;
  bool broken() const { return error != 0; }
  /// Whether the last byte written was a line's end, or nothing was written.
  bool atLineStart() const { return last == '\n'; }

private:
  int error = 0;
  char last = '\n';
};

/// Flushes what was printed with stdio. The result is that of Output::finish.
int flushStandardOutput(const char *program);

/// Appends |text| as the inside of a JSON string. False if memory runs out.
bool appendJson(Buffer<char> *json, const char *text, size_t length);

/// Whether an option may name |path| as its output: nothing is lost but an older file of the kind. 0, or 2 with a
/// message on stderr.
int checkOutputPath(const char *program, const char *path, const runtime::FileKind &kind);

/// Reads a file, or standard input if |path| is "-"; at most 256 MiB. 0, or an exit code with a message on stderr
/// (without one if a signal ended the wait).
int readText(const char *program, const char *path, Buffer<char> *text);

} // namespace fathom::cli

#endif // FATHOM_RUNTIME_CLI_OUTPUT_H
