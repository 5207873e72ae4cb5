// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Where a graph of ONNX and what goes with it lie.

#ifndef FATHOM_TOOLS_DRIVER_GRAPHFOLDER_H
#define FATHOM_TOOLS_DRIVER_GRAPHFOLDER_H

#include "frontend/checkpoint/Diagnostics.h"

namespace fathom::driver {

/// Whether compiling it begins with a graph of ONNX: it is named as one, and no directory.
bool isOnnx(llvm::StringRef path);

/// The folder of a graph; "." where its path has none.
std::string getFolder(llvm::StringRef graph);

/// The folder of a graph's tokenizer and of what says how to generate: that of the graph or, where a graph lies in a
/// folder `onnx` that has none of them, as on the Hub, the one around it.
std::string findFolderOfModel(llvm::StringRef graph);

/// Reports a folder that has graphs instead of a checkpoint; false: it has none.
bool refuseFolderOfGraphs(llvm::StringRef folder, checkpoint::Diagnostics &diagnostics);

} // namespace fathom::driver

#endif // FATHOM_TOOLS_DRIVER_GRAPHFOLDER_H
