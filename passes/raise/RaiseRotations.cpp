// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Rotary embedding: x · cos + turned(x) · sin.

#include "passes/raise/Nodes.h"
#include "passes/raise/Passes.h"

using namespace mlir;

namespace fathom {

#define GEN_PASS_DEF_RAISEROTATIONS
#include "passes/raise/Passes.h.inc"

using namespace raise;
using onnx::NodeOp;

namespace {
/// Elements of the last dimension that a Slice takes; of a single one the dimension may be dropped.
struct Columns {
  Value input;
  int64_t begin, count, step;
  bool isDropped = false;

  bool operator==(const Columns &other) const {
    return input == other.input && begin == other.begin && count == other.count && step == other.step &&
           isDropped == other.isDropped;
  }
};
} // namespace

/// What a Reshape adds to or takes from nothing but a last dimension of one element; null for any other value.
static Value matchUnit(Value value, int64_t added) {
  NodeOp reshape = matchNode(value, "Reshape");
  auto from = reshape ? dyn_cast<RankedTensorType>(reshape.getInputs()[0].getType()) : RankedTensorType();
  auto to = dyn_cast<RankedTensorType>(value.getType());
  if (!from || !to || to.getRank() != from.getRank() + added) {
    return {};
  }
  SmallVector<Size> longer = getSizes(added > 0 ? to : from), shorter = getSizes(added > 0 ? from : to);
  bool isUnit = longer.pop_back_val() == Size{1} && longer == shorter;
  return isUnit ? reshape.getInputs()[0] : Value();
}

static std::optional<Columns> matchColumns(Value value) {
  NodeOp slice = matchNode(value, "Slice");
  auto type = slice ? dyn_cast<RankedTensorType>(slice.getInputs()[0].getType()) : RankedTensorType();
  if (!type || type.getRank() == 0 || type.isDynamicDim(type.getRank() - 1)) {
    return std::nullopt;
  }
  std::optional<SmallVector<int64_t>> starts = getIntegers(slice.getInput(1)), axes = getAxes(slice, 3, type.getRank());
  std::optional<SmallVector<int64_t>> steps = getIntegers(slice.getInput(4));
  bool isLast = starts && axes && *axes == ArrayRef<int64_t>(type.getRank() - 1) && starts->size() == 1;
  auto result = dyn_cast<RankedTensorType>(value.getType());
  if (!isLast || !result || (slice.getInput(4) && !steps)) {
    return std::nullopt;
  }
  int64_t begin = starts->front() < 0 ? starts->front() + type.getShape().back() : starts->front();
  return Columns{slice.getInputs()[0], begin, result.getShape().back(), steps ? steps->front() : 1};
}

/// Whether `value` is Concat(−x₂, x₁) with the halves of x.
static bool isTurnedHalves(Value value, Value x) {
  NodeOp concat = matchNode(value, "Concat");
  int64_t rank = getRank(x), axis = concat ? concat.getInteger("axis", 0) : 0;
  if (!concat || concat.getInputs().size() != 2 || (axis != -1 && axis != rank - 1)) {
    return false;
  }
  NodeOp negated = matchNode(concat.getInputs()[0], "Neg");
  std::optional<Columns> high = negated ? matchColumns(negated.getInputs()[0]) : std::nullopt;
  std::optional<Columns> low = matchColumns(concat.getInputs()[1]);
  if (!high || !low) {
    return false;
  }
  int64_t half = cast<RankedTensorType>(x.getType()).getShape().back() / 2;
  auto is = [&](const Columns &columns, int64_t begin) {
    return columns.input == x && columns.begin == begin && columns.count == half && columns.step == 1;
  };
  return is(*high, half) && is(*low, 0);
}

/// Factors of a product, the first of which are columns of the last dimension.
static std::optional<std::pair<Columns, Value>> matchTurn(Value value) {
  NodeOp product = matchNode(value, "Mul");
  for (auto [part, factor] : product ? eitherWay(product) : SmallVector<std::pair<Value, Value>, 2>()) {
    Value single = matchUnit(part, -1);
    if (std::optional<Columns> columns = matchColumns(single ? single : part)) {
      columns->isDropped = bool(single);
      return std::pair(*columns, factor);
    }
  }
  return std::nullopt;
}

namespace {
/// u · cos − v · sin and v · cos + u · sin.
struct Turned {
  Columns u, v;
  Value cosine, sine;
};
} // namespace

static std::optional<Turned> matchTurned(Value first, Value second) {
  NodeOp difference = matchNode(first, "Sub"), sum = matchNode(second, "Add");
  auto a = difference ? matchTurn(difference.getInputs()[0]) : std::nullopt;
  auto b = difference ? matchTurn(difference.getInputs()[1]) : std::nullopt;
  for (auto [left, right] : sum ? eitherWay(sum) : SmallVector<std::pair<Value, Value>, 2>()) {
    auto c = matchTurn(left), d = matchTurn(right);
    bool fits = a && b && c && d && c->first == b->first && d->first == a->first && c->second == a->second &&
                d->second == b->second;
    if (fits) {
      return Turned{a->first, b->first, a->second, b->second};
    }
  }
  return std::nullopt;
}

namespace {
/// Concat(u · cos − v · sin, v · cos + u · sin), of halves u and v, or of what is at even and at odd places: then the
/// result has pairs in halves, whatever x has.
struct RaiseTurnedPairs : OpRewritePattern<NodeOp> {
  using OpRewritePattern::OpRewritePattern;

  LogicalResult matchAndRewrite(NodeOp node, PatternRewriter &rewriter) const override {
    auto type = dyn_cast<RankedTensorType>(node.getOutputs()[0].getType());
    int64_t axis = node.getInteger("axis", 0);
    bool isLast =
        node.is("Concat") && node.getInputs().size() == 2 && type && (axis == -1 || axis == type.getRank() - 1);
    if (!isLast) {
      return rewriter.notifyMatchFailure(node, "does not join two parts of a last dimension");
    }
    // Where each pair is a dimension, its two numbers are computed without it.
    Value first = matchUnit(node.getInputs()[0], 1), second = matchUnit(node.getInputs()[1], 1);
    bool isDropped = first && second;
    std::optional<Turned> turned =
        isDropped ? matchTurned(first, second) : matchTurned(node.getInputs()[0], node.getInputs()[1]);
    if (!turned || turned->u.isDropped != turned->v.isDropped || getRank(turned->cosine) < 1 ||
        getRank(turned->sine) < 1) {
      return rewriter.notifyMatchFailure(node, "does not join two turned parts of one tensor");
    }
    bool isOfPairs = isDropped && !turned->u.isDropped;
    Value rotated = isOfPairs ? rotateInTurns(node.getLoc(), *turned, type, rewriter)
                    : turned->u.input.getType() == type && turned->u.isDropped == isDropped
                        ? rotate(node.getLoc(), *turned, type, rewriter)
                        : Value();
    if (!rotated) {
      return rewriter.notifyMatchFailure(node, "turns neither halves nor pairs");
    }
    rewriter.replaceOp(node, rotated);
    return success();
  }

  static Value rotate(Location loc, Turned turned, RankedTensorType type, OpBuilder &builder) {
    const Columns &u = turned.u, &v = turned.v;
    int64_t half = type.getShape().back() / 2;
    bool isPlain = u.input == v.input && u.count == half && v.count == half && u.step == v.step && u.begin == 0;
    bool halves = isPlain && u.step == 1 && v.begin == half, inTurns = isPlain && u.step == 2 && v.begin == 1;
    if (halves && half == 1) {
      return rotatePairs(loc, turned, type, builder);
    }
    if ((!halves && !inTurns) || u.isDropped) {
      return {};
    }
    Value x = halves ? u.input : gatherPairs(builder, loc, u.input);
    return createRotate(loc, x, turned.cosine, turned.sine, builder);
  }

  /// Of a last dimension with pairs in turns, which become a dimension each.
  static Value rotateInTurns(Location loc, const Turned &turned, RankedTensorType type, OpBuilder &builder) {
    SmallVector<Size> flat = getSizes(type);
    flat.pop_back();
    int64_t pairs = flat.empty() ? ShapedType::kDynamic : flat.back().number;
    if (ShapedType::isDynamic(pairs) || turned.u.step != 2) {
      return {};
    }
    flat.back().number = 2 * pairs;
    auto input = cast<RankedTensorType>(turned.u.input.getType());
    Value rotated = getSizes(input) == flat ? rotate(loc, turned, input, builder) : Value();
    return rotated ? createReshape(builder, loc, getSizes(type), spreadPairs(builder, loc, rotated)) : Value();
  }

  /// Of [..., pairs, 2], as of complex numbers.
  static Value rotatePairs(Location loc, Turned turned, RankedTensorType type, OpBuilder &builder) {
    SmallVector<Size> sizes = getSizes(type), flat(ArrayRef(sizes).drop_back());
    auto getAngles = [&](Value table) -> Value {
      SmallVector<Size> own = getSizes(cast<RankedTensorType>(table.getType()));
      bool hasUnit = own.back() == Size{1} && !turned.u.isDropped;
      own.pop_back_n(hasUnit ? 1 : 0);
      bool fits = hasUnit != turned.u.isDropped && !own.empty() && !flat.empty() && own.back() == flat.back();
      return fits ? createReshape(builder, loc, own, table) : Value();
    };
    Value cosine = getAngles(turned.cosine), sine = getAngles(turned.sine);
    if (!cosine || !sine || ShapedType::isDynamic(flat.back().number)) {
      return {};
    }
    flat.back().number *= 2;
    Value x = gatherPairs(builder, loc, createReshape(builder, loc, flat, turned.u.input));
    return createReshape(builder, loc, sizes, spreadPairs(builder, loc, createRotate(loc, x, cosine, sine, builder)));
  }

  static Value createRotate(Location loc, Value x, Value cosine, Value sine, OpBuilder &builder) {
    return createRaised(builder, loc, kRotate, x.getType(),
                        ValueRange{x, repeatHalves(builder, loc, cosine), repeatHalves(builder, loc, sine)});
  }
};

struct RaiseHalfSplit : OpRewritePattern<NodeOp> {
  using OpRewritePattern::OpRewritePattern;

  LogicalResult matchAndRewrite(NodeOp node, PatternRewriter &rewriter) const override {
    if (!node.is("Add")) {
      return rewriter.notifyMatchFailure(node, "is not a sum");
    }
    for (auto [a, b] : eitherWay(node)) {
      NodeOp straight = matchNode(a, "Mul"), turned = matchNode(b, "Mul");
      if (straight && turned && raise(node, straight, turned, rewriter)) {
        return success();
      }
    }
    return rewriter.notifyMatchFailure(node, "has no term Concat(−x₂, x₁) · sin beside x · cos");
  }

  static bool raise(NodeOp node, NodeOp straight, NodeOp turned, PatternRewriter &rewriter) {
    for (auto [x, cosine] : eitherWay(straight)) {
      for (auto [turn, sine] : eitherWay(turned)) {
        if (getRank(x) > 0 && x.getType() == node.getOutputs()[0].getType() && isTurnedHalves(turn, x)) {
          rewriter.replaceOp(node,
                             createRaised(rewriter, node.getLoc(), kRotate, x.getType(), ValueRange{x, cosine, sine}));
          return true;
        }
      }
    }
    return false;
  }
};

struct RaiseRotations : impl::RaiseRotationsBase<RaiseRotations> {
  void runOnOperation() override {
    if (!applyPatterns<RaiseHalfSplit, RaiseTurnedPairs>(getOperation())) {
      signalPassFailure();
    }
  }
};
} // namespace

} // namespace fathom
