// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Weights that graphs store as other numbers: with scales beside them where kernels read them so, or else by recipes.

#include "passes/raise/Nodes.h"
#include "passes/raise/RaisedWeights.h"
#include "passes/raise/StoredMatrices.h"

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

std::optional<RaisedWeights::Matrix> RaisedWeights::findMatrix(Value value, int64_t rows, int64_t columns,
                                                               unsigned bits) {
  StoredMatrices stored;
  if (!stored.add(symbols, {value}, 1, rows, bits) || stored.type.getDimSize(1) < columns) {
    return std::nullopt;
  }
  if (stored.initializers.empty()) {
    return makeConstant(stored, stored.type.getShape());
  }
  StringAttr weight = addWeight(stored.initializers.front(), stored.type);
  return weight ? std::optional(Matrix{stored.type, weight, {}}) : std::nullopt;
}

RaisedWeights::Matrix RaisedWeights::makeConstant(const StoredMatrices &stored, ArrayRef<int64_t> shape) {
  auto type = RankedTensorType::get(shape, Float32Type::get(module.getContext()));
  return {type, StringAttr(), DenseElementsAttr::get(type, ArrayRef<float>(stored.numbers))};
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

/// A name of its own for what is made of a value: two may scale the same numbers in two ways.
std::string RaisedWeights::nameMade(Value made, StringRef base) {
  auto [entry, isNew] = namesOfMade.try_emplace(made);
  if (isNew) {
    entry->second = base.str();
    for (int number = 2; names.contains(entry->second) || names.contains(entry->second + ".transposed"); ++number) {
      entry->second = (base + "." + Twine(number)).str();
    }
  }
  return entry->second;
}

std::optional<RaisedWeights::Dequantized> RaisedWeights::findDequantized(onnx::NodeOp node, ArrayRef<int64_t> shape,
                                                                         FindMatrix find) {
  RankedTensorType type = getMade(node).clone(shape);
  Dequantized of = {type, {}, {}, {}, {}, getBlock(node)};
  ArrayRef<int64_t> grid = deepseek::getScaleType(type, of.block).getShape();
  auto bits = unsigned(node.getInteger("bits", 0));
  auto numbers = find(0, type.getShape().end()[-2], type.getShape().back(), bits);
  auto scales = find(1, grid.end()[-2], grid.back(), 0);
  of.zeros = node.getInput(2) ? find(2, grid.end()[-2], grid.back(), bits) : std::nullopt;
  if (!numbers || !scales || scales->type.getShape() != grid || (node.getInput(2) && !of.zeros)) {
    return std::nullopt;
  }
  of.numbers = *numbers;
  of.scales = *scales;
  double zero = node.getReal("zero", 0);
  of.zero = zero != 0 ? FloatAttr::get(Float64Type::get(node.getContext()), zero) : FloatAttr();
  return of;
}

Value RaisedWeights::readDequantized(OpBuilder &inner, Location loc, const Dequantized &of) {
  return deepseek::DequantizeOp::create(inner, loc, of.type, readMatrix(inner, loc, of.numbers),
                                        readMatrix(inner, loc, of.scales),
                                        of.zeros ? readMatrix(inner, loc, *of.zeros) : Value(), of.zero, of.block);
}

Value RaisedWeights::addDequantized(OpBuilder &builder, onnx::NodeOp node, bool transposed) {
  RankedTensorType type = getMade(node);
  auto of = findDequantized(node, type.getShape(), [&](unsigned input, int64_t rows, int64_t columns, unsigned bits) {
    return findMatrix(node.getInputs()[input], rows, columns, bits);
  });
  if (!of) {
    return {};
  }
  Location loc = node.getLoc();
  auto reader = node.getInputs()[0].getDefiningOp<onnx::GetInitializerOp>();
  std::string name =
      nameMade(node.getOutputs()[0], (reader ? reader.getInitializer() : StringRef("constant")).str() + ".dequantized");
  auto result =
      transposed ? RankedTensorType::get({type.getDimSize(1), type.getDimSize(0)}, type.getElementType()) : type;
  return make(builder, name + (transposed ? ".transposed" : ""), result, [&](OpBuilder &inner) -> Value {
    Value made = readDequantized(inner, loc, *of);
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
