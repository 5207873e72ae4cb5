// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Layers of routed experts: found by what is between logits and one sum, proved by evaluating that.

#include "passes/raise/AlikeLayers.h"
#include "passes/raise/Nodes.h"
#include "passes/raise/Passes.h"

#include "mlir/Transforms/RegionUtils.h"
#include "llvm/ADT/SetVector.h"

#include <cmath>

using namespace mlir;

namespace fathom {

#define GEN_PASS_DEF_RAISEEXPERTS
#include "passes/raise/Passes.h.inc"

using namespace raise;
using onnx::NodeOp;

/// The product of rows with a constant that `value` follows from, and from no other rows; null where there is none.
static NodeOp findGate(Value value) {
  SetVector<Value> values;
  SetVector<Operation *> gates;
  values.insert(value);
  for (size_t i = 0; i < values.size(); ++i) {
    NodeOp product = matchNode(values[i], "MatMul");
    Operation *op = values[i].getDefiningOp();
    if (!op) {
      return {};
    }
    if (product && raise::isConstant(product.getInputs()[1])) {
      gates.insert(op);
    } else {
      values.insert_range(op->getOperands());
    }
  }
  return gates.size() == 1 ? cast<NodeOp>(gates.front()) : NodeOp();
}

static int64_t getWidth(Value rows) { return cast<RankedTensorType>(rows.getType()).getShape().back(); }

static bool isRows(Value value) {
  auto type = dyn_cast<RankedTensorType>(value.getType());
  return type && type.getRank() >= 2 && !type.isDynamicDim(type.getRank() - 1) && isa<FloatType>(type.getElementType());
}

/// What rows are before they were brought into another shape or type.
static Value findRows(Value value) {
  for (NodeOp node; (node = value.getDefiningOp<NodeOp>()) && (node.is("Reshape") || node.is("Cast"));) {
    value = node.getInputs()[0];
  }
  return value;
}

/// Visits values through which all goes on that follows from `value`, the nearest first, until one is the right one:
/// behind each, nothing reads what was before it.
static void visitNarrows(Value value, llvm::function_ref<bool(Value)> isRight) {
  // Ops that follow from the value and were not met so far.
  llvm::SmallPtrSet<Operation *, 16> open;
  Block *block = value.getParentBlock();
  auto extend = [&](Value read) {
    for (Operation *user : read.getUsers()) {
      open.insert(block->findAncestorOpInBlock(*user));
    }
  };
  extend(value);
  for (Operation *op = value.getDefiningOp(); op && !open.empty(); op = op->getNextNode()) {
    if (open.erase(op)) {
      if (open.empty() && op->getNumResults() == 1 && isRight(op->getResult(0))) {
        return;
      }
      llvm::for_each(op->getResults(), extend);
    }
  }
}

namespace {
/// What a value follows from, up to the rows and logits of a layer.
struct Slice {
  SetVector<Operation *> ops;
  /// Whether it ends there.
  bool isClosed = true;
};
} // namespace

static Slice sliceBack(const ExpertLayer &layer) {
  Slice slice;
  SmallVector<Value> values = {layer.output};
  while (!values.empty()) {
    Value value = values.pop_back_val();
    Operation *op = value.getDefiningOp();
    if (value == layer.input || value == layer.logits) {
      continue;
    }
    slice.isClosed &= op != nullptr;
    if (op && slice.ops.insert(op)) {
      llvm::append_range(values, op->getOperands());
      SetVector<Value> captured;
      getUsedValuesDefinedAbove(op->getRegions(), captured);
      llvm::append_range(values, captured);
    }
  }
  return slice;
}

/// Whether the matrices of two networks can be of one stack.
static bool areAlike(const Matrices &a, const Matrices &b) {
  return a.source.getType() == b.source.getType() && a.transposed == b.transposed && a.begin == b.begin &&
         a.step == b.step && a.outputs == b.outputs && (getRank(a.source) == 2 || a.source == b.source);
}

static SmallVector<NodeOp> findSwiGlus(const Slice &slice) {
  SmallVector<NodeOp> nodes;
  for (Operation *op : slice.ops) {
    auto node = dyn_cast<NodeOp>(op);
    if (node && node.getDomain() == kDomain && node.getOpType() == kSwiGlu) {
      nodes.push_back(node);
    }
  }
  return nodes;
}

static bool isOne(const ExpertNetwork &network) {
  return network.gate.isOne() && network.up.isOne() && network.down.isOne();
}

static bool areAlike(const ExpertNetwork &a, const ExpertNetwork &b) {
  return areAlike(a.gate, b.gate) && areAlike(a.up, b.up) && areAlike(a.down, b.down);
}

/// Whether each network has matrices of its own, for one expert.
static bool areApart(ArrayRef<ExpertNetwork> networks) {
  return llvm::all_of(
      networks, [&](const ExpertNetwork &network) { return isOne(network) && areAlike(network, networks.front()); });
}

/// One network of stacks, or one for each expert.
static bool findNetworks(ArrayRef<NodeOp> swiGlus, ExpertLayer &layer) {
  layer.networks.clear();
  for (NodeOp node : swiGlus) {
    std::optional<ExpertNetwork> network = findNetwork(node);
    if (!network || network->gate.inputs() != layer.width()) {
      return false;
    }
    layer.networks.push_back(*network);
  }
  int64_t experts = layer.experts(), count = int64_t(layer.networks.size());
  bool each = count == experts && areApart(layer.networks);
  bool all = count == 1 && layer.networks[0].gate.count() == experts && !isOne(layer.networks[0]);
  return experts > 0 && experts <= layer.width() && (each || all);
}

/// Whether it has a number for each expert and nothing else.
static bool isVector(Value value, int64_t experts) {
  auto type = dyn_cast<RankedTensorType>(value.getType());
  return type && type.hasStaticShape() && type.getNumElements() == experts && type.getRank() > 0 &&
         type.getShape().back() == experts && isa<FloatType>(type.getElementType());
}

/// Constants which may be a bias.
static SmallVector<Value> findVectors(const Slice &slice, int64_t experts) {
  SmallVector<Value> vectors;
  for (Operation *op : slice.ops) {
    if (isa<onnx::ConstantOp, onnx::GetInitializerOp>(op) && isVector(op->getResult(0), experts)) {
      vectors.push_back(op->getResult(0));
    }
  }
  return vectors;
}

namespace {
/// Puts one node in the place of a layer.
class LayerRewriter {
public:
  LayerRewriter(const ExpertLayer &layer, const KnownRouting &known)
      : layer(layer), known(known), builder(layer.output.getDefiningOp()), loc(layer.output.getLoc()) {}

  void run();

private:
  SmallVector<int64_t> getOrder();
  Value orderStack(Value stack);
  Value stackMatrices(Matrices ExpertNetwork::*role);
  Value makeStack(Matrices ExpertNetwork::*role);
  Value makeBias();
  SmallVector<NamedAttribute> makeAttributes();

  const ExpertLayer &layer;
  const KnownRouting &known;
  OpBuilder builder;
  Location loc;
};
} // namespace

/// The network or matrix of each expert.
SmallVector<int64_t> LayerRewriter::getOrder() {
  SmallVector<int64_t> order(known.experts.size());
  for (auto [number, expert] : llvm::enumerate(known.experts)) {
    order[expert] = int64_t(number);
  }
  return order;
}

/// A stack with its matrices in the order of experts.
Value LayerRewriter::orderStack(Value stack) {
  SmallVector<int64_t> order = getOrder();
  if (llvm::is_sorted(order)) {
    return stack;
  }
  return createNode(builder, loc, "Gather", stack.getType(), ValueRange{stack, createIntegers(builder, loc, order)},
                    builder.getNamedAttr("axis", builder.getI64IntegerAttr(0)));
}

/// One stack of matrices that lie apart.
Value LayerRewriter::stackMatrices(Matrices ExpertNetwork::*role) {
  auto matrix = cast<RankedTensorType>((layer.networks.front().*role).source.getType());
  SmallVector<int64_t> shape = {1, matrix.getDimSize(0), matrix.getDimSize(1)};
  SmallVector<Value> parts;
  for (int64_t network : getOrder()) {
    parts.push_back(createReshape(builder, loc, matrix.clone(shape), (layer.networks[network].*role).source));
  }
  shape[0] = int64_t(parts.size());
  return createNode(builder, loc, "Concat", matrix.clone(shape), parts,
                    builder.getNamedAttr("axis", builder.getI64IntegerAttr(0)));
}

/// [E, outputs, inputs]
Value LayerRewriter::makeStack(Matrices ExpertNetwork::*role) {
  const Matrices &matrices = layer.networks.front().*role;
  Value stack = getRank(matrices.source) == 3 ? orderStack(matrices.source) : stackMatrices(role);
  if (matrices.transposed) {
    stack = createTranspose(builder, loc, stack, {0, 2, 1});
  }
  auto type = cast<RankedTensorType>(stack.getType());
  if (type.getDimSize(1) == matrices.outputs && matrices.step == 1) {
    return stack;
  }
  auto part = type.clone({type.getDimSize(0), matrices.outputs, type.getDimSize(2)});
  return createSlice(builder, loc, part, stack, matrices.begin, 1, matrices.step);
}

Value LayerRewriter::makeBias() {
  if (!known.bias) {
    return onnx::NoneOp::create(builder, loc);
  }
  auto type = cast<RankedTensorType>(known.bias.getType());
  return type.getRank() == 1 ? known.bias : createReshape(builder, loc, type.clone({layer.experts()}), known.bias);
}

SmallVector<NamedAttribute> LayerRewriter::makeAttributes() {
  const Routing &routing = known.routing;
  auto integer = [&](StringRef name, int64_t value) {
    return builder.getNamedAttr(name, builder.getI64IntegerAttr(value));
  };
  auto text = [&](StringRef name, StringRef value) { return builder.getNamedAttr(name, builder.getStringAttr(value)); };
  return {text("scoring", stringifyScoring(routing.scoring)),
          text("group_rule", stringifyGroupRule(routing.groupRule)),
          integer("top_k", routing.topK),
          integer("groups", routing.groups),
          integer("top_groups", routing.topGroups),
          integer("normalize", routing.normalize),
          builder.getNamedAttr("factor", builder.getF64FloatAttr(routing.factor))};
}

void LayerRewriter::run() {
  auto type = cast<RankedTensorType>(layer.output.getType());
  Value bias = makeBias();
  Value gate = makeStack(&ExpertNetwork::gate), up = makeStack(&ExpertNetwork::up),
        down = makeStack(&ExpertNetwork::down);
  Value sum = createRaised(builder, loc, kExperts, layer.input.getType(),
                           ValueRange{layer.input, layer.logits, bias, gate, up, down}, makeAttributes());
  Operation *before = layer.output.getDefiningOp();
  Value(layer.output).replaceAllUsesWith(sum.getType() == type ? sum : createReshape(builder, loc, type, sum));
  before->erase();
}

/// Takes numbers that the sum is multiplied by for the routing's.
static void takeFactors(ExpertLayer &layer, Routing &routing) {
  while (layer.output.hasOneUse()) {
    NodeOp product = dyn_cast<NodeOp>(*layer.output.user_begin());
    bool isScaled = product && product.is("Mul") && product.getOutputs()[0].getType() == layer.output.getType();
    auto factor = isScaled ? getSplat(product.getInputs()[product.getInputs()[0] == layer.output]) : std::nullopt;
    if (!factor || *factor <= 0 || !std::isfinite(*factor)) {
      return;
    }
    routing.factor *= *factor;
    layer.output = product.getOutputs()[0];
  }
}

/// Says so where some experts have no networks.
static void reportMissing(const ExpertLayer &layer) {
  size_t count = layer.networks.size();
  if (count > 1 && int64_t(count) < layer.experts() && areApart(layer.networks)) {
    emitWarning(layer.logits.getLoc())
        << "has networks of " << count << " of its " << layer.experts()
        << " experts, as traces have that met no tokens of others: what the graph computes is not what its model does";
  }
}

namespace {
struct RaiseExperts : impl::RaiseExpertsBase<RaiseExperts> {
  using Base::Base;

  void runOnOperation() override {
    auto main = getOperation().lookupSymbol<func::FuncOp>(onnx::kMainFunction);
    SetVector<Operation *> gates;
    for (NodeOp node : main ? llvm::to_vector(main.front().getOps<NodeOp>()) : SmallVector<NodeOp>()) {
      NodeOp gate = node.is("TopK") ? findGate(node.getInputs()[0]) : NodeOp();
      if (gate && getRank(gate.getOutputs()[0]) >= 2) {
        gates.insert(gate);
      }
    }
    std::vector<KnownLayer> known;
    for (Operation *gate : gates) {
      findLayer(cast<NodeOp>(gate), known);
    }
    // The last first: the rows of one may be the output of another.
    for (KnownLayer &layer : llvm::reverse(known)) {
      takeFactors(layer.layer, layer.routing.routing);
      LayerRewriter(layer.layer, layer.routing).run();
    }
  }

private:
  /// How many values are tried that may be the sum of a layer: all of a model may follow from a product that is not a
  /// gate.
  static constexpr int64_t kMostSums = 16;

  /// The nearest values are tried that may be the sum of all experts.
  void findLayer(NodeOp gate, std::vector<KnownLayer> &known) {
    ExpertLayer layer = {findRows(gate.getInputs()[0]), gate.getOutputs()[0], {}, {}};
    if (!isRows(layer.input) || !isRows(layer.logits)) {
      return;
    }
    int64_t tried = 0;
    visitNarrows(layer.logits, [&](Value narrow) {
      if (!isRows(narrow) || getWidth(narrow) != layer.width()) {
        return false;
      }
      if (++tried > kMostSums) {
        return true;
      }
      layer.output = narrow;
      Slice slice = sliceBack(layer);
      SmallVector<NodeOp> swiGlus = findSwiGlus(slice);
      if (!swiGlus.empty() && (!slice.isClosed || !findNetworks(swiGlus, layer))) {
        if (slice.isClosed) {
          reportMissing(layer);
        }
        return true; // none behind it is better
      }
      std::optional<KnownRouting> routing = swiGlus.empty() ? std::nullopt : infer(layer, slice, known);
      if (routing) {
        known.push_back({layer, *routing});
      }
      return routing.has_value();
    });
  }

  /// How a layer routes rows: as one that is like it, or as its evaluation shows.
  std::optional<KnownRouting> infer(const ExpertLayer &layer, const Slice &slice, llvm::ArrayRef<KnownLayer> known) {
    for (const KnownLayer &other : known) {
      if (std::optional<KnownRouting> routing = inferFromAlike(other, layer)) {
        return routing;
      }
    }
    return probeExperts(layer, findVectors(slice, layer.experts()), readFrom(folder));
  }
};
} // namespace

} // namespace fathom
