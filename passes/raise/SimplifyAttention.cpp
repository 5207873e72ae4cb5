// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What one operator does about attention in several: heads apart, their norms and rotations, the past, and attention.

#include "passes/raise/Nodes.h"
#include "passes/raise/Passes.h"
#include "passes/raise/Probe.h"

#include <cmath>

using namespace mlir;

namespace fathom {

#define GEN_PASS_DEF_SIMPLIFYATTENTION
#include "passes/raise/Passes.h.inc"

using namespace raise;
using onnx::NodeOp;

/// A type whose dynamic dimensions are those of another, in their order.
static RankedTensorType withShape(RankedTensorType type, ArrayRef<int64_t> shape) {
  return RankedTensorType::get(shape, type.getElementType(), type.getEncoding());
}

namespace {
/// Builds at one node.
class AttentionBuilder {
public:
  explicit AttentionBuilder(NodeOp node) : builder(node), loc(node.getLoc()) {}

  /// [batch, positions, heads · width] as [batch, heads, positions, width].
  Value splitHeads(Value value, int64_t heads) {
    auto type = cast<RankedTensorType>(value.getType());
    RankedTensorType split =
        withShape(type, {type.getDimSize(0), type.getDimSize(1), heads, type.getDimSize(2) / heads});
    return createTranspose(builder, loc, createReshape(builder, loc, split, value), {0, 2, 1, 3});
  }

  /// The other way round.
  Value joinHeads(Value value) {
    Value inOrder = createTranspose(builder, loc, value, {0, 2, 1, 3});
    auto type = cast<RankedTensorType>(inOrder.getType());
    RankedTensorType joined =
        withShape(type, {type.getDimSize(0), type.getDimSize(1), type.getDimSize(2) * type.getDimSize(3)});
    return createReshape(builder, loc, joined, inOrder);
  }

  /// Columns of the last dimension.
  Value takeColumns(Value value, int64_t begin, int64_t count) {
    auto type = cast<RankedTensorType>(value.getType());
    SmallVector<int64_t> shape = llvm::to_vector(type.getShape());
    shape.back() = count;
    return createSlice(builder, loc, withShape(type, shape), value, begin, type.getRank() - 1);
  }

  /// The past, if there is one, and the positions of the call behind it; `result` is what the node calls both.
  Value appendPast(Value past, Value value, Type result) {
    return past ? createNode(builder, loc, "Concat", result, ValueRange{past, value},
                             builder.getNamedAttr("axis", builder.getI64IntegerAttr(2)))
                : value;
  }

  /// Rows of a table [positions, pairs] at `ids`.
  Value lookUp(Value table, Value ids);

  /// Numbers of each pair [(batch,) positions, pairs] for both elements of it, as a rotation of
  /// [batch, heads, positions, width] takes them.
  Value spread(Value rows);

  /// Positions of the call: 0 and on, or those behind the past.
  Value createPositions(Value past, Value query);

  /// Turns pairs that are halves of the last dimension or, `interleaved`, side by side.
  Value rotate(Value value, Value cosine, Value sine, bool interleaved) {
    Value halves = interleaved ? gatherPairs(builder, loc, value) : value;
    Value turned = createRaised(builder, loc, kRotate, value.getType(), ValueRange{halves, cosine, sine});
    return interleaved ? spreadPairs(builder, loc, turned) : turned;
  }

  Value attend(StringRef name, ValueRange inputs, Type result, double scale) {
    NamedAttribute attribute = builder.getNamedAttr("scale", builder.getF32FloatAttr(float(scale)));
    return name == kCausalAttention ? createRaised(builder, loc, name, result, inputs, attribute)
                                    : createNode(builder, loc, name, result, inputs, attribute);
  }

  OpBuilder builder;
  Location loc;
};
} // namespace

/// A type of other last dimensions behind those of `like`.
static RankedTensorType append(RankedTensorType like, Type element, ArrayRef<int64_t> last) {
  SmallVector<int64_t> shape = llvm::to_vector(like.getShape());
  shape.append(last.begin(), last.end());
  return RankedTensorType::get(shape, element, like.getEncoding());
}

Value AttentionBuilder::lookUp(Value table, Value ids) {
  auto type = cast<RankedTensorType>(table.getType());
  RankedTensorType result = append(cast<RankedTensorType>(ids.getType()), type.getElementType(), type.getDimSize(1));
  return createNode(builder, loc, "Gather", result, ValueRange{table, ids},
                    builder.getNamedAttr("axis", builder.getI64IntegerAttr(0)));
}

Value AttentionBuilder::spread(Value rows) {
  auto type = cast<RankedTensorType>(rows.getType());
  int64_t batch = type.getRank() == 3 ? type.getDimSize(0) : 1;
  RankedTensorType heads = withShape(type, {batch, 1, type.getShape().end()[-2], 2 * type.getShape().back()});
  return createReshape(builder, loc, heads, repeatHalves(builder, loc, rows));
}

Value AttentionBuilder::createPositions(Value past, Value query) {
  auto type = cast<RankedTensorType>(query.getType());
  auto scalar = [&](const std::string &number) -> Value {
    return onnx::ExtentsOp::create(builder, loc, RankedTensorType::get({}, builder.getI64Type()),
                                   onnx::ShapeAttr::get(builder.getContext(), ArrayRef(builder.getStringAttr(number))));
  };
  auto nameOf = [](Value value, int64_t dim) {
    int64_t size = cast<RankedTensorType>(value.getType()).getDimSize(dim);
    return ShapedType::isDynamic(size) ? getExtentName(value, dim).str() : std::to_string(size);
  };
  std::string count = nameOf(query, 1), begin = past ? nameOf(past, 2) : "0";
  auto one =
      createConstant(builder, loc, DenseElementsAttr::get(RankedTensorType::get({}, builder.getI64Type()), int64_t(1)));
  Attribute names = type.isDynamicDim(1) ? onnx::ShapeAttr::get(builder.getContext(), builder.getStringAttr(count))
                                         : onnx::ShapeAttr();
  auto result = RankedTensorType::get({type.getDimSize(1)}, builder.getI64Type(), names);
  return createNode(builder, loc, "Range", result, ValueRange{scalar(begin), scalar(begin + " + " + count), one});
}

/// Replaces the outputs that are there and read.
static void replaceOutputs(NodeOp node, ArrayRef<Value> values) {
  for (auto [output, value] : llvm::zip(node.getOutputs(), values)) {
    if (value) {
      output.replaceAllUsesWith(value);
    }
  }
  node.erase();
}

static bool isRanked(Value value, int64_t rank) { return !value || getRank(value) == rank; }

/// [batch, positions, width] with static widths.
static bool isOfRows(Value value) {
  return !value || (getRank(value) == 3 && !cast<RankedTensorType>(value.getType()).isDynamicDim(2));
}

/// com.microsoft.GroupQueryAttention: packed or apart, rotated or not, with norms of heads or without; always causal.
static bool simplifyGroupQuery(NodeOp node) {
  Value query = node.getInput(0), keys = node.getInput(1), values = node.getInput(2), past = node.getInput(3);
  int64_t heads = node.getInteger("num_heads", 0), groups = node.getInteger("kv_num_heads", 0);
  bool plain = node.getInteger("local_window_size", -1) == -1 && node.getReal("softcap", 0) == 0 &&
               node.getInteger("smooth_softmax", 0) <= 0 && !node.getInput(10) && !node.getInput(11);
  bool fits = query && isOfRows(query) && isOfRows(keys) && isOfRows(values) && isRanked(past, 4) && heads > 0 &&
              groups > 0 && heads % groups == 0 && bool(keys) == bool(values);
  if (!plain || !fits) {
    return false;
  }
  AttentionBuilder b(node);
  int64_t width = cast<RankedTensorType>(query.getType()).getDimSize(2) / (keys ? heads : heads + 2 * groups);
  if (!keys) {
    Value packed = query;
    query = b.takeColumns(packed, 0, heads * width);
    keys = b.takeColumns(packed, heads * width, groups * width);
    values = b.takeColumns(packed, (heads + groups) * width, groups * width);
  }
  Value q = b.splitHeads(query, heads), k = b.splitHeads(keys, groups), v = b.splitHeads(values, groups);
  if (node.getInput(14) && node.getInput(15)) {
    double epsilon = node.getReal("qk_norm_epsilon", node.getReal("norm_epsilon", 1e-6));
    q = createRmsNorm(b.builder, b.loc, q, node.getInput(14), epsilon);
    k = createRmsNorm(b.builder, b.loc, k, node.getInput(15), epsilon);
  }
  if (node.getInteger("do_rotary", 0) != 0) {
    if (getRank(node.getInput(7)) != 2 || getRank(node.getInput(8)) != 2) {
      return false;
    }
    bool interleaved = node.getInteger("rotary_interleaved", 0) != 0;
    Value positions = node.getInput(9) ? node.getInput(9) : b.createPositions(past, query);
    Value cosine = b.spread(b.lookUp(node.getInput(7), positions));
    Value sine = b.spread(b.lookUp(node.getInput(8), positions));
    q = b.rotate(q, cosine, sine, interleaved);
    k = b.rotate(k, cosine, sine, interleaved);
  }
  auto typeOf = [&](unsigned output, Value other) {
    return output < node.getOutputs().size() ? node.getOutputs()[output].getType() : other.getType();
  };
  k = b.appendPast(past, k, typeOf(1, k));
  v = b.appendPast(node.getInput(4), v, typeOf(2, v));
  double scale = node.getReal("scale", 0);
  Value y = b.attend(kCausalAttention, {q, k, v}, q.getType(), scale != 0 ? scale : 1 / std::sqrt(double(width)));
  replaceOutputs(node, {b.joinHeads(y), k, v});
  return true;
}

/// RotaryEmbedding of either domain; these order their inputs differently.
static bool simplifyRotary(NodeOp node) {
  bool own = !node.getDomain();
  Value input = node.getInput(0), cosine = node.getInput(own ? 1 : 2), sine = node.getInput(own ? 2 : 3);
  Value positions = node.getInput(own ? 3 : 1);
  auto type = dyn_cast<RankedTensorType>(input.getType());
  bool interleaved = node.getInteger("interleaved", 0) != 0;
  int64_t heads = node.getInteger("num_heads", 0);
  bool isTable = positions && getRank(positions) >= 1;
  if (!type || !cosine || !sine || node.getInteger("rotary_embedding_dim", 0) != 0 ||
      getRank(cosine) != (isTable ? 2 : 3) || getRank(sine) != getRank(cosine)) {
    return false;
  }
  AttentionBuilder b(node);
  int64_t width = 2 * cast<RankedTensorType>(cosine.getType()).getShape().back();
  bool apart = type.getRank() == 4;
  if (!apart && type.isDynamicDim(2)) {
    return false;
  }
  heads = heads > 0 ? heads : apart ? 1 : type.getDimSize(2) / width;
  Value value = apart ? input : b.splitHeads(input, heads);
  Value c = isTable ? b.lookUp(cosine, positions) : cosine, s = isTable ? b.lookUp(sine, positions) : sine;
  value = b.rotate(value, b.spread(c), b.spread(s), interleaved);
  replaceOutputs(node, {apart ? value : b.joinHeads(value)});
  return true;
}

/// ONNX's Attention of rows of heads side by side, with the past as inputs, or causal by an attribute.
static bool simplifyAttention(NodeOp node) {
  Value query = node.getInput(0), keys = node.getInput(1), values = node.getInput(2), mask = node.getInput(3);
  int64_t heads = node.getInteger("q_num_heads", 0), groups = node.getInteger("kv_num_heads", 0);
  bool apart = getRank(query) == 4, causal = node.getInteger("is_causal", 0) != 0;
  bool isSimple = apart && !causal && node.getInputs().size() <= 4 && node.getOutputs().size() == 1;
  bool fits = isRanked(keys, getRank(query)) && isRanked(values, getRank(query)) &&
              (apart || (heads > 0 && groups > 0 && isOfRows(query) && isOfRows(keys) && isOfRows(values))) &&
              node.getReal("softcap", 0) == 0 && node.getInputs().size() <= 6 && node.getOutputs().size() <= 3;
  if (isSimple || !fits || (causal && (mask || node.getInput(4)))) {
    return false;
  }
  AttentionBuilder b(node);
  Value q = apart ? query : b.splitHeads(query, heads), k = apart ? keys : b.splitHeads(keys, groups);
  Value v = apart ? values : b.splitHeads(values, groups);
  auto typeOf = [&](unsigned output, Value other) {
    return output < node.getOutputs().size() ? node.getOutputs()[output].getType() : other.getType();
  };
  k = b.appendPast(node.getInput(4), k, typeOf(1, k));
  v = b.appendPast(node.getInput(5), v, typeOf(2, v));
  auto queryType = cast<RankedTensorType>(q.getType());
  SmallVector<int64_t> shape = llvm::to_vector(queryType.getShape());
  shape.back() = cast<RankedTensorType>(v.getType()).getShape().back();
  SmallVector<Value> inputs = {q, k, v};
  if (mask) {
    inputs.push_back(mask);
  }
  double scale = node.getReal("scale", 1 / std::sqrt(double(queryType.getShape().back())));
  Value y = b.attend(causal ? StringRef(kCausalAttention) : "Attention", inputs, withShape(queryType, shape), scale);
  replaceOutputs(node, {apart ? y : b.joinHeads(y), k, v});
  return true;
}

namespace {
struct SimplifyAttention : impl::SimplifyAttentionBase<SimplifyAttention> {
  void runOnOperation() override {
    SmallVector<NodeOp> nodes;
    getOperation().walk([&](NodeOp node) { nodes.push_back(node); });
    for (NodeOp node : nodes) {
      if (node.isMicrosoft("GroupQueryAttention")) {
        simplifyGroupQuery(node);
      } else if (node.isMicrosoft("RotaryEmbedding") || node.is("RotaryEmbedding")) {
        simplifyRotary(node);
      } else if (node.is("Attention")) {
        simplifyAttention(node);
      }
    }
  }
};
} // namespace

} // namespace fathom
