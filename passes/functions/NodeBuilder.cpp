// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What decompositions of nodes have in common: sizes, indices and numbers of all types.

#include "passes/functions/NodeBuilder.h"

#include "passes/support/Float8.h"

#include "mlir/Dialect/ControlFlow/IR/ControlFlowOps.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Utils/StaticValueUtils.h"
#include "mlir/IR/Matchers.h"

using namespace mlir;

namespace fathom {

static RankedTensorType getType(Value tensor) { return cast<RankedTensorType>(tensor.getType()); }

bool isNarrow(Type element) {
  auto integer = dyn_cast_or_null<IntegerType>(element);
  return integer ? integer.getWidth() == 4 : element && isFloat8(element);
}

/// What elements are in code: without signs, and narrow ones a byte each.
static Type convertElement(Type element) {
  auto integer = dyn_cast<IntegerType>(element);
  return isNarrow(element) ? IntegerType::get(element.getContext(), 8)
         : integer         ? IntegerType::get(element.getContext(), integer.getWidth())
                           : element;
}

Type convertTensorType(Type type) {
  auto tensor = dyn_cast<RankedTensorType>(type);
  if (!tensor) {
    return {};
  }
  return RankedTensorType::get(tensor.getShape(), convertElement(tensor.getElementType()));
}

std::string describe(onnx::NodeOp node) {
  std::string text = "node ";
  if (auto name = node.getLoc()->findInstanceOf<NameLoc>()) {
    text += "'" + name.getName().str() + "' ";
  }
  return text + "(" + node.getOpType().str() + ")";
}

static void assertThat(StructuredBuilder &b, Value condition, const Twine &message) {
  std::optional<int64_t> known = getConstantIntValue(condition);
  if (!known || *known == 0) {
    cf::AssertOp::create(b.builder, b.loc, condition, message.str());
  }
}

Value conform(StructuredBuilder &b, Value value, Type type, StringRef what) {
  auto from = dyn_cast<RankedTensorType>(value.getType()), to = dyn_cast<RankedTensorType>(type);
  if (!from || !to || from.getRank() != to.getRank() || from.getElementType() != to.getElementType()) {
    return {};
  }
  SmallVector<int64_t> open(from.getShape());
  for (int64_t i = 0; i < to.getRank(); ++i) {
    if (to.isDynamicDim(i) || from.getDimSize(i) == to.getDimSize(i)) {
      continue;
    }
    Value same = b.builder.createOrFold<arith::CmpIOp>(b.loc, arith::CmpIPredicate::eq, b.size(value, i),
                                                       b.index(to.getDimSize(i)));
    assertThat(b, same, what + Twine(": dimension ") + Twine(i) + " is not " + Twine(to.getDimSize(i)));
    open[i] = ShapedType::kDynamic;
  }
  // By way of a type that both can be cast to: sizes that are known may differ in code that never runs.
  Value opened = b.builder.createOrFold<tensor::CastOp>(b.loc, from.clone(open), value);
  return opened.getType() == to ? opened : b.create<tensor::CastOp>(to, opened);
}

Type NodeBuilder::resultElement(size_t output) const {
  auto type = output < op()->getNumResults() ? dyn_cast<TensorType>(op()->getResult(output).getType()) : TensorType();
  return type ? type.getElementType() : Type();
}

Type NodeBuilder::computed(Type element) const {
  bool isHalf = element.isF16() || element.isBF16();
  return isHalf ? builder.getF32Type() : convertElement(element);
}

StringRef NodeBuilder::string(StringRef name, StringRef other) const {
  auto text = op().getNodeAttr<StringAttr>(name);
  return text ? text.getValue() : other;
}

std::optional<NodeBuilder::Integers> NodeBuilder::attribute(StringRef name) const {
  auto numbers = op().getNodeAttr<DenseI64ArrayAttr>(name);
  return numbers ? std::optional(Integers(numbers.asArrayRef())) : std::nullopt;
}

std::optional<NodeBuilder::Integers> NodeBuilder::known(size_t input) const {
  DenseElementsAttr numbers;
  if (!has(input) || !matchPattern(in(input), m_Constant(&numbers)) || !isa<IntegerType>(numbers.getElementType())) {
    return std::nullopt;
  }
  return llvm::map_to_vector(numbers.getValues<APInt>(), [](const APInt &number) { return number.getSExtValue(); });
}

std::optional<StructuredBuilder::Values> NodeBuilder::list(StringRef name, size_t input) {
  if (std::optional<Integers> given = attribute(name)) {
    return llvm::map_to_vector<6>(*given, [&](int64_t number) { return index(number); });
  }
  return has(input) ? indicesOf(in(input)) : std::nullopt;
}

std::optional<NodeBuilder::Integers> NodeBuilder::knownList(StringRef name, size_t input) {
  if (std::optional<Integers> given = attribute(name)) {
    return given;
  }
  std::optional<Integers> numbers = known(input);
  if (has(input) && !numbers) {
    fail(name + " that are computed");
  }
  return numbers;
}

std::optional<StructuredBuilder::Values> NodeBuilder::indicesOf(Value tensor) {
  RankedTensorType type = getType(tensor);
  if (type.getRank() > 1 || !type.hasStaticShape() || !isa<IntegerType>(type.getElementType())) {
    fail("a list of numbers of unknown length");
    return std::nullopt;
  }
  Values numbers;
  for (int64_t i = 0; i < type.getNumElements(); ++i) {
    Value number = at(tensor, type.getRank() == 0 ? Values() : Values{index(i)});
    auto cast = number.getDefiningOp<arith::IndexCastOp>();
    bool isIndex = cast && cast.getIn().getType().isIndex();
    numbers.push_back(isIndex ? cast.getIn()
                              : builder.createOrFold<arith::IndexCastOp>(loc, builder.getIndexType(), number));
  }
  return numbers;
}

std::optional<int64_t> NodeBuilder::axis(int64_t given, int64_t rank) {
  int64_t counted = given < 0 ? given + rank : given;
  if (counted >= 0 && counted < rank) {
    return counted;
  }
  fail("axis " + Twine(given) + " of " + Twine(rank));
  return std::nullopt;
}

StructuredBuilder::Values NodeBuilder::areAmong(ValueRange axes, int64_t rank) {
  Values flags(static_cast<size_t>(rank), constant(builder.getI1Type(), 0));
  // Folded, since sizes go by what is known of them.
  auto compare = [&](arith::CmpIPredicate how, Value a, Value b) {
    return builder.createOrFold<arith::CmpIOp>(loc, how, a, b);
  };
  for (Value given : axes) {
    Value isBehind = compare(arith::CmpIPredicate::slt, given, index(0));
    Value counted = builder.createOrFold<arith::SelectOp>(loc, isBehind, add(given, index(rank)), given);
    check(compare(arith::CmpIPredicate::ult, counted, index(rank)), "has an axis that its data lacks");
    for (auto [axis, flag] : llvm::enumerate(flags)) {
      flag = builder.createOrFold<arith::OrIOp>(loc, flag, isSame(counted, index(static_cast<int64_t>(axis))));
    }
  }
  return flags;
}

Value NodeBuilder::constant(Type type, double value) {
  if (isa<FloatType>(type)) {
    return create<arith::ConstantOp>(builder.getFloatAttr(type, value));
  }
  return create<arith::ConstantOp>(builder.getIntegerAttr(type, static_cast<int64_t>(value)));
}

Value NodeBuilder::less(Value a, Value b, bool natural) {
  if (isa<FloatType>(a.getType())) {
    return create<arith::CmpFOp>(arith::CmpFPredicate::OLT, a, b);
  }
  bool isUnsigned = natural || a.getType().isInteger(1);
  return create<arith::CmpIOp>(isUnsigned ? arith::CmpIPredicate::ult : arith::CmpIPredicate::slt, a, b);
}

/// Cut off, and the ends of the range where it is beyond; NaN is 0.
static Value truncate(NodeBuilder &b, Value number) {
  Type type = b.builder.getI64Type();
  Value most = b.constant(number.getType(), 9223372036854775808.0), least = b.create<arith::NegFOp>(most);
  Value isOver = b.create<arith::CmpFOp>(arith::CmpFPredicate::OGE, number, most);
  Value isInside = b.both(b.isNot(isOver), b.isGreater(number, least));
  Value inside = b.select(isInside, number, b.zero(number.getType()));
  Value low = b.create<arith::ConstantOp>(b.builder.getIntegerAttr(type, INT64_MIN));
  Value high = b.create<arith::ConstantOp>(b.builder.getIntegerAttr(type, INT64_MAX));
  Value isUnder = b.create<arith::CmpFOp>(arith::CmpFPredicate::OLE, number, least);
  return b.select(isOver, high, b.select(isUnder, low, b.create<arith::FPToSIOp>(type, inside)));
}

static Value resizeInteger(NodeBuilder &b, Value number, Type type, bool natural) {
  unsigned from = number.getType().getIntOrFloatBitWidth(), to = type.getIntOrFloatBitWidth();
  if (from == to) {
    return number;
  }
  if (from > to) {
    return b.create<arith::TruncIOp>(type, number);
  }
  return natural ? Value(b.create<arith::ExtUIOp>(type, number)) : Value(b.create<arith::ExtSIOp>(type, number));
}

static Value resizeFloat(NodeBuilder &b, Value number, Type type) {
  unsigned from = number.getType().getIntOrFloatBitWidth(), to = type.getIntOrFloatBitWidth();
  return from == to  ? number
         : from > to ? Value(b.create<arith::TruncFOp>(type, number))
                     : Value(b.create<arith::ExtFOp>(type, number));
}

Value NodeBuilder::convert(Value number, Type from, Type to) {
  if (isFloat8(from)) {
    return convert(decodeFloat8(*this, number, cast<FloatType>(from)), builder.getF32Type(), to);
  }
  Type type = computed(to);
  bool natural = from.isUnsignedInteger() || from.isInteger(1), fromReal = isa<FloatType>(number.getType());
  if (to.isInteger(1)) {
    Value none = zero(number.getType());
    return fromReal ? Value(create<arith::CmpFOp>(arith::CmpFPredicate::UNE, number, none))
                    : Value(create<arith::CmpIOp>(arith::CmpIPredicate::ne, number, none));
  }
  if (!isa<FloatType>(to)) {
    return resizeInteger(*this, fromReal ? truncate(*this, number) : number, type, !fromReal && natural);
  }
  if (fromReal) {
    return resizeFloat(*this, number, type);
  }
  return natural ? Value(create<arith::UIToFPOp>(type, number)) : Value(create<arith::SIToFPOp>(type, number));
}

Value NodeBuilder::choose(Value condition, function_ref<Value()> yes, function_ref<Value()> no) {
  auto choice = scf::IfOp::create(
      builder, loc, condition, [&](OpBuilder &, Location) { scf::YieldOp::create(builder, loc, yes()); },
      [&](OpBuilder &, Location) { scf::YieldOp::create(builder, loc, no()); });
  return choice.getResult(0);
}

/// A tensor's type, and the sizes of it that are not known.
static RankedTensorType makeType(NodeBuilder &b, Type element, ValueRange sizes, SmallVectorImpl<Value> &open) {
  SmallVector<int64_t> shape;
  for (Value size : sizes) {
    shape.push_back(NodeBuilder::knownSize(size));
    shape.back() == ShapedType::kDynamic ? open.push_back(size) : void();
  }
  return RankedTensorType::get(shape, convertElement(element));
}

Value NodeBuilder::make(Type element, ValueRange sizes, function_ref<Value(ValueRange)> fill) {
  Values open;
  RankedTensorType type = makeType(*this, element, sizes, open);
  return map(type, open, fill);
}

Value NodeBuilder::makeEmpty(Type element, ValueRange sizes) {
  Values open;
  RankedTensorType type = makeType(*this, element, sizes, open);
  return empty(type, open);
}

static SmallVector<ReassociationIndices> allTogether(int64_t rank) {
  SmallVector<ReassociationIndices> groups(rank == 0 ? 0 : 1);
  for (int64_t i = 0; i < rank; ++i) {
    groups[0].push_back(i);
  }
  return groups;
}

Value NodeBuilder::reshape(Value tensor, ValueRange sizes) {
  Values open;
  RankedTensorType from = getType(tensor), to = makeType(*this, from.getElementType(), sizes, open);
  checkEqual(product(sizesOf(tensor)), product(sizes), "the shape has another number of elements than its data");
  Value line = tensor;
  if (from.getRank() == 0) {
    line = create<tensor::ExpandShapeOp>(RankedTensorType::get({1}, from.getElementType()), line,
                                         SmallVector<ReassociationIndices>());
  } else if (from.getRank() > 1) {
    line = create<tensor::CollapseShapeOp>(line, allTogether(from.getRank()));
  }
  if (to.getRank() == 1) {
    return conform(*this, line, to, describe(node));
  }
  int64_t count = to.getRank() == 0 ? 1 : to.hasStaticShape() ? to.getNumElements() : ShapedType::kDynamic;
  auto lineType = RankedTensorType::get({count}, from.getElementType());
  line = conform(*this, line, lineType, describe(node));
  if (to.getRank() == 0) {
    return create<tensor::CollapseShapeOp>(to, line, SmallVector<ReassociationIndices>());
  }
  if (llvm::count_if(to.getShape(), ShapedType::isDynamic) > 1) {
    // Sizes of several dynamic dimensions do not follow from that of the line, as lowering ExpandShape takes them to.
    return create<tensor::ReshapeOp>(to, line, create<tensor::FromElementsOp>(sizes));
  }
  return create<tensor::ExpandShapeOp>(to, line, allTogether(to.getRank()), getAsOpFoldResult(Values(sizes)));
}

Value NodeBuilder::asRows(Value tensor, int64_t axis) {
  Values sizes = sizesOf(tensor);
  ArrayRef<Value> all = sizes;
  return reshape(tensor, {product(all.take_front(axis)), all[axis], product(all.drop_front(axis + 1))});
}

Value NodeBuilder::toComputed(Value tensor) {
  Type element = getType(tensor).getElementType();
  Type type = computed(element);
  return type == element ? tensor : make(type, sizesOf(tensor), [&](ValueRange i) { return at(tensor, i); });
}

Value NodeBuilder::loopInside(ArrayRef<Value> sizes, Value carried, Values &place,
                              function_ref<Value(ValueRange, Value)> body) {
  if (sizes.empty()) {
    return body(place, carried);
  }
  return loop(index(0), sizes.front(), carried, [&](Value i, Value inner) {
    place.push_back(i);
    Value next = loopInside(sizes.drop_front(), inner, place, body);
    place.pop_back();
    return next;
  });
}

Value NodeBuilder::forEachPlace(ArrayRef<Value> sizes, Value carried, function_ref<Value(ValueRange, Value)> body) {
  Values place;
  return loopInside(sizes, carried, place, body);
}

Value NodeBuilder::checkedIndex(Value given, Value extent) {
  Value counted = select(less(given, index(0)), add(given, extent), given);
  check(create<arith::CmpIOp>(arith::CmpIPredicate::ult, counted, extent), "takes an element that its data lacks");
  return counted;
}

void NodeBuilder::check(Value condition, const Twine &message) {
  assertThat(*this, condition, describe(node) + ": " + message);
}

} // namespace fathom
