// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What functions use of `arith` and `tensor`: constants, elementwise arithmetic, slices, columns side by side and
// sizes.

#include "codegen/reference/Frame.h"

#include "llvm/ADT/TypeSwitch.h"

#include <algorithm>

using namespace mlir;

namespace fathom::reference {

/// A constant of any size prints as one splat; this is more than models have.
static constexpr int64_t kMostElements = int64_t(1) << 24;

static bool evaluate(arith::ConstantOp op, Frame &frame) {
  if (auto integer = dyn_cast<IntegerAttr>(op.getValue())) {
    frame.set(op.getResult(), integer.getValue().getSExtValue());
    return true;
  }
  if (auto real = dyn_cast<FloatAttr>(op.getValue())) {
    frame.set(op.getResult(), float(real.getValueAsDouble()));
    return true;
  }
  auto elements = dyn_cast<DenseElementsAttr>(op.getValue());
  if (!elements || elements.getNumElements() > kMostElements) {
    return false;
  }
  Tensor tensor;
  tensor.shape = llvm::to_vector(elements.getType().getShape());
  if (isa<FloatType>(elements.getElementType())) {
    for (const APFloat &value : elements.getValues<APFloat>()) {
      APFloat copy = value;
      bool inexact = false;
      copy.convert(APFloat::IEEEsingle(), APFloat::rmNearestTiesToEven, &inexact);
      tensor.reals.push_back(copy.convertToFloat());
    }
  } else {
    for (const APInt &value : elements.getValues<APInt>()) {
      tensor.ids.push_back(int32_t(value.getSExtValue()));
    }
  }
  frame.set(op.getResult(), std::make_shared<const Tensor>(std::move(tensor)));
  return true;
}

/// f32 arithmetic on scalars and, elementwise, on tensors.
static bool evaluateReal(Operation *op, Frame &frame, llvm::function_ref<float(float, float)> combine) {
  Value left = op->getOperand(0), right = op->getOperands().back();
  if (!isa<RankedTensorType>(op->getResult(0).getType())) {
    frame.set(op->getResult(0), combine(frame.scalar(left), frame.scalar(right)));
    return true;
  }
  const Tensor &a = frame.tensor(left), &b = frame.tensor(right);
  if (!frame.expect(a.shape == b.shape && a.reals.size() == b.reals.size(), op, "f32 operands of one shape")) {
    return true;
  }
  std::vector<float> out(a.reals.size());
  std::transform(a.reals.begin(), a.reals.end(), b.reals.begin(), out.begin(), combine);
  frame.setReals(op->getResult(0), a.shape, std::move(out));
  return true;
}

static bool evaluateIndex(Operation *op, Frame &frame, llvm::function_ref<int64_t(uint64_t, uint64_t)> combine) {
  if (!isa<IndexType>(op->getResult(0).getType())) {
    return false;
  }
  frame.set(op->getResult(0),
            combine(uint64_t(frame.index(op->getOperand(0))), uint64_t(frame.index(op->getOperand(1)))));
  return true;
}

static bool evaluate(tensor::DimOp op, Frame &frame) {
  const Tensor &tensor = frame.tensor(op.getSource());
  int64_t dimension = frame.index(op.getIndex());
  if (frame.expect(dimension >= 0 && dimension < int64_t(tensor.shape.size()), op, "a dimension of its tensor")) {
    frame.set(op.getResult(), tensor.shape[dimension]);
  }
  return true;
}

/// Offsets, sizes or strides as numbers.
static SmallVector<int64_t> evaluateAll(ArrayRef<OpFoldResult> mixed, Frame &frame) {
  return llvm::map_to_vector(mixed, [&](OpFoldResult item) {
    std::optional<int64_t> constant = getConstantIntValue(item);
    return constant ? *constant : frame.index(cast<Value>(item));
  });
}

static bool evaluate(tensor::ExtractSliceOp op, Frame &frame) {
  const Tensor &source = frame.tensor(op.getSource());
  SmallVector<int64_t> offsets = evaluateAll(op.getMixedOffsets(), frame);
  SmallVector<int64_t> sizes = evaluateAll(op.getMixedSizes(), frame);
  SmallVector<int64_t> strides = evaluateAll(op.getMixedStrides(), frame);
  if (op.getType().getRank() != 2 || source.shape.size() != 2) {
    return false;
  }
  bool fits = true;
  for (int64_t i = 0; i < 2; ++i) {
    int64_t last = 0;
    bool overflow = __builtin_mul_overflow(sizes[i] - 1, strides[i], &last);
    fits &= !overflow && offsets[i] >= 0 && sizes[i] >= 0 && strides[i] > 0 && offsets[i] <= source.shape[i] &&
            last < source.shape[i] - offsets[i];
  }
  if (!frame.expect(fits, op, "a slice inside its tensor")) {
    return true;
  }
  Tensor result;
  result.shape = sizes;
  for (int64_t i = 0; i < sizes[0] * sizes[1]; ++i) {
    int64_t row = offsets[0] + i / sizes[1] * strides[0], column = offsets[1] + i % sizes[1] * strides[1];
    if (source.reals.empty()) {
      result.ids.push_back(source.ids[row * source.shape[1] + column]);
    } else {
      result.reals.push_back(source.reals[row * source.shape[1] + column]);
    }
  }
  frame.set(op.getResult(), std::make_shared<const Tensor>(std::move(result)));
  return true;
}

/// Columns of numbers side by side.
static bool evaluate(tensor::ConcatOp op, Frame &frame) {
  const Tensor &first = frame.tensor(op.getInputs().front());
  bool columns = op.getDim() == 1 && llvm::all_of(op.getInputs(), [&](Value input) {
                   const Tensor &part = frame.tensor(input);
                   return part.shape.size() == 2 && part.rows() == first.rows() && part.ids.empty();
                 });
  if (!frame.expect(columns, op, "columns of as many rows")) {
    return true;
  }
  std::vector<float> joined;
  for (int64_t row = 0; row < first.rows(); ++row) {
    for (Value input : op.getInputs()) {
      const Tensor &part = frame.tensor(input);
      auto begin = part.reals.begin() + row * part.width();
      joined.insert(joined.end(), begin, begin + part.width());
    }
  }
  frame.setReals(op.getResult(), {first.rows(), op.getType().getDimSize(1)}, std::move(joined));
  return true;
}

bool evaluateUpstreamOp(Operation *op, Frame &frame) {
  auto real = [&](auto combine) { return evaluateReal(op, frame, combine); };
  auto index = [&](auto combine) { return evaluateIndex(op, frame, combine); };
  return TypeSwitch<Operation *, bool>(op)
      .Case<arith::ConstantOp, tensor::DimOp, tensor::ExtractSliceOp, tensor::ConcatOp>(
          [&](auto typed) { return evaluate(typed, frame); })
      .Case([&](arith::AddFOp) { return real([](float a, float b) { return a + b; }); })
      .Case([&](arith::SubFOp) { return real([](float a, float b) { return a - b; }); })
      .Case([&](arith::MulFOp) { return real([](float a, float b) { return a * b; }); })
      .Case([&](arith::DivFOp) { return real([](float a, float b) { return a / b; }); })
      .Case([&](arith::MaximumFOp) { return real([](float a, float b) { return std::max(a, b); }); })
      .Case([&](arith::MinimumFOp) { return real([](float a, float b) { return std::min(a, b); }); })
      .Case([&](arith::NegFOp) { return real([](float a, float) { return -a; }); })
      .Case([&](arith::ExtFOp) { return real([](float a, float) { return a; }); })
      .Case([&](arith::AddIOp) { return index([](uint64_t a, uint64_t b) { return int64_t(a + b); }); })
      .Case([&](arith::SubIOp) { return index([](uint64_t a, uint64_t b) { return int64_t(a - b); }); })
      .Case([&](arith::MulIOp) { return index([](uint64_t a, uint64_t b) { return int64_t(a * b); }); })
      .Default([](Operation *) { return false; });
}

} // namespace fathom::reference
