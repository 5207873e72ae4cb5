// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Kernels, specialized, and what they are given.

#ifndef FATHOM_PASSES_PLAN_DISPATCHES_H
#define FATHOM_PASSES_PLAN_DISPATCHES_H

#include "passes/plan/Signatures.h"

#include "dialects/deepseek/DeepSeek.h"
#include "kernels/Catalog.h"

namespace fathom {

/// The kernels of one module.
class Dispatches {
public:
  explicit Dispatches(mlir::ModuleOp module) : module(module) {}

  /// Dispatches `kernel` for `op` at the insertion point of `builder`. Does nothing and returns false where the kernel
  /// cannot read what `op` reads.
  bool dispatch(mlir::OpBuilder &builder, deepseek::ComputeOp op, const kernels::Kernel &kernel,
                const Signature &signature, const Buffers &buffers);

  /// Notes the scratch memory that the kernels dispatched so far need.
  void setScratchBytes();

private:
  /// The kernel op for these constants and epilogue, which reads operands of types `extras`, made on first use.
  llvm::StringRef getKernel(const kernels::Kernel &kernel, llvm::ArrayRef<int64_t> constants, mlir::Region *epilogue,
                            mlir::TypeRange extras);

  mlir::ModuleOp module;
  int64_t scratchBytes = 0;
  llvm::StringMap<std::string> names;
};

} // namespace fathom

#endif // FATHOM_PASSES_PLAN_DISPATCHES_H
