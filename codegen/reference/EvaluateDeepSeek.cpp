// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Weights, embedding, norms and linear maps through kernels/ref.

#include "codegen/reference/Frame.h"

#include "kernels/ref/ref.h"

#include "llvm/Support/MathExtras.h"

using namespace mlir;

namespace fathom::reference {

using namespace deepseek;

static void setOrFail(Value result, llvm::Expected<TensorPtr> value, Frame &frame) {
  if (!value) {
    frame.fail("cannot evaluate: " + llvm::toString(value.takeError()));
    return;
  }
  frame.set(result, *value);
}

static void evaluate(GetWeightOp op, Frame &frame) {
  std::optional<int64_t> layer;
  if (op.getLayer()) {
    layer = frame.index(op.getLayer());
  }
  setOrFail(op.getResult(), frame.weights.get(op->getParentOfType<ModuleOp>(), op.getWeight(), layer), frame);
}

static void evaluate(RopeTableOp op, Frame &frame) { setOrFail(op.getResult(), frame.weights.getRopeTable(op), frame); }

static void evaluate(EmbeddingOp op, Frame &frame) {
  const Tensor &tokens = frame.tensor(op.getTokens()), &table = frame.tensor(op.getTable());
  if (!frame.expect(table.shape.size() == 2, op, "a table of rank 2")) {
    return;
  }
  std::vector<float> out(tokens.size() * table.width());
  ref::embedding(tokens.ids.data(), table.reals.data(), tokens.size(), table.rows(), table.width(), out.data());
  frame.setReals(op.getResult(), {tokens.size(), table.width()}, std::move(out));
}

static void evaluate(SelectRowsOp op, Frame &frame) {
  const Tensor &input = frame.tensor(op.getInput()), &rows = frame.tensor(op.getRows());
  bool inRange = llvm::all_of(rows.ids, [&](int32_t row) { return row >= 0 && row < input.rows(); });
  if (!frame.expect(inRange, op, "rows of its input")) {
    return;
  }
  std::vector<float> out(rows.size() * input.width());
  ref::select_rows(input.reals.data(), rows.ids.data(), rows.size(), input.width(), out.data());
  frame.setReals(op.getResult(), {rows.size(), input.width()}, std::move(out));
}

static void evaluate(ArgmaxOp op, Frame &frame) {
  const Tensor &input = frame.tensor(op.getInput());
  std::vector<int32_t> ids(input.rows());
  for (int64_t row = 0; row < input.rows(); ++row) {
    ArrayRef<float> logits = ArrayRef(input.reals).slice(row * input.width(), input.width());
    ref::argmax(logits.data(), 1, logits.size(), &ids[row]);
    auto chooseAgain = [&](ArrayRef<float> nudges, int32_t *out) {
      std::vector<float> nudged = addNudges(logits, nudges);
      ref::argmax(nudged.data(), 1, nudged.size(), out);
    };
    frame.choices.settle(ids[row], [&] { return logits.vec(); }, chooseAgain);
  }
  frame.setIds(op.getResult(), {input.rows()}, std::move(ids));
}

static void evaluate(RecordStateOp op, Frame &frame) {
  if (const TensorPtr *state = std::get_if<TensorPtr>(&frame.datum(op.getInput()))) {
    frame.states.emplace_back(op.getLayer(), *state);
  }
}

static void normalize(Operation *op, const Tensor &input, Value weightValue, const llvm::APFloat &eps, Value result,
                      Frame &frame) {
  const Tensor &weight = frame.tensor(weightValue);
  int64_t group = weight.size();
  if (!frame.expect(group > 0 && input.width() % group == 0, op, "a weight of groups that make up its width")) {
    return;
  }
  std::vector<float> out(input.size());
  ref::rms_norm(input.reals.data(), weight.reals.data(), input.size() / group, group, eps.convertToDouble(),
                out.data());
  frame.setReals(result, input.shape, std::move(out));
}

static void evaluate(RmsNormOp op, Frame &frame) {
  normalize(op, frame.tensor(op.getInput()), op.getWeight(), op.getEps(), op.getResult(), frame);
}

static void evaluate(AddRmsNormOp op, Frame &frame) {
  const Tensor &input = frame.tensor(op.getInput()), &residual = frame.tensor(op.getResidual());
  if (!frame.expect(input.size() == residual.size(), op, "operands of one shape")) {
    return;
  }
  std::vector<float> sum(input.size());
  ref::add(input.reals.data(), residual.reals.data(), input.size(), sum.data());
  llvm::SmallVector<int64_t> shape = input.shape;
  frame.setReals(op.getSum(), shape, std::move(sum));
  normalize(op, frame.tensor(op.getSum()), op.getWeight(), op.getEps(), op.getResult(), frame);
}

static void evaluate(LayerNormOp op, Frame &frame) {
  const Tensor &input = frame.tensor(op.getInput()), &weight = frame.tensor(op.getWeight());
  const Tensor &bias = frame.tensor(op.getBias());
  if (!frame.expect(weight.size() == input.width() && bias.size() == input.width(), op, "weights of its width")) {
    return;
  }
  std::vector<float> out(input.size());
  ref::layer_norm(input.reals.data(), weight.reals.data(), bias.reals.data(), input.rows(), input.width(),
                  op.getEps().convertToDouble(), out.data());
  frame.setReals(op.getResult(), input.shape, std::move(out));
}

static void evaluate(LinearOp op, Frame &frame) {
  const Tensor &input = frame.tensor(op.getInput());
  int64_t outputs = getWidth(op.getType()), rows = input.rows();
  std::vector<float> matrix = decodeMatrix(op.getWeight(), op.getScale(), op.getBlockAttr(), 0, frame);
  if (!frame.expect(int64_t(matrix.size()) >= outputs * input.width(), op, "a weight of its width")) {
    return;
  }
  std::vector<float> out(rows * outputs);
  ref::linear(input.reals.data(), matrix.data(), rows, input.width(), outputs, out.data());
  if (op.getBias()) {
    ref::add_bias(out.data(), frame.tensor(op.getBias()).reals.data(), rows, outputs, out.data());
  }
  applyEpilogue(op.getEpilogue(), op.getExtras(), out, frame);
  frame.setReals(op.getResult(), {rows, outputs}, std::move(out));
}

static void evaluate(LinearSwiGluOp op, Frame &frame) {
  const Tensor &input = frame.tensor(op.getInput());
  int64_t outputs = getWidth(op.getType()), rows = input.rows(), inputs = input.width();
  std::vector<float> both = decodeMatrix(op.getWeight(), op.getScale(), op.getBlockAttr(), 0, frame);
  int64_t half = outputs * inputs;
  if (!frame.expect(int64_t(both.size()) == 2 * half, op, "a weight of gates and ups")) {
    return;
  }
  std::vector<float> gate(rows * outputs), up(rows * outputs), out(rows * outputs);
  ref::linear(input.reals.data(), both.data(), rows, inputs, outputs, gate.data());
  ref::linear(input.reals.data(), both.data() + half, rows, inputs, outputs, up.data());
  ref::swiglu(gate.data(), up.data(), rows * outputs, out.data());
  applyEpilogue(op.getEpilogue(), op.getExtras(), out, frame);
  frame.setReals(op.getResult(), {rows, outputs}, std::move(out));
}

static void evaluate(QuantizeRowsOp op, Frame &frame) {
  const Tensor &input = frame.tensor(op.getInput());
  std::vector<float> out(input.size());
  ref::quantize_rows(input.reals.data(), input.rows(), input.width(), out.data());
  frame.setReals(op.getResult(), input.shape, std::move(out));
}

static void evaluate(SwiGluOp op, Frame &frame) {
  const Tensor &gate = frame.tensor(op.getGate()), &up = frame.tensor(op.getUp());
  if (!frame.expect(gate.size() == up.size(), op, "operands of one shape")) {
    return;
  }
  std::vector<float> out(gate.size());
  ref::swiglu(gate.reals.data(), up.reals.data(), gate.size(), out.data());
  frame.setReals(op.getResult(), gate.shape, std::move(out));
}

void addBasicEvaluators(Evaluators &evaluators) {
  addEvaluators<GetWeightOp, RopeTableOp, EmbeddingOp, SelectRowsOp, ArgmaxOp, RecordStateOp, RmsNormOp, AddRmsNormOp,
                LayerNormOp, LinearOp, LinearSwiGluOp, QuantizeRowsOp, SwiGluOp>(evaluators);
}

} // namespace fathom::reference
