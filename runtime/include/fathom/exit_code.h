// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// How processes of Fathom end: for the compiler, the command line of the runtime, and executables alike. C++, and not
// installed: programs read fathom_status_t, whose values up to 70 are the same.

#ifndef FATHOM_EXIT_CODE_H
#define FATHOM_EXIT_CODE_H

#include <errno.h>

namespace fathom {

/// What a failure means to the caller of the process; the value is the exit code.
enum class ExitCode : int {
  Ok = 0,
  Failed = 1,
  Usage = 2,
  BadInput = 3,
  Unsupported = 4,
  InputOutput = 5,
  Resources = 6,
  Mismatch = 7,
  Device = 8,
  Internal = 70
};

/// What to do about an error number of the system that says that something ran out, which is a lack of resources;
/// null for any other number, which is a failure of input or output.
inline const char *adviseOnShortage(int number) {
  switch (number) {
  case EMFILE:
  case ENFILE:
    return "raise the limit on open files (ulimit -n)";
  case ENOMEM:
    return "free memory, or raise the limit on it (ulimit -v)";
  default:
    return nullptr;
  }
}

} // namespace fathom

#endif // FATHOM_EXIT_CODE_H
