// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Attention to positions that an indexer chooses: by a mask, or by gathering keys and values.

#include "passes/raise/CausalMasks.h"
#include "passes/raise/Indexer.h"
#include "passes/raise/Nodes.h"
#include "passes/raise/Passes.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <random>

using namespace mlir;

namespace fathom {

#define GEN_PASS_DEF_RAISESPARSEATTENTION
#include "passes/raise/Passes.h.inc"

using namespace raise;
using onnx::Array;
using onnx::NodeOp;

/// Choices of a step: of each query as many positions as there are to choose, or are chosen, in any order.
static Array makeChoices(MLIRContext *context, Step step, int64_t count) {
  int64_t keys = step.past + step.count, chosen = std::min(keys, count);
  Array choices(IntegerType::get(context, 64), {1, step.count, chosen});
  std::mt19937 generator{unsigned(keys)};
  std::vector<int64_t> order(keys);
  for (int64_t query = 0; query < step.count; ++query) {
    std::iota(order.begin(), order.end(), 0);
    std::shuffle(order.begin(), order.end(), generator);
    std::copy_n(order.begin(), chosen, choices.integers.begin() + query * chosen);
  }
  return choices;
}

namespace {
/// Proves what follows from the choices of an indexer, for any choices.
class ChoiceProver {
public:
  ChoiceProver(Prober &prober, Indexer &indexer) : prober(prober), indexer(indexer) {}

  /// Whether a mask [.., queries, keys] shows what is chosen and not behind the query.
  bool masksOthers(Value mask) {
    return holds(mask, {}, [](const Array &array, const Array &choices, Step step) {
      int64_t chosen = choices.shape.back();
      std::vector<bool> isChosen(step.count * (step.past + step.count));
      for (int64_t i = 0; i < choices.size(); ++i) {
        isChosen[i / chosen * (step.past + step.count) + choices.integers[i]] = true;
      }
      return showsOnly(array, step.count, step.past + step.count, [&](int64_t query, int64_t key) {
        return key <= step.past + query && isChosen[query * (step.past + step.count) + key];
      });
    });
  }

  /// Whether a mask [.., queries, 1, chosen] shows what is not behind the query.
  bool masksLater(Value mask) {
    return holds(mask, {}, [](const Array &array, const Array &choices, Step step) {
      int64_t chosen = choices.shape.back();
      return showsOnly(array, step.count, chosen, [&](int64_t query, int64_t number) {
        return choices.integers[query * chosen + number] <= step.past + query;
      });
    });
  }

  /// Whether `value`, [batch, queries, chosen, width], has the rows of `source`, [batch, keys, width], that are chosen.
  bool gathers(Value value, Value source) {
    return holds(value, source, [&](const Array &array, const Array &choices, Step step) {
      Array all = makeRows(source, step);
      int64_t width = all.shape.back();
      bool fits = array.rank() == 4 && array.size() == choices.size() * width && array.shape[2] == choices.shape[2];
      for (int64_t i = 0; fits && i < array.size(); ++i) {
        fits = array.reals[i] == all.reals[choices.integers[i / width] * width + i % width];
      }
      return fits;
    });
  }

private:
  using Check = llvm::function_ref<bool(const Array &array, const Array &choices, Step step)>;

  /// Numbers that tell each element of [batch, keys, width] from others.
  static Array makeRows(Value source, Step step) {
    auto type = cast<RankedTensorType>(source.getType());
    Array rows(type.getElementType(), {1, step.past + step.count, type.getShape().back()});
    std::iota(rows.reals.begin(), rows.reals.end(), 1);
    return rows;
  }

  bool holds(Value value, Value source, Check check) {
    std::set<int64_t> bounds = collectBounds(value, indexer.topK);
    bounds.insert(indexer.count);
    SmallVector<Step> steps = chooseSteps(prober, bounds);
    auto holdsAs = [&](InputRole role) {
      return llvm::all_of(steps, [&](Step step) {
        SmallVector<std::pair<Value, Array>> given = {
            {indexer.choices(), makeChoices(value.getContext(), step, indexer.count)}};
        Array choices = given.front().second;
        source ? given.push_back({source, makeRows(source, step)}) : void();
        std::optional<Array> array = prober.evaluate(value, step, role, given);
        return array && check(*array, choices, step);
      });
    };
    return !steps.empty() && (holdsAs(InputRole::Positions) || holdsAs(InputRole::Ones));
  }

  Prober &prober;
  Indexer &indexer;
};

/// Attention with heads in front, over all keys.
struct Sparse {
  Value query, keys, values;
};
} // namespace

/// What rows of a tensor [batch, queries, chosen, width] are gathered of, [batch, keys, width]; null for any other.
static Value findSource(Value value) {
  auto inner = [](Value value) {
    return matchNode(value, "Reshape") ? value.getDefiningOp<NodeOp>().getInputs()[0] : value;
  };
  NodeOp gather = matchNode(inner(value), "GatherND");
  Value source = gather ? inner(gather.getInputs()[0]) : Value();
  return source && getRank(source) == 3 && getRank(value) == 4 ? source : Value();
}

/// The tensors that are side by side in one.
static SmallVector<Value> getParts(Value value) {
  NodeOp concat = matchNode(value, "Concat");
  int64_t axis = concat ? concat.getInteger("axis", 0) : 0;
  return concat && (axis == -1 || axis == getRank(value) - 1) ? SmallVector<Value>(concat.getInputs())
                                                              : SmallVector<Value>{value};
}

static Value joinParts(OpBuilder &builder, Location loc, ArrayRef<Value> parts) {
  return parts.size() == 1 ? parts.front() : createConcat(builder, loc, parts, getRank(parts.front()) - 1);
}

/// [batch, keys, width] as one head of all.
static Value asHead(OpBuilder &builder, Location loc, Value rows) {
  SmallVector<Size> sizes = getSizes(cast<RankedTensorType>(rows.getType()));
  sizes.insert(sizes.begin() + 1, Size{1});
  return createReshape(builder, loc, sizes, rows);
}

/// Attention [batch, queries, heads, width] to keys and values that are gathered for each query.
static std::optional<Sparse> matchGathered(NodeOp node, ChoiceProver &prover) {
  OpBuilder builder(node);
  Location loc = node.getLoc();
  SmallVector<Value> query, keys;
  auto takeSource = [&](Value part) {
    Value source = findSource(part);
    return source && prover.gathers(part, source) ? source : Value();
  };
  Value values = takeSource(node.getInputs()[2]);
  for (Value part : getParts(node.getInputs()[1])) {
    keys.push_back(values ? takeSource(part) : Value());
  }
  if (llvm::is_contained(keys, Value()) || !prover.masksLater(node.getInputs()[3])) {
    return std::nullopt;
  }
  for (Value part : getParts(node.getInputs()[0])) {
    query.push_back(createTranspose(builder, loc, part, {0, 2, 1, 3}));
  }
  Value head = asHead(builder, loc, values);
  for (Value &part : keys) {
    part = part == values ? head : asHead(builder, loc, part);
  }
  return Sparse{joinParts(builder, loc, query), joinParts(builder, loc, keys), head};
}

/// Makes sparse attention of a node, which is then to be removed.
static Value createSparse(NodeOp node, const Sparse &sparse, const Indexer &indexer) {
  OpBuilder builder(node);
  Location loc = node.getLoc();
  Value inputs[] = {sparse.query,
                    sparse.keys,
                    sparse.values,
                    createTranspose(builder, loc, indexer.query, {0, 2, 1, 3}),
                    createTranspose(builder, loc, indexer.turnedKeys, {0, 1, 3, 2}),
                    indexer.weights};
  auto type = cast<RankedTensorType>(sparse.query.getType());
  SmallVector<Size> sizes = getSizes(type);
  sizes.back() = {cast<RankedTensorType>(sparse.values.getType()).getShape().back()};
  double width = double(type.getShape().back());
  NamedAttribute attributes[] = {
      builder.getNamedAttr("scale", builder.getF32FloatAttr(float(node.getReal("scale", 1 / std::sqrt(width))))),
      builder.getNamedAttr("top_k", builder.getI64IntegerAttr(indexer.count))};
  return createRaised(builder, loc, kSparseAttention, getTensor(type.getContext(), sizes, type.getElementType()),
                      inputs, attributes);
}

namespace {
struct RaiseSparseAttention : impl::RaiseSparseAttentionBase<RaiseSparseAttention> {
  using Base::Base;

  void runOnOperation() override {
    auto main = getOperation().lookupSymbol<func::FuncOp>(onnx::kMainFunction);
    for (NodeOp node : findMaskedAttention(getOperation())) {
      raise(node, main);
    }
    if (!applyPatterns<MergeTransposes>(getOperation())) {
      signalPassFailure();
    }
  }

  void raise(NodeOp node, func::FuncOp main) {
    auto type = cast<RankedTensorType>(node.getInputs()[0].getType());
    int64_t sequence = type.isDynamicDim(2) ? 2 : 1;
    Prober prober(main, getExtentName(node.getInputs()[0], sequence), readFrom(folder));
    std::optional<Indexer> indexer = findIndexer(node.getInputs()[3], prober);
    if (!indexer) {
      return;
    }
    ChoiceProver prover(prober, *indexer);
    Value result;
    if (sequence == 2 && prover.masksOthers(node.getInputs()[3])) {
      result = createSparse(node, {node.getInputs()[0], node.getInputs()[1], node.getInputs()[2]}, *indexer);
    } else if (std::optional<Sparse> gathered = sequence == 1 ? matchGathered(node, prover) : std::nullopt) {
      OpBuilder builder(node);
      result = createTranspose(builder, node.getLoc(), createSparse(node, *gathered, *indexer), {0, 2, 1, 3});
    }
    if (result) {
      node.getOutputs()[0].replaceAllUsesWith(result);
      node.erase();
    }
  }
};
} // namespace

} // namespace fathom
