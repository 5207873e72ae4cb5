// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// `run --batch-file`: many sequences, decoded together.

#ifndef FATHOM_RUNTIME_CLI_BATCH_H
#define FATHOM_RUNTIME_CLI_BATCH_H

#include "runtime/cli/output.h"
#include "runtime/cli/run_options.h"

namespace fathom::cli {

/// Answers every line of the batch file, in its order. Returns an exit code.
int runBatch(const ModelSource &source, const RunOptions &options, Output &output);

} // namespace fathom::cli

#endif // FATHOM_RUNTIME_CLI_BATCH_H
