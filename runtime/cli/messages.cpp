// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Messages, each line written whole.

#include "runtime/cli/messages.h"

#include "runtime/src/status.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

namespace fathom::cli {

static constexpr size_t kLongest = 6000;

namespace {
/// One line: what does not fit is cut.
class Line {
public:
  /// Of "fathom run" only "fathom"; a program of another name may well have blanks in it.
  explicit Line(const char *program) {
    bool verb = !strncmp(program, "fathom ", 7);
    add(program, verb ? 6 : strlen(program));
  }
  void add(const char *text) { add(text, strlen(text)); }
  void add(const char *text, size_t length);
  void print() {
    bytes[used++] = '\n';
    // In one call, so that lines of two processes do not mix; if nobody can be told, there is nothing to do.
    ssize_t ignored = write(STDERR_FILENO, bytes, used);
    (void)ignored;
  }

private:
  char bytes[kLongest + 64];
  size_t used = 0;
};
} // namespace

void Line::add(const char *text, size_t length) {
  for (size_t i = 0; i < length && used < kLongest + 32; ++i) {
    unsigned char c = static_cast<unsigned char>(text[i]);
    unsigned char next = i + 1 < length ? static_cast<unsigned char>(text[i + 1]) : 0;
    // U+0080 to U+009F are controls as well; their first byte in UTF-8 is 0xc2.
    bool control = c < 0x20 || c == 0x7f || (c == 0xc2 && next >= 0x80 && next < 0xa0);
    if (control) {
      used += static_cast<size_t>(snprintf(bytes + used, 8, "\\x%02x", c));
    } else {
      bytes[used++] = text[i];
    }
  }
}

/// A text of several lines is several findings.
static void printErrorList(const char *program, int code, const char *format, va_list arguments) {
  char text[kLongest];
  vsnprintf(text, sizeof(text), format, arguments);
  for (const char *at = text; *at;) {
    size_t length = strcspn(at, "\n");
    Line line(program);
    line.add(": error: ");
    line.add(at, length);
    line.add(" [");
    line.add(exitCodeName(code));
    line.add("]");
    line.print();
    at += length + (at[length] == '\n');
  }
}

const char *exitCodeName(int code) {
  switch (code) {
  case kUsage:
    return "usage";
  case kBadInput:
    return "bad-input";
  case kUnsupported:
    return "unsupported";
  case kInputOutput:
    return "io";
  case kResources:
    return "resources";
  case kMismatch:
    return "mismatch";
  case kDevice:
    return "device";
  case kInternal:
    return "internal";
  default:
    return "failed";
  }
}

int printError(const char *program, int code, const char *format, ...) {
  va_list arguments;
  va_start(arguments, format);
  printErrorList(program, code, format, arguments);
  va_end(arguments);
  return code;
}

int printSystemError(const char *program, int number, const char *file, const char *verb) {
  runtime::SystemError error = runtime::describeSystemError(number);
  return printError(program, error.status, "%s: cannot %s: %s%s%s", file, verb, error.text, error.separator,
                    error.advice);
}

void printNote(const char *program, const char *format, ...) {
  char text[kLongest];
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(text, sizeof(text), format, arguments);
  va_end(arguments);
  Line line(program);
  line.add(": note: ");
  line.add(text);
  line.print();
}

int printUsageError(const char *program, const char *format, ...) {
  va_list arguments;
  va_start(arguments, format);
  printErrorList(program, kUsage, format, arguments);
  va_end(arguments);
  printNote(program, "see '%s --help'", program);
  return kUsage;
}

void secureStandardStreams() {
  for (int stream = STDIN_FILENO; stream <= STDERR_FILENO; ++stream) {
    if (fcntl(stream, F_GETFD) < 0 && errno == EBADF) {
      // Takes the lowest free number, this one. The direction is the wrong one on purpose: using it fails.
      int fd = open("/dev/null", stream == STDIN_FILENO ? O_WRONLY : O_RDONLY);
      (void)fd;
    }
  }
}

} // namespace fathom::cli
