// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// One arena for all buffers.

#include "passes/plan/Passes.h"

#include "llvm/ADT/MapVector.h"
#include "llvm/Support/MathExtras.h"

using namespace mlir;

namespace fathom {

#define GEN_PASS_DEF_PLANBUFFERS
#include "passes/plan/Passes.h.inc"

/// A line of the cache, and the widest vector.
static constexpr int64_t kAlignment = 64;

namespace {
/// A buffer and the ops between which it is alive, as positions in its block.
struct LiveBuffer {
  plan::BufferOp op;
  int64_t bytes;
  int64_t begin;
  int64_t end;
  int64_t offset = -1;
};
} // namespace

/// Uses of a buffer, through views of it. One in a loop is one wherever the loop runs.
static void extendLife(Value value, Block &block, const DenseMap<Operation *, int64_t> &order, LiveBuffer &buffer) {
  for (Operation *user : value.getUsers()) {
    Operation *ancestor = block.findAncestorOpInBlock(*user);
    bool view = isa<memref::SubViewOp, memref::CastOp>(user);
    if (!view) {
      buffer.begin = std::min(buffer.begin, ancestor ? order.lookup(ancestor) : 0);
      buffer.end = std::max(buffer.end, ancestor ? order.lookup(ancestor) : std::numeric_limits<int64_t>::max());
    }
    for (Value result : view ? ValueRange(user->getResults()) : ValueRange()) {
      extendLife(result, block, order, buffer);
    }
  }
}

static SmallVector<LiveBuffer> findBuffers(func::FuncOp function) {
  DenseMap<Operation *, int64_t> order;
  for (Operation &op : function.front()) {
    order.try_emplace(&op, order.size());
  }
  SmallVector<LiveBuffer> buffers;
  function.walk([&](plan::BufferOp op) {
    LiveBuffer buffer{op, int64_t(llvm::alignTo(op.getBytes(), kAlignment)), std::numeric_limits<int64_t>::max(), -1};
    extendLife(op.getResult(), function.front(), order, buffer);
    buffers.push_back(buffer);
  });
  return buffers;
}

/// The lowest place that no buffer alive at the same time takes.
static int64_t findPlace(const LiveBuffer &buffer, ArrayRef<LiveBuffer> buffers, int64_t base) {
  SmallVector<std::pair<int64_t, int64_t>> taken;
  for (const LiveBuffer &other : buffers) {
    if (other.offset >= 0 && other.begin <= buffer.end && buffer.begin <= other.end) {
      taken.emplace_back(other.offset, other.offset + other.bytes);
    }
  }
  llvm::sort(taken);
  int64_t place = base;
  for (auto [begin, end] : taken) {
    if (place + buffer.bytes <= begin) {
      break;
    }
    place = std::max(place, end);
  }
  return place;
}

/// Places a function's buffers from `base` on; returns the end of the last.
static int64_t planFunction(func::FuncOp function, int64_t base) {
  SmallVector<LiveBuffer> buffers = findBuffers(function);
  SmallVector<LiveBuffer *> bySize;
  for (LiveBuffer &buffer : buffers) {
    bySize.push_back(&buffer);
  }
  // The largest first: what is small fits into the gaps. Equal ones stay in order, so that a program has one plan.
  llvm::sort(bySize, [](LiveBuffer *a, LiveBuffer *b) { return std::tie(b->bytes, a) < std::tie(a->bytes, b); });
  int64_t end = base;
  for (LiveBuffer *buffer : bySize) {
    buffer->offset = findPlace(*buffer, buffers, base);
    buffer->op.setOffset(buffer->offset);
    end = std::max(end, buffer->offset + buffer->bytes);
  }
  return end;
}

namespace {
struct PlanBuffers : impl::PlanBuffersBase<PlanBuffers> {
  void runOnOperation() override {
    llvm::MapVector<func::FuncOp, int64_t> ends;
    // A layer's buffers begin where the last of its callers' ends, since those are alive while it runs.
    llvm::MapVector<func::FuncOp, int64_t> bases;
    for (auto entry : getOperation().getOps<func::FuncOp>()) {
      if (entry->hasAttr(plan::kMaxRowsAttr) && !entry.isExternal()) {
        int64_t end = ends[entry] = planFunction(entry, 0);
        forEachLayer(entry, [&](func::FuncOp layer) { bases[layer] = std::max(bases[layer], end); });
      }
    }
    llvm::DenseMap<Operation *, int64_t> layerEnds;
    for (auto [layer, base] : bases) {
      layerEnds[layer] = planFunction(layer, base);
    }
    for (auto [entry, end] : ends) {
      int64_t arena = end;
      forEachLayer(entry, [&](func::FuncOp layer) { arena = std::max(arena, layerEnds.lookup(layer)); });
      entry->setAttr(plan::kArenaBytesAttr, Builder(&getContext()).getI64IntegerAttr(arena));
    }
  }

  void forEachLayer(func::FuncOp entry, llvm::function_ref<void(func::FuncOp)> visit) {
    entry.walk([&](func::CallOp call) {
      auto layer = getOperation().lookupSymbol<func::FuncOp>(call.getCallee());
      if (layer && !layer.isExternal()) {
        visit(layer);
      }
    });
  }
};
} // namespace

} // namespace fathom
