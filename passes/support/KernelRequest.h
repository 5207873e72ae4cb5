// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What an op asks of the kernel that runs it.

#ifndef PASSES_SUPPORT_KERNELREQUEST_H
#define PASSES_SUPPORT_KERNELREQUEST_H

#include "dialects/deepseek/DeepSeek.h"

namespace fathom {

/// What an op asks of the catalog. No `op`: no kernel can run it.
struct KernelRequest {
  llvm::StringRef op;
  llvm::StringRef weightType = "f32";
  llvm::StringRef layout = "none";
};

/// What `op` asks for when the weights of products are in panels, or in rows.
KernelRequest getKernelRequest(mlir::Operation *op, bool packed);

/// Checks that the kernel chosen for `op`, if there is one, is of the catalog and does what `op` asks for, and that
/// weights are in panels only for kernels. Reports at `op`.
mlir::LogicalResult verifyKernel(mlir::Operation *op);

} // namespace fathom

#endif // PASSES_SUPPORT_KERNELREQUEST_H
