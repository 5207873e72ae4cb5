// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// `--fathom-debug-only`: debug output of some passes.

#ifndef FATHOM_TOOLS_FATHOM_OPT_DEBUGONLY_H
#define FATHOM_TOOLS_FATHOM_OPT_DEBUGONLY_H

namespace fathom {

/// Switches on the LLVM_DEBUG output that `--fathom-debug-only` names, after options are parsed. A build without
/// assertions has none and says so.
void applyDebugOnly();

} // namespace fathom

#endif // FATHOM_TOOLS_FATHOM_OPT_DEBUGONLY_H
