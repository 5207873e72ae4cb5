// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Attention in the space of latents, with keys and values that are expanded from these.

#include "passes/raise/Nodes.h"
#include "passes/raise/Passes.h"

#include "mlir/IR/TypeUtilities.h"

using namespace mlir;

namespace fathom {

#define GEN_PASS_DEF_EXPANDABSORBEDATTENTION
#include "passes/raise/Passes.h.inc"

using namespace raise;
using onnx::NodeOp;

namespace {
/// Attention whose keys are latents, [batch, 1, positions, width], with parts of their own behind them, and whose
/// values are the latents alone.
struct Absorbed {
  NodeOp attention;
  /// Multiplied by `keyMatrix`, [heads, width of a head, width of a latent], and what stands behind it.
  Value query, queryRest;
  Value keyMatrix, latents, keyRest;
  /// What attention gives is multiplied by `valueMatrix`, [heads, width of a latent, width of a value].
  NodeOp output;
  Value valueMatrix;
};
} // namespace

/// Two tensors of heads side by side.
static std::optional<std::pair<Value, Value>> matchParts(Value value) {
  NodeOp concat = matchNode(value, "Concat");
  int64_t axis = concat ? concat.getInteger("axis", 0) : 0;
  bool fits = concat && concat.getInputs().size() == 2 && getRank(value) == 4 && (axis == 3 || axis == -1);
  return fits ? std::optional(std::pair<Value, Value>(concat.getInputs()[0], concat.getInputs()[1])) : std::nullopt;
}

/// A product of each head with a matrix of its own.
static NodeOp matchByHeads(Value value) {
  NodeOp product = matchNode(value, "MatMul");
  bool fits = product && getRank(product.getInputs()[0]) == 4 && getRank(product.getInputs()[1]) == 3 &&
              isConstant(product.getInputs()[1]);
  return fits ? product : NodeOp();
}

static std::optional<Absorbed> matchAbsorbed(NodeOp node) {
  if (!node.getOutputs()[0].hasOneUse()) {
    return std::nullopt;
  }
  auto query = matchParts(node.getInputs()[0]), keys = matchParts(node.getInputs()[1]);
  NodeOp absorbed = query ? matchByHeads(query->first) : NodeOp();
  auto output = dyn_cast<NodeOp>(*node.getOutputs()[0].user_begin());
  if (!absorbed || !keys || keys->first != node.getInputs()[2] || !output || output.getOutputs().size() != 1 ||
      matchByHeads(output.getOutputs()[0]) != output || output.getInputs()[0] != node.getOutputs()[0]) {
    return std::nullopt;
  }
  bool shared = getElementTypeOrSelf(absorbed.getInputs()[1]) == getElementTypeOrSelf(output.getInputs()[1]) &&
                cast<RankedTensorType>(keys->first.getType()).getDimSize(1) == 1 &&
                cast<RankedTensorType>(keys->second.getType()).getDimSize(1) == 1;
  return shared ? std::optional(Absorbed{node, absorbed.getInputs()[0], query->second, absorbed.getInputs()[1],
                                         keys->first, keys->second, output, output.getInputs()[1]})
                : std::nullopt;
}

/// Both matrices of each head, one behind the other: [width of a latent, heads · (width of a head + that of a value)].
static Value stack(OpBuilder &builder, Location loc, const Absorbed &found) {
  Value both =
      createConcat(builder, loc, {found.keyMatrix, createTranspose(builder, loc, found.valueMatrix, {0, 2, 1})}, 1);
  ArrayRef<int64_t> shape = cast<RankedTensorType>(both.getType()).getShape();
  Value rows = createReshape(builder, loc, {Size{shape[0] * shape[1]}, Size{shape[2]}}, both);
  return createTranspose(builder, loc, rows, {1, 0});
}

static void expand(Absorbed found) {
  OpBuilder builder(found.output);
  Location loc = found.attention.getLoc();
  ArrayRef<int64_t> matrix = cast<RankedTensorType>(found.keyMatrix.getType()).getShape();
  int64_t heads = matrix[0], head = matrix[1];
  int64_t value = cast<RankedTensorType>(found.valueMatrix.getType()).getDimSize(2);
  Value product = createMatMul(builder, loc, found.latents, stack(builder, loc, found));
  SmallVector<Size> sizes = getSizes(cast<RankedTensorType>(product.getType()));
  Value split = createReshape(builder, loc, {sizes[0], sizes[2], Size{heads}, Size{head + value}}, product);
  Value expanded = createTranspose(builder, loc, split, {0, 2, 1, 3});
  auto take = [&](int64_t begin, int64_t count) {
    SmallVector<Size> part = getSizes(cast<RankedTensorType>(expanded.getType()));
    part.back() = {count};
    Type element = cast<RankedTensorType>(expanded.getType()).getElementType();
    return createSlice(builder, loc, getTensor(builder.getContext(), part, element), expanded, begin, 3);
  };
  SmallVector<Size> rest = getSizes(cast<RankedTensorType>(found.keyRest.getType()));
  rest[1] = {heads};
  SmallVector<Value> inputs = {
      createConcat(builder, loc, {found.query, found.queryRest}, 3),
      createConcat(builder, loc, {take(0, head), createExpand(builder, loc, rest, found.keyRest)}, 3),
      take(head, value)};
  llvm::append_range(inputs, found.attention.getInputs().drop_front(3));
  Value result = createRaised(builder, loc, found.attention.getOpType(), found.output.getOutputs()[0].getType(), inputs,
                              found.attention.getNodeAttributes().getValue());
  found.output.getOutputs()[0].replaceAllUsesWith(result);
  found.output.erase();
  found.attention.erase();
}

namespace {
struct ExpandAbsorbedAttention : impl::ExpandAbsorbedAttentionBase<ExpandAbsorbedAttention> {
  void runOnOperation() override {
    SmallVector<NodeOp> attentions;
    getOperation().walk([&](NodeOp node) { isAttention(node) ? attentions.push_back(node) : void(); });
    for (NodeOp node : attentions) {
      if (std::optional<Absorbed> found = matchAbsorbed(node)) {
        expand(*found);
      }
    }
  }
};
} // namespace

} // namespace fathom
