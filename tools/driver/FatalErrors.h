// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What happens when LLVM gives up: a line that says why, no half-written file, and an exit code.

#ifndef FATHOM_TOOLS_DRIVER_FATALERRORS_H
#define FATHOM_TOOLS_DRIVER_FATALERRORS_H

#include "llvm/ADT/StringRef.h"

namespace fathom::driver {

/// Makes LLVM's fatal errors exit code 70 (5 where output cannot be written) and a lack of memory 6, each after one
/// line on stderr and the removal of temporary files; writes that cannot be done become errors instead of signals.
/// Call it first in main.
void installFatalErrorHandlers();

/// Remembers what the process is at, for messages. A parent process sees what its child remembers last.
void setStep(llvm::StringRef step);
const char *getStep();

/// Shares with child processes, from fork on, what setStep and markReported say. False if memory runs out.
bool shareProgress();
/// Says that the user knows why this process ends, or that it ends well.
void markReported();
bool isReported();

} // namespace fathom::driver

#endif // FATHOM_TOOLS_DRIVER_FATALERRORS_H
