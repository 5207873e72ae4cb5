// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// One product for q_a_proj and kv_a_proj.

#include "passes/model/Passes.h"
#include "passes/support/ScaledWeights.h"

using namespace mlir;

namespace fathom {

#define GEN_PASS_DEF_FUSEMLAPROJECTIONS
#include "passes/model/Passes.h.inc"

namespace {

using namespace deepseek;

/// True where all that becomes of the projection is the cache: a norm of its latent or a rotation of its key. Its
/// number of rows may be asked for.
static bool feedsCache(LinearOp linear) {
  return llvm::any_of(linear->getUsers(), llvm::IsaPred<tensor::ExtractSliceOp>) &&
         llvm::all_of(linear->getUsers(), [](Operation *slice) {
           if (isa<tensor::DimOp>(slice)) {
             return true;
           }
           return isa<tensor::ExtractSliceOp>(slice) && llvm::all_of(slice->getUsers(), [](Operation *user) {
                    return isa<RmsNormOp, RopeOp>(user) &&
                           llvm::all_of(user->getUsers(), [](Operation *last) { return isa<CacheAppendOp>(last); });
                  });
         });
}

static bool feedsNorm(LinearOp linear) {
  return !linear->use_empty() && llvm::all_of(linear->getUsers(), [](Operation *user) { return isa<RmsNormOp>(user); });
}

static ScaledWeight getScaledWeight(LinearOp linear) {
  return {linear.getWeight(), linear.getScale(), linear.getBlockAttr()};
}

/// The projection to the query latent that reads what `kv` reads, or nothing.
static LinearOp findQueryProjection(LinearOp kv) {
  for (Operation *user : kv.getInput().getUsers()) {
    auto query = dyn_cast<LinearOp>(user);
    if (query && query != kv && query.getEpilogue().empty() && query->getBlock() == kv->getBlock() &&
        feedsNorm(query) && canCombine(getScaledWeight(query), getScaledWeight(kv))) {
      return query;
    }
  }
  return LinearOp();
}

struct FuseMlaProjections : impl::FuseMlaProjectionsBase<FuseMlaProjections> {
  void runOnOperation() override {
    SmallVector<LinearOp> candidates;
    getOperation().walk([&](LinearOp kv) {
      if (kv.getEpilogue().empty() && feedsCache(kv)) {
        candidates.push_back(kv);
      }
    });
    // A query projection feeds norms alone, so it is no candidate itself; fused at once, it is found but once.
    for (LinearOp kv : candidates) {
      if (LinearOp query = findQueryProjection(kv)) {
        fuse(query, kv);
        ++fused;
      }
    }
  }

  static void fuse(LinearOp query, LinearOp kv) {
    OpBuilder builder(query->isBeforeInBlock(kv) ? query : kv);
    Location loc = builder.getFusedLoc({query.getLoc(), kv.getLoc()});
    ScaledWeight fused = concatRows(builder, loc, getScaledWeight(query), getScaledWeight(kv));
    int64_t queryWidth = getWidth(query.getType()), kvWidth = getWidth(kv.getType());
    auto queryType = cast<RankedTensorType>(query.getType());
    auto type = queryType.clone({queryType.getDimSize(0), queryWidth + kvWidth});
    Value both =
        LinearOp::create(builder, loc, type, query.getInput(), fused.weight, fused.scale, ValueRange(), fused.block);
    OpFoldResult rows = tensor::getMixedSize(builder, loc, both, 0);
    query.replaceAllUsesWith(sliceColumns(builder, loc, both, rows, 0, queryWidth));
    kv.replaceAllUsesWith(sliceColumns(builder, loc, both, rows, queryWidth, kvWidth));
    query.erase();
    kv.erase();
  }
};

} // namespace
} // namespace fathom
