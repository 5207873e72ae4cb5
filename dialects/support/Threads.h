// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Threads that share work.

#ifndef FATHOM_DIALECTS_SUPPORT_THREADS_H
#define FATHOM_DIALECTS_SUPPORT_THREADS_H

#include "llvm/ADT/STLFunctionalExtras.h"

namespace fathom {

/// Calls `work` on up to `threads` threads at once, at most 64, one of them the calling one; returns when all are done.
/// A thread that cannot be had is one fewer, no failure.
void shareWork(unsigned threads, llvm::function_ref<void()> work);

} // namespace fathom

#endif // FATHOM_DIALECTS_SUPPORT_THREADS_H
