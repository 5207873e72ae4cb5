// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The compiler as a function: from a checkpoint or an ONNX model to IR, an artifact, an executable or an object.

#ifndef FATHOM_TOOLS_DRIVER_COMPILEMODEL_H
#define FATHOM_TOOLS_DRIVER_COMPILEMODEL_H

#include "codegen/weights/LowerRecipes.h"
#include "dialects/support/FileSystem.h"
#include "frontend/checkpoint/Diagnostics.h"
#include "frontend/huggingface/StoredType.h"
#include "passes/support/ActivationType.h"

#include "mlir/IR/BuiltinOps.h"
#include "llvm/ADT/STLFunctionalExtras.h"
#include "llvm/ADT/StringRef.h"

#include <functional>
#include <string>
#include <vector>

namespace fathom::driver {

/// The phases in order. The first reads an ONNX model and the second a checkpoint; the others are lists of passes, and
/// so is the second for what the first has read.
enum class Phase { Onnx, DeepSeek, Model, Fuse, Plan, Lower };
/// What is written: the module after the last phase that runs or, of what all of them leave, code or an artifact.
enum class Product { IR, LLVM, Asm, Ptx, Artifact, Exe, Obj };

/// What --emit takes: phases, then products of all of them.
constexpr const char *kEmitNames = "onnx|deepseek|model|fuse|plan|lower|llvm|asm|ptx|artifact|exe|obj";
llvm::StringRef getName(Phase phase);
/// Whether it has weights and a tokenizer.
inline bool isProgram(Product product) { return product >= Product::Artifact; }

/// What becomes of a graph: a language model, or a function of tensors where it is none; a language model; or a
/// function of tensors, whatever it is.
enum class Raise { Auto, Require, None };
constexpr const char *kRaiseNames = "auto|require|none";
Raise parseRaise(llvm::StringRef name);

struct CompileOptions {
  /// A checkpoint directory, an .onnx file, or a .mlir file when `from` is given.
  std::string input;
  /// Where the result goes; "-" is stdout, for IR only.
  std::string output;
  Product product = Product::Artifact;
  /// The last phase to run; Lower unless the product is IR.
  Phase last = Phase::Lower;
  /// The phase that made `input`, not Lower.
  std::optional<Phase> from;
  /// The checkpoint that a .mlir input was made from, where an artifact is wanted.
  std::string checkpoint;
  /// The kinds of machines to compile for, by commas; of the CPU, and of CUDA, which. IR and code are for one.
  std::string target = "cpu";
  std::string mcpu = "native";
  std::string sm = "80";
  /// Whether GPUs get machine code beside PTX: "auto" where there is a ptxas, "require", or "none".
  std::string cubin = "auto";
  codegen::WeightStorage weights = codegen::WeightStorage::Pack;
  /// What weights of products become, as parseWeightTypes() takes it.
  std::string weightType = "keep";
  /// Positions to serve; 0: as many as the model has.
  int64_t maxContext = 0;
  /// What the cache keeps numbers as.
  huggingface::StoredType cacheType = huggingface::StoredType::F32;
  /// Empty: what the machine computes with by default.
  std::optional<ActivationType> activation;
  /// Most sequences in one decode step.
  int64_t maxBatch = 16;
  /// Most tokens in one prefill step; 0: as suits the model's experts.
  int64_t prefillRows = 0;
  Raise raise = Raise::Auto;
  /// Options that somebody gave and that act on language models alone, without dashes.
  std::vector<std::string> modelOptions;
  /// Compile the layer that drafts tokens, where the checkpoint has one.
  bool draft = true;
  /// False: everything becomes generated loops.
  bool kernels = true;
  unsigned threads = 2;
  /// A folder of code that earlier compilations have generated, for this one and later ones; empty: none.
  std::string cacheDirectory;
  /// Record what a check of referenced weights at run time needs: reads all of them.
  bool verifyWeights = false;
  /// False: the model takes and gives token ids only, whatever tokenizer the checkpoint has.
  bool tokenizer = true;
  /// A built-in chat template to take instead of the checkpoint's, "none", or empty: the checkpoint's.
  std::string chatFormat;
  /// Where the output is written; nullptr: the real file system.
  FileSystem *fileSystem = nullptr;
  /// Called with the step's name, and bytes done and in total while weights are packed (else 0, 0).
  std::function<void(llvm::StringRef step, uint64_t done, uint64_t total)> progress;
};

/// Compiles. Findings about the input and failures go to `diagnostics`; the result is the exit code. `isFunction`, if
/// it is not NULL, becomes true of a function of tensors.
int compileModel(const CompileOptions &options, checkpoint::Diagnostics &diagnostics, bool *isFunction = nullptr);

/// Reads a checkpoint or an ONNX model and makes IR of the deepseek phase of it, which `visit` sees, or of a graph that
/// is compiled as it stands, what its nodes compute: all that a model may be refused for. Findings go to `diagnostics`;
/// the result is the exit code.
int lintModel(const CompileOptions &options, checkpoint::Diagnostics &diagnostics,
              llvm::function_ref<void(mlir::ModuleOp)> visit = nullptr);

} // namespace fathom::driver

#endif // FATHOM_TOOLS_DRIVER_COMPILEMODEL_H
