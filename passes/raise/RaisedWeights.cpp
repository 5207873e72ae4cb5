// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Initializers and constants of a graph as weights of the deepseek dialect.

#include "passes/raise/RaisedWeights.h"

#include "passes/raise/Nodes.h"

using namespace mlir;

namespace fathom::raise {

bool isRead(Type element) { return isa<Float32Type, BFloat16Type>(element); }

std::string findPattern(ArrayRef<StringRef> names, ArrayRef<int64_t> numbers, StringRef placeholder) {
  StringRef first = names.front();
  std::string number = std::to_string(numbers.front());
  for (size_t at = first.find(number); at != StringRef::npos; at = first.find(number, at + 1)) {
    StringRef before = first.take_front(at), after = first.drop_front(at + number.size());
    bool isPattern = llvm::all_of(llvm::zip_equal(names, numbers), [&](const auto &pair) {
      return std::get<0>(pair) == (before + Twine(std::get<1>(pair)) + after).str();
    });
    if (isPattern) {
      return (before + placeholder + after).str();
    }
  }
  return first.str();
}

static RankedTensorType exchange(RankedTensorType type) { return type.clone({type.getDimSize(1), type.getDimSize(0)}); }

Value RaisedWeights::read(OpBuilder &builder, StringRef name, RankedTensorType type) {
  return deepseek::GetWeightOp::create(builder, builder.getUnknownLoc(), type, name, Value());
}

Value RaisedWeights::make(OpBuilder &builder, StringRef name, RankedTensorType type,
                          llvm::function_ref<Value(OpBuilder &)> build, bool experts) {
  auto [known, isNew] = names.try_emplace(name);
  if (isNew) {
    OpBuilder inner(module.getContext());
    Location loc = builder.getUnknownLoc();
    inner.setInsertionPointToEnd(module.getBody());
    auto recipe = deepseek::RecipeOp::create(inner, loc, name, type, experts, DenseI64ArrayAttr());
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
        outer, initializer.getLoc(), known->first(), type, /*experts=*/false, /*scale=*/false, DenseI64ArrayAttr(),
        name, outer.getDenseI64ArrayAttr({int64_t(initializer.getFile()), int64_t(initializer.getOffset())})));
  }
  bool isKnown = symbols.lookup<deepseek::WeightOp>(known->second).getType() == type;
  return isKnown ? known->second : StringAttr();
}

Value RaisedWeights::addFile(OpBuilder &builder, onnx::InitializerOp initializer, RankedTensorType stored,
                             bool transposed, bool converts) {
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

/// What a Transpose of matrices exchanges the last two dimensions of; null for any other value.
static Value matchTurned(Value value) {
  onnx::NodeOp transpose = matchNode(value, "Transpose");
  bool turns = transpose && getPermutation(transpose) == ArrayRef<int64_t>{0, 2, 1};
  return turns ? transpose.getInputs()[0] : Value();
}

/// Whether numbers of a stack of matrices are at hand.
static bool isStack(Value value) {
  Value inner = matchTurned(value);
  inner = inner ? inner : value;
  auto type = dyn_cast<RankedTensorType>(inner.getType());
  auto constant = inner.getDefiningOp<onnx::ConstantOp>();
  return type && type.getRank() == 3 && isRead(type.getElementType()) &&
         (inner.getDefiningOp<onnx::GetInitializerOp>() || (constant && isa<DenseElementsAttr>(constant.getValue())));
}

/// In a recipe: a matrix of a stack.
Value RaisedWeights::takeMatrix(OpBuilder &builder, Value stack, int64_t number) {
  auto type = cast<RankedTensorType>(stack.getType());
  auto matrix = type.clone(type.getShape().drop_front());
  if (auto constant = stack.getDefiningOp<onnx::ConstantOp>()) {
    SmallVector<APFloat> all = llvm::to_vector(cast<DenseElementsAttr>(constant.getValue()).getValues<APFloat>());
    int64_t size = matrix.getNumElements();
    auto numbers = DenseElementsAttr::get(matrix, ArrayRef(all).slice(number * size, size));
    return deepseek::ConstantOp::create(builder, stack.getLoc(), matrix, numbers);
  }
  onnx::InitializerOp initializer = findInitializer(stack);
  std::string name = (initializer.getSymName() + "." + Twine(number) + ".weight").str();
  if (!symbols.lookup(name)) {
    OpBuilder outer(initializer);
    int64_t bytes = matrix.getNumElements() * matrix.getElementTypeBitWidth() / 8;
    symbols.insert(deepseek::WeightOp::create(
        outer, initializer.getLoc(), name, matrix, /*experts=*/false, /*scale=*/false, DenseI64ArrayAttr(), name,
        outer.getDenseI64ArrayAttr(
            {int64_t(initializer.getFile()), int64_t(initializer.getOffset()) + number * bytes})));
  }
  return deepseek::SourceOp::create(builder, stack.getLoc(), matrix, name);
}

/// Of stacks that are concatenated matrix by matrix: all rows, one behind the other.
Value RaisedWeights::addStacked(OpBuilder &builder, onnx::NodeOp concat, bool transposed) {
  auto type = cast<RankedTensorType>(concat.getOutputs()[0].getType());
  auto rows = type.clone({type.getDimSize(0) * type.getDimSize(1), type.getDimSize(2)});
  if (!llvm::all_of(concat.getInputs(), isStack)) {
    return {};
  }
  std::string name = "stacked." + std::to_string(stacks.try_emplace(concat, stacks.size()).first->second);
  return make(builder, name + (transposed ? ".transposed" : ""), transposed ? exchange(rows) : rows,
              [&](OpBuilder &inner) -> Value {
                SmallVector<Value> parts;
                for (int64_t number = 0; number < type.getDimSize(0); ++number) {
                  for (Value stack : concat.getInputs()) {
                    Value turned = matchTurned(stack);
                    Value part = takeMatrix(inner, turned ? turned : stack, number);
                    auto own = cast<RankedTensorType>(part.getType());
                    parts.push_back(turned ? deepseek::TransposeOp::create(inner, concat.getLoc(), exchange(own), part)
                                           : part);
                  }
                }
                Value all = deepseek::ConcatRowsOp::create(inner, concat.getLoc(), rows, parts);
                return transposed ? deepseek::TransposeOp::create(inner, concat.getLoc(), exchange(rows), all) : all;
              });
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
  onnx::NodeOp reshape = matchNode(value, "Reshape");
  onnx::NodeOp concat = reshape ? matchNode(reshape.getInputs()[0], "Concat") : onnx::NodeOp();
  if (concat && getRank(value) == 2 && getRank(concat.getOutputs()[0]) == 3 && concat.getInteger("axis", 0) == 1) {
    return addStacked(builder, concat, transposed);
  }
  // A vector may be stored as a matrix of one row.
  if (reshape && type && type.getRank() == 1) {
    value = reshape.getInputs()[0];
  }
  bool fits = type && isa<Float16Type, BFloat16Type, Float32Type>(type.getElementType()) && deepseek::isStored(type) &&
              type.getRank() >= 1 && type.getRank() <= 2 && (!transposed || type.getRank() == 2);
  if (auto constant = value.getDefiningOp<onnx::ConstantOp>(); constant && fits) {
    return addConstant(builder, constant, transposed);
  }
  onnx::InitializerOp initializer = findInitializer(value);
  return initializer && fits ? addFile(builder, initializer, type, transposed, !isRead(type.getElementType()))
                             : Value();
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
