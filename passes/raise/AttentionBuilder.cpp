// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What operators that do all about attention are made of.

#include "passes/raise/AttentionBuilder.h"

#include "passes/raise/Probe.h"

#include <cmath>

using namespace mlir;

namespace fathom::raise {

double getUsualScale(Value query) {
  return 1 / std::sqrt(double(cast<RankedTensorType>(query.getType()).getShape().back()));
}

/// A type whose dynamic dimensions are those of another, in their order.
static RankedTensorType withShape(RankedTensorType type, ArrayRef<int64_t> shape) {
  return RankedTensorType::get(shape, type.getElementType(), type.getEncoding());
}

Value AttentionBuilder::splitHeads(Value value, int64_t heads) {
  auto type = cast<RankedTensorType>(value.getType());
  RankedTensorType split = withShape(type, {type.getDimSize(0), type.getDimSize(1), heads, type.getDimSize(2) / heads});
  return createTranspose(builder, loc, createReshape(builder, loc, split, value), {0, 2, 1, 3});
}

Value AttentionBuilder::joinHeads(Value value) {
  Value inOrder = createTranspose(builder, loc, value, {0, 2, 1, 3});
  auto type = cast<RankedTensorType>(inOrder.getType());
  RankedTensorType joined =
      withShape(type, {type.getDimSize(0), type.getDimSize(1), type.getDimSize(2) * type.getDimSize(3)});
  return createReshape(builder, loc, joined, inOrder);
}

Value AttentionBuilder::takeColumns(Value value, int64_t begin, int64_t count) {
  auto type = cast<RankedTensorType>(value.getType());
  SmallVector<int64_t> shape = llvm::to_vector(type.getShape());
  shape.back() = count;
  return createSlice(builder, loc, withShape(type, shape), value, begin, type.getRank() - 1);
}

Value AttentionBuilder::rotate(Value value, Value cosine, Value sine, bool interleaved) {
  Value halves = interleaved ? gatherPairs(builder, loc, value) : value;
  Value turned = createRaised(builder, loc, kRotate, value.getType(), ValueRange{halves, cosine, sine});
  return interleaved ? spreadPairs(builder, loc, turned) : turned;
}

/// A type of other last dimensions behind those of `like`.
static RankedTensorType append(RankedTensorType like, Type element, ArrayRef<int64_t> last) {
  SmallVector<int64_t> shape = llvm::to_vector(like.getShape());
  shape.append(last.begin(), last.end());
  return RankedTensorType::get(shape, element, like.getEncoding());
}

Value AttentionBuilder::lookUp(Value table, Value ids) {
  auto type = cast<RankedTensorType>(table.getType());
  RankedTensorType result = append(cast<RankedTensorType>(ids.getType()), type.getElementType(), type.getDimSize(1));
  return createNode(builder, loc, "Gather", result, ValueRange{table, ids},
                    builder.getNamedAttr("axis", builder.getI64IntegerAttr(0)));
}

Value AttentionBuilder::spread(Value rows) {
  auto type = cast<RankedTensorType>(rows.getType());
  int64_t batch = type.getRank() == 3 ? type.getDimSize(0) : 1;
  RankedTensorType heads = withShape(type, {batch, 1, type.getShape().end()[-2], 2 * type.getShape().back()});
  return createReshape(builder, loc, heads, repeatHalves(builder, loc, rows));
}

Value AttentionBuilder::createPositions(Value past, Value query) {
  auto type = cast<RankedTensorType>(query.getType());
  auto scalar = [&](const std::string &number) -> Value {
    return onnx::ExtentsOp::create(builder, loc, RankedTensorType::get({}, builder.getI64Type()),
                                   onnx::ShapeAttr::get(builder.getContext(), ArrayRef(builder.getStringAttr(number))));
  };
  auto nameOf = [](Value value, int64_t dim) {
    int64_t size = cast<RankedTensorType>(value.getType()).getDimSize(dim);
    return ShapedType::isDynamic(size) ? getExtentName(value, dim).str() : std::to_string(size);
  };
  std::string count = nameOf(query, 1), begin = past ? nameOf(past, 2) : "0";
  auto one =
      createConstant(builder, loc, DenseElementsAttr::get(RankedTensorType::get({}, builder.getI64Type()), int64_t(1)));
  Attribute names = type.isDynamicDim(1) ? onnx::ShapeAttr::get(builder.getContext(), builder.getStringAttr(count))
                                         : onnx::ShapeAttr();
  auto result = RankedTensorType::get({type.getDimSize(1)}, builder.getI64Type(), names);
  return createNode(builder, loc, "Range", result, ValueRange{scalar(begin), scalar(begin + " + " + count), one});
}

void AttentionBuilder::replace(ArrayRef<Value> values) {
  for (auto [output, value] : llvm::zip(node.getOutputs(), values)) {
    output.replaceAllUsesWith(value);
  }
  node.erase();
}

/// The past, if there is one, and the positions of the call behind it, as an output of the node has both.
Value AttentionBuilder::appendPast(Value past, Value value, unsigned output) {
  bool isThere = output < node.getOutputs().size() && isa<RankedTensorType>(node.getOutputs()[output].getType());
  Type type = isThere ? node.getOutputs()[output].getType() : value.getType();
  return past ? createNode(builder, loc, "Concat", type, ValueRange{past, value},
                           builder.getNamedAttr("axis", builder.getI64IntegerAttr(2)))
              : value;
}

void AttentionBuilder::replaceByAttention(StringRef name, Attended attended, double scale) {
  Value keys = appendPast(attended.pastKeys, attended.keys, 1);
  Value values = appendPast(attended.pastValues, attended.values, 2);
  auto type = cast<RankedTensorType>(attended.query.getType());
  SmallVector<int64_t> shape = llvm::to_vector(type.getShape());
  shape.back() = cast<RankedTensorType>(values.getType()).getShape().back();
  SmallVector<Value> inputs = {attended.query, keys, values};
  attended.mask ? inputs.push_back(attended.mask) : void();
  NamedAttribute attribute = builder.getNamedAttr("scale", builder.getF32FloatAttr(float(scale)));
  Value heads = name == kCausalAttention ? createRaised(builder, loc, name, withShape(type, shape), inputs, attribute)
                                         : createNode(builder, loc, name, withShape(type, shape), inputs, attribute);
  replace({getRank(node.getInput(0)) == 4 ? heads : joinHeads(heads), keys, values});
}

} // namespace fathom::raise
