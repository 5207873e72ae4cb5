// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// `run --compare`: one prompt on two devices.

#ifndef FATHOM_RUNTIME_CLI_COMPARE_H
#define FATHOM_RUNTIME_CLI_COMPARE_H

#include "runtime/cli/output.h"
#include "runtime/cli/run_options.h"

namespace fathom::cli {

/// The names of two devices, as --compare has them: "cpu,cuda:1".
struct DevicePair {
  char names[2][72];
};

/// Splits what --compare says. False if it is not two names.
bool parseDevicePair(const char *text, DevicePair *pair);

/// Says for the answer to a prompt, which the first device chooses, where the second one differs. 0 if that is what
/// another order of sums explains; 1, or an exit code of what went wrong, with a message on stderr.
int runComparison(const ModelSource &source, const RunOptions &options, Output &output);

} // namespace fathom::cli

#endif // FATHOM_RUNTIME_CLI_COMPARE_H
