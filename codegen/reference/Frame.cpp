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
  if (getElementTypeOrSelf(value).isBF16()) {
    roundToBF16(tensor.reals);
  }
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

std::vector<float> decodeMatrix(Value weight, Value scale, BlockScaleAttr block, int64_t expert, Frame &frame) {
  const Tensor &stored = frame.tensor(weight);
  auto type = cast<RankedTensorType>(weight.getType());
  int64_t outputs = countRows(type), inputs = getWidth(type), count = outputs * inputs;
  std::vector<float> out(count);
  const Tensor *scales = scale ? &frame.tensor(scale) : nullptr;
  bool scaled = scales && block;
  int64_t blocks = scaled ? llvm::divideCeil(inputs, block.getColumns()) : 0;
  int64_t scaleCount = scaled ? llvm::divideCeil(outputs, block.getRows()) * blocks : 0;
  if (frame.failed() || stored.size() < (expert + 1) * count ||
      (scaled && scales->size() < (expert + 1) * scaleCount)) {
    frame.fail("cannot evaluate a weight whose value does not match its shape");
    return out;
  }
  std::copy_n(stored.reals.begin() + expert * count, count, out.begin());
  for (int64_t i = 0; scaled && i < count; ++i) {
    int64_t row = i / inputs / block.getRows(), column = i % inputs / block.getColumns();
    out[i] *= scales->reals[expert * scaleCount + row * blocks + column];
  }
  return out;
}

} // namespace fathom::reference
