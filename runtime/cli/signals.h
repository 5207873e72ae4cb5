// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What Ctrl-C and friends do while a model runs.

#ifndef FATHOM_RUNTIME_CLI_SIGNALS_H
#define FATHOM_RUNTIME_CLI_SIGNALS_H

#include "fathom/fathom.h"

namespace fathom::cli {

/// From here on SIGINT and SIGTERM cancel the session's running call; a second one ends the process. A pipe that
/// closes is an error of write, and a mapped file that disappears a message and exit code 5.
void watchSignals(fathom_session_t *session);

/// The session is about to end.
void unwatchSession();

/// Forgets a SIGINT, so that the next one is a first one again. False if none came.
bool forgetInterrupt();

/// 130 or 143 if a signal asked to stop; else 0.
int interruptedCode();

/// CANCELLED if a signal asked to stop, else OK: one that comes in a call of one step, or between two calls, ends
/// neither.
fathom_status_t checkInterrupted();

} // namespace fathom::cli

#endif // FATHOM_RUNTIME_CLI_SIGNALS_H
