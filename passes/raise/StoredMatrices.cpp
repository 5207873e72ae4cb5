// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// From a constant of a graph to the place of a matrix in it.

#include "passes/raise/StoredMatrices.h"

#include "dialects/deepseek/DeepSeek.h"
#include "passes/raise/Nodes.h"

using namespace mlir;

namespace fathom::raise {

int64_t MatrixOf::count() const {
  auto all = cast<RankedTensorType>(value.getType());
  return all.getRank() == 2 ? 1 : all.getDimSize(0);
}

RankedTensorType MatrixOf::type() const {
  auto all = cast<RankedTensorType>(value.getType());
  return RankedTensorType::get(all.getShape().take_back(2), all.getElementType());
}

/// Whether bytes are to be read as numbers of less.
static bool hasSmaller(Type element, unsigned bits) { return bits != 0 && bits != 8 && element.isUnsignedInteger(8); }

/// A matrix of `rows` with all numbers of a tensor; null where rows do not end with a byte, or of a type that none has.
static RankedTensorType getMatrix(Value value, int64_t rows, unsigned bits) {
  auto type = dyn_cast<RankedTensorType>(value.getType());
  if (!type || !deepseek::isStored(type) || !deepseek::isStoredElement(type.getElementType())) {
    return {};
  }
  Type element = type.getElementType();
  int64_t count = type.getNumElements();
  if (hasSmaller(element, bits)) {
    element = IntegerType::get(type.getContext(), bits, IntegerType::Unsigned);
    count *= 8 / bits;
  }
  bool fits = rows > 0 && count % rows == 0 && count / rows * element.getIntOrFloatBitWidth() % 8 == 0;
  return fits ? RankedTensorType::get({rows, count / rows}, element) : RankedTensorType();
}

static float toFloat(const APInt &number, bool isUnsigned) {
  return isUnsigned ? float(number.getZExtValue()) : float(number.getSExtValue());
}

/// `count` numbers of a constant behind `begin` others, of `bits` each where its bytes have several.
static void appendNumbers(DenseElementsAttr dense, unsigned bits, int64_t begin, int64_t count,
                          SmallVectorImpl<float> &numbers) {
  Type element = dense.getElementType();
  for (int64_t at = begin; at < begin + count; ++at) {
    if (isa<FloatType>(element)) {
      numbers.push_back(float(dense.getValues<APFloat>()[at].convertToDouble()));
    } else if (hasSmaller(element, bits)) {
      APInt byte = dense.getValues<APInt>()[at * bits / 8];
      numbers.push_back(float(byte.extractBitsAsZExtValue(bits, at * bits % 8)));
    } else {
      numbers.push_back(toFloat(dense.getValues<APInt>()[at], element.isUnsignedInteger()));
    }
  }
}

bool StoredMatrices::add(SymbolTable &symbols, MatrixOf of, int64_t count, int64_t rows, unsigned bits) {
  Value value = of.value;
  while (matchNode(value, "Reshape") || matchNode(value, "Cast")) {
    value = value.getDefiningOp<onnx::NodeOp>().getInputs()[0];
  }
  RankedTensorType all = getMatrix(value, count * rows, bits);
  RankedTensorType matrix = all ? all.clone({rows, all.getDimSize(1)}) : all;
  if (!matrix || (type && type != matrix)) {
    return false;
  }
  type = matrix;
  int64_t size = matrix.getNumElements();
  if (auto reader = value.getDefiningOp<onnx::GetInitializerOp>()) {
    auto file = symbols.lookup<onnx::InitializerOp>(reader.getInitializer());
    initializers.push_back(file);
    int64_t bytes = size * matrix.getElementTypeBitWidth() / 8;
    locations.append({int64_t(file.getFile()), int64_t(file.getOffset()) + of.number * bytes});
    return numbers.empty();
  }
  auto constant = value.getDefiningOp<onnx::ConstantOp>();
  auto dense = constant ? dyn_cast<DenseElementsAttr>(constant.getValue()) : DenseElementsAttr();
  if (dense) {
    appendNumbers(dense, bits, of.number * size, size, numbers);
  }
  return dense && initializers.empty();
}

bool StoredMatrices::takeRows(int64_t begin, int64_t rows) {
  int64_t size = type.getNumElements(), columns = type.getDimSize(1), bits = type.getElementTypeBitWidth();
  if (begin < 0 || rows < 1 || rows > type.getDimSize(0) || begin > type.getDimSize(0) - rows) {
    return false;
  }
  for (size_t i = 1; i < locations.size(); i += 2) {
    locations[i] += begin * columns * bits / 8;
  }
  SmallVector<float> taken;
  for (size_t first = begin * columns; first < numbers.size(); first += size) {
    llvm::append_range(taken, ArrayRef(numbers).slice(first, rows * columns));
  }
  numbers = std::move(taken);
  type = type.clone({rows, columns});
  return true;
}

RankedTensorType StoredMatrices::getStack() const {
  int64_t inModule = int64_t(numbers.size()) / type.getNumElements();
  int64_t count = initializers.empty() ? inModule : int64_t(initializers.size());
  return type.clone({count, type.getDimSize(0), type.getDimSize(1)});
}

} // namespace fathom::raise
