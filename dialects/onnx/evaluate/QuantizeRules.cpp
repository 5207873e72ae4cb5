// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Numbers of few bits: what they stand for, and products of matrices of them.

#include "dialects/onnx/evaluate/Packed.h"

#include "llvm/ADT/APFloat.h"

#include <algorithm>
#include <cmath>

using namespace mlir;

namespace fathom::onnx {

int64_t unpack(const std::vector<int64_t> &bytes, int64_t first, unsigned bits, int64_t at) {
  int64_t bit = at * bits;
  return (bytes[first + bit / 8] >> (bit % 8)) & ((int64_t(1) << bits) - 1);
}

/// Which scale belongs to each element: one for all, one for each index along an axis, or one for each block of it.
/// Nothing after a finding.
static std::optional<std::vector<int64_t>> scaleIndices(NodeValues &node, const Array &in, const Array &scale) {
  std::vector<int64_t> indices(in.size(), 0);
  if (scale.size() == 1) {
    return indices;
  }
  std::optional<int64_t> axis = node.axis(node.integer("axis", 1), in.rank());
  int64_t block = node.integer("block_size", 0);
  Extents expected = in.shape;
  if (axis && block == 0) {
    expected = {in.shape[*axis]};
  } else if (axis && block > 0 && block <= kMostElements) {
    expected[*axis] = (in.shape[*axis] + block - 1) / block;
  }
  if (!axis || block < 0 || block > kMostElements || scale.shape != expected) {
    node.fail("has scales that do not fit");
    return std::nullopt;
  }
  Extents strides = stridesOf(scale.shape);
  size_t at = 0;
  forEachPlace(in.shape, [&](ArrayRef<int64_t> place) {
    int64_t index = place[*axis];
    if (block > 0) {
      Extents of(place);
      of[*axis] /= block;
      index = elementAt(of, strides);
    }
    indices[at++] = index;
  });
  return indices;
}

/// Whether the zero points, input 2, fit the scales, input 1.
static bool checkScales(NodeValues &node) {
  const Array &scale = node.in(1), &zero = node.in(2);
  bool isNumber = zero.isReal() || zero.isInteger();
  bool fits = scale.isReal() && (!node.has(2) || (isNumber && zero.size() == scale.size()));
  return fits || node.fail("has scales or zero points that do not fit");
}

static bool dequantize(NodeValues &node) {
  const Array &in = node.in(0), &scale = node.in(1), &zero = node.in(2);
  if (!checkScales(node) || !(in.isReal() || in.isInteger()) || (node.has(2) && zero.element != in.element)) {
    return node.fail("wants numbers, and zero points of their type");
  }
  std::optional<std::vector<int64_t>> of = scaleIndices(node, in, scale);
  Array *out = of ? node.make(0, node.elementOf(0, scale.element), in.shape) : nullptr;
  if (!out || !out->isReal()) {
    return node.fail("gives something else than floats");
  }
  for (int64_t i = 0; i < in.size(); ++i) {
    double center = node.has(2) ? zero.real((*of)[i]) : 0;
    out->reals[i] = (in.real(i) - center) * scale.reals[(*of)[i]];
  }
  return true;
}

/// The numbers that a type has at both ends.
static std::pair<double, double> rangeOf(Type element) {
  if (auto real = dyn_cast<FloatType>(element)) {
    APFloat most = APFloat::getLargest(real.getFloatSemantics());
    bool inexact = false;
    most.convert(APFloat::IEEEdouble(), APFloat::rmNearestTiesToEven, &inexact);
    return {-most.convertToDouble(), most.convertToDouble()};
  }
  auto bits = static_cast<int>(element.getIntOrFloatBitWidth());
  bool natural = element.isUnsignedInteger();
  return {natural ? 0 : -std::ldexp(1, bits - 1), std::ldexp(1, natural ? bits : bits - 1) - 1};
}

/// The nearest number of a type, of two the even one.
static void quantizeTo(Array &out, int64_t at, double value) {
  auto [least, most] = rangeOf(out.element);
  if (out.isReal()) {
    out.reals[at] = std::clamp(value, least, most);
  } else {
    out.integers[at] = truncate(std::clamp(std::nearbyint(value), least, most));
  }
}

/// A quotient is rounded twice: first to the type of floats, where halves of integers come from.
static double divide(double value, double scale, Type element) { return roundTo(element, value / scale); }

static bool quantize(NodeValues &node) {
  const Array &in = node.in(0), &scale = node.in(1), &zero = node.in(2);
  if (!checkScales(node) || !(in.isReal() || in.isInteger())) {
    return node.fail("wants numbers");
  }
  std::optional<std::vector<int64_t>> of = scaleIndices(node, in, scale);
  Type element = node.has(2) ? zero.element : IntegerType::get(node.op().getContext(), 8, IntegerType::Unsigned);
  Array *out = of ? node.make(0, node.elementOf(0, element), in.shape) : nullptr;
  if (!out || !(out->isReal() || out->isInteger())) {
    return node.fail("gives something else than numbers");
  }
  for (int64_t i = 0; i < in.size(); ++i) {
    double value = divide(in.real(i), scale.reals[(*of)[i]], scale.element);
    value = out->isReal() ? value : std::nearbyint(value);
    quantizeTo(*out, i, value + (node.has(2) ? zero.real((*of)[i]) : 0));
  }
  return true;
}

/// To 0..255, of a scale and a zero point such that 0 is a number of them. Both are rounded before they are used.
static bool dynamicQuantize(NodeValues &node) {
  const Array &in = node.in(0);
  Builder builder(node.op().getContext());
  Type byte = IntegerType::get(builder.getContext(), 8, IntegerType::Unsigned);
  Array *out = in.isReal() ? node.make(0, byte, in.shape) : nullptr;
  Array *scale = node.make(1, builder.getF32Type(), {}), *zero = node.make(2, byte, {});
  if (!out) {
    return node.fail("wants floats");
  }
  double least = 0, most = 0;
  for (double value : in.reals) {
    least = std::min(least, value);
    most = std::max(most, value);
  }
  scale->reals[0] = roundTo(builder.getF32Type(), (most - least) / 255);
  double by = scale->reals[0] == 0 ? 1 : scale->reals[0];
  quantizeTo(*zero, 0, divide(-least, by, in.element));
  for (int64_t i = 0; i < in.size(); ++i) {
    quantizeTo(*out, i, std::nearbyint(divide(in.reals[i], by, in.element)) + static_cast<double>(zero->integers[0]));
  }
  return true;
}

/// Columns of K numbers of few bits, packed in blocks from the lowest bits up, each block with a scale and a zero
/// point, which is in the middle where it is left out.
static std::optional<PackedMatrix> readColumns(NodeValues &node) {
  PackedMatrix matrix = {node.integer("N", 0), node.integer("K", 0), node.integer("block_size", 0),
                         static_cast<unsigned>(node.integer("bits", 4))};
  matrix.weights = &node.in(1);
  matrix.scales = &node.in(2);
  matrix.zeros = node.has(3) ? &node.in(3) : nullptr;
  if (!matrix.fits(1) || (node.has(4) && !node.in(4).isInteger())) {
    node.fail("has weights, scales or zero points that do not fit");
    return std::nullopt;
  }
  return matrix;
}

bool PackedMatrix::fits(int64_t count) const {
  bool sound = rows > 0 && depth > 0 && block > 0 && (bits == 2 || bits == 4 || bits == 8) && rows <= kMostElements &&
               depth <= kMostElements && block <= kMostElements && block * bits % 8 == 0 &&
               rows * rowBytes() <= kMostElements;
  if (!sound || !weights->element || !weights->element.isUnsignedInteger(8) || !scales->isReal()) {
    return false;
  }
  bool centered = !zeros || (zeros->isReal() ? zeros->size() == count * rows * blocks()
                                             : zeros->isInteger() && zeros->size() == count * rows * zeroBytes());
  return centered && weights->size() == count * rows * rowBytes() && scales->size() == count * rows * blocks();
}

double PackedMatrix::at(int64_t row, int64_t k, int64_t group) const {
  double zero = static_cast<double>(int64_t(1) << (bits - 1));
  if (zeros) {
    zero = zeros->isReal() ? zeros->reals[row * blocks() + group]
                           : static_cast<double>(unpack(zeros->integers, row * zeroBytes(), bits, group));
  }
  auto number = static_cast<double>(unpack(weights->integers, row * rowBytes(), bits, k));
  return (number - zero) * scales->reals[row * blocks() + group];
}

static bool matMulNBits(NodeValues &node) {
  const Array &in = node.in(0), &bias = node.in(5), &groups = node.in(4);
  std::optional<PackedMatrix> matrix = readColumns(node);
  if (!matrix || !in.isReal() || in.rank() == 0 || in.shape.back() != matrix->depth ||
      (node.has(5) && static_cast<int64_t>(bias.reals.size()) != matrix->rows)) {
    return node.fail("has an input or a bias that does not fit");
  }
  std::optional<Extents> groupOf = node.has(4) ? node.indices(4, matrix->blocks()) : Extents();
  if (!groupOf || (node.has(4) && groups.size() < matrix->depth)) {
    return node.fail("has groups that do not fit");
  }
  Extents shape = in.shape;
  shape.back() = matrix->rows;
  Array *out = node.make(0, in.element, shape);
  for (int64_t j = 0; out && j < matrix->rows; ++j) {
    std::vector<double> column;
    for (int64_t k = 0; k < matrix->depth; ++k) {
      column.push_back(matrix->at(j, k, groupOf->empty() ? k / matrix->block : (*groupOf)[k]));
    }
    for (int64_t i = 0; i * matrix->depth < in.size(); ++i) {
      double sum = node.has(5) ? bias.reals[j] : 0;
      for (int64_t k = 0; k < matrix->depth; ++k) {
        sum += in.reals[i * matrix->depth + k] * column[k];
      }
      out->reals[i * matrix->rows + j] = sum;
    }
  }
  return out != nullptr;
}

namespace {
/// Rows of numbers in blocks, each of which has a scale and a zero point. Bytes hold several of `bits`, and are filled
/// up at the end of a row of zero points.
struct QuantizedTable {
  explicit QuantizedTable(NodeValues &node);
  bool fits() const;
  double at(int64_t row, int64_t column) const;

  const Array &numbers, &scales, *zeros;
  int64_t block;
  unsigned bits;
  bool isBytes;
  int64_t columns = 0, blocks = 0;
};
} // namespace

QuantizedTable::QuantizedTable(NodeValues &node)
    : numbers(node.in(0)), scales(node.in(2)), zeros(node.has(3) ? &node.in(3) : nullptr),
      block(node.integer("block_size", 128)), bits(static_cast<unsigned>(node.integer("bits", 4))),
      isBytes(numbers.element && numbers.element.isUnsignedInteger(8)) {
  bool isSound = numbers.rank() == 2 && block > 0 && (!isBytes || bits == 2 || bits == 4 || bits == 8);
  columns = isSound ? numbers.shape[1] * (isBytes ? 8 / bits : 1) : 0;
  blocks = isSound ? columns / block + (columns % block != 0) : 0;
}

bool QuantizedTable::fits() const {
  bool isNumber = numbers.isReal() || numbers.isInteger();
  if (columns == 0 || !isNumber || !scales.isReal() || scales.size() != numbers.shape[0] * blocks) {
    return false;
  }
  int64_t perByte = isBytes ? 8 / bits : 1;
  return !zeros ||
         (zeros->element == numbers.element && zeros->size() == numbers.shape[0] * ((blocks + perByte - 1) / perByte));
}

double QuantizedTable::at(int64_t row, int64_t column) const {
  int64_t group = column / block;
  double scale = scales.reals[row * blocks + group];
  if (!isBytes) {
    double zero = zeros ? zeros->real(row * blocks + group) : 0;
    return (numbers.real(row * columns + column) - zero) * scale;
  }
  int64_t zeroBytes = (blocks * bits + 7) / 8;
  int64_t zero = zeros ? unpack(zeros->integers, row * zeroBytes, bits, group) : int64_t(1) << (bits - 1);
  return static_cast<double>(unpack(numbers.integers, row * numbers.shape[1], bits, column) - zero) * scale;
}

/// Rows of a table whose columns are in blocks.
static bool gatherBlockQuantized(NodeValues &node) {
  QuantizedTable table(node);
  int64_t axis = node.integer("quantize_axis", 1), gathered = node.integer("gather_axis", 0);
  if (!table.fits() || (axis != 1 && axis != -1) || (gathered != 0 && gathered != -2)) {
    return node.fail("has other than rows of numbers, scales and zero points that fit");
  }
  std::optional<Extents> rows = node.indices(1, table.numbers.shape[0]);
  Extents shape = node.in(1).shape;
  shape.push_back(table.columns);
  Array *out = rows ? node.make(0, table.scales.element, shape) : nullptr;
  for (int64_t i = 0; out && i < out->size(); ++i) {
    out->reals[i] = table.at((*rows)[i / table.columns], i % table.columns);
  }
  return out != nullptr;
}

llvm::ArrayRef<EvaluateRow> quantizeRows() {
  static const EvaluateRow rows[] = {
      {"", "DequantizeLinear", dequantize, 2},
      {"", "DynamicQuantizeLinear", dynamicQuantize},
      {"", "QuantizeLinear", quantize, 2},
      {"com.microsoft", "GatherBlockQuantized", gatherBlockQuantized, 3},
      {"com.microsoft", "MatMulNBits", matMulNBits, 3},
  };
  return rows;
}

} // namespace fathom::onnx
