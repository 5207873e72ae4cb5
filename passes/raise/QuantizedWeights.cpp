// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Weights that graphs store as other numbers: with scales beside them where kernels read them so, or else by recipes.

#include "passes/raise/RaisedWeights.h"

#include "passes/raise/Nodes.h"

using namespace mlir;

namespace fathom::raise {

static deepseek::BlockScaleAttr getBlock(onnx::NodeOp node) {
  ArrayRef<int64_t> block = node.getNodeAttr<DenseI64ArrayAttr>("block").asArrayRef();
  return deepseek::BlockScaleAttr::get(node.getContext(), block[0], block[1]);
}

/// The type of the matrix that `node` makes, with numbers of f32, unless they are bf16.
static RankedTensorType getMade(onnx::NodeOp node) {
  auto type = cast<RankedTensorType>(node.getOutputs()[0].getType());
  return type.getElementType().isBF16() ? type : type.clone(Float32Type::get(node.getContext()));
}

/// Whether bytes are to be read as numbers of less.
static bool hasSmaller(Type element, unsigned bits) { return bits != 0 && bits != 8 && element.isUnsignedInteger(8); }

/// The numbers of a constant as f32, of `bits` each where its bytes have several.
static SmallVector<float> listNumbers(DenseElementsAttr dense, unsigned bits) {
  SmallVector<float> numbers;
  Type element = dense.getElementType();
  if (isa<FloatType>(element)) {
    for (const APFloat &number : dense.getValues<APFloat>()) {
      numbers.push_back(float(number.convertToDouble()));
    }
    return numbers;
  }
  for (const APInt &number : dense.getValues<APInt>()) {
    if (!hasSmaller(element, bits)) {
      numbers.push_back(element.isUnsignedInteger() ? float(number.getZExtValue()) : float(number.getSExtValue()));
      continue;
    }
    for (unsigned bit = 0; bit < 8; bit += bits) {
      numbers.push_back(float(number.extractBitsAsZExtValue(bits, bit)));
    }
  }
  return numbers;
}

std::optional<RaisedWeights::Matrix> RaisedWeights::findMatrix(Value value, int64_t rows, int64_t columns,
                                                               unsigned bits) {
  while (matchNode(value, "Reshape") || matchNode(value, "Cast")) {
    value = value.getDefiningOp<onnx::NodeOp>().getInputs()[0];
  }
  auto type = dyn_cast<RankedTensorType>(value.getType());
  Type element = type ? type.getElementType() : Type();
  if (!type || !deepseek::isStored(type) || !deepseek::isStoredElement(element)) {
    return std::nullopt;
  }
  int64_t count = type.getNumElements() * (hasSmaller(element, bits) ? 8 / bits : 1);
  bool fits = count % rows == 0 && count / rows >= columns;
  auto constant = value.getDefiningOp<onnx::ConstantOp>();
  if (auto dense = constant && fits ? dyn_cast<DenseElementsAttr>(constant.getValue()) : DenseElementsAttr()) {
    auto matrix = RankedTensorType::get({rows, count / rows}, Float32Type::get(type.getContext()));
    return Matrix{matrix, StringAttr(), DenseElementsAttr::get(matrix, ArrayRef<float>(listNumbers(dense, bits)))};
  }
  element = hasSmaller(element, bits) ? IntegerType::get(type.getContext(), bits, IntegerType::Unsigned) : element;
  onnx::InitializerOp initializer = findInitializer(value);
  bool endsWithByte = count / rows * element.getIntOrFloatBitWidth() % 8 == 0;
  if (!initializer || !fits || !endsWithByte) {
    return std::nullopt;
  }
  auto matrix = RankedTensorType::get({rows, count / rows}, element);
  StringAttr weight = addWeight(initializer, matrix);
  return weight ? std::optional(Matrix{matrix, weight, {}}) : std::nullopt;
}

/// The matrix in a recipe, as f32.
Value RaisedWeights::readMatrix(OpBuilder &inner, Location loc, const Matrix &matrix) {
  if (!matrix.weight) {
    return deepseek::ConstantOp::create(inner, loc, matrix.type, matrix.numbers);
  }
  Value source = deepseek::SourceOp::create(inner, loc, matrix.type, matrix.weight);
  auto type = RankedTensorType::get(matrix.type.getShape(), inner.getF32Type());
  return type == matrix.type ? source : deepseek::ToF32Op::create(inner, loc, type, source);
}

/// A name of its own for what `node` makes: two may scale the same numbers in two ways.
StringRef RaisedWeights::nameDequantized(onnx::NodeOp node) {
  auto [entry, isNew] = dequantized.try_emplace(node.getOutputs()[0]);
  if (isNew) {
    auto reader = node.getInputs()[0].getDefiningOp<onnx::GetInitializerOp>();
    std::string base = (reader ? reader.getInitializer() : StringRef("constant")).str() + ".dequantized";
    entry->second = base;
    for (int number = 2; names.contains(entry->second) || names.contains(entry->second + ".transposed"); ++number) {
      entry->second = base + "." + std::to_string(number);
    }
  }
  return entry->second;
}

Value RaisedWeights::addDequantized(OpBuilder &builder, onnx::NodeOp node, bool transposed) {
  RankedTensorType type = getMade(node);
  deepseek::BlockScaleAttr block = getBlock(node);
  RankedTensorType grid = deepseek::getScaleType(type, block);
  auto bits = unsigned(node.getInteger("bits", 0));
  int64_t rows = grid.getDimSize(0), columns = grid.getDimSize(1);
  auto numbers = findMatrix(node.getInputs()[0], type.getDimSize(0), type.getDimSize(1), bits);
  auto scales = findMatrix(node.getInputs()[1], rows, columns, 0);
  auto zeros = node.getInput(2) ? findMatrix(node.getInput(2), rows, columns, bits) : std::nullopt;
  if (!numbers || !scales || scales->type.getShape() != grid.getShape() || (node.getInput(2) && !zeros)) {
    return {};
  }
  double zero = node.getReal("zero", 0);
  FloatAttr zeroAttr = zero != 0 ? builder.getF64FloatAttr(zero) : FloatAttr();
  Location loc = node.getLoc();
  std::string name = nameDequantized(node).str();
  auto result =
      transposed ? RankedTensorType::get({type.getDimSize(1), type.getDimSize(0)}, type.getElementType()) : type;
  return make(builder, name + (transposed ? ".transposed" : ""), result, [&](OpBuilder &inner) -> Value {
    Value made = deepseek::DequantizeOp::create(inner, loc, type, readMatrix(inner, loc, *numbers),
                                                readMatrix(inner, loc, *scales),
                                                zeros ? readMatrix(inner, loc, *zeros) : Value(), zeroAttr, block);
    return transposed ? deepseek::TransposeOp::create(inner, loc, result, made) : made;
  });
}

deepseek::ScaledWeight RaisedWeights::addScaled(OpBuilder &builder, onnx::NodeOp node, bool transposed) {
  deepseek::BlockScaleAttr block = getBlock(node);
  if (transposed) {
    block = deepseek::BlockScaleAttr::get(node.getContext(), block.getColumns(), block.getRows());
  }
  onnx::InitializerOp numbers = findInitializer(node.getInputs()[0]);
  RankedTensorType grid = deepseek::getScaleType(getMade(node), getBlock(node));
  bool isCentered = !node.getInput(2) && node.getReal("zero", 0) == 0;
  bool isStored = numbers && isa<Float8E4M3FNType>(numbers.getTensorType().getElementType()) && isCentered &&
                  block.getColumns() == deepseek::kScaleBlock && node.getInputs()[1].getType() == grid;
  Value scale = isStored ? get(builder, node.getInputs()[1], transposed) : Value();
  Value weight = scale ? addFile(builder, numbers, numbers.getTensorType(), transposed, /*converts=*/false) : Value();
  return weight ? deepseek::ScaledWeight{weight, scale, block} : deepseek::ScaledWeight();
}

} // namespace fathom::raise
