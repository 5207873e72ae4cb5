// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Writes to stdout and to files; reads prompts.

#include "runtime/cli/output.h"

#include "runtime/cli/messages.h"
#include "runtime/cli/signals.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

namespace fathom::cli {

bool Output::write(const char *bytes, size_t count) {
  if (error == 0 && count > 0) {
    error = runtime::writeAll(STDOUT_FILENO, bytes, count);
    last = bytes[count - 1];
  }
  return error == 0;
}

bool Output::write(const char *text) { return write(text, strlen(text)); }

bool Output::print(const char *format, ...) {
  char text[512];
  va_list arguments;
  va_start(arguments, format);
  int length = vsnprintf(text, sizeof(text), format, arguments);
  va_end(arguments);
  return write(text, length < 0 ? 0 : static_cast<size_t>(length) < sizeof(text) ? length : sizeof(text) - 1);
}

static int reportStandardOutput(const char *program, int error) {
  if (error != 0 && error != EPIPE) {
    printError(program, kInputOutput, "cannot write to standard output: %s", strerror(error));
  }
  return error != 0 ? kInputOutput : kOk;
}

int Output::finish(const char *program) const { return reportStandardOutput(program, error); }

int flushStandardOutput(const char *program) {
  int error = fflush(stdout) != 0 ? errno : 0;
  // What filled the buffer before may have failed alone.
  return reportStandardOutput(program, error == 0 && ferror(stdout) ? EIO : error);
}

bool appendJson(Buffer<char> *json, const char *text, size_t length) {
  for (size_t i = 0; i < length; ++i) {
    unsigned char c = static_cast<unsigned char>(text[i]);
    char escaped[8] = {static_cast<char>(c), 0};
    if (c == '"' || c == '\\') {
      snprintf(escaped, sizeof(escaped), "\\%c", c);
    } else if (c == '\n') {
      snprintf(escaped, sizeof(escaped), "\\n");
    } else if (c < 0x20 || c == 0x7f) {
      snprintf(escaped, sizeof(escaped), "\\u%04x", c);
    }
    if (!json->append(escaped, strlen(escaped))) {
      return false;
    }
  }
  return true;
}

int checkOutputPath(const char *program, const char *path, const runtime::FileKind &kind) {
  if (!*path) {
    return printUsageError(program, "the path of an output file is empty");
  }
  if (!strcmp(path, "-")) {
    return printUsageError(program, "%s cannot go to standard output; name a regular file", kind.name);
  }
  fathom_status_t status = runtime::checkReplaceable(path, kind);
  return status == FATHOM_STATUS_OK ? kOk : printUsageError(program, "%s", fathom_status_message());
}

// An exit code; |problem| is what it is for, or NULL if errno says it.
static int readAll(int fd, Buffer<char> *text, const char **problem) {
  constexpr size_t kMost = size_t(256) << 20;
  char part[16384];
  for (;;) {
    ssize_t got = read(fd, part, sizeof(part));
    if (got < 0 && errno == EINTR) {
      if (int interrupted = interruptedCode()) {
        return interrupted;
      }
      continue;
    }
    if (got <= 0) {
      return got < 0 ? kInputOutput : kOk;
    }
    if (text->size() > kMost) {
      *problem = "it has more than 256 MiB";
      return kResources;
    }
    if (!text->append(part, static_cast<size_t>(got))) {
      *problem = "out of memory";
      return kResources;
    }
  }
}

int readText(const char *program, const char *path, Buffer<char> *text) {
  bool standard = !strcmp(path, "-");
  int fd = standard ? STDIN_FILENO : open(path, O_RDONLY | O_CLOEXEC);
  const char *name = standard ? "standard input" : path, *problem = nullptr;
  int code = fd < 0 ? int(kInputOutput) : readAll(fd, text, &problem);
  if (code && problem) {
    printError(program, code, "%s: cannot read: %s", name, problem);
  } else if (code == kInputOutput) {
    code = printSystemError(program, errno, name, "read");
  }
  if (!standard && fd >= 0) {
    close(fd);
  }
  return code;
}

} // namespace fathom::cli
