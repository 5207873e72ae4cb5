// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What `compile` begins with: a checkpoint, or a module and the checkpoint of its weights.

#ifndef FATHOM_TOOLS_DRIVER_READINPUT_H
#define FATHOM_TOOLS_DRIVER_READINPUT_H

#include "frontend/huggingface/ModelWeights.h"
#include "frontend/tokenizer/TokenizerModel.h"
#include "tools/driver/CompileModel.h"
#include "tools/driver/WeightFiles.h"

#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/OwningOpRef.h"

#include <optional>

namespace fathom::driver {

struct CompileInput {
  mlir::OwningOpRef<mlir::ModuleOp> module;
  /// Nothing without weights.
  std::optional<WeightFiles> files;
  std::optional<frontend::TokenizerModel> tokenizer;
  /// Of a graph that may become a language model: findings about files that only such a one has, and the tokens that
  /// they say it has.
  checkpoint::Diagnostics ofModel;
  std::optional<int64_t> vocabulary;
};

/// Reads the tokenizer in `directory`, if options want one and it is there; ids must be below `vocabulary`.
void readTokenizer(llvm::StringRef directory, const CompileOptions &options, checkpoint::Diagnostics &diagnostics,
                   std::optional<uint32_t> vocabulary, CompileInput &input);

/// Says how to do without a tokenizer that has findings.
void adviseWithoutTokenizer(llvm::StringRef path, checkpoint::Diagnostics &diagnostics);

/// Compares the tokenizer, if there is one, with what the model's configuration says, and gives it the chat format of
/// the family where it has none.
void fitTokenizer(const CompileOptions &options, const huggingface::ModelConfig &config,
                  checkpoint::Diagnostics &diagnostics, CompileInput &input);

/// Makes a module of a checkpoint; false where anything was reported, here or before. Without `files`, something was.
bool buildModule(const CompileOptions &options, mlir::MLIRContext &context, const huggingface::ModelConfig &config,
                 const huggingface::ModelWeights &weights, const checkpoint::Checkpoint *files,
                 checkpoint::Diagnostics &diagnostics, CompileInput &input);

/// Reads the checkpoint directory, GGUF file or ONNX model that options name. False after it reported every finding.
bool importModel(const CompileOptions &options, mlir::MLIRContext &context, checkpoint::Diagnostics &diagnostics,
                 CompileInput &input);

/// Parses the module that options name, or standard input, and opens the checkpoint of --checkpoint.
bool readModule(const CompileOptions &options, mlir::MLIRContext &context, checkpoint::Diagnostics &diagnostics,
                CompileInput &input);

} // namespace fathom::driver

#endif // FATHOM_TOOLS_DRIVER_READINPUT_H
