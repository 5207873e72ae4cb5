// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Which kernels run ops.

#ifndef FATHOM_PASSES_SUPPORT_KERNELS_H
#define FATHOM_PASSES_SUPPORT_KERNELS_H

#include "dialects/deepseek/DeepSeek.h"
#include "kernels/Catalog.h"

#include "mlir/IR/BuiltinOps.h"

namespace fathom {

/// A machine of `arch`, where weights lie as its kernels like them best or, without `layouts`, row by row. `tune` is
/// the processor to tune for; empty: any of the arch. `activation` is what activations are rounded to; null: they are
/// f32.
deepseek::TargetAttr makeTarget(mlir::MLIRContext *context, const kernels::Arch &arch, llvm::StringRef tune,
                                bool layouts, mlir::Type activation);

/// The arch of that name. Reports one that has no kernels at `location`.
mlir::FailureOr<const kernels::Arch *> findArch(mlir::Location location, llvm::StringRef name);

/// What the module is compiled for. Reports where it does not say, or what no kernels are for.
mlir::FailureOr<deepseek::TargetAttr> getTarget(mlir::ModuleOp module);

/// What a kernel for `op` needs of a GPU, and what every GPU of the arch has.
struct SharedMemoryNeed {
  const kernels::Kernel *kernel;
  int64_t needed, there;
};
/// Nothing on a CPU, and where there is no kernel.
std::optional<SharedMemoryNeed> findSharedMemoryNeed(mlir::Operation *op, deepseek::TargetAttr target);

/// The kernel of the target's arch, or of one that it falls back to, that can run `op`; null where none can, or where a
/// GPU has less shared memory than it needs. A weight that may be packed is taken to be in the target's layout.
const kernels::Kernel *findKernel(mlir::Operation *op, deepseek::TargetAttr target);

/// The kernel of the catalog that `op` is marked with, or null.
const kernels::Kernel *getKernel(mlir::Operation *op);

/// Checks that the kernel chosen for `op`, if there is one, is of the catalog and does what `op` asks for, and that
/// weights are in panels only for kernels. Reports at `op`.
mlir::LogicalResult verifyKernel(mlir::Operation *op);

} // namespace fathom

#endif // FATHOM_PASSES_SUPPORT_KERNELS_H
