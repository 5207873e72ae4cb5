// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// One arena for all buffers.

#include "passes/support/BufferPlacement.h"

#include "dialects/plan/Plan.h"

#include "mlir/Analysis/CallGraph.h"
#include "mlir/Dialect/Bufferization/Transforms/BufferViewFlowAnalysis.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Interfaces/ViewLikeInterface.h"
#include "llvm/ADT/MapVector.h"
#include "llvm/ADT/PostOrderIterator.h"
#include "llvm/Support/MathExtras.h"

using namespace mlir;

namespace fathom {

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

/// Uses of a buffer, itself or as `value`. One in a loop is one wherever the loop runs.
static void extendLife(Value value, Block &block, const DenseMap<Operation *, int64_t> &order, LiveBuffer &buffer) {
  for (Operation *user : value.getUsers()) {
    if (isa<ViewLikeOpInterface>(user)) {
      continue; // Uses of the view count.
    }
    Operation *ancestor = block.findAncestorOpInBlock(*user);
    buffer.begin = std::min(buffer.begin, ancestor ? order.lookup(ancestor) : 0);
    buffer.end = std::max(buffer.end, ancestor ? order.lookup(ancestor) : std::numeric_limits<int64_t>::max());
  }
}

static SmallVector<LiveBuffer> findBuffers(func::FuncOp function) {
  DenseMap<Operation *, int64_t> order;
  for (Operation &op : function.front()) {
    order.try_emplace(&op, order.size());
  }
  // Views, and what loops and branches make of a buffer.
  BufferViewFlowAnalysis aliases(function);
  SmallVector<LiveBuffer> buffers;
  function.walk([&](plan::BufferOp op) {
    LiveBuffer buffer{op, int64_t(llvm::alignTo(op.getBytes(), kAlignment)), std::numeric_limits<int64_t>::max(), -1};
    for (Value alias : aliases.resolve(op.getResult())) {
      extendLife(alias, function.front(), order, buffer);
    }
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
static int64_t placeBuffers(func::FuncOp function, int64_t base) {
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

/// The function of a node; null: code that the module does not have.
static func::FuncOp getFunction(const CallGraphNode *node) {
  return node->isExternal() ? func::FuncOp() : dyn_cast<func::FuncOp>(node->getCallableRegion()->getParentOp());
}

static bool isEntryPoint(func::FuncOp function) { return function && function->hasAttr(plan::kMaxRowsAttr); }

void placeBuffers(ModuleOp module) {
  const CallGraph graph(module);
  SmallVector<CallGraphNode *> calleesFirst(llvm::post_order(&graph));
  // A function's buffers begin where the last of its callers' end, since those are alive while it runs.
  llvm::DenseMap<CallGraphNode *, int64_t> bases, ends;
  for (CallGraphNode *node : llvm::reverse(calleesFirst)) {
    func::FuncOp function = getFunction(node);
    if (!function || (!isEntryPoint(function) && !bases.contains(node))) {
      continue;
    }
    int64_t end = ends[node] = placeBuffers(function, bases.lookup(node));
    for (const CallGraphNode::Edge &edge : *node) {
      int64_t &base = bases[edge.getTarget()];
      base = std::max(base, end);
    }
  }
  for (CallGraphNode *node : calleesFirst) {
    int64_t &arena = ends[node];
    for (const CallGraphNode::Edge &edge : *node) {
      arena = std::max(arena, ends.lookup(edge.getTarget()));
    }
    if (func::FuncOp function = getFunction(node); isEntryPoint(function)) {
      function->setAttr(plan::kArenaBytesAttr, Builder(module.getContext()).getI64IntegerAttr(arena));
    }
  }
}

} // namespace fathom
