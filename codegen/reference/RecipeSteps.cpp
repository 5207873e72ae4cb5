// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The meaning of the steps of recipes.

#include "codegen/reference/RecipeSteps.h"

#include "dialects/deepseek/DeepSeek.h"
#include "kernels/ref/ref.h"

#include "llvm/ADT/TypeSwitch.h"
#include "llvm/Support/MathExtras.h"

#include <algorithm>

using namespace mlir;

namespace fathom::reference {

using namespace deepseek;

namespace {

/// A stack of matrices [experts, rows, columns] as rows to copy. A vector is a matrix of one column.
struct Matrices {
  explicit Matrices(const Tensor &tensor) : data(tensor.reals.data()) {
    size_t rank = tensor.shape.size();
    if (rank == 1) {
      rows = tensor.shape[0];
      columns = 1;
      return;
    }
    columns = tensor.shape[rank - 1];
    rows = tensor.shape[rank - 2];
    for (int64_t size : llvm::ArrayRef(tensor.shape).drop_back(2)) {
      experts *= size;
    }
  }
  const float *row(int64_t expert, int64_t index) const { return data + (expert * rows + index) * columns; }

  const float *data;
  int64_t experts = 1;
  int64_t rows;
  int64_t columns;
};

} // namespace

static void append(std::vector<float> &out, const float *row, int64_t count) {
  out.insert(out.end(), row, row + count);
}

static std::vector<float> concatRows(ArrayRef<TensorPtr> sources) {
  std::vector<float> out;
  int64_t experts = Matrices(*sources.front()).experts;
  if (llvm::any_of(sources, [&](const TensorPtr &source) { return Matrices(*source).experts != experts; })) {
    return out;
  }
  for (int64_t expert = 0; expert < experts; ++expert) {
    for (const TensorPtr &source : sources) {
      Matrices matrices(*source);
      append(out, matrices.row(expert, 0), matrices.rows * matrices.columns);
    }
  }
  return out;
}

static std::vector<float> expandScale(const Tensor &scale, int64_t rows, int64_t resultRows) {
  std::vector<float> out;
  Matrices source(scale);
  for (int64_t expert = 0; expert < source.experts; ++expert) {
    for (int64_t row = 0; row < resultRows; ++row) {
      append(out, source.row(expert, std::min(row / rows, source.rows - 1)), source.columns);
    }
  }
  return out;
}

/// Numbers [.., rows, columns or more] as the result's `columns`.
static std::vector<float> dequantize(DequantizeOp op, ArrayRef<TensorPtr> sources, int64_t columns) {
  std::vector<float> out;
  Matrices numbers(*sources[0]), scales(*sources[1]);
  std::optional<Matrices> zeros = op.getZeros() ? std::optional<Matrices>(*sources[2]) : std::nullopt;
  float zero = op.getZero() ? float(op.getZero()->convertToDouble()) : 0;
  for (int64_t expert = 0; expert < numbers.experts; ++expert) {
    for (int64_t row = 0; row < numbers.rows; ++row) {
      int64_t block = row / op.getBlock().getRows();
      for (int64_t k = 0; k < columns; ++k) {
        int64_t at = k / op.getBlock().getColumns();
        float center = zeros ? zeros->row(expert, block)[at] : zero;
        out.push_back((numbers.row(expert, row)[k] - center) * scales.row(expert, block)[at]);
      }
    }
  }
  return out;
}

/// Calls visit(numbers, count) for each group of a row.
static void forEachGroup(const Tensor &tensor, int64_t group, llvm::function_ref<void(const float *, int64_t)> visit) {
  Matrices source(tensor);
  for (int64_t row = 0; row < source.experts * source.rows; ++row) {
    for (int64_t k = 0; k < source.columns; k += group) {
      visit(source.row(0, row) + k, std::min(group, source.columns - k));
    }
  }
}

/// Of numbers that become FP8, or integers.
static float findScale(const float *numbers, int64_t count, bool isF8) {
  return isF8 ? ref::scale_of_f8_group(numbers, count) : ref::scale_of_group(numbers, count);
}

static std::vector<float> quantize(const Tensor &tensor, int64_t group, bool isF8) {
  std::vector<float> out;
  forEachGroup(tensor, group, [&](const float *numbers, int64_t count) {
    float scale = findScale(numbers, count, isF8);
    for (int64_t i = 0; i < count; ++i) {
      float quotient = scale == 0 ? 0 : numbers[i] / scale;
      out.push_back(isF8 ? ref::f8e4m3_to_f32(ref::f32_to_f8e4m3(quotient)) : ref::f32_to_i8(numbers[i], scale));
    }
  });
  return out;
}

static std::vector<float> findScales(const Tensor &tensor, int64_t group, bool isF8) {
  std::vector<float> out;
  forEachGroup(tensor, group,
               [&](const float *numbers, int64_t count) { out.push_back(findScale(numbers, count, isF8)); });
  return out;
}

static std::vector<float> sliceRows(const Tensor &tensor, int64_t begin, int64_t step, int64_t rows) {
  std::vector<float> out;
  Matrices source(tensor);
  for (int64_t expert = 0; expert < source.experts; ++expert) {
    for (int64_t row = 0; row < rows && begin + row * step < source.rows; ++row) {
      append(out, source.row(expert, begin + row * step), source.columns);
    }
  }
  return out;
}

static std::vector<float> transpose(const Tensor &tensor) {
  std::vector<float> out;
  Matrices source(tensor);
  for (int64_t expert = 0; expert < source.experts; ++expert) {
    for (int64_t column = 0; column < source.columns; ++column) {
      for (int64_t row = 0; row < source.rows; ++row) {
        out.push_back(source.row(expert, row)[column]);
      }
    }
  }
  return out;
}

static std::vector<float> readReals(ConstantOp constant) {
  std::vector<float> out;
  for (const APFloat &value : constant.getValue().getValues<APFloat>()) {
    out.push_back(static_cast<float>(value.convertToDouble()));
  }
  return out;
}

llvm::Expected<Tensor> evaluateRecipeStep(Operation *step, ArrayRef<TensorPtr> sources) {
  auto type = cast<RankedTensorType>(step->getResult(0).getType());
  Tensor result;
  result.shape = llvm::to_vector(type.getShape());
  bool matrices = llvm::all_of(sources, [](const TensorPtr &source) { return source && source->shape.size() >= 2; });
  if (auto constant = dyn_cast<ConstantOp>(step)) {
    result.reals = readReals(constant);
    return result;
  }
  if (sources.empty() || (!matrices && !isa<ToF32Op, ToBF16Op, ConcatRowsOp>(step))) {
    return llvm::createStringError("cannot evaluate " + step->getName().getStringRef() + " of these operands");
  }
  TypeSwitch<Operation *>(step)
      .Case([&](ConcatRowsOp) { result.reals = concatRows(sources); })
      .Case([&](ExpandScaleOp op) {
        if (op.getRows() > 0 && sources[0]->shape[sources[0]->shape.size() - 2] > 0) {
          result.reals = expandScale(*sources[0], op.getRows(), type.getShape().drop_back().back());
        }
      })
      .Case([&](DequantizeOp op) { result.reals = dequantize(op, sources, type.getShape().back()); })
      .Case([&](QuantizeOp op) {
        result.reals = quantize(*sources[0], op.getGroup(), isa<Float8E4M3FNType>(type.getElementType()));
      })
      .Case([&](QuantizeScalesOp op) {
        result.reals = findScales(*sources[0], op.getGroup(), type.getElementType().isF32());
      })
      .Case([&](SliceRowsOp op) {
        result.reals = sliceRows(*sources[0], op.getBegin(), op.getStep(), type.getShape().drop_back().back());
      })
      .Case([&](TransposeOp) { result.reals = transpose(*sources[0]); })
      .Case([&](ToBF16Op) {
        result.reals = sources[0]->reals;
        roundToBF16(result.reals);
      })
      .Case<ConvertLayoutOp, ToF32Op>([&](auto) { result.reals = sources[0]->reals; });
  if (int64_t(result.reals.size()) != type.getNumElements()) {
    return llvm::createStringError("cannot evaluate " + step->getName().getStringRef() +
                                   ": the value does not match the result's shape");
  }
  return result;
}

} // namespace fathom::reference
