// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Loop nests as functions of their own.

#include "passes/functions/OutlineNests.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Utils/StaticValueUtils.h"
#include "mlir/IR/IRMapping.h"
#include "mlir/IR/Matchers.h"
#include "mlir/Interfaces/LoopLikeInterface.h"
#include "mlir/Transforms/RegionUtils.h"
#include "llvm/ADT/StringMap.h"
#include "llvm/Support/raw_ostream.h"

using namespace mlir;

namespace fathom {

static Value makeIndex(OpBuilder &builder, Location loc, int64_t value) {
  return arith::ConstantIndexOp::create(builder, loc, value);
}

/// Loops over all of so many items, each by itself, as linalg makes them.
static bool isOverItems(Operation *op) {
  auto loops = dyn_cast<scf::ParallelOp>(op);
  return loops && loops.getNumReductions() == 0 &&
         llvm::all_of(loops.getLowerBound(), [](Value bound) { return isConstantIntValue(bound, 0); }) &&
         llvm::all_of(loops.getStep(), [](Value step) { return isConstantIntValue(step, 1); });
}

/// How many loops of a nest tell its items: the innermost is left to vectors.
static unsigned countItemLoops(scf::ParallelOp loops) {
  bool hasLoops = loops.getBody()->walk([](LoopLikeOpInterface) { return WalkResult::interrupt(); }).wasInterrupted();
  return std::max(1u, loops.getNumLoops() - (hasLoops ? 0 : 1));
}

namespace {
/// About how many instructions a nest runs, from sizes that are known before it.
class WorkCounter {
public:
  WorkCounter(OpBuilder &builder, Operation *nest) : builder(builder), nest(nest), loc(nest->getLoc()) {}

  Value count(Block &block) {
    int64_t own = 0;
    Value loops;
    for (Operation &op : block) {
      ++own;
      for (Region &region : op.getRegions()) {
        for (Block &inner : region) {
          Value work = multiply(turns(&op), count(inner));
          loops = loops ? builder.createOrFold<arith::AddIOp>(loc, loops, work) : work;
        }
      }
    }
    Value number = makeIndex(builder, loc, own);
    return loops ? builder.createOrFold<arith::AddIOp>(loc, loops, number) : number;
  }

  Value multiply(Value a, Value b) { return builder.createOrFold<arith::MulIOp>(loc, a, b); }

private:
  Value turns(Operation *op) {
    Value all = makeIndex(builder, loc, 1);
    auto loops = dyn_cast<LoopLikeOpInterface>(op);
    auto from = loops ? loops.getLoopLowerBounds() : std::nullopt,
         to = loops ? loops.getLoopUpperBounds() : std::nullopt, step = loops ? loops.getLoopSteps() : std::nullopt;
    if (!from || !to || !step) {
      return all;
    }
    for (auto [first, end, by] : llvm::zip_equal(*from, *to, *step)) {
      Value length = builder.createOrFold<arith::SubIOp>(loc, known(end), known(first));
      all = multiply(all, builder.createOrFold<arith::CeilDivUIOp>(loc, length, known(by)));
    }
    return all;
  }

  /// A bound as it is before the nest; a guess of one that the nest computes.
  Value known(OpFoldResult bound) {
    constexpr int64_t kGuess = 16;
    auto value = dyn_cast<Value>(bound);
    if (std::optional<int64_t> constant = getConstantIntValue(bound)) {
      return makeIndex(builder, loc, *constant);
    }
    return nest->isAncestor(value.getParentBlock()->getParentOp()) ? makeIndex(builder, loc, kGuess) : value;
  }

  OpBuilder &builder;
  Operation *nest;
  Location loc;
};

class NestOutliner {
public:
  explicit NestOutliner(func::FuncOp function) : function(function), builder(function.getContext()) {}

  void visit(Region &region);
  SmallVector<func::FuncOp> nests;

private:
  void outline(Operation *nest);
  /// A function of what `nest` uses, with a name that says nothing.
  func::FuncOp build(Operation *nest, ArrayRef<Value> captured, ArrayRef<Operation *> constants);
  void buildItems(scf::ParallelOp loops, IRMapping &mapping, Value from, Value to);
  /// The one that is like it, if there is one.
  func::FuncOp unify(func::FuncOp nest);

  func::FuncOp function;
  OpBuilder builder;
  llvm::StringMap<func::FuncOp> known;
};
} // namespace

static bool takesMemory(Operation *nest) {
  return nest->walk([](memref::AllocOp) { return WalkResult::interrupt(); }).wasInterrupted();
}

void NestOutliner::visit(Region &region) {
  for (Block &block : region) {
    for (Operation &op : llvm::make_early_inc_range(block)) {
      if (isa<LoopLikeOpInterface>(op) && !takesMemory(&op)) {
        outline(&op);
        continue;
      }
      for (Region &inner : op.getRegions()) {
        visit(inner);
      }
    }
  }
}

/// The items of some loops as one number, which `mapping` then knows as their places.
static void splitItem(OpBuilder &builder, scf::ParallelOp loops, unsigned count, IRMapping &mapping, Value item) {
  Location loc = loops.getLoc();
  for (unsigned i = count; i-- > 0;) {
    Value size = mapping.lookupOrDefault(loops.getUpperBound()[i]);
    Value place = i > 0 ? builder.createOrFold<arith::RemUIOp>(loc, item, size) : item;
    mapping.map(loops.getInductionVars()[i], place);
    item = i > 0 ? builder.createOrFold<arith::DivUIOp>(loc, item, size) : item;
  }
}

void NestOutliner::buildItems(scf::ParallelOp loops, IRMapping &mapping, Value from, Value to) {
  Location loc = loops.getLoc();
  unsigned outer = countItemLoops(loops);
  Value one = makeIndex(builder, loc, 1);
  auto items = scf::ForOp::create(builder, loc, from, to, one);
  builder.setInsertionPointToStart(items.getBody());
  splitItem(builder, loops, outer, mapping, items.getInductionVar());
  if (outer < loops.getNumLoops()) {
    auto bounds = [&](ValueRange all) {
      return llvm::map_to_vector(all.drop_front(outer), [&](Value bound) { return mapping.lookupOrDefault(bound); });
    };
    auto rest = scf::ParallelOp::create(builder, loc, bounds(loops.getLowerBound()), bounds(loops.getUpperBound()),
                                        bounds(loops.getStep()));
    mapping.map(ValueRange(loops.getInductionVars()).drop_front(outer), rest.getInductionVars());
    builder.setInsertionPointToStart(rest.getBody());
  }
  for (Operation &op : loops.getBody()->without_terminator()) {
    builder.clone(op, mapping);
  }
  builder.setInsertionPointAfter(items);
}

func::FuncOp NestOutliner::build(Operation *nest, ArrayRef<Value> captured, ArrayRef<Operation *> constants) {
  Location loc = nest->getLoc();
  SmallVector<Type> types(3, builder.getIndexType());
  llvm::append_range(types, ValueRange(captured).getTypes());
  builder.setInsertionPointAfter(function);
  auto made = func::FuncOp::create(builder, loc, "nest", builder.getFunctionType(types, nest->getResultTypes()));
  made.setPrivate();
  Block *entry = made.addEntryBlock();
  builder.setInsertionPointToStart(entry);
  IRMapping mapping;
  mapping.map(captured, entry->getArguments().drop_front(3));
  for (Operation *constant : constants) {
    builder.clone(*constant, mapping);
  }
  if (isOverItems(nest)) {
    buildItems(cast<scf::ParallelOp>(nest), mapping, entry->getArgument(0), entry->getArgument(1));
    func::ReturnOp::create(builder, loc);
  } else {
    Operation *clone = builder.clone(*nest, mapping);
    func::ReturnOp::create(builder, loc, clone->getResults());
  }
  return made;
}

func::FuncOp NestOutliner::unify(func::FuncOp nest) {
  std::string text;
  llvm::raw_string_ostream stream(text);
  nest.print(stream);
  auto [entry, isNew] = known.try_emplace(text, nest);
  if (isNew) {
    nest.setName((function.getName() + ".nest." + Twine(nests.size())).str());
    nests.push_back(nest);
  } else {
    nest.erase();
  }
  return entry->second;
}

void NestOutliner::outline(Operation *nest) {
  llvm::SetVector<Value> used(nest->operand_begin(), nest->operand_end());
  getUsedValuesDefinedAbove(nest->getRegions(), used);
  SmallVector<Value> captured;
  SmallVector<Operation *> constants;
  for (Value value : used) {
    matchPattern(value, m_Constant()) ? constants.push_back(value.getDefiningOp()) : captured.push_back(value);
  }
  func::FuncOp callee = unify(build(nest, captured, constants));
  builder.setInsertionPoint(nest);
  WorkCounter work(builder, nest);
  Value first = makeIndex(builder, nest->getLoc(), 0), end = makeIndex(builder, nest->getLoc(), 1), each = end;
  if (isOverItems(nest)) {
    auto loops = cast<scf::ParallelOp>(nest);
    each = work.count(*loops.getBody());
    for (auto [i, size] : llvm::enumerate(loops.getUpperBound())) {
      Value &factor = i < countItemLoops(loops) ? end : each;
      factor = work.multiply(factor, size);
    }
  }
  SmallVector<Value> operands = {first, end, each};
  llvm::append_range(operands, captured);
  auto call = func::CallOp::create(builder, nest->getLoc(), callee, operands);
  nest->replaceAllUsesWith(call);
  nest->erase();
}

SmallVector<func::FuncOp> outlineNests(func::FuncOp function) {
  // Nests do not know where weights are.
  function.walk([&](memref::GetGlobalOp op) { op->moveBefore(&function.front(), function.front().begin()); });
  NestOutliner outliner(function);
  outliner.visit(function.getBody());
  return std::move(outliner.nests);
}

} // namespace fathom
