// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// All passes and pipelines by name.

#ifndef PASSES_REGISTERPASSES_H
#define PASSES_REGISTERPASSES_H

namespace fathom {

/// Registers the passes of all phases, and each phase in order as `fathom-<phase>-pipeline`.
void registerPasses();

} // namespace fathom

#endif // PASSES_REGISTERPASSES_H
