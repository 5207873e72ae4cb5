// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What `fathom inspect` says about an artifact.

#ifndef FATHOM_TOOLS_DRIVER_INSPECTARTIFACT_H
#define FATHOM_TOOLS_DRIVER_INSPECTARTIFACT_H

#include "fathom/fathom.h"
#include "tools/driver/InspectReport.h"

namespace fathom::driver {

/// What is asked of an artifact.
struct Selection {
  uint64_t variant = 0;
  bool commands = false;
};

/// Reads an artifact or an executable; INVALID_ARGUMENT if it has no such variant.
fathom_status_t inspectArtifact(const std::string &path, const Selection &selection, Report &report);

} // namespace fathom::driver

#endif // FATHOM_TOOLS_DRIVER_INSPECTARTIFACT_H
