// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What an op asks of the kernel that runs it.

#include "passes/support/KernelRequest.h"

#include "kernels/Catalog.h"

#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;

namespace fathom {

using namespace deepseek;

namespace {

static StringRef getTypeName(Value weight) {
  Type type = cast<RankedTensorType>(weight.getType()).getElementType();
  if (type.isBF16()) {
    return "bf16";
  }
  if (type.isF32()) {
    return "f32";
  }
  return isa<Float8E4M3FNType>(type) ? "f8e4m3" : "";
}

/// Kernels read scales of 128 x 128 blocks, or in panels of 1 x 128.
static bool isKernelBlock(BlockScaleAttr block, bool packed) {
  return !block || (block.getColumns() == kScaleBlock && (packed || block.getRows() == kScaleBlock));
}

class RequestBuilder {
public:
  explicit RequestBuilder(bool packWeights) : packed(packWeights) {}

  KernelRequest build(Operation *op) const {
    return TypeSwitch<Operation *, KernelRequest>(op)
        .Case([](EmbeddingOp op) { return KernelRequest{"embedding", getTypeName(op.getTable()), "rows"}; })
        .Case([](SelectRowsOp) { return KernelRequest{"select_rows"}; })
        .Case([](RmsNormOp op) { return KernelRequest{"rms_norm", getTypeName(op.getWeight())}; })
        .Case([](AddRmsNormOp op) { return KernelRequest{"add_rms_norm", getTypeName(op.getWeight())}; })
        .Case([&](LinearOp op) { return product("gemm", op); })
        .Case([&](LinearSwiGluOp op) { return product("gemm_swiglu", op); })
        .Case([](SwiGluOp) { return KernelRequest{"swiglu"}; })
        .Case([](MoEGateOp) { return KernelRequest{"moe_route"}; })
        .Case([](MoEPermuteOp) { return KernelRequest{"moe_permute", "none"}; })
        .Case([&](MoELinearOp op) { return product("moe_gemm", op); })
        .Case([&](MoELinearSwiGluOp op) { return product("moe_gemm_swiglu", op); })
        .Case([](MoECombineOp) { return KernelRequest{"moe_combine"}; })
        .Case([](MlaAppendOp op) { return mla("mla_append", op, op.getNorm(), "none"); })
        .Case([](MlaAttentionOp op) { return scaled(mla("mla_attention", op, op.getKvB(), "rows"), op); })
        .Case([](MlaAbsorbQueryOp op) { return scaled(mla("mla_absorb_query", op, op.getKvB(), "rows"), op); })
        .Case([](MlaLatentAttentionOp) { return KernelRequest{"mla_latent_attention"}; })
        .Case([](MlaExpandOutputOp op) {
          return scaled(KernelRequest{"mla_expand_output", getTypeName(op.getKvB()), "rows"}, op);
        })
        .Default([](Operation *) { return KernelRequest{}; });
  }

private:
  template <typename Op>
  KernelRequest product(StringRef name, Op op) const {
    if (!isKernelBlock(op.getBlockAttr(), packed)) {
      return {};
    }
    return {name, getTypeName(op.getWeight()), packed ? "packed" : "rows"};
  }

  /// Kernels of attention rotate adjacent pairs.
  template <typename Op>
  static KernelRequest mla(StringRef name, Op op, Value weight, StringRef layout) {
    return op.getLayout() == RopeLayout::interleaved ? KernelRequest{name, getTypeName(weight), layout}
                                                     : KernelRequest{};
  }

  template <typename Op>
  static KernelRequest scaled(KernelRequest request, Op op) {
    return isKernelBlock(op.getBlockAttr(), /*packed=*/false) ? request : KernelRequest{};
  }

  bool packed;
};

} // namespace

KernelRequest getKernelRequest(Operation *op, bool packed) { return RequestBuilder(packed).build(op); }

static bool hasPanelWeight(Operation *op) {
  return TypeSwitch<Operation *, bool>(op)
      .Case<LinearOp, LinearSwiGluOp>([](auto op) { return getWeightShape(op.getWeight().getType()).panels; })
      .Case<MoELinearOp, MoELinearSwiGluOp>(
          [](auto op) { return getWeightShape(op.getWeight().getType(), /*experts=*/true).panels; })
      .Default([](Operation *) { return false; });
}

LogicalResult verifyKernel(Operation *op) {
  bool panels = hasPanelWeight(op);
  auto name = op->getAttrOfType<StringAttr>(kKernelAttr);
  if (!name) {
    return panels ? op->emitOpError("expects a kernel that reads panels, but got none") : success();
  }
  const kernels::Kernel *kernel = kernels::findKernel(name.getValue());
  if (!kernel) {
    return op->emitOpError("expects a kernel of the catalog, but got ") << name;
  }
  KernelRequest request = getKernelRequest(op, panels);
  if (StringRef(kernel->op) != request.op || StringRef(kernel->weightType) != request.weightType ||
      StringRef(kernel->layout) != request.layout) {
    return op->emitOpError("expects a kernel for ")
           << (request.op.empty() ? "nothing" : request.op) << " with weights " << request.weightType << " in layout "
           << request.layout << ", but got " << name;
  }
  return success();
}

} // namespace fathom
