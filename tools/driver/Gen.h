// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// `fathom gen`: a checkpoint with random weights from a config.json.

#ifndef FATHOM_TOOLS_DRIVER_GEN_H
#define FATHOM_TOOLS_DRIVER_GEN_H

#include "llvm/ADT/ArrayRef.h"

namespace fathom::driver {

/// Runs the verb with what follows it on the command line; returns the exit code. Writes a one-line summary to
/// stdout, everything else to stderr.
int runGen(llvm::ArrayRef<const char *> args);

} // namespace fathom::driver

#endif // FATHOM_TOOLS_DRIVER_GEN_H
