// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// `bench --quality`: how well models predict a text, and how near they are to another model.

#ifndef FATHOM_TOOLS_DRIVER_BENCHQUALITY_H
#define FATHOM_TOOLS_DRIVER_BENCHQUALITY_H

#include "runtime/cli/cli.h"
#include "tools/driver/BenchResults.h"

namespace fathom::driver {

/// Prints perplexities of the options' models on their text and, where there is a model to compare with, divergences
/// from it. 0, or an exit code with a message on stderr.
int benchQuality(const cli::ModelSource &source, const BenchOptions &options);

} // namespace fathom::driver

#endif // FATHOM_TOOLS_DRIVER_BENCHQUALITY_H
