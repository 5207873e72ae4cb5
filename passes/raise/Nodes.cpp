// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// How patterns look at nodes of graphs, and make new ones.

#include "passes/raise/Nodes.h"

#include "mlir/IR/Matchers.h"

using namespace mlir;

namespace fathom::raise {

using namespace onnx;

static NodeOp getFirstOf(Value value) {
  auto result = dyn_cast_if_present<OpResult>(value);
  return result && result.getResultNumber() == 0 ? dyn_cast<NodeOp>(result.getOwner()) : NodeOp();
}

NodeOp matchNode(Value value, StringRef name) {
  NodeOp node = getFirstOf(value);
  return node && node.is(name) ? node : NodeOp();
}

NodeOp matchRaised(Value value, StringRef name) {
  NodeOp node = getFirstOf(value);
  return node && node.getDomain() == kDomain && node.getOpType() == name ? node : NodeOp();
}

SmallVector<std::pair<Value, Value>, 2> eitherWay(NodeOp node) {
  if (node.getInputs().size() != 2) {
    return {};
  }
  Value a = node.getInputs()[0], b = node.getInputs()[1];
  return {{a, b}, {b, a}};
}

static DenseElementsAttr getDense(Value value) {
  DenseElementsAttr dense;
  return value && matchPattern(value, m_Constant(&dense)) ? dense : DenseElementsAttr();
}

std::optional<double> getSplat(Value value) {
  DenseElementsAttr dense = getDense(value);
  if (!dense || !dense.isSplat()) {
    return std::nullopt;
  }
  Type element = dense.getElementType();
  if (isa<FloatType>(element)) {
    return dense.getSplatValue<APFloat>().convertToDouble();
  }
  return element.isInteger() ? std::optional(double(dense.getSplatValue<APInt>().getSExtValue())) : std::nullopt;
}

std::optional<SmallVector<int64_t>> getIntegers(Value value) {
  DenseElementsAttr dense = getDense(value);
  if (!dense || !dense.getElementType().isInteger()) {
    return std::nullopt;
  }
  return llvm::map_to_vector(dense.getValues<APInt>(), [](const APInt &number) { return number.getSExtValue(); });
}

std::optional<SmallVector<int64_t>> getAxes(NodeOp node, unsigned input, int64_t rank) {
  std::optional<SmallVector<int64_t>> axes = getIntegers(node.getInput(input));
  if (auto attribute = node.getNodeAttr<DenseI64ArrayAttr>("axes")) {
    axes = llvm::to_vector(attribute.asArrayRef());
  }
  for (int64_t &axis : axes ? *axes : MutableArrayRef<int64_t>()) {
    axis += axis < 0 ? rank : 0;
  }
  return axes;
}

int64_t getRank(Value value) {
  auto type = dyn_cast<RankedTensorType>(value.getType());
  return type ? type.getRank() : -1;
}

bool haveSameShape(Value a, Value b) {
  auto x = dyn_cast<RankedTensorType>(a.getType()), y = dyn_cast<RankedTensorType>(b.getType());
  return x && y && x.getShape() == y.getShape() && x.getEncoding() == y.getEncoding();
}

bool isConstant(Value value) {
  static constexpr StringLiteral kMoves[] = {"Cast", "Identity", "Reshape", "Slice", "Transpose"};
  auto node = value.getDefiningOp<NodeOp>();
  while (matchRaised(value, kDequantize) || (node && !node.getDomain() && llvm::is_contained(kMoves, node.getOpType()))) {
    value = node.getInputs()[0];
    node = value.getDefiningOp<NodeOp>();
  }
  return value.getDefiningOp<GetInitializerOp>() || getDense(value);
}

static Value create(OpBuilder &builder, Location loc, StringRef name, StringAttr domain, Type type, ValueRange inputs,
                    ArrayRef<NamedAttribute> attributes) {
  return NodeOp::create(builder, loc, type, builder.getStringAttr(name), domain, domain ? 1 : kOpset, inputs,
                        builder.getDictionaryAttr(attributes), ArrayAttr(), 0)
      .getOutputs()[0];
}

Value createNode(OpBuilder &builder, Location loc, StringRef name, Type type, ValueRange inputs,
                 ArrayRef<NamedAttribute> attributes) {
  return create(builder, loc, name, StringAttr(), type, inputs, attributes);
}

Value createRaised(OpBuilder &builder, Location loc, StringRef name, Type type, ValueRange inputs,
                   ArrayRef<NamedAttribute> attributes) {
  return create(builder, loc, name, builder.getStringAttr(kDomain), type, inputs, attributes);
}

Value createConstant(OpBuilder &builder, Location loc, ElementsAttr value) {
  return ConstantOp::create(builder, loc, value);
}

Value createIntegers(OpBuilder &builder, Location loc, ArrayRef<int64_t> values) {
  auto type = RankedTensorType::get({int64_t(values.size())}, builder.getI64Type());
  return createConstant(builder, loc, DenseElementsAttr::get(type, values));
}

Value createOnes(OpBuilder &builder, Location loc, int64_t size, Type element) {
  auto type = RankedTensorType::get({size}, element);
  return createConstant(builder, loc, DenseElementsAttr::get(type, builder.getFloatAttr(element, 1.0)));
}

/// The sizes of a type as a list of integers.
static Value createShape(OpBuilder &builder, Location loc, RankedTensorType type) {
  auto names = dyn_cast_if_present<ShapeAttr>(type.getEncoding());
  if (!names) {
    return createIntegers(builder, loc, type.getShape());
  }
  SmallVector<StringAttr> numbers;
  size_t next = 0;
  for (int64_t size : type.getShape()) {
    bool isNamed = ShapedType::isDynamic(size);
    numbers.push_back(isNamed ? names.getExtents()[next++] : builder.getStringAttr(std::to_string(size)));
  }
  return ExtentsOp::create(builder, loc, RankedTensorType::get({type.getRank()}, builder.getI64Type()),
                           ShapeAttr::get(builder.getContext(), numbers));
}

Value createReshape(OpBuilder &builder, Location loc, RankedTensorType type, Value input) {
  return createNode(builder, loc, "Reshape", type, ValueRange{input, createShape(builder, loc, type)});
}

Value createSlice(OpBuilder &builder, Location loc, RankedTensorType type, Value input, int64_t begin, int64_t axis) {
  return createNode(builder, loc, "Slice", type,
                    ValueRange{input, createIntegers(builder, loc, begin),
                               createIntegers(builder, loc, begin + type.getDimSize(axis)),
                               createIntegers(builder, loc, axis)});
}

/// Exchanges the last two dimensions that the last one is split into, the second of `inner` elements.
static Value turnLast(OpBuilder &builder, Location loc, Value value, int64_t inner) {
  auto type = cast<RankedTensorType>(value.getType());
  SmallVector<int64_t> shape = llvm::to_vector(type.getShape());
  shape.back() /= inner;
  shape.push_back(inner);
  SmallVector<int64_t> order = llvm::to_vector(llvm::seq<int64_t>(0, shape.size()));
  std::swap(order.end()[-1], order.end()[-2]);
  auto apart = RankedTensorType::get(shape, type.getElementType(), type.getEncoding());
  Value turned = createTranspose(builder, loc, createReshape(builder, loc, apart, value), order);
  return createReshape(builder, loc, type, turned);
}

Value gatherPairs(OpBuilder &builder, Location loc, Value value) { return turnLast(builder, loc, value, 2); }

Value spreadPairs(OpBuilder &builder, Location loc, Value value) {
  return turnLast(builder, loc, value, cast<RankedTensorType>(value.getType()).getShape().back() / 2);
}

Value repeatHalves(OpBuilder &builder, Location loc, Value value) {
  auto type = cast<RankedTensorType>(value.getType());
  SmallVector<int64_t> shape = llvm::to_vector(type.getShape());
  shape.back() *= 2;
  return createNode(builder, loc, "Concat", RankedTensorType::get(shape, type.getElementType(), type.getEncoding()),
                    ValueRange{value, value}, builder.getNamedAttr("axis", builder.getI64IntegerAttr(-1)));
}

Value createSum(OpBuilder &builder, Location loc, Value a, Value b) {
  return createNode(builder, loc, "Add", a.getType(), ValueRange{a, b});
}

Value createRmsNorm(OpBuilder &builder, Location loc, Value input, Value weight, double epsilon) {
  return createNode(builder, loc, "RMSNormalization", input.getType(), ValueRange{input, weight},
                    builder.getNamedAttr("epsilon", builder.getF32FloatAttr(float(epsilon))));
}

SmallVector<int64_t> getPermutation(NodeOp transpose) {
  if (auto given = transpose.getNodeAttr<DenseI64ArrayAttr>("perm")) {
    return llvm::to_vector(given.asArrayRef());
  }
  SmallVector<int64_t> reversed =
      llvm::to_vector(llvm::seq<int64_t>(0, std::max<int64_t>(0, getRank(transpose.getInputs()[0]))));
  std::reverse(reversed.begin(), reversed.end());
  return reversed;
}

/// The type of a tensor whose dimensions are put in another order.
static RankedTensorType permute(RankedTensorType type, ArrayRef<int64_t> permutation) {
  SmallVector<StringAttr> names(type.getRank());
  auto shape = dyn_cast_if_present<ShapeAttr>(type.getEncoding());
  size_t next = 0;
  for (int64_t i = 0; shape && i < type.getRank(); ++i) {
    names[i] = type.isDynamicDim(i) ? shape.getExtents()[next++] : StringAttr();
  }
  SmallVector<int64_t> sizes;
  SmallVector<StringAttr> extents;
  for (int64_t dim : permutation) {
    sizes.push_back(type.getDimSize(dim));
    if (names[dim]) {
      extents.push_back(names[dim]);
    }
  }
  return RankedTensorType::get(sizes, type.getElementType(),
                               shape ? ShapeAttr::get(type.getContext(), extents) : Attribute());
}

Value createTranspose(OpBuilder &builder, Location loc, Value value, ArrayRef<int64_t> permutation) {
  SmallVector<int64_t> order = llvm::to_vector(permutation);
  if (NodeOp inner = matchNode(value, "Transpose")) {
    SmallVector<int64_t> first = getPermutation(inner);
    for (int64_t &dim : order) {
      dim = first[dim];
    }
    value = inner.getInputs()[0];
  }
  if (llvm::equal(order, llvm::seq<int64_t>(0, order.size()))) {
    return value;
  }
  auto type = permute(cast<RankedTensorType>(value.getType()), order);
  return createNode(builder, loc, "Transpose", type, value,
                    builder.getNamedAttr("perm", builder.getDenseI64ArrayAttr(order)));
}

} // namespace fathom::raise
