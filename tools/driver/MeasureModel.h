// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Prefill and decode of one model, in turns with measurements of the machine.

#ifndef FATHOM_TOOLS_DRIVER_MEASUREMODEL_H
#define FATHOM_TOOLS_DRIVER_MEASUREMODEL_H

#include "runtime/cli/cli.h"
#include "tools/driver/BenchResults.h"

namespace fathom::driver {

/// Measures `model` (where `source` has none of its own) at each of the depths. 0, or an exit code with a message on
/// stderr.
int measureModel(const cli::ModelSource &source, const char *model, const BenchOptions &options, BenchResults &results);

} // namespace fathom::driver

#endif // FATHOM_TOOLS_DRIVER_MEASUREMODEL_H
