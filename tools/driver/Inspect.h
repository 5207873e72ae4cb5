// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// `fathom inspect`: what is inside an artifact, an executable that carries one, or a checkpoint.

#ifndef FATHOM_TOOLS_DRIVER_INSPECT_H
#define FATHOM_TOOLS_DRIVER_INSPECT_H

namespace fathom::driver {

/// Runs `fathom inspect` with the arguments after the verb: argv[0, argc). Writes the report to stdout (text, or one
/// JSON object with --json), findings to stderr; returns the exit code.
int runInspect(int argc, const char *const *argv);

} // namespace fathom::driver

#endif // FATHOM_TOOLS_DRIVER_INSPECT_H
