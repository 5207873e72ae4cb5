// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Initializers and constants of a graph as weights of the deepseek dialect.

#include "passes/raise/RaisedWeights.h"

#include "passes/raise/Nodes.h"

using namespace mlir;

namespace fathom::raise {

/// Of weights that are read as they are; f16 becomes f32.
static bool isRead(Type element) { return isa<Float32Type, BFloat16Type>(element); }

static RankedTensorType exchange(RankedTensorType type) { return type.clone({type.getDimSize(1), type.getDimSize(0)}); }

Value RaisedWeights::read(OpBuilder &builder, StringRef name, RankedTensorType type) {
  return deepseek::GetWeightOp::create(builder, builder.getUnknownLoc(), type, name, Value());
}

Value RaisedWeights::make(OpBuilder &builder, StringRef name, RankedTensorType type,
                          llvm::function_ref<Value(OpBuilder &)> build) {
  auto [known, isNew] = names.try_emplace(name);
  if (isNew) {
    OpBuilder inner(module.getContext());
    Location loc = builder.getUnknownLoc();
    inner.setInsertionPointToEnd(module.getBody());
    auto recipe = deepseek::RecipeOp::create(inner, loc, name, type, /*experts=*/false, DenseI64ArrayAttr());
    inner.setInsertionPointToStart(&recipe.getBody().emplaceBlock());
    deepseek::YieldOp::create(inner, loc, build(inner));
    known->second = symbols.insert(recipe);
  }
  return read(builder, known->second, type);
}

StringAttr RaisedWeights::addWeight(onnx::InitializerOp initializer, RankedTensorType type) {
  std::string name = initializer.getSymName().str();
  auto [known, isNew] = names.try_emplace(name + ".weight");
  if (isNew) {
    OpBuilder outer(initializer);
    known->second = symbols.insert(deepseek::WeightOp::create(
        outer, initializer.getLoc(), known->first(), type, /*experts=*/false, /*scale=*/false, DenseI64ArrayAttr(), name,
        outer.getDenseI64ArrayAttr({int64_t(initializer.getFile()), int64_t(initializer.getOffset())})));
  }
  bool isKnown = symbols.lookup<deepseek::WeightOp>(known->second).getType() == type;
  return isKnown ? known->second : StringAttr();
}

Value RaisedWeights::addFile(OpBuilder &builder, onnx::InitializerOp initializer, bool transposed, bool converts) {
  RankedTensorType stored = initializer.getTensorType();
  StringAttr source = addWeight(initializer, stored);
  if (!source || (!converts && !transposed)) {
    return source ? read(builder, source, stored) : Value();
  }
  RankedTensorType type = converts ? stored.clone(builder.getF32Type()) : stored;
  RankedTensorType result = transposed ? exchange(type) : type;
  std::string name = initializer.getSymName().str() + (transposed ? ".transposed" : ".converted");
  return make(builder, name, result, [&, loc = initializer.getLoc()](OpBuilder &inner) -> Value {
    Value value = deepseek::SourceOp::create(inner, loc, stored, source);
    value = converts ? deepseek::ToF32Op::create(inner, loc, type, value) : value;
    return transposed ? deepseek::TransposeOp::create(inner, loc, result, value) : value;
  });
}

Value RaisedWeights::addConstant(OpBuilder &builder, onnx::ConstantOp constant, bool transposed) {
  auto type = cast<RankedTensorType>(constant.getType());
  auto dense = dyn_cast<DenseElementsAttr>(constant.getValue());
  if (!dense || !isRead(type.getElementType())) {
    return {};
  }
  auto number = constants.try_emplace(dense, constants.size()).first->second;
  std::string name = "constant." + std::to_string(number) + (transposed ? ".transposed" : "");
  RankedTensorType result = transposed ? exchange(type) : type;
  return make(builder, name, result, [&](OpBuilder &inner) -> Value {
    Value value = deepseek::ConstantOp::create(inner, constant.getLoc(), type, dense);
    return transposed ? deepseek::TransposeOp::create(inner, constant.getLoc(), result, value) : value;
  });
}

onnx::InitializerOp RaisedWeights::findInitializer(Value value) {
  auto reader = value.getDefiningOp<onnx::GetInitializerOp>();
  return reader ? symbols.lookup<onnx::InitializerOp>(reader.getInitializer()) : onnx::InitializerOp();
}

/// What a value is behind conversions and transpositions, which change `transposed`.
static Value skipMoves(Value value, bool &transposed) {
  auto node = value.getDefiningOp<onnx::NodeOp>();
  while (node && (matchNode(value, "Cast") || (matchNode(value, "Transpose") && getRank(value) == 2))) {
    transposed ^= node.is("Transpose") && !llvm::is_sorted(getPermutation(node));
    value = node.getInputs()[0];
    node = value.getDefiningOp<onnx::NodeOp>();
  }
  return value;
}

Value RaisedWeights::get(OpBuilder &builder, Value value, bool transposed) {
  value = skipMoves(value, transposed);
  if (onnx::NodeOp node = matchRaised(value, kDequantize)) {
    return addDequantized(builder, node, transposed);
  }
  auto type = dyn_cast<RankedTensorType>(value.getType());
  bool fits = type && isa<Float16Type, BFloat16Type, Float32Type>(type.getElementType()) && deepseek::isStored(type) &&
              type.getRank() >= 1 && type.getRank() <= 2 && (!transposed || type.getRank() == 2);
  if (auto constant = value.getDefiningOp<onnx::ConstantOp>(); constant && fits) {
    return addConstant(builder, constant, transposed);
  }
  onnx::InitializerOp initializer = findInitializer(value);
  return initializer && fits ? addFile(builder, initializer, transposed, !isRead(type.getElementType())) : Value();
}

deepseek::ScaledWeight RaisedWeights::getScaled(OpBuilder &builder, Value value, bool transposed) {
  bool exchanged = transposed;
  if (onnx::NodeOp node = matchRaised(skipMoves(value, exchanged), kDequantize)) {
    if (deepseek::ScaledWeight scaled = addScaled(builder, node, exchanged); scaled.weight) {
      return scaled;
    }
  }
  return {get(builder, value, transposed), Value(), deepseek::BlockScaleAttr()};
}

} // namespace fathom::raise
