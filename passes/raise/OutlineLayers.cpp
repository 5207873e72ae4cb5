// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A function for each layer of a model that is one piece.

#include "passes/raise/Passes.h"

#include "dialects/deepseek/DeepSeek.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/IRMapping.h"
#include "mlir/IR/Matchers.h"

using namespace mlir;

namespace fathom {

#define GEN_PASS_DEF_OUTLINELAYERS
#include "passes/raise/Passes.h.inc"

/// Depends on no row: made anew wherever it is read.
static bool isFree(Operation *op) {
  return isa<deepseek::GetWeightOp, deepseek::RopeTableOp, arith::ConstantOp, tensor::DimOp>(op);
}

static bool touchesCache(Operation *op) {
  return llvm::any_of(op->getOperandTypes(), [](Type type) { return isa<deepseek::CacheType>(type); });
}

/// The layer whose rows of a store an op reads or writes.
static std::optional<int64_t> getLayer(Operation *op) {
  if (!touchesCache(op)) {
    return std::nullopt;
  }
  for (Value operand : op->getOperands()) {
    APInt number;
    if (operand.getType().isIndex() && matchPattern(operand, m_ConstantInt(&number))) {
      return number.getSExtValue();
    }
  }
  return std::nullopt;
}

namespace {
/// Where a model is one value and a cache: behind op number `end`.
struct Cut {
  size_t end;
  Value stream, cache;
};

/// Splits one function.
class Outliner {
public:
  explicit Outliner(func::FuncOp forward) : forward(forward), builder(forward.getContext()) {
    llvm::copy_if(llvm::make_pointer_range(forward.front().without_terminator()), std::back_inserter(ops),
                  [](Operation *op) { return !isFree(op); });
  }

  /// False where layers are not what lies between two sums.
  bool run();

private:
  bool findCuts();
  bool takesOthers(Operation *op);
  std::optional<Cut> findCut(size_t end, Value cache);
  void outline(int64_t layer);
  func::FuncOp createFunction(int64_t layer, const Cut &begin, const Cut &end);
  void cloneOperands(Operation *op, IRMapping &map);
  void cloneInto(func::FuncOp function, const Cut &begin, const Cut &end);

  func::FuncOp forward;
  OpBuilder builder;
  SmallVector<Operation *> ops;
  SmallVector<Cut> cuts;
};
} // namespace

/// The one value of rows that ops behind number `end` take from those up to it, if it is a sum or the embedding: what
/// flows through all layers.
std::optional<Cut> Outliner::findCut(size_t end, Value cache) {
  Value stream;
  llvm::SmallPtrSet<Operation *, 32> behind(llvm::from_range, ArrayRef(ops).drop_front(end + 1));
  for (Operation *op : ArrayRef(ops).take_front(end + 1)) {
    for (Value result : op->getResults()) {
      bool crosses =
          !isa<deepseek::CacheType>(result.getType()) && llvm::any_of(result.getUsers(), [&](Operation *user) {
            return behind.contains(user) || user->hasTrait<OpTrait::IsTerminator>();
          });
      if (crosses && stream) {
        return std::nullopt;
      }
      stream = crosses ? result : stream;
    }
  }
  bool isStream = stream && isa<arith::AddFOp, deepseek::EmbeddingOp>(stream.getDefiningOp());
  return isStream ? std::optional(Cut{end, stream, cache}) : std::nullopt;
}

/// A cut before each layer, as late as there is one, and one behind the last.
bool Outliner::findCuts() {
  Value cache = forward.getArgument(3);
  std::optional<Cut> last;
  int64_t layers = 0;
  for (auto [number, op] : llvm::enumerate(ops)) {
    std::optional<int64_t> layer = getLayer(op);
    if (layer && *layer == layers) {
      if (!last) {
        return false;
      }
      cuts.push_back(*last);
      last.reset();
      ++layers;
    }
    if (op->getNumResults() == 1 && isa<deepseek::CacheType>(op->getResult(0).getType())) {
      cache = op->getResult(0);
    }
    std::optional<Cut> cut = findCut(number, cache);
    last = cut ? cut : last;
  }
  if (layers > 0 && last) {
    cuts.push_back(*last);
  }
  return layers > 0 && last;
}

/// Whether an op of a layer takes an argument that layers are not given, such as token ids.
bool Outliner::takesOthers(Operation *op) {
  return llvm::any_of(op->getOperands(), [&](Value operand) {
    return isa<BlockArgument>(operand) && operand != forward.getArgument(1) && operand != forward.getArgument(3);
  });
}

/// func @layer.N(%stream, %positions, %cache, %layer) -> (stream, cache)
func::FuncOp Outliner::createFunction(int64_t layer, const Cut &begin, const Cut &end) {
  builder.setInsertionPoint(forward);
  Type inputs[] = {begin.stream.getType(), forward.getArgument(1).getType(), begin.cache.getType(),
                   builder.getIndexType()};
  auto type = builder.getFunctionType(inputs, {end.stream.getType(), end.cache.getType()});
  SymbolTable symbols(forward->getParentOfType<ModuleOp>());
  auto function = func::FuncOp::create(builder, forward.getLoc(), ("layer." + Twine(layer)).str(), type);
  symbols.insert(function); // by another name where a weight has that
  StringRef names[] = {deepseek::kActivationInput, deepseek::kPositionsInput, deepseek::kCacheInput,
                       deepseek::kLayerInput};
  for (auto [number, name] : llvm::enumerate(names)) {
    function.setArgAttr(unsigned(number), deepseek::kInputAttr, builder.getStringAttr(name));
  }
  function.setPrivate();
  function.addEntryBlock();
  return function;
}

/// Clones what an op takes that depends on no row. The number of the layer is not among it.
void Outliner::cloneOperands(Operation *op, IRMapping &map) {
  for (Value operand : op->getOperands()) {
    Operation *source = operand.getDefiningOp();
    bool isLayer = touchesCache(op) && operand.getType().isIndex();
    if (!isLayer && !map.contains(operand) && source && isFree(source)) {
      cloneOperands(source, map);
      builder.clone(*source, map);
    }
  }
}

void Outliner::cloneInto(func::FuncOp function, const Cut &begin, const Cut &end) {
  IRMapping map;
  map.map(begin.stream, function.getArgument(0));
  map.map(forward.getArgument(1), function.getArgument(1));
  map.map(begin.cache, function.getArgument(2));
  builder.setInsertionPointToStart(&function.front());
  for (Operation *op : ArrayRef(ops).slice(begin.end + 1, end.end - begin.end)) {
    cloneOperands(op, map);
    Operation *clone = builder.clone(*op, map);
    for (OpOperand &operand : clone->getOpOperands()) {
      if (touchesCache(clone) && operand.get().getType().isIndex()) {
        operand.set(function.getArgument(3));
      }
    }
  }
  func::ReturnOp::create(builder, forward.getLoc(), ValueRange{map.lookup(end.stream), map.lookup(end.cache)});
}

void Outliner::outline(int64_t layer) {
  Cut begin = cuts[layer], end = cuts[layer + 1];
  func::FuncOp function = createFunction(layer, begin, end);
  cloneInto(function, begin, end);
  builder.setInsertionPointAfter(ops[end.end]);
  Location loc = end.stream.getLoc();
  Value number = arith::ConstantIndexOp::create(builder, loc, layer);
  auto call = func::CallOp::create(builder, loc, function,
                                   ValueRange{begin.stream, forward.getArgument(1), begin.cache, number});
  if (layer + 2 < int64_t(cuts.size())) {
    deepseek::RecordStateOp::create(builder, loc, call.getResult(0), uint64_t(layer));
  }
  end.stream.replaceAllUsesExcept(call.getResult(0), call.getOperation());
  end.cache.replaceAllUsesExcept(call.getResult(1), call.getOperation());
  for (Operation *op : llvm::reverse(ArrayRef(ops).slice(begin.end + 1, end.end - begin.end))) {
    op->dropAllUses();
    op->erase();
  }
  cuts[layer + 1].stream = call.getResult(0);
  cuts[layer + 1].cache = call.getResult(1);
}

bool Outliner::run() {
  if (!findCuts() || llvm::any_of(ArrayRef(ops).slice(cuts.front().end + 1, cuts.back().end - cuts.front().end),
                                  [&](Operation *op) { return takesOthers(op); })) {
    return false;
  }
  for (int64_t layer = 0; layer + 1 < int64_t(cuts.size()); ++layer) {
    outline(layer);
  }
  // What layers took is made in their functions now.
  for (Operation &op : llvm::make_early_inc_range(llvm::reverse(forward.front()))) {
    if (isOpTriviallyDead(&op)) {
      op.erase();
    }
  }
  // As in the hidden states of transformers, the last layer's is the one behind the norm.
  Value stream = cuts.back().stream;
  for (Operation *user : stream.getUsers()) {
    stream = isa<deepseek::RmsNormOp>(user) ? user->getResult(0) : stream;
  }
  builder.setInsertionPointAfterValue(stream);
  deepseek::RecordStateOp::create(builder, stream.getLoc(), stream, uint64_t(cuts.size() - 2));
  return true;
}

namespace {
struct OutlineLayers : impl::OutlineLayersBase<OutlineLayers> {
  void runOnOperation() override {
    auto forward = getOperation().lookupSymbol<func::FuncOp>("forward");
    if (!forward || !forward.getOps<func::CallOp>().empty()) {
      return;
    }
    if (!Outliner(forward).run()) {
      emitError(forward.getLoc(), "has layers that are not what lies between two sums of one stream");
      signalPassFailure();
    }
  }
};
} // namespace

} // namespace fathom
