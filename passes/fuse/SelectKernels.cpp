// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Chooses kernels from the catalog.

#include "passes/fuse/Passes.h"

#include "dialects/deepseek/DeepSeek.h"
#include "kernels/Catalog.h"

#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;

namespace fathom {

#define GEN_PASS_DEF_SELECTKERNELS
#include "passes/fuse/Passes.h.inc"

namespace {

using namespace deepseek;

/// What an op asks of the catalog. No `op`: no kernel can run it.
struct Request {
  StringRef op;
  StringRef weightType = "f32";
  StringRef layout = "none";
};

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

  Request build(Operation *op) const {
    return TypeSwitch<Operation *, Request>(op)
        .Case([](EmbeddingOp op) { return Request{"embedding", getTypeName(op.getTable()), "rows"}; })
        .Case([](SelectRowsOp) { return Request{"select_rows"}; })
        .Case([](RmsNormOp op) { return Request{"rms_norm", getTypeName(op.getWeight())}; })
        .Case([](AddRmsNormOp op) { return Request{"add_rms_norm", getTypeName(op.getWeight())}; })
        .Case([&](LinearOp op) { return product("gemm", op); })
        .Case([&](LinearSwiGluOp op) { return product("gemm_swiglu", op); })
        .Case([](SwiGluOp) { return Request{"swiglu"}; })
        .Case([](MoEGateOp) { return Request{"moe_route"}; })
        .Case([](MoEPermuteOp) { return Request{"moe_permute", "none"}; })
        .Case([&](MoELinearOp op) { return product("moe_gemm", op); })
        .Case([&](MoELinearSwiGluOp op) { return product("moe_gemm_swiglu", op); })
        .Case([](MoECombineOp) { return Request{"moe_combine"}; })
        .Case([](MlaAppendOp op) { return mla("mla_append", op, op.getNorm(), "none"); })
        .Case([](MlaAttentionOp op) { return scaled(mla("mla_attention", op, op.getKvB(), "rows"), op); })
        .Case([](MlaAbsorbQueryOp op) { return scaled(mla("mla_absorb_query", op, op.getKvB(), "rows"), op); })
        .Case([](MlaLatentAttentionOp) { return Request{"mla_latent_attention"}; })
        .Case([](MlaExpandOutputOp op) {
          return scaled(Request{"mla_expand_output", getTypeName(op.getKvB()), "rows"}, op);
        })
        .Default([](Operation *) { return Request{}; });
  }

private:
  template <typename Op>
  Request product(StringRef name, Op op) const {
    if (!isKernelBlock(op.getBlockAttr(), packed)) {
      return {};
    }
    return {name, getTypeName(op.getWeight()), packed ? "packed" : "rows"};
  }

  /// Kernels of attention rotate adjacent pairs.
  template <typename Op>
  static Request mla(StringRef name, Op op, Value weight, StringRef layout) {
    return op.getLayout() == RopeLayout::interleaved ? Request{name, getTypeName(weight), layout} : Request{};
  }

  template <typename Op>
  static Request scaled(Request request, Op op) {
    return isKernelBlock(op.getBlockAttr(), /*packed=*/false) ? request : Request{};
  }

  bool packed;
};

struct SelectKernels : impl::SelectKernelsBase<SelectKernels> {
  using Base::Base;

  void runOnOperation() override {
    if (arch != "avx2" && arch != "avx512") {
      getOperation().emitError("expects arch avx2 or avx512, but got '") << arch << "'";
      return signalPassFailure();
    }
    RequestBuilder requests(packWeights);
    getOperation().walk([&](Operation *op) {
      Request request = requests.build(op);
      const kernels::Kernel *kernel =
          kernels::findKernel(request.op, arch.getValue(), request.weightType, request.layout);
      if (kernel) {
        op->setAttr(kKernelAttr, StringAttr::get(op->getContext(), kernel->symbol));
      }
    });
  }
};

} // namespace
} // namespace fathom
