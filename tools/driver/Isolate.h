// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Work in a process of its own: whatever happens to it, the caller lives on to clean up and to say what happened.

#ifndef FATHOM_TOOLS_DRIVER_ISOLATE_H
#define FATHOM_TOOLS_DRIVER_ISOLATE_H

#include "llvm/ADT/STLFunctionalExtras.h"

namespace fathom::driver {

/// Calls `work` in a child process and returns its exit code. Where the child crashes, is killed or runs into a limit,
/// prints why and returns 70 or 6; after SIGINT, SIGTERM or SIGHUP, which reach the child as well, returns 130, 143 or
/// 129. Temporary files of the child are removed in every case, also if this process is killed. Call it while there is
/// a single thread. `work` must flush what it prints.
int runIsolated(llvm::function_ref<int()> work);

} // namespace fathom::driver

#endif // FATHOM_TOOLS_DRIVER_ISOLATE_H
