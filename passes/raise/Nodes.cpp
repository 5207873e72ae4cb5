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

bool isAttention(NodeOp node) {
  return node.getDomain() == kDomain && (node.getOpType() == kCausalAttention || node.getOpType() == kSparseAttention);
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

Value takeFactors(Value value, double &scale) {
  while (NodeOp product = matchNode(value, "Mul")) {
    std::optional<double> factor;
    for (auto [other, number] : eitherWay(product)) {
      if (!factor && (factor = getSplat(number))) {
        value = other;
      }
    }
    if (!factor) {
      break;
    }
    scale *= *factor;
  }
  return value;
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

SmallVector<Size> getSizes(RankedTensorType type) {
  auto names = dyn_cast_if_present<ShapeAttr>(type.getEncoding());
  SmallVector<Size> sizes;
  size_t next = 0;
  for (int64_t number : type.getShape()) {
    bool isNamed = names && ShapedType::isDynamic(number);
    sizes.push_back({number, isNamed ? names.getExtents()[next++] : StringAttr()});
  }
  return sizes;
}

RankedTensorType getTensor(MLIRContext *context, ArrayRef<Size> sizes, Type element) {
  SmallVector<int64_t> shape;
  SmallVector<StringAttr> names;
  for (const Size &size : sizes) {
    shape.push_back(size.number);
    size.name ? names.push_back(size.name) : void();
  }
  return RankedTensorType::get(shape, element, names.empty() ? Attribute() : ShapeAttr::get(context, names));
}

bool haveSameShape(Value a, Value b) {
  auto x = dyn_cast<RankedTensorType>(a.getType()), y = dyn_cast<RankedTensorType>(b.getType());
  return x && y && x.getShape() == y.getShape() && x.getEncoding() == y.getEncoding();
}

bool isConstant(Value value) {
  static constexpr StringLiteral kMoves[] = {"Cast", "Identity", "Reshape", "Slice", "Transpose"};
  auto node = value.getDefiningOp<NodeOp>();
  bool moves = node && !node.getDomain() && llvm::is_contained(kMoves, node.getOpType());
  if (moves || matchRaised(value, kDequantize)) {
    return isConstant(node.getInputs()[0]);
  }
  bool joins = node && node.is("Concat");
  return value.getDefiningOp<GetInitializerOp>() || getDense(value) ||
         (joins && llvm::all_of(node.getInputs(), isConstant));
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
  if (!type.getEncoding()) {
    return createIntegers(builder, loc, type.getShape());
  }
  SmallVector<StringAttr> numbers = llvm::map_to_vector(getSizes(type), [&](const Size &size) {
    return size.name ? size.name : builder.getStringAttr(std::to_string(size.number));
  });
  return ExtentsOp::create(builder, loc, RankedTensorType::get({type.getRank()}, builder.getI64Type()),
                           ShapeAttr::get(builder.getContext(), numbers));
}

Value createReshape(OpBuilder &builder, Location loc, RankedTensorType type, Value input) {
  return createNode(builder, loc, "Reshape", type, ValueRange{input, createShape(builder, loc, type)});
}

Value createReshape(OpBuilder &builder, Location loc, ArrayRef<Size> sizes, Value input) {
  auto type = cast<RankedTensorType>(input.getType());
  RankedTensorType result = getTensor(type.getContext(), sizes, type.getElementType());
  return result == type ? input : createReshape(builder, loc, result, input);
}

Value createExpand(OpBuilder &builder, Location loc, ArrayRef<Size> sizes, Value input) {
  auto type = cast<RankedTensorType>(input.getType());
  RankedTensorType result = getTensor(type.getContext(), sizes, type.getElementType());
  return createNode(builder, loc, "Expand", result, ValueRange{input, createShape(builder, loc, result)});
}

Value createSlice(OpBuilder &builder, Location loc, RankedTensorType type, Value input, int64_t begin, int64_t axis,
                  int64_t step) {
  SmallVector<Value> inputs = {input, createIntegers(builder, loc, begin),
                               createIntegers(builder, loc, begin + type.getDimSize(axis) * step),
                               createIntegers(builder, loc, axis)};
  if (step != 1) {
    inputs.push_back(createIntegers(builder, loc, step));
  }
  return createNode(builder, loc, "Slice", type, inputs);
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

Value createConcat(OpBuilder &builder, Location loc, ValueRange parts, int64_t axis) {
  auto type = cast<RankedTensorType>(parts.front().getType());
  SmallVector<Size> sizes = getSizes(type);
  for (Value part : parts.drop_front()) {
    sizes[axis].number += cast<RankedTensorType>(part.getType()).getDimSize(axis);
  }
  return createNode(builder, loc, "Concat", getTensor(type.getContext(), sizes, type.getElementType()), parts,
                    builder.getNamedAttr("axis", builder.getI64IntegerAttr(axis)));
}

Value createMatMul(OpBuilder &builder, Location loc, Value a, Value b) {
  auto type = cast<RankedTensorType>(a.getType());
  SmallVector<Size> left = getSizes(type), right = getSizes(cast<RankedTensorType>(b.getType()));
  SmallVector<Size> &longer = left.size() < right.size() ? right : left;
  Size rows = left.end()[-2], columns = right.back();
  SmallVector<Size> sizes(longer.size());
  for (size_t i = 1; i <= sizes.size(); ++i) {
    bool both = i <= left.size() && i <= right.size();
    sizes.end()[-i] =
        both && longer.end()[-i].number == 1 ? (&longer == &left ? right : left).end()[-i] : longer.end()[-i];
  }
  sizes.end()[-2] = rows;
  sizes.back() = columns;
  return createNode(builder, loc, "MatMul", getTensor(type.getContext(), sizes, type.getElementType()),
                    ValueRange{a, b});
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
  auto type = cast<RankedTensorType>(value.getType());
  SmallVector<Size> sizes = getSizes(type);
  SmallVector<Size> permuted = llvm::map_to_vector(order, [&](int64_t dim) { return sizes[dim]; });
  return createNode(builder, loc, "Transpose", getTensor(type.getContext(), permuted, type.getElementType()), value,
                    builder.getNamedAttr("perm", builder.getDenseI64ArrayAttr(order)));
}

LogicalResult mergeTransposes(NodeOp node, PatternRewriter &rewriter) {
  Value input = node.getInputs()[0];
  bool changes = !llvm::is_sorted(getPermutation(node));
  if (getRank(input) < 0 || (changes && !matchNode(input, "Transpose"))) {
    return rewriter.notifyMatchFailure(node, "is of what is not transposed already");
  }
  rewriter.replaceOp(node, createTranspose(rewriter, node.getLoc(), input, getPermutation(node)));
  return success();
}

LogicalResult MergeTransposes::matchAndRewrite(NodeOp node, PatternRewriter &rewriter) const {
  return node.is("Transpose") ? mergeTransposes(node, rewriter)
                              : rewriter.notifyMatchFailure(node, "is not a transposition");
}

} // namespace fathom::raise
