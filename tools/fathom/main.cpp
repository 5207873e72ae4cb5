// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The driver: one program, a verb for each thing a user does.

#include "runtime/cli/messages.h"
#include "tools/driver/FatalErrors.h"
#include "tools/driver/Verbs.h"

int main(int argc, char **argv) {
  fathom::cli::secureStandardStreams();
  fathom::driver::installFatalErrorHandlers();
  return fathom::driver::runVerb(argc, argv);
}
