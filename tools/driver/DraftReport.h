// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What `bench --draft` measured, for people and for programs.

#ifndef FATHOM_TOOLS_DRIVER_DRAFTREPORT_H
#define FATHOM_TOOLS_DRIVER_DRAFTREPORT_H

#include "tools/driver/BenchResults.h"

#include "llvm/Support/JSON.h"

namespace fathom::driver {

/// Prints lines to standard output.
void printDraft(const BenchOptions &options, const DraftResults &r);
/// Writes the attribute "draft".
void writeDraft(llvm::json::OStream &out, const DraftResults &r);

} // namespace fathom::driver

#endif // FATHOM_TOOLS_DRIVER_DRAFTREPORT_H
