// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// One arena for all buffers, and one piece of scratch memory for all temporaries.

#include "passes/support/BufferPlacement.h"

#include "dialects/plan/Plan.h"
#include "passes/support/Waits.h"

#include "mlir/Analysis/CallGraph.h"
#include "mlir/Dialect/Bufferization/Transforms/BufferViewFlowAnalysis.h"
#include "mlir/Interfaces/ViewLikeInterface.h"
#include "llvm/ADT/PostOrderIterator.h"
#include "llvm/ADT/SetVector.h"
#include "llvm/Support/MathExtras.h"

using namespace mlir;

namespace fathom {

/// A line of the cache, and the widest vector.
static constexpr int64_t kAlignment = 64;

namespace {
/// Memory and the ops that use it, as positions in their block.
struct Life {
  PlacedMemory *placed;
  int64_t bytes;
  llvm::SmallSetVector<int64_t, 4> users;
};

/// Whether the op at one position has always ended when that at another begins.
using Precedes = function_ref<bool(int64_t, int64_t)>;
} // namespace

/// Uses of memory, itself or as `value`. One in a loop is one wherever the loop runs; one in another block may be when
/// any op of this one is.
static void addUsers(Value value, Block &block, const DenseMap<Operation *, int64_t> &order, Life &life) {
  for (Operation *user : value.getUsers()) {
    if (isa<ViewLikeOpInterface>(user)) {
      continue; // Uses of the view count.
    }
    if (Operation *ancestor = block.findAncestorOpInBlock(*user)) {
      life.users.insert(order.lookup(ancestor));
    } else {
      life.users.insert(0);
      life.users.insert(int64_t(order.size()) - 1);
    }
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
    Life &life = lives.emplace_back(Life{&placed, int64_t(llvm::alignTo(placed.bytes, kAlignment)), {}});
    for (Value alias : aliases.resolve(placed.memory)) {
      addUsers(alias, function.front(), order, life);
    }
  }
  return lives;
}

/// Whether nothing uses `b` before all that uses `a` has ended.
static bool endsBefore(const Life &a, const Life &b, Precedes precedes) {
  return llvm::all_of(a.users, [&](int64_t earlier) {
    return llvm::all_of(b.users, [&](int64_t later) { return precedes(earlier, later); });
  });
}

/// The lowest place that nothing alive at the same time takes.
static int64_t findPlace(const Life &life, ArrayRef<Life> lives, int64_t base, Precedes precedes) {
  SmallVector<std::pair<int64_t, int64_t>> taken;
  for (const Life &other : lives) {
    int64_t offset = other.placed->offset;
    if (offset >= 0 && !endsBefore(life, other, precedes) && !endsBefore(other, life, precedes)) {
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

static int64_t placeMemory(func::FuncOp function, MutableArrayRef<PlacedMemory> used, int64_t base, Precedes precedes) {
  SmallVector<Life> lives = findLives(function, used);
  auto bySize = llvm::map_to_vector(lives, [](const Life &life) { return &life; });
  // The largest first: what is small fits into the gaps. Equal ones stay in order, so that a program has one plan.
  llvm::sort(bySize, [](const Life *a, const Life *b) { return std::tie(b->bytes, a) < std::tie(a->bytes, b); });
  int64_t end = base;
  for (const Life *life : bySize) {
    int64_t offset = findPlace(*life, lives, base, precedes);
    life->placed->offset = offset;
    end = std::max(end, offset + life->bytes);
  }
  return end;
}

int64_t placeMemory(func::FuncOp function, MutableArrayRef<PlacedMemory> used, int64_t base) {
  return placeMemory(function, used, base, std::less<int64_t>());
}

/// Places a function's buffers from `base` on; returns the end of the last. Commands that need nothing of each other
/// are to run at the same time, whatever their order in the function is.
static int64_t placeBuffers(func::FuncOp function, int64_t base) {
  SmallVector<PlacedMemory> buffers;
  function.walk([&](plan::BufferOp op) { buffers.push_back({op.getResult(), int64_t(op.getBytes())}); });
  std::vector<llvm::BitVector> order = findWaits(function.front());
  int64_t end = placeMemory(function, buffers, base, [&](int64_t a, int64_t b) { return a < b && order[b].test(a); });
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
