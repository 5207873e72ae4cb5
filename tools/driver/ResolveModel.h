// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What the verbs that run a model take for one: an artifact, or a checkpoint that is compiled on the spot.

#ifndef FATHOM_TOOLS_DRIVER_RESOLVEMODEL_H
#define FATHOM_TOOLS_DRIVER_RESOLVEMODEL_H

#include "runtime/cli/cli.h"

namespace fathom::driver {

/// A source for `fathom <verb>` whose positional argument may be a checkpoint directory or an ONNX graph: that is
/// compiled to an artifact in memory, for the device that it is to run on. For a processor it leaves weights of a
/// checkpoint where they are.
cli::ModelSource getModelSource(const char *program);

} // namespace fathom::driver

#endif // FATHOM_TOOLS_DRIVER_RESOLVEMODEL_H
