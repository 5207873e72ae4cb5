// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Reads a graph of ONNX, and the files that go with it.

#ifndef FATHOM_TOOLS_DRIVER_READGRAPH_H
#define FATHOM_TOOLS_DRIVER_READGRAPH_H

#include "tools/driver/ReadInput.h"

namespace fathom::driver {

/// Reads the ONNX model that options name. False after it reported every finding. What files beside it say, which
/// serves a language model alone, waits in `input.ofModel`.
bool importOnnx(const CompileOptions &options, mlir::MLIRContext &context, checkpoint::Diagnostics &diagnostics,
                CompileInput &input);

/// Reads the tokenizer of what `input` was raised to, and reports what was found beside the graph. False after an
/// error.
bool readFilesOfModel(const CompileOptions &options, checkpoint::Diagnostics &diagnostics, CompileInput &input);

/// A file that a module names in the folder of a graph; nothing after a finding.
std::optional<WeightFile> findGraphFile(llvm::StringRef folder, llvm::StringRef name,
                                        checkpoint::Diagnostics &diagnostics);

} // namespace fathom::driver

#endif // FATHOM_TOOLS_DRIVER_READGRAPH_H
