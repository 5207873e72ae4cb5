// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// GGUF files as inputs of a compilation.

#ifndef FATHOM_TOOLS_DRIVER_READGGUF_H
#define FATHOM_TOOLS_DRIVER_READGGUF_H

#include "frontend/gguf/GgufModel.h"
#include "frontend/huggingface/ModelConfig.h"
#include "tools/driver/ReadInput.h"

namespace fathom::driver {

/// What its metadata say of a model; nothing after a finding.
std::optional<huggingface::ModelConfig> readConfig(const gguf::GgufModel &model, llvm::StringRef path,
                                                   checkpoint::Diagnostics &diagnostics);

/// The same for a model that has no other; says where there is none.
void readVocabulary(const CompileOptions &options, llvm::StringRef path, checkpoint::Diagnostics &diagnostics,
                    std::optional<uint32_t> vocabulary, CompileInput &input);

/// Imports a file, or the first of a model in several.
bool importGguf(const CompileOptions &options, mlir::MLIRContext &context, checkpoint::Diagnostics &diagnostics,
                CompileInput &input);

} // namespace fathom::driver

#endif // FATHOM_TOOLS_DRIVER_READGGUF_H
