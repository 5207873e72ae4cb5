// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The phases after the first, as lists of passes over a module.

#ifndef FATHOM_TOOLS_DRIVER_RUNPHASES_H
#define FATHOM_TOOLS_DRIVER_RUNPHASES_H

#include "codegen/llvm/CodeTarget.h"
#include "tools/driver/CompileModel.h"

#include "mlir/IR/BuiltinOps.h"
#include "mlir/Pass/PassManager.h"

namespace fathom::driver {

/// Runs phases as the options of a call say. Functions return false after they reported why they failed.
class PhaseRunner {
public:
  PhaseRunner(const CompileOptions &options, checkpoint::Diagnostics &diagnostics)
      : options(options), diagnostics(diagnostics) {}

  /// Whether a module is of the phase that it is said to come from.
  bool verify(mlir::ModuleOp module);

  /// Runs the phases behind `after`, up to `last`. What is before Phase::Fuse does not look at `target`.
  bool run(mlir::ModuleOp module, Phase after, Phase last, const codegen::CodeTarget *target);

  /// Whose fault it is that a pass fails: that of a module which somebody wrote or changed, of a graph that is not a
  /// model Fathom knows, or else Fathom's.
  checkpoint::Problem getBlame() const;

  /// Decomposes the nodes of a graph as it stands; then makes LLVM dialect of them.
  bool decompose(mlir::ModuleOp graph);
  bool lowerFunctions(mlir::ModuleOp decomposed);

private:
  bool runPasses(mlir::ModuleOp module, mlir::PassManager &manager, const llvm::Twine &complaint);
  bool fail(checkpoint::Problem problem, llvm::StringRef code, const llvm::Twine &message);

  const CompileOptions &options;
  checkpoint::Diagnostics &diagnostics;
  /// At work.
  Phase phase = Phase::Lower;
};

} // namespace fathom::driver

#endif // FATHOM_TOOLS_DRIVER_RUNPHASES_H
