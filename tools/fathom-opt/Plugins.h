// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Passes from shared libraries.

#ifndef FATHOM_TOOLS_FATHOM_OPT_PLUGINS_H
#define FATHOM_TOOLS_FATHOM_OPT_PLUGINS_H

namespace fathom {

/// Loads the plugins that --load-pass-plugin names. MLIR does so while it parses options, when flags of passes are
/// known already; done before, a plugin's passes have flags like all others.
void loadPassPlugins(int argc, char **argv);

} // namespace fathom

#endif // FATHOM_TOOLS_FATHOM_OPT_PLUGINS_H
