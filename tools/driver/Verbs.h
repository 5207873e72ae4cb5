// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The verbs of the command line, a verb for each thing a user does.

#ifndef FATHOM_TOOLS_DRIVER_VERBS_H
#define FATHOM_TOOLS_DRIVER_VERBS_H

namespace fathom::driver {

/// Runs the verb that argv[1] names, or answers --help and --version; returns the exit code.
int runVerb(int argc, char **argv);

} // namespace fathom::driver

#endif // FATHOM_TOOLS_DRIVER_VERBS_H
