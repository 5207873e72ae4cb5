// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Which kernels run ops.

#ifndef FATHOM_PASSES_SUPPORT_KERNELS_H
#define FATHOM_PASSES_SUPPORT_KERNELS_H

#include "dialects/deepseek/DeepSeek.h"
#include "kernels/Catalog.h"

namespace fathom {

/// The kernel of `arch`, or of less, that can run `op`; null where none can. With `panels` a weight that may be packed
/// is taken to be in panels.
const kernels::Kernel *findKernel(mlir::Operation *op, llvm::StringRef arch, bool panels);

/// The kernel of the catalog that `op` is marked with, or null.
const kernels::Kernel *getKernel(mlir::Operation *op);

/// Checks that the kernel chosen for `op`, if there is one, is of the catalog and does what `op` asks for, and that
/// weights are in panels only for kernels. Reports at `op`.
mlir::LogicalResult verifyKernel(mlir::Operation *op);

} // namespace fathom

#endif // FATHOM_PASSES_SUPPORT_KERNELS_H
