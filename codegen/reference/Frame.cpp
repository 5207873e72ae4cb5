// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The values of one function's evaluation, and what ops share.

#include "codegen/reference/Frame.h"

#include "llvm/Support/MathExtras.h"

using namespace mlir;

namespace fathom::reference {

using namespace deepseek;

void Frame::fail(const Twine &message) {
  if (problem.empty()) {
    problem = message.str();
  }
}

bool Frame::expect(bool condition, Operation *op, const Twine &what) {
  if (!condition) {
    fail("cannot evaluate " + op->getName().getStringRef() + ": expected " + what);
  }
  return !failed();
}

template <typename Kind>
const Kind *Frame::find(Value value, const char *kind) {
  const Kind *found = std::get_if<Kind>(&values[value]);
  if (!found) {
    fail(Twine("cannot evaluate: expected ") + kind);
  }
  return found;
}

const Tensor &Frame::tensor(Value value) {
  static const Tensor empty;
  const TensorPtr *found = find<TensorPtr>(value, "a tensor");
  return found ? **found : empty;
}

CachePtr Frame::cache(Value value) {
  const CachePtr *found = find<CachePtr>(value, "a cache");
  return found ? *found : std::make_shared<Cache>();
}

int64_t Frame::index(Value value) {
  const int64_t *found = find<int64_t>(value, "an index");
  return found ? *found : 0;
}

float Frame::scalar(Value value) {
  const float *found = find<float>(value, "a number");
  return found ? *found : 0.0f;
}

void Frame::setReals(Value value, ArrayRef<int64_t> shape, std::vector<float> reals) {
  Tensor tensor;
  tensor.shape = llvm::to_vector(shape);
  tensor.reals = std::move(reals);
  set(value, std::make_shared<const Tensor>(std::move(tensor)));
}

void Frame::setIds(Value value, ArrayRef<int64_t> shape, std::vector<int32_t> ids) {
  Tensor tensor;
  tensor.shape = llvm::to_vector(shape);
  tensor.ids = std::move(ids);
  set(value, std::make_shared<const Tensor>(std::move(tensor)));
}

void applyEpilogue(Region &epilogue, ValueRange extras, std::vector<float> &sums, Frame &frame) {
  if (epilogue.empty()) {
    return;
  }
  Block &body = epilogue.front();
  SmallVector<const Tensor *> others;
  for (Value extra : extras) {
    others.push_back(&frame.tensor(extra));
    const Tensor &other = *others.back();
    bool vector = other.shape.size() == 1 && other.size() > 0 && sums.size() % other.reals.size() == 0;
    if (!frame.expect(vector || other.reals.size() == sums.size(), epilogue.getParentOp(), "extras of its shape")) {
      return;
    }
  }
  if (!frame.expect(body.getNumArguments() == others.size() + 1, epilogue.getParentOp(), "an argument per extra")) {
    return;
  }
  // An epilogue's ops are scalar: it is run for each number.
  for (size_t i = 0; i < sums.size() && !frame.failed(); ++i) {
    frame.set(body.getArgument(0), sums[i]);
    for (auto [other, argument] : llvm::zip(others, body.getArguments().drop_front())) {
      frame.set(argument, other->reals[i % other->reals.size()]);
    }
    for (Operation &op : body.without_terminator()) {
      if (!evaluateUpstreamOp(&op, frame)) {
        frame.fail("cannot evaluate op '" + op.getName().getStringRef() + "' in an epilogue");
      }
    }
    sums[i] = frame.scalar(body.getTerminator()->getOperand(0));
  }
}

/// Where the scale of output `n` and block `b` of inputs is.
static int64_t scaleIndex(const WeightShape &shape, BlockScaleAttr block, int64_t n, int64_t b) {
  int64_t blocks = llvm::divideCeil(shape.inputs, block.getColumns());
  if (shape.panels) {
    return (n / kPanelWidth * blocks + b) * kPanelWidth + n % kPanelWidth;
  }
  return n / block.getRows() * blocks + b;
}

static int64_t scaleCount(const WeightShape &shape, BlockScaleAttr block) {
  return scaleIndex(shape, block, shape.outputs - 1, llvm::divideCeil(shape.inputs, block.getColumns()) - 1) + 1;
}

std::vector<float> decodeMatrix(Value weight, Value scale, BlockScaleAttr block, bool experts, int64_t expert,
                                Frame &frame) {
  const Tensor &stored = frame.tensor(weight);
  WeightShape shape = getWeightShape(cast<RankedTensorType>(weight.getType()), experts);
  int64_t count = shape.outputs * shape.inputs;
  std::vector<float> out(count);
  const Tensor *scales = scale ? &frame.tensor(scale) : nullptr;
  bool scaled = scales && block;
  if (frame.failed() || stored.size() < (expert + 1) * count ||
      (scaled && scales->size() < (expert + 1) * scaleCount(shape, block))) {
    frame.fail("cannot evaluate a weight whose value does not match its shape");
    return out;
  }
  const float *from = stored.reals.data() + expert * count;
  const float *factors = scaled ? scales->reals.data() + expert * scaleCount(shape, block) : nullptr;
  for (int64_t n = 0; n < shape.outputs; ++n) {
    for (int64_t k = 0; k < shape.inputs; ++k) {
      int64_t panel = n / kPanelWidth * shape.inputs * kPanelWidth;
      float value = shape.panels ? from[panel + k * kPanelWidth + n % kPanelWidth] : from[n * shape.inputs + k];
      out[n * shape.inputs + k] =
          factors ? value * factors[scaleIndex(shape, block, n, k / block.getColumns())] : value;
    }
  }
  return out;
}

std::pair<std::vector<float>, std::vector<float>> separateGateUp(ArrayRef<float> both, int64_t outputs,
                                                                 int64_t inputs) {
  std::pair<std::vector<float>, std::vector<float>> result;
  for (int64_t n = 0; n < outputs; ++n) {
    int64_t gate = (n / kPanelWidth * 2 * kPanelWidth + n % kPanelWidth) * inputs;
    ArrayRef<float> gateRow = both.slice(gate, inputs), upRow = both.slice(gate + kPanelWidth * inputs, inputs);
    result.first.insert(result.first.end(), gateRow.begin(), gateRow.end());
    result.second.insert(result.second.end(), upRow.begin(), upRow.end());
  }
  return result;
}

} // namespace fathom::reference
