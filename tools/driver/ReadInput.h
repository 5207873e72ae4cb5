// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What `compile` begins with: a checkpoint, or a module and the checkpoint of its weights.

#ifndef FATHOM_TOOLS_DRIVER_READINPUT_H
#define FATHOM_TOOLS_DRIVER_READINPUT_H

#include "frontend/checkpoint/Checkpoint.h"
#include "frontend/tokenizer/TokenizerModel.h"
#include "tools/driver/CompileModel.h"

#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/OwningOpRef.h"

#include <memory>
#include <optional>

namespace fathom::driver {

struct CompileInput {
  mlir::OwningOpRef<mlir::ModuleOp> module;
  /// Null without weights.
  std::unique_ptr<checkpoint::Checkpoint> files;
  std::optional<frontend::TokenizerModel> tokenizer;
};

/// Reads the checkpoint directory that options name. False after it reported every finding.
bool importCheckpoint(const CompileOptions &options, mlir::MLIRContext &context, checkpoint::Diagnostics &diagnostics,
                      CompileInput &input);

/// Parses the module that options name, or standard input, and opens the checkpoint of --checkpoint.
bool readModule(const CompileOptions &options, mlir::MLIRContext &context, checkpoint::Diagnostics &diagnostics,
                CompileInput &input);

} // namespace fathom::driver

#endif // FATHOM_TOOLS_DRIVER_READINPUT_H
