// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What each op hands to the kernel that runs it: operands and constants in the catalog's order.

#ifndef PASSES_PLAN_KERNELOPERANDS_H
#define PASSES_PLAN_KERNELOPERANDS_H

#include "dialects/deepseek/DeepSeek.h"
#include "kernels/Catalog.h"

namespace fathom {

/// Where the columns of an activation lie in memory.
struct Columns {
  /// Numbers between the starts of two rows.
  int64_t stride;
  int64_t offset;
};

/// The operands of a kernel before its results, the constants in catalog order, and what an epilogue reads.
struct KernelOperands {
  llvm::SmallVector<mlir::Value> inputs;
  llvm::SmallVector<int64_t> constants;
  llvm::SmallVector<mlir::Value> extras;
};

/// The operands of `op` for `kernel`. `columnsOf` tells where an activation's columns lie; only operands of kernels
/// with a stride constant may be slices. `layers` is the number of layers in the cache.
KernelOperands getKernelOperands(mlir::Operation *op, const kernels::Kernel &kernel,
                                 llvm::function_ref<Columns(mlir::Value)> columnsOf, int64_t layers);

/// True where `kernel` takes its first operand as a slice of columns.
bool takesColumns(const kernels::Kernel &kernel);

} // namespace fathom

#endif // PASSES_PLAN_KERNELOPERANDS_H
