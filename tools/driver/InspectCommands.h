// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The commands of an artifact, for `fathom inspect --commands`.

#ifndef FATHOM_TOOLS_DRIVER_INSPECTCOMMANDS_H
#define FATHOM_TOOLS_DRIVER_INSPECTCOMMANDS_H

#include "fathom/artifact_generated.h"
#include "fathom/fathom.h"
#include "tools/driver/InspectReport.h"

namespace fathom::driver {

/// Adds the table of all commands of a program of a checked artifact: what each runs, what it touches, and which
/// earlier commands of its function it waits for.
fathom_status_t listCommands(const artifact::Artifact &contents, const artifact::Program &program, Report &report);

} // namespace fathom::driver

#endif // FATHOM_TOOLS_DRIVER_INSPECTCOMMANDS_H
