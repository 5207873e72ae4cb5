// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Norm, rotation and cache write in one op.

#include "passes/fuse/Passes.h"

#include "dialects/deepseek/DeepSeek.h"

using namespace mlir;

namespace fathom {

#define GEN_PASS_DEF_FUSEROPECACHEWRITE
#include "passes/fuse/Passes.h.inc"

using namespace deepseek;

namespace {
/// What a cache write is made of.
struct CacheWrite {
  RmsNormOp norm;
  RopeOp rope;
  tensor::ExtractSliceOp latent;
  tensor::ExtractSliceOp key;
};
} // namespace

/// The kernel reads latent and key as one row. True where both are of the same rows, and the columns of `b` follow
/// those of `a`.
static bool areSideBySide(tensor::ExtractSliceOp a, tensor::ExtractSliceOp b) {
  bool sameRows = a.getSource() == b.getSource() && a.getSourceType().getRank() == 2 && a.hasUnitStride() &&
                  b.hasUnitStride() && a.getMixedOffsets()[0] == b.getMixedOffsets()[0] &&
                  a.getMixedSizes()[0] == b.getMixedSizes()[0];
  return sameRows && a.getStaticOffset(1) + getWidth(a.getType()) == b.getStaticOffset(1);
}

static std::optional<CacheWrite> match(CacheAppendOp append) {
  CacheWrite write;
  if (append.getStore() != kLatentStore || append.getParts().size() != 2) {
    return std::nullopt;
  }
  write.norm = append.getParts()[0].getDefiningOp<RmsNormOp>();
  write.rope = append.getParts()[1].getDefiningOp<RopeOp>();
  if (!write.norm || !write.rope || !write.norm->hasOneUse() || !write.rope->hasOneUse() ||
      write.rope.getPositions() != append.getPositions() || !write.norm.hasOneGroup() || !write.rope.turnsWholeRow()) {
    return std::nullopt;
  }
  write.latent = write.norm.getInput().getDefiningOp<tensor::ExtractSliceOp>();
  write.key = write.rope.getInput().getDefiningOp<tensor::ExtractSliceOp>();
  return write.latent && write.key && areSideBySide(write.latent, write.key) ? std::optional(write) : std::nullopt;
}

/// The columns of latent and key together.
static Value getBoth(OpBuilder &builder, CacheWrite write) {
  tensor::ExtractSliceOp latent = write.latent;
  SmallVector<OpFoldResult> sizes = latent.getMixedSizes();
  sizes[1] = builder.getIndexAttr(getWidth(latent.getType()) + getWidth(write.key.getType()));
  return tensor::ExtractSliceOp::create(builder, latent.getLoc(), latent.getSource(), latent.getMixedOffsets(), sizes,
                                        latent.getMixedStrides());
}

static void fuse(CacheAppendOp append, const CacheWrite &write) {
  OpBuilder builder(append);
  Value both = getBoth(builder, write);
  RmsNormOp norm = write.norm;
  RopeOp rope = write.rope;
  Location loc = builder.getFusedLoc({norm.getLoc(), rope.getLoc(), append.getLoc()});
  append.replaceAllUsesWith(MlaAppendOp::create(builder, loc, append.getType(), append.getCache(), append.getLayer(),
                                                both, norm.getWeight(), rope.getTable(), append.getPositions(),
                                                norm.getEps(), rope.getLayout())
                                .getResult());
  append.erase();
  norm.erase();
  rope.erase();
}

namespace {
struct FuseRopeCacheWrite : impl::FuseRopeCacheWriteBase<FuseRopeCacheWrite> {
  void runOnOperation() override {
    SmallVector<CacheAppendOp> appends;
    getOperation().walk([&](CacheAppendOp op) { appends.push_back(op); });
    for (CacheAppendOp append : appends) {
      if (std::optional<CacheWrite> write = match(append)) {
        fuse(append, *write);
        ++fused;
      }
    }
  }
};
} // namespace

} // namespace fathom
