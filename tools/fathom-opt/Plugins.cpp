// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// --load-pass-plugin, ahead of all other options.

#include "tools/fathom-opt/Plugins.h"

#include "mlir/Tools/Plugins/PassPlugin.h"

using llvm::StringRef;

static void load(StringRef path) {
  llvm::Expected<mlir::PassPlugin> plugin = mlir::PassPlugin::load(path.str());
  if (!plugin) {
    // The option says so itself when it is parsed.
    llvm::consumeError(plugin.takeError());
    return;
  }
  plugin->registerPassRegistryCallbacks();
}

namespace fathom {

void loadPassPlugins(int argc, char **argv) {
  for (int i = 1; i < argc; ++i) {
    StringRef word = StringRef(argv[i]).ltrim('-');
    if (!word.consume_front("load-pass-plugin")) {
      continue;
    }
    if (word.consume_front("=")) {
      load(word);
    } else if (word.empty() && i + 1 < argc) {
      load(argv[++i]);
    }
  }
}

} // namespace fathom
