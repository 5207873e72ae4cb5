// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The words of a failure, and the names and exit codes of statuses.

#include "runtime/src/status.h"

#include "fathom/exit_code.h"
#include "runtime/src/options.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

namespace fathom::runtime {

static thread_local char message[4096];

static void format(size_t used, const char *format, va_list arguments) {
  vsnprintf(message + used, sizeof(message) - used, format, arguments);
}

fathom_status_t fail(fathom_status_t code, const char *text, ...) {
  va_list arguments;
  va_start(arguments, text);
  format(0, text, arguments);
  va_end(arguments);
  return code;
}

fathom_status_t failAlso(fathom_status_t code, const char *text, ...) {
  va_list arguments;
  va_start(arguments, text);
  format(strlen(message), text, arguments);
  va_end(arguments);
  return code;
}

fathom_status_t failInFile(fathom_status_t code, const char *file) {
  if (strncmp(message, file, strlen(file)) != 0) {
    char words[sizeof(message)];
    memcpy(words, message, sizeof(message));
    snprintf(message, sizeof(message), "%s: %s", file, words);
  }
  return code;
}

static_assert(FATHOM_STATUS_FAILED == int(ExitCode::Failed) && FATHOM_STATUS_INVALID_ARGUMENT == int(ExitCode::Usage) &&
                  FATHOM_STATUS_BAD_DATA == int(ExitCode::BadInput) &&
                  FATHOM_STATUS_UNSUPPORTED == int(ExitCode::Unsupported) &&
                  FATHOM_STATUS_IO == int(ExitCode::InputOutput) &&
                  FATHOM_STATUS_OUT_OF_RESOURCES == int(ExitCode::Resources) &&
                  FATHOM_STATUS_MISMATCH == int(ExitCode::Mismatch) && FATHOM_STATUS_DEVICE == int(ExitCode::Device) &&
                  FATHOM_STATUS_INTERNAL == int(ExitCode::Internal),
              "the C API says the same");

SystemError describeSystemError(int number) {
  const char *advice = adviseOnShortage(number);
  return {advice ? FATHOM_STATUS_OUT_OF_RESOURCES : FATHOM_STATUS_IO, strerror(number), advice ? "; " : "",
          advice ? advice : ""};
}

} // namespace fathom::runtime

const char *fathom_status_message(void) { return fathom::runtime::message; }

uint32_t fathom_api_version(void) { return FATHOM_API_VERSION; }

const char *fathom_version(void) { return FATHOM_RUNTIME_VERSION; }

/// An enum holds what fits the bits of its largest value, here 104; reading another number as one is undefined.
static bool mayBeRead(const fathom_status_t &status) {
  int number = fathom::runtime::integerOf(status);
  return number >= 0 && number < 128;
}

const char *fathom_status_string(fathom_status_t status) {
  if (!mayBeRead(status)) {
    return "UNKNOWN";
  }
  switch (status) {
  case FATHOM_STATUS_OK:
    return "OK";
  case FATHOM_STATUS_FAILED:
    return "FAILED";
  case FATHOM_STATUS_INVALID_ARGUMENT:
    return "INVALID_ARGUMENT";
  case FATHOM_STATUS_BAD_DATA:
    return "BAD_DATA";
  case FATHOM_STATUS_UNSUPPORTED:
    return "UNSUPPORTED";
  case FATHOM_STATUS_IO:
    return "IO";
  case FATHOM_STATUS_OUT_OF_RESOURCES:
    return "OUT_OF_RESOURCES";
  case FATHOM_STATUS_MISMATCH:
    return "MISMATCH";
  case FATHOM_STATUS_DEVICE:
    return "DEVICE";
  case FATHOM_STATUS_INTERNAL:
    return "INTERNAL";
  case FATHOM_STATUS_BUSY:
    return "BUSY";
  case FATHOM_STATUS_INVALID_HANDLE:
    return "INVALID_HANDLE";
  case FATHOM_STATUS_TOO_SMALL:
    return "TOO_SMALL";
  case FATHOM_STATUS_CANCELLED:
    return "CANCELLED";
  case FATHOM_STATUS_CONTEXT_FULL:
    return "CONTEXT_FULL";
  }
  return "UNKNOWN";
}

int fathom_status_exit_code(fathom_status_t status) {
  if (!mayBeRead(status)) {
    return FATHOM_STATUS_INTERNAL;
  }
  switch (status) {
  case FATHOM_STATUS_BUSY:
  case FATHOM_STATUS_INVALID_HANDLE:
  case FATHOM_STATUS_TOO_SMALL:
    return FATHOM_STATUS_INTERNAL;
  case FATHOM_STATUS_CANCELLED:
    return 130;
  case FATHOM_STATUS_CONTEXT_FULL:
    return FATHOM_STATUS_BAD_DATA;
  default:
    return status <= FATHOM_STATUS_DEVICE ? static_cast<int>(status) : FATHOM_STATUS_INTERNAL;
  }
}
