// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Which kernels run ops.

#include "passes/support/Kernels.h"

using namespace mlir;

namespace fathom {

using namespace deepseek;

/// Kernels read scales of 128 x 128 blocks or, where weights have a layout, of 1 x 128; those of integers always have
/// one, and scales of 1 x 32.
static bool isKernelBlock(const KernelUse &use) {
  if (!use.block || use.weightType == "i8") {
    return !use.block || use.block.getColumns() == kScaleGroup;
  }
  bool rows = use.layout == kRowsLayout;
  return use.block.getColumns() == kScaleBlock && (!rows || use.block.getRows() == kScaleBlock);
}

static KernelUse getUse(Operation *op) {
  auto compute = dyn_cast<ComputeOp>(op);
  return compute ? compute.getKernelUse() : KernelUse();
}

/// `use`, or none where kernels do not read the weight's scales.
static KernelUse withReadableScales(const KernelUse &use) { return isKernelBlock(use) ? use : KernelUse(); }

/// What the device's kernels read, and the packer makes.
static LayoutAttr getDeviceLayout(MLIRContext *context, const kernels::Device &device) {
  return LayoutAttr::get(context, device.panels, device.interleave);
}

TargetAttr makeTarget(MLIRContext *context, const kernels::Arch &arch, StringRef tune, bool layouts, Type activation) {
  LayoutAttr layout = layouts ? getDeviceLayout(context, *arch.device) : LayoutAttr();
  return TargetAttr::get(context, arch.device->triple, arch.name, tune.empty() ? StringRef(arch.processor) : tune,
                         layout, activation);
}

FailureOr<const kernels::Arch *> findArch(Location location, StringRef name) {
  if (const kernels::Arch *arch = kernels::findArch(name)) {
    return arch;
  }
  InFlightDiagnostic error = emitError(location, "expects an arch that has kernels, one of ");
  llvm::interleaveComma(kernels::archs(), error, [&](const kernels::Arch &known) { error << StringRef(known.name); });
  return error << ", but got '" << name << "'";
}

/// The layout of gates and ups, and that of other weights.
static LogicalResult verifyLayouts(ModuleOp module, TargetAttr target) {
  LayoutAttr layout = getDeviceLayout(module.getContext(), *kernels::findArch(target.getArch())->device);
  if (target.getLayout() && target.getLayout() != layout) {
    return emitError(module.getLoc(), "expects ") << layout << ", which kernels read, but got " << target.getLayout();
  }
  WalkResult result = module.walk([&](ConvertLayoutOp op) -> WalkResult {
    LayoutAttr layout = getLayout(op.getType());
    return layout == target.getLayoutOf(layout.getInterleave() != 0)
               ? success()
               : op.emitOpError("expects a layout that the module's target has, but got ") << layout;
  });
  return failure(result.wasInterrupted());
}

FailureOr<TargetAttr> getTarget(ModuleOp module) {
  auto target = module->getAttrOfType<TargetAttr>(kTargetAttr);
  if (!target) {
    return emitError(module.getLoc(), "expects the machine to compile for in attribute '") << kTargetAttr << "'";
  }
  bool valid = succeeded(findArch(module.getLoc(), target.getArch())) && succeeded(verifyLayouts(module, target));
  return valid ? target : FailureOr<TargetAttr>();
}

/// The kernel for `op`, whatever its sizes are.
static const kernels::Kernel *findKernelOfAnySize(Operation *op, TargetAttr target) {
  KernelUse use = getUse(op);
  if (target.getLayout() && !use.op.empty() && cast<ComputeOp>(op).getPackableWeight().weight) {
    use.layout = LayoutAttr::kCatalogName;
  }
  use = withReadableScales(use);
  return kernels::findKernel(use.op, target.getArch(), use.weightType, use.layout, use.activationType);
}

/// The constants that `op` gives a kernel; 0 for places and elements of stores and columns, which plans know.
static SmallVector<int64_t> listKnownConstants(ComputeOp op, const kernels::Kernel &kernel) {
  KernelDescription description;
  op.describe(description);
  return llvm::map_to_vector(
      kernel.constants, [&](const kernels::Constant &constant) { return description.constants.lookup(constant.name); });
}

std::optional<SharedMemoryNeed> findSharedMemoryNeed(Operation *op, TargetAttr target) {
  const kernels::Kernel *kernel = findKernelOfAnySize(op, target);
  if (!kernel || !kernel->grid) {
    return std::nullopt;
  }
  int64_t needed = kernel->grid(listKnownConstants(cast<ComputeOp>(op), *kernel).data()).sharedBytes;
  return SharedMemoryNeed{kernel, needed, kernels::findArch(target.getArch())->sharedBytes};
}

const kernels::Kernel *findKernel(Operation *op, TargetAttr target) {
  std::optional<SharedMemoryNeed> need = findSharedMemoryNeed(op, target);
  return need && need->needed > need->there ? nullptr : findKernelOfAnySize(op, target);
}

const kernels::Kernel *getKernel(Operation *op) {
  auto name = op->getAttrOfType<StringAttr>(kKernelAttr);
  return name ? kernels::findKernel(name.getValue()) : nullptr;
}

LogicalResult verifyKernel(Operation *op) {
  KernelUse use = getUse(op);
  Attribute name = op->getAttr(kKernelAttr);
  if (!name) {
    return use.layout == LayoutAttr::kCatalogName
               ? op->emitOpError("expects a kernel that reads ") << use.layout << ", but got none"
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
