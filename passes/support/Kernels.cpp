// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Which kernels run ops.

#include "passes/support/Kernels.h"

using namespace mlir;

namespace fathom {

using namespace deepseek;

/// Kernels read scales of 128 x 128 blocks, or in panels of 1 x 128.
static bool isKernelBlock(BlockScaleAttr block, bool panels) {
  return !block || (block.getColumns() == kScaleBlock && (panels || block.getRows() == kScaleBlock));
}

static KernelUse getUse(Operation *op) {
  auto compute = dyn_cast<ComputeOp>(op);
  return compute ? compute.getKernelUse() : KernelUse();
}

/// `use`, or none where kernels do not read the weight's scales.
static KernelUse withReadableScales(const KernelUse &use) {
  return isKernelBlock(use.block, use.layout == kPanelsLayout) ? use : KernelUse();
}

const kernels::Kernel *findKernel(Operation *op, StringRef arch, bool panels) {
  KernelUse use = getUse(op);
  if (panels && !use.op.empty() && cast<ComputeOp>(op).getPackableWeight().weight) {
    use.layout = kPanelsLayout;
  }
  use = withReadableScales(use);
  return kernels::findKernel(use.op, arch, use.weightType, use.layout);
}

const kernels::Kernel *getKernel(Operation *op) {
  auto name = op->getAttrOfType<StringAttr>(kKernelAttr);
  return name ? kernels::findKernel(name.getValue()) : nullptr;
}

LogicalResult verifyKernel(Operation *op) {
  KernelUse use = getUse(op);
  Attribute name = op->getAttr(kKernelAttr);
  if (!name) {
    return use.layout == kPanelsLayout ? op->emitOpError("expects a kernel that reads panels, but got none")
                                       : success();
  }
  const kernels::Kernel *kernel = getKernel(op);
  if (!kernel) {
    return op->emitOpError("expects a kernel of the catalog, but got ") << name;
  }
  use = withReadableScales(use);
  if (StringRef(kernel->op) != use.op || StringRef(kernel->weightType) != use.weightType ||
      StringRef(kernel->layout) != use.layout) {
    return op->emitOpError("expects a kernel for ")
           << (use.op.empty() ? "nothing" : use.op) << " with weights " << use.weightType << " in layout " << use.layout
           << ", but got " << name;
  }
  return success();
}

} // namespace fathom
