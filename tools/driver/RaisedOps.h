// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What a graph was raised to.

#ifndef FATHOM_TOOLS_DRIVER_RAISEDOPS_H
#define FATHOM_TOOLS_DRIVER_RAISEDOPS_H

#include "tools/driver/InspectReport.h"

#include "mlir/IR/BuiltinOps.h"

namespace fathom::driver {

/// Adds a table of the ops of `@forward` and of the layers that it calls: how many of each there are when it runs, and
/// the node of the graph that the first is of.
void listRaisedOps(mlir::ModuleOp module, Report &report);

} // namespace fathom::driver

#endif // FATHOM_TOOLS_DRIVER_RAISEDOPS_H
