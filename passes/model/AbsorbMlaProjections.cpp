// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// MLA in absorbed form, for decode.

#include "passes/model/Passes.h"

#include "dialects/deepseek/DeepSeek.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"

using namespace mlir;

namespace fathom {

#define GEN_PASS_DEF_ABSORBMLAPROJECTIONS
#include "passes/model/Passes.h.inc"

namespace {

using namespace deepseek;

static bool isDecode(func::FuncOp function) {
  auto entry = function->getAttrOfType<StringAttr>(kEntryAttr);
  return entry && entry.getValue() == "decode";
}

static Type withWidth(Value like, int64_t width) {
  auto type = cast<RankedTensorType>(like.getType());
  return type.clone({type.getDimSize(0), width});
}

static void absorb(MlaAttentionOp op) {
  OpBuilder builder(op);
  Location loc = op.getLoc();
  int64_t heads = op.getNumHeads();
  int64_t latent = op.getLatentDim();
  Value query = MlaAbsorbQueryOp::create(builder, loc, withWidth(op.getQuery(), heads * (latent + op.getRopeDim())),
                                         op.getQuery(), op.getKvB(), op.getScale(), op.getTable(), op.getPositions(),
                                         op.getBlockAttr(), heads, op.getNopeDim(), op.getRopeDim(), op.getValueDim(),
                                         op.getLayout());
  Value attended =
      MlaLatentAttentionOp::create(builder, loc, withWidth(query, heads * latent), query, op.getCache(), op.getLayer(),
                                   op.getPositions(), heads, op.getRopeDim(), op.getSoftmaxScale());
  Value output = MlaExpandOutputOp::create(builder, loc, op.getType(), attended, op.getKvB(), op.getScale(),
                                           op.getBlockAttr(), heads, op.getNopeDim(), op.getValueDim());
  op.replaceAllUsesWith(output);
  op.erase();
}

struct AbsorbMlaProjections : impl::AbsorbMlaProjectionsBase<AbsorbMlaProjections> {
  void runOnOperation() override {
    SmallVector<MlaAttentionOp> attentions;
    for (auto function : getOperation().getOps<func::FuncOp>()) {
      if (isDecode(function)) {
        function.walk([&](MlaAttentionOp op) { attentions.push_back(op); });
      }
    }
    for (MlaAttentionOp op : attentions) {
      absorb(op);
      ++absorbed;
    }
  }
};

} // namespace
} // namespace fathom
