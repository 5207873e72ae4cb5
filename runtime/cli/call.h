// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// `run` of a named function: tensors of files in, tensors in files out.

#ifndef FATHOM_RUNTIME_CLI_CALL_H
#define FATHOM_RUNTIME_CLI_CALL_H

#include "runtime/cli/output.h"
#include "runtime/cli/run_options.h"

namespace fathom::cli {

/// Calls the function that options name with their inputs, prints what comes out, and writes it where they say. Returns
/// the exit code.
int runCall(const ModelSource &source, const RunOptions &options, Output &output);

} // namespace fathom::cli

#endif // FATHOM_RUNTIME_CLI_CALL_H
