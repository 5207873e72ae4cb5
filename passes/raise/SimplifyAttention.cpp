// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What one operator does about attention in several: heads apart, their norms and rotations, the past, and attention.

#include "passes/raise/AttentionBuilder.h"
#include "passes/raise/Passes.h"

using namespace mlir;

namespace fathom {

#define GEN_PASS_DEF_SIMPLIFYATTENTION
#include "passes/raise/Passes.h.inc"

using namespace raise;
using onnx::NodeOp;

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
  double scale = node.getReal("scale", 0);
  b.replaceByAttention(kCausalAttention, {q, k, v, past, node.getInput(4), Value()},
                       scale != 0 ? scale : getUsualScale(q));
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
  b.replace({apart ? value : b.joinHeads(value)});
  return true;
}

/// com.microsoft.MultiHeadAttention of queries, keys and values apart: with a bias of all three, with the past as
/// inputs, and a mask that is added.
static bool simplifyMultiHead(NodeOp node) {
  int64_t heads = node.getInteger("num_heads", 0);
  Value bias = node.getInput(3);
  bool plain = !node.getInput(4) && node.getInputs().size() <= 8 && node.getInteger("unidirectional", 0) == 0 &&
               (!bias || getRank(bias) == 1);
  for (unsigned input : {0, 1, 2}) {
    plain &= node.getInput(input) && getRank(node.getInput(input)) == 3 && isOfRows(node.getInput(input));
  }
  if (!plain || heads < 1 || !isRanked(node.getInput(6), 4) || bool(node.getInput(6)) != bool(node.getInput(7))) {
    return false;
  }
  AttentionBuilder b(node);
  SmallVector<Value> inputs;
  int64_t begin = 0;
  for (unsigned input : {0, 1, 2}) {
    Value rows = node.getInput(input);
    int64_t width = cast<RankedTensorType>(rows.getType()).getDimSize(2);
    rows = bias ? createSum(b.builder, b.loc, rows, b.takeColumns(bias, begin, width)) : rows;
    begin += width;
    inputs.push_back(b.splitHeads(rows, heads));
  }
  double scale = node.getReal("scale", 0);
  b.replaceByAttention("Attention",
                       {inputs[0], inputs[1], inputs[2], node.getInput(6), node.getInput(7), node.getInput(5)},
                       scale != 0 ? scale : getUsualScale(inputs[0]));
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
  b.replaceByAttention(causal ? StringRef(kCausalAttention) : "Attention",
                       {q, k, v, node.getInput(4), node.getInput(5), mask}, node.getReal("scale", getUsualScale(q)));
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
      } else if (node.isMicrosoft("MultiHeadAttention")) {
        simplifyMultiHead(node);
      } else if (node.is("Attention")) {
        simplifyAttention(node);
      }
    }
  }
};
} // namespace

} // namespace fathom
