// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Attention to caches of a fixed length, of which what is written so far counts.

#include "passes/raise/AttentionBuilder.h"
#include "passes/raise/Passes.h"
#include "passes/raise/Probe.h"

#include <cmath>
#include <random>

using namespace mlir;

namespace fathom {

#define GEN_PASS_DEF_RAISEFIXEDCACHES
#include "passes/raise/Passes.h.inc"

using namespace raise;
using onnx::Array;
using onnx::NodeOp;

/// What the number of tokens so far is called where caches have a dimension for all that may come.
static constexpr StringLiteral kPast = "fathom.past";

namespace {
/// A cache that is an argument of the graph, into which the tokens of a call are written.
struct FixedCache {
  NodeOp scatter;
  BlockArgument cache;
  int64_t axis = 0;

  RankedTensorType type() const { return cast<RankedTensorType>(cache.getType()); }
  Value update() { return scatter.getInputs()[1]; }
};

/// Attention to such keys and values.
struct FixedAttention {
  NodeOp node;
  FixedCache keys, values;
};
} // namespace

static std::optional<FixedCache> matchCache(Value value) {
  NodeOp scatter = matchNode(value, "TensorScatter");
  auto cache = scatter ? dyn_cast<BlockArgument>(scatter.getInputs()[0]) : BlockArgument();
  auto type = cache ? dyn_cast<RankedTensorType>(cache.getType()) : RankedTensorType();
  int64_t axis = scatter ? scatter.getInteger("axis", -2) : 0;
  axis += axis < 0 && type ? type.getRank() : 0;
  bool fits = type && cache.hasOneUse() && axis > 0 && axis < type.getRank() && !type.isDynamicDim(axis) &&
              isa_and_nonnull<BlockArgument>(scatter.getInput(2)) && getRank(scatter.getInputs()[1]) == type.getRank();
  return fits ? std::optional(FixedCache{scatter, cache, axis}) : std::nullopt;
}

/// Input 6 says how many keys count.
static std::optional<FixedAttention> matchFixed(NodeOp node) {
  bool plain = node.is("Attention") && node.getOutputs().size() == 1 && node.getReal("softcap", 0) == 0 &&
               !node.getInput(3) && !node.getInput(4) && !node.getInput(5);
  std::optional<FixedCache> keys = plain ? matchCache(node.getInput(1)) : std::nullopt;
  std::optional<FixedCache> values = keys ? matchCache(node.getInput(2)) : std::nullopt;
  int64_t rank = values ? getRank(node.getInput(0)) : 0;
  bool fits = values && isa_and_nonnull<BlockArgument>(node.getInput(6)) && keys->axis == values->axis &&
              keys->axis == rank - 2 && getRank(keys->cache) == rank && getRank(values->cache) == rank &&
              (rank == 4 || (rank == 3 && node.getInteger("kv_num_heads", 0) > 0));
  return fits ? std::optional(FixedAttention{node, *keys, *values}) : std::nullopt;
}

/// Numbers of any tensor like `value`, of a batch of one, with `count` positions.
static Array makeNumbers(Value value, int64_t count, std::mt19937 &generator) {
  auto type = cast<RankedTensorType>(value.getType());
  SmallVector<int64_t> shape = llvm::to_vector(type.getShape());
  shape.front() = 1;
  shape.end()[-2] = count;
  Array array(type.getElementType(), shape);
  for (double &number : array.reals) {
    number = std::uniform_int_distribution<int>(-64, 64)(generator) / 64.0;
  }
  return array;
}

/// The first `past` positions of `cache`, and `update` behind them.
static Array join(const Array &cache, int64_t past, const Array &update) {
  SmallVector<int64_t> shape = cache.shape;
  int64_t width = shape.back(), length = shape.end()[-2], count = update.shape.end()[-2];
  shape.end()[-2] = past + count;
  Array array(cache.element, shape);
  for (int64_t i = 0; i < array.size(); ++i) {
    int64_t head = i / width / (past + count), position = i / width % (past + count), column = i % width;
    bool isPast = position < past;
    int64_t from = isPast ? head * length + position : head * count + position - past;
    array.reals[i] = (isPast ? cache : update).reals[from * width + column];
  }
  return array;
}

static Array makeCausalMask(MLIRContext *context, Step step) {
  int64_t keys = step.past + step.count;
  Array mask(IntegerType::get(context, 1), {step.count, keys});
  for (int64_t i = 0; i < mask.size(); ++i) {
    mask.integers[i] = i % keys <= step.past + i / keys;
  }
  return mask;
}

/// The first output of a node; nothing where it cannot be told.
static std::optional<Array> evaluate(NodeOp node, ArrayRef<const Array *> inputs) {
  llvm::Expected<SmallVector<Array>> outputs = onnx::evaluateNode(node, inputs);
  if (!outputs) {
    llvm::consumeError(outputs.takeError());
    return std::nullopt;
  }
  return std::move(outputs->front());
}

static bool areNear(const std::optional<Array> &a, const std::optional<Array> &b) {
  auto near = [](auto both) { return std::abs(std::get<0>(both) - std::get<1>(both)) < 1e-5; };
  return a && b && a->shape == b->shape && llvm::all_of(llvm::zip_equal(a->reals, b->reals), near);
}

namespace {
/// Attention to caches of any length, and to what a mask shows of keys and values, in a graph of their own.
class Trial {
public:
  explicit Trial(FixedAttention &fixed);
  ~Trial();

  /// Whether in a step each query attends to all that is written up to it, in its order, and to nothing else in caches
  /// of `length` positions: of any numbers, both give the same.
  bool isCausal(Step step, int64_t length);

private:
  struct Written {
    Array cache, update, all;
  };
  std::optional<Written> write(NodeOp scatter, FixedCache &cache, Step step, int64_t length);
  NodeOp copy(NodeOp node, Type type, ValueRange inputs, DictionaryAttr attributes);

  FixedAttention &fixed;
  OpBuilder builder;
  std::mt19937 generator;
  NodeOp writesKeys, writesValues, masked;
};
} // namespace

NodeOp Trial::copy(NodeOp node, Type type, ValueRange inputs, DictionaryAttr attributes) {
  return createNode(builder, node.getLoc(), node.getOpType(), type, inputs, attributes.getValue())
      .getDefiningOp<NodeOp>();
}

Trial::Trial(FixedAttention &fixed) : fixed(fixed), builder(fixed.node) {
  auto copyScatter = [&](FixedCache &cache) {
    auto any = UnrankedTensorType::get(cache.type().getElementType());
    return copy(cache.scatter, any, cache.scatter.getInputs(), cache.scatter.getNodeAttributes());
  };
  writesKeys = copyScatter(fixed.keys);
  writesValues = copyScatter(fixed.values);
  NamedAttrList attributes(fixed.node.getNodeAttributes());
  attributes.erase("is_causal");
  masked = copy(fixed.node, fixed.node.getOutputs()[0].getType(), fixed.node.getInputs().take_front(3),
                attributes.getDictionary(builder.getContext()));
}

Trial::~Trial() {
  for (NodeOp node : {writesKeys, writesValues, masked}) {
    node.erase();
  }
}

std::optional<Trial::Written> Trial::write(NodeOp scatter, FixedCache &cache, Step step, int64_t length) {
  Written written = {
      makeNumbers(cache.cache, length, generator), makeNumbers(cache.update(), step.count, generator), {}};
  Array past = Array::list(builder.getContext(), step.past);
  std::optional<Array> all = evaluate(scatter, {&written.cache, &written.update, &past});
  written.all = all.value_or(Array());
  return all ? std::optional(std::move(written)) : std::nullopt;
}

bool Trial::isCausal(Step step, int64_t length) {
  Array query = makeNumbers(fixed.node.getInput(0), step.count, generator);
  Array count = Array::list(builder.getContext(), step.past + step.count);
  Array mask = makeCausalMask(builder.getContext(), step);
  std::optional<Written> keys = write(writesKeys, fixed.keys, step, length);
  std::optional<Written> values = write(writesValues, fixed.values, step, length);
  if (!keys || !values) {
    return false;
  }
  Array joinedKeys = join(keys->cache, step.past, keys->update),
        joinedValues = join(values->cache, step.past, values->update);
  return areNear(evaluate(fixed.node, {&query, &keys->all, &values->all, nullptr, nullptr, nullptr, &count}),
                 evaluate(masked, {&query, &joinedKeys, &joinedValues, &mask}));
}

/// For calls with and without a past, and up to the end of the cache. These nodes know no lengths, so that short caches
/// tell what long ones do.
static bool proveCausal(FixedAttention &fixed) {
  constexpr int64_t length = 32;
  Trial trial(fixed);
  Step steps[] = {{0, 1}, {0, 5}, {1, 1}, {4, 3}, {length - 2, 2}};
  return llvm::all_of(steps, [&](Step step) { return trial.isCausal(step, length); });
}

/// Makes of a cache one that has as many positions as there were tokens: the tensor of those and of the call's.
static Value append(FixedCache &fixed, OpBuilder &builder) {
  RankedTensorType type = fixed.type();
  SmallVector<Size> past = getSizes(type), all = getSizes(cast<RankedTensorType>(fixed.update().getType()));
  past[fixed.axis] = {ShapedType::kDynamic, builder.getStringAttr(kPast)};
  Size &count = all[fixed.axis];
  std::string sum = kPast.str() + " + " + (count.name ? count.name.str() : std::to_string(count.number));
  count = {ShapedType::kDynamic, builder.getStringAttr(sum)};
  fixed.cache.setType(getTensor(type.getContext(), past, type.getElementType()));
  Value joined = createNode(
      builder, fixed.scatter.getLoc(), "Concat", getTensor(type.getContext(), all, type.getElementType()),
      ValueRange{fixed.cache, fixed.update()}, builder.getNamedAttr("axis", builder.getI64IntegerAttr(fixed.axis)));
  fixed.scatter.getOutputs()[0].replaceAllUsesWith(joined);
  fixed.scatter.erase();
  return joined;
}

static void replace(FixedAttention &fixed) {
  AttentionBuilder builder(fixed.node);
  int64_t heads = fixed.node.getInteger("q_num_heads", 0), groups = fixed.node.getInteger("kv_num_heads", 0);
  Value query = fixed.node.getInput(0), keys = append(fixed.keys, builder.builder);
  Value values = append(fixed.values, builder.builder);
  if (getRank(query) == 3) {
    query = builder.splitHeads(query, heads);
    keys = builder.splitHeads(keys, groups);
    values = builder.splitHeads(values, groups);
  }
  builder.replaceByAttention(kCausalAttention, {query, keys, values},
                             fixed.node.getReal("scale", getUsualScale(query)));
}

namespace {
struct RaiseFixedCaches : impl::RaiseFixedCachesBase<RaiseFixedCaches> {
  void runOnOperation() override {
    auto main = getOperation().lookupSymbol<func::FuncOp>(onnx::kMainFunction);
    if (!main) {
      return;
    }
    for (NodeOp node : llvm::to_vector(main.front().getOps<NodeOp>())) {
      std::optional<FixedAttention> fixed = matchFixed(node);
      if (fixed && proveCausal(*fixed)) {
        replace(*fixed);
      }
    }
    main.setType(FunctionType::get(&getContext(), main.front().getArgumentTypes(),
                                   main.front().getTerminator()->getOperandTypes()));
  }
};
} // namespace

} // namespace fathom
