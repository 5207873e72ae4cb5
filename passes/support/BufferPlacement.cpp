// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// One arena for all buffers, and one piece of scratch memory for all temporaries.

#include "passes/support/BufferPlacement.h"

#include "dialects/plan/Plan.h"

#include "mlir/Analysis/CallGraph.h"
#include "mlir/Dialect/Bufferization/Transforms/BufferViewFlowAnalysis.h"
#include "mlir/Interfaces/ViewLikeInterface.h"
#include "llvm/ADT/MapVector.h"
#include "llvm/ADT/PostOrderIterator.h"
#include "llvm/Support/MathExtras.h"

using namespace mlir;

namespace fathom {

/// A line of the cache, and the widest vector.
static constexpr int64_t kAlignment = 64;

namespace {
/// Memory and the ops between which it is alive, as positions in its block.
struct Life {
  PlacedMemory *placed;
  int64_t bytes;
  int64_t begin = std::numeric_limits<int64_t>::max();
  int64_t end = -1;
};
} // namespace

/// Uses of memory, itself or as `value`. One in a loop is one wherever the loop runs.
static void extendLife(Value value, Block &block, const DenseMap<Operation *, int64_t> &order, Life &life) {
  for (Operation *user : value.getUsers()) {
    if (isa<ViewLikeOpInterface>(user)) {
      continue; // Uses of the view count.
    }
    Operation *ancestor = block.findAncestorOpInBlock(*user);
    life.begin = std::min(life.begin, ancestor ? order.lookup(ancestor) : 0);
    life.end = std::max(life.end, ancestor ? order.lookup(ancestor) : std::numeric_limits<int64_t>::max());
  }
}

static SmallVector<Life> findLives(func::FuncOp function, MutableArrayRef<PlacedMemory> used) {
  DenseMap<Operation *, int64_t> order;
  for (Operation &op : function.front()) {
    order.try_emplace(&op, order.size());
  }
  // Views, and what loops and branches make of memory.
  BufferViewFlowAnalysis aliases(function);
  SmallVector<Life> lives;
  for (PlacedMemory &placed : used) {
    Life &life = lives.emplace_back(Life{&placed, int64_t(llvm::alignTo(placed.bytes, kAlignment))});
    for (Value alias : aliases.resolve(placed.memory)) {
      extendLife(alias, function.front(), order, life);
    }
  }
  return lives;
}

/// The lowest place that nothing alive at the same time takes.
static int64_t findPlace(const Life &life, ArrayRef<Life> lives, int64_t base) {
  SmallVector<std::pair<int64_t, int64_t>> taken;
  for (const Life &other : lives) {
    int64_t offset = other.placed->offset;
    if (offset >= 0 && other.begin <= life.end && life.begin <= other.end) {
      taken.emplace_back(offset, offset + other.bytes);
    }
  }
  llvm::sort(taken);
  int64_t place = base;
  for (auto [begin, end] : taken) {
    if (place + life.bytes <= begin) {
      break;
    }
    place = std::max(place, end);
  }
  return place;
}

int64_t placeMemory(func::FuncOp function, MutableArrayRef<PlacedMemory> used, int64_t base) {
  SmallVector<Life> lives = findLives(function, used);
  auto bySize = llvm::map_to_vector(lives, [](const Life &life) { return &life; });
  // The largest first: what is small fits into the gaps. Equal ones stay in order, so that a program has one plan.
  llvm::sort(bySize, [](const Life *a, const Life *b) { return std::tie(b->bytes, a) < std::tie(a->bytes, b); });
  int64_t end = base;
  for (const Life *life : bySize) {
    int64_t offset = findPlace(*life, lives, base);
    life->placed->offset = offset;
    end = std::max(end, offset + life->bytes);
  }
  return end;
}

/// Places a function's buffers from `base` on; returns the end of the last.
static int64_t placeBuffers(func::FuncOp function, int64_t base) {
  SmallVector<PlacedMemory> buffers;
  function.walk([&](plan::BufferOp op) { buffers.push_back({op.getResult(), int64_t(op.getBytes())}); });
  int64_t end = placeMemory(function, buffers, base);
  for (const PlacedMemory &buffer : buffers) {
    buffer.memory.getDefiningOp<plan::BufferOp>().setOffset(buffer.offset);
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
