// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Gate, experts and grouped products through kernels/ref.

#include "codegen/reference/Frame.h"

#include "kernels/ref/ref.h"

#include "llvm/Support/MathExtras.h"

using namespace mlir;

namespace fathom::reference {

using namespace deepseek;

/// More than any model has.
constexpr int64_t kMostExperts = 1 << 16;

static ref::Scoring convert(Scoring scoring) {
  switch (scoring) {
  case Scoring::softmax:
    return ref::Scoring::Softmax;
  case Scoring::sigmoid:
    return ref::Scoring::Sigmoid;
  }
  llvm_unreachable("every scoring function is a case");
}

static ref::GroupRule convert(GroupRule rule) {
  switch (rule) {
  case GroupRule::none:
    return ref::GroupRule::None;
  case GroupRule::max:
    return ref::GroupRule::Max;
  case GroupRule::top2_sum:
    return ref::GroupRule::Top2Sum;
  }
  llvm_unreachable("every rule of groups is a case");
}

static ref::GateOptions convertGate(RoutingAttr routing, int64_t experts) {
  ref::GateOptions options = {};
  options.experts = experts;
  options.chosen = routing.getTopK();
  options.groups = routing.getGroups();
  options.chosen_groups = routing.getTopGroups();
  options.scoring = convert(routing.getScoring());
  options.group_rule = convert(routing.getGroupRule());
  options.normalize = routing.getNormalize();
  options.factor = routing.getFactor();
  return options;
}

/// Of all experts of a row, by expert, without the bias.
static std::vector<float> scoreExperts(const float *logits, ref::GateOptions options) {
  options.chosen = options.experts;
  options.group_rule = ref::GroupRule::None;
  options.normalize = false;
  options.factor = 1;
  std::vector<int32_t> ids(options.experts);
  std::vector<float> weights(options.experts), scores(options.experts);
  ref::moe_gate(logits, nullptr, 1, options, ids.data(), weights.data());
  for (auto [id, weight] : llvm::zip_equal(ids, weights)) {
    scores[id] = weight;
  }
  return scores;
}

/// Of one row. A bias moves the choice and no weight, which is what a guide may do.
static void chooseExperts(const float *logits, const float *bias, const ref::GateOptions &options, int32_t *ids,
                          float *weights, Choices &choices) {
  ref::moe_gate(logits, bias, 1, options, ids, weights);
  std::vector<float> otherWeights(options.chosen);
  auto chooseAgain = [&](ArrayRef<float> nudges, int32_t *out) {
    std::vector<float> biases = bias ? addNudges(ArrayRef(bias, options.experts), nudges) : nudges.vec();
    ref::moe_gate(logits, biases.data(), 1, options, out, otherWeights.data());
  };
  if (choices.settle({ids, size_t(options.chosen)}, [&] { return scoreExperts(logits, options); }, chooseAgain)) {
    llvm::copy(otherWeights, weights);
  }
}

static void evaluate(MoEGateOp op, Frame &frame) {
  const Tensor &logits = frame.tensor(op.getLogits());
  const float *bias = op.getBias() ? frame.tensor(op.getBias()).reals.data() : nullptr;
  if (frame.failed()) {
    return;
  }
  ref::GateOptions options = convertGate(op.getRouting(), logits.width());
  int64_t rows = logits.rows();
  std::vector<int32_t> ids(rows * options.chosen);
  std::vector<float> weights(rows * options.chosen);
  for (int64_t row = 0; row < rows; ++row) {
    chooseExperts(logits.reals.data() + row * options.experts, bias, options, &ids[row * options.chosen],
                  &weights[row * options.chosen], frame.choices);
  }
  frame.setIds(op.getIds(), {rows, options.chosen}, std::move(ids));
  frame.setReals(op.getWeights(), {rows, options.chosen}, std::move(weights));
}

static bool areExperts(const Tensor &ids, int64_t experts) {
  return llvm::all_of(ids.ids, [&](int32_t id) { return id >= 0 && id < experts; });
}

/// Sorted (token, choice) pairs.
struct Permutation {
  std::vector<int32_t> offsets, sourceRows, slots;
};

static Permutation permute(const Tensor &ids, int64_t experts) {
  Permutation result;
  result.offsets.resize(experts + 1);
  result.sourceRows.resize(ids.size());
  result.slots.resize(ids.size());
  ref::moe_permute(ids.ids.data(), ids.rows(), experts, ids.width(), result.offsets.data(), result.sourceRows.data(),
                   result.slots.data());
  return result;
}

static void evaluate(MoEPermuteOp op, Frame &frame) {
  const Tensor &ids = frame.tensor(op.getIds());
  int64_t experts = op.getExperts();
  if (!frame.expect(experts > 0 && experts <= kMostExperts && areExperts(ids, experts), op, "ids of experts")) {
    return;
  }
  Permutation result = permute(ids, experts);
  llvm::SmallVector<int64_t> shape = ids.shape;
  int64_t slots = ids.size();
  frame.setIds(op.getOffsets(), {experts + 1}, std::move(result.offsets));
  frame.setIds(op.getSourceRows(), {slots}, std::move(result.sourceRows));
  frame.setIds(op.getSlots(), shape, std::move(result.slots));
}

/// out[s] = W[e] · x[source ? source[s] : s], with the rows of W, values, from `firstOutput` on.
static std::vector<float> groupedProduct(const Tensor &input, ArrayRef<int32_t> offsets, const int32_t *sourceRows,
                                         ArrayRef<std::vector<float>> weights, int64_t outputs,
                                         int64_t firstOutput = 0) {
  SmallVector<const float *> pointers;
  for (const std::vector<float> &weight : weights) {
    pointers.push_back(weight.data() + firstOutput * input.width());
  }
  std::vector<float> out(offsets.back() * outputs);
  ref::moe_linear(input.reals.data(), offsets.data(), sourceRows, pointers.data(), weights.size(), input.width(),
                  outputs, out.data());
  return out;
}

static std::vector<std::vector<float>> decodeExperts(Value weight, Value scale, BlockScaleAttr block, Frame &frame) {
  std::vector<std::vector<float>> result;
  int64_t experts = cast<RankedTensorType>(weight.getType()).getDimSize(0);
  for (int64_t expert = 0; expert < experts && !frame.failed(); ++expert) {
    result.push_back(decodeMatrix(weight, scale, block, expert, frame));
  }
  return result;
}

/// Whether slots, rows and experts of a grouped product fit each other.
template <typename Op>
static bool expectGrouped(Op op, Frame &frame) {
  const Tensor &input = frame.tensor(op.getInput()), &offsets = frame.tensor(op.getOffsets());
  const Tensor &rows = frame.tensor(op.getSourceRows());
  auto weight = cast<RankedTensorType>(op.getWeight().getType());
  bool fits = weight.getRank() == 3 && offsets.size() == weight.getDimSize(0) + 1 && llvm::is_sorted(offsets.ids) &&
              offsets.ids.front() == 0 && offsets.ids.back() <= rows.size() && getWidth(weight) == input.width();
  bool inRange = op.getGather() ? areExperts(rows, input.rows()) : rows.size() <= input.rows();
  return frame.expect(fits && inRange, op, "offsets, rows and a weight that fit its input");
}

static void evaluate(MoELinearOp op, Frame &frame) {
  if (!expectGrouped(op, frame)) {
    return;
  }
  const Tensor &offsets = frame.tensor(op.getOffsets()), &rows = frame.tensor(op.getSourceRows());
  auto weights = decodeExperts(op.getWeight(), op.getScale(), op.getBlockAttr(), frame);
  int64_t outputs = getWidth(op.getType());
  if (!frame.expect(countRows(op.getWeight().getType()) == outputs, op, "a weight of its outputs")) {
    return;
  }
  std::vector<float> out = groupedProduct(frame.tensor(op.getInput()), offsets.ids,
                                          op.getGather() ? rows.ids.data() : nullptr, weights, outputs);
  frame.setReals(op.getResult(), {offsets.ids.back(), outputs}, std::move(out));
}

static void evaluate(MoELinearSwiGluOp op, Frame &frame) {
  if (!expectGrouped(op, frame)) {
    return;
  }
  const Tensor &input = frame.tensor(op.getInput()), &offsets = frame.tensor(op.getOffsets());
  const Tensor &rows = frame.tensor(op.getSourceRows());
  int64_t outputs = getWidth(op.getType());
  if (!frame.expect(countRows(op.getWeight().getType()) == 2 * outputs, op, "a weight of gates and ups")) {
    return;
  }
  auto weights = decodeExperts(op.getWeight(), op.getScale(), op.getBlockAttr(), frame);
  const int32_t *sourceRows = op.getGather() ? rows.ids.data() : nullptr;
  std::vector<float> gate = groupedProduct(input, offsets.ids, sourceRows, weights, outputs);
  std::vector<float> up = groupedProduct(input, offsets.ids, sourceRows, weights, outputs, /*firstOutput=*/outputs);
  std::vector<float> out(gate.size());
  ref::swiglu(gate.data(), up.data(), gate.size(), out.data());
  frame.setReals(op.getResult(), {offsets.ids.back(), outputs}, std::move(out));
}

static void evaluate(MoECombineOp op, Frame &frame) {
  const Tensor &input = frame.tensor(op.getInput()), &slots = frame.tensor(op.getSlots());
  const Tensor &weights = frame.tensor(op.getWeights());
  if (!frame.expect(areExperts(slots, input.rows()) && slots.size() == weights.size(), op, "slots of its input")) {
    return;
  }
  int64_t rows = slots.rows();
  std::vector<float> out(rows * input.width());
  ref::moe_combine(input.reals.data(), slots.ids.data(), weights.reals.data(), rows, input.width(), slots.width(),
                   out.data());
  applyEpilogue(op.getEpilogue(), op.getExtras(), out, frame);
  frame.setReals(op.getResult(), {rows, input.width()}, std::move(out));
}

static void evaluate(MoEExpertsOp op, Frame &frame) {
  const Tensor &input = frame.tensor(op.getInput()), &ids = frame.tensor(op.getIds());
  const Tensor &choice = frame.tensor(op.getWeights());
  auto gateType = cast<RankedTensorType>(op.getGate().getType());
  int64_t experts = gateType.getDimSize(0), hidden = input.width(), width = gateType.getDimSize(1);
  bool fits = ids.rows() == input.rows() && ids.size() == choice.size() && areExperts(ids, experts);
  if (!frame.expect(fits, op, "ids and weights of experts for each row")) {
    return;
  }
  auto gates = decodeExperts(op.getGate(), op.getGateScale(), op.getBlockAttr(), frame);
  auto ups = decodeExperts(op.getUp(), op.getUpScale(), op.getBlockAttr(), frame);
  auto downs = decodeExperts(op.getDown(), op.getDownScale(), op.getBlockAttr(), frame);
  if (frame.failed()) {
    return;
  }
  Permutation order = permute(ids, experts);
  Tensor product;
  std::vector<float> gate = groupedProduct(input, order.offsets, order.sourceRows.data(), gates, width);
  std::vector<float> up = groupedProduct(input, order.offsets, order.sourceRows.data(), ups, width);
  product.shape = {ids.size(), width};
  product.reals.resize(gate.size());
  ref::swiglu(gate.data(), up.data(), gate.size(), product.reals.data());
  std::vector<float> down = groupedProduct(product, order.offsets, nullptr, downs, hidden);
  std::vector<float> out(input.size());
  ref::moe_combine(down.data(), order.slots.data(), choice.reals.data(), input.rows(), hidden, ids.width(), out.data());
  frame.setReals(op.getResult(), input.shape, std::move(out));
}

void addMoEEvaluators(Evaluators &evaluators) {
  addEvaluators<MoEGateOp, MoEPermuteOp, MoELinearOp, MoELinearSwiGluOp, MoECombineOp, MoEExpertsOp>(evaluators);
}

} // namespace fathom::reference
