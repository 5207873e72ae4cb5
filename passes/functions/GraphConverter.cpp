// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Constants, weights, extents and operators without graphs.

#include "passes/functions/GraphConverter.h"

#include "mlir/Dialect/Bufferization/IR/Bufferization.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "llvm/Support/raw_ostream.h"

using namespace mlir;

namespace fathom {

/// Types whose numbers code computes with, or makes such of.
static bool isComputed(Type type) {
  auto tensor = dyn_cast<TensorType>(type);
  Type element = tensor ? tensor.getElementType() : Type();
  if (isNarrow(element)) {
    return true;
  }
  if (auto integer = dyn_cast_or_null<IntegerType>(element)) {
    return integer.getWidth() == 1 || (integer.getWidth() >= 8 && integer.getWidth() <= 64);
  }
  return element && (element.isF16() || element.isBF16() || element.isF32() || element.isF64());
}

static bool isName(StringRef extent) { return !extent.contains('*') && !extent.contains(" + "); }

static void forEachExtent(Type of, function_ref<void(StringRef extent, int64_t axis)> visit) {
  auto type = dyn_cast<RankedTensorType>(of);
  auto names = type ? dyn_cast_or_null<onnx::ShapeAttr>(type.getEncoding()) : nullptr;
  unsigned next = 0;
  for (int64_t axis = 0; names && axis < type.getRank(); ++axis) {
    if (type.isDynamicDim(axis) && next < names.getExtents().size()) {
      visit(names.getExtents()[next++].getValue(), axis);
    }
  }
}

void GraphConverter::bind(Value value, Value tensor) {
  values[value] = tensor;
  if (tensor) {
    forEachExtent(value.getType(),
                  [&](StringRef extent, int64_t axis) { extents.bind(extent, {value, tensor, axis}); });
  }
}

void GraphConverter::bindInput(Value input, Value tensor) {
  StructuredBuilder b(builder, input.getLoc());
  bind(input, tensor);
  forEachExtent(input.getType(), [&](StringRef extent, int64_t axis) {
    Value own = b.size(tensor, axis);
    bool isNamed = !extent.contains('?');
    told[{tensor, axis}] = isNamed ? inputSizes.try_emplace(extent, own).first->second : own;
  });
}

void GraphConverter::convertBlock(Block &block) {
  for (Operation &op : block.without_terminator()) {
    convert(op);
  }
}

void GraphConverter::convert(Operation &op) {
  if (auto node = dyn_cast<onnx::NodeOp>(op)) {
    return convertNode(node);
  }
  if (auto constant = dyn_cast<onnx::ConstantOp>(op)) {
    bind(op.getResult(0), convertConstant(constant));
  } else if (auto numbers = dyn_cast<onnx::ExtentsOp>(op)) {
    bind(op.getResult(0), convertExtents(numbers));
  } else if (auto get = dyn_cast<onnx::GetInitializerOp>(op)) {
    bind(op.getResult(0), convertInitializer(get));
  }
}

Value GraphConverter::convertConstant(onnx::ConstantOp op) {
  auto numbers = dyn_cast<DenseElementsAttr>(op.getValue());
  auto type = dyn_cast_or_null<RankedTensorType>(convertTensorType(op.getType()));
  if (!numbers || !isComputed(op.getType())) {
    return {};
  }
  auto narrow = dyn_cast<IntegerType>(numbers.getElementType());
  if (narrow && isNarrow(narrow)) {
    numbers = numbers.mapValues(type.getElementType(), [&](const APInt &number) {
      return narrow.isUnsigned() ? number.zext(8) : number.sext(8);
    });
  }
  numbers = numbers.getElementType() == type.getElementType() ? numbers : numbers.bitcast(type.getElementType());
  return arith::ConstantOp::create(builder, op.getLoc(), numbers.reshape(type));
}

void GraphConverter::Extents::bind(StringRef polynomial, Dimension dimension) {
  // Sums of inputs tell names, too: of others somebody has computed them.
  bool isInput = isa<BlockArgument>(dimension.source);
  if (isName(polynomial) ? !known.knows(polynomial) : isInput) {
    known.bind(polynomial, {{{"%" + std::to_string(dimensions.size())}, 1}});
    dimensions.push_back(dimension);
  }
}

Value GraphConverter::evaluateExtent(StructuredBuilder &b, StringRef polynomial) {
  Value sum = b.index(0);
  for (const auto &[names, factor] : extents.known.reduce(polynomial)) {
    Value product = b.index(factor);
    for (StringRef name : names) {
      size_t number = 0;
      if (!name.consume_front("%") || name.getAsInteger(10, number) || number >= extents.dimensions.size()) {
        miss("Shape of a size that no input tells", "'" + polynomial.str() + "'");
        return {};
      }
      const Dimension &dimension = extents.dimensions[number];
      Value size = told.lookup({dimension.tensor, dimension.axis});
      product = b.multiply(product, size ? size : b.size(dimension.tensor, dimension.axis));
    }
    sum = b.add(sum, product);
  }
  return sum;
}

Value GraphConverter::convertExtents(onnx::ExtentsOp op) {
  StructuredBuilder b(builder, op.getLoc());
  auto type = cast<RankedTensorType>(convertTensorType(op.getType()));
  Values numbers;
  for (StringAttr polynomial : op.getNumbers().getExtents()) {
    Value number = evaluateExtent(b, polynomial.getValue());
    if (!number) {
      return {};
    }
    numbers.push_back(builder.createOrFold<arith::IndexCastOp>(op.getLoc(), type.getElementType(), number));
  }
  return b.create<tensor::FromElementsOp>(type, numbers);
}

/// Whatever a file has in the place of a bool.
static Value readBool(StructuredBuilder &b, Value bytes, ValueRange place) {
  Value none = b.create<arith::ConstantOp>(b.builder.getI8IntegerAttr(0));
  return b.create<arith::CmpIOp>(arith::CmpIPredicate::ne, b.at(bytes, place), none);
}

/// A number of 4 bits at a place of `type`, of which the first of two is the lower half of a byte.
static Value readHalf(StructuredBuilder &b, Value bytes, ValueRange place, Type type) {
  auto tensor = cast<RankedTensorType>(type);
  Value number = b.index(0), four = b.create<arith::ConstantOp>(b.builder.getI8IntegerAttr(4));
  for (auto [size, i] : llvm::zip_equal(tensor.getShape(), place)) {
    number = b.add(b.multiply(number, size), i);
  }
  Value byte = b.at(bytes, {b.divide(number, 2)});
  Value isSecond = b.isEqual(b.remainder(number, 2), b.index(1));
  Value upper = b.select(isSecond, byte, b.create<arith::ShLIOp>(byte, four));
  return tensor.getElementType().isUnsignedInteger() ? b.create<arith::ShRUIOp>(upper, four)
                                                     : b.create<arith::ShRSIOp>(upper, four);
}

/// A weight is memory that the caller has.
Value GraphConverter::convertInitializer(onnx::GetInitializerOp op) {
  StructuredBuilder b(builder, op.getLoc());
  auto symbol = SymbolTable::lookupNearestSymbolFrom<onnx::InitializerOp>(op, op.getInitializerAttr());
  if (!isComputed(op.getType())) {
    return {};
  }
  auto global =
      SymbolTable::lookupNearestSymbolFrom<memref::GlobalOp>(op, symbol->getAttrOfType<FlatSymbolRefAttr>("memory"));
  Value memory = b.create<memref::GetGlobalOp>(global.getType(), global.getSymName());
  auto type = cast<RankedTensorType>(convertTensorType(op.getType()));
  auto stored = RankedTensorType::get(global.getType().getShape(), global.getType().getElementType());
  Value tensor = b.create<bufferization::ToTensorOp>(stored, memory, /*restrict=*/true);
  if (stored == type) {
    return tensor;
  }
  bool isBool = type.getElementType().isInteger(1);
  return b.map(type, {},
               [&](ValueRange i) { return isBool ? readBool(b, tensor, i) : readHalf(b, tensor, i, op.getType()); });
}

void GraphConverter::miss(onnx::NodeOp node, StringRef why) {
  std::string name = (node.getDomain() ? node.getDomain()->str() + "." : "") + node.getOpType().str();
  miss(why.empty() ? name : name + " of " + why.str(), describe(node));
}

void GraphConverter::miss(const std::string &what, const std::string &where) {
  Missing &entry = missing[what];
  entry.first = entry.count++ == 0 ? where : entry.first;
}

static const DecomposeRow *findRow(onnx::NodeOp node) {
  return findDecomposeRow(node.getDomain().value_or(""), node.getOpType());
}

static bool isAmong(ArrayRef<DecomposeRow> rows, onnx::NodeOp node) {
  return llvm::any_of(rows, [&](const DecomposeRow &row) { return node.is(row.op); });
}

/// Whether a node moves elements, whatever they are, or makes numbers of narrow ones, or these of numbers.
static bool takesNarrow(onnx::NodeOp node) {
  return isAmong(decomposeShapeRows(), node) || node.is("Cast") || node.is("CastLike") || node.is("DequantizeLinear") ||
         node.is("QuantizeLinear") || node.is("Identity") || node.is("Gather") || node.is("Slice") ||
         node.getOpType() == "GatherBlockQuantized";
}

/// What a node takes that nobody computes with; empty: nothing.
static std::string findForeignType(onnx::NodeOp node) {
  std::string text;
  for (Type type : llvm::concat<const Type>(node->getOperandTypes(), node->getResultTypes())) {
    auto tensor = dyn_cast<TensorType>(type);
    bool isKnown = isComputed(type) && (!isNarrow(tensor.getElementType()) || takesNarrow(node));
    bool isList = isa<onnx::SequenceType>(type) && isAmong(decomposeSequenceRows(), node);
    if (isa<NoneType>(type) || isList || isKnown) {
      continue;
    }
    llvm::raw_string_ostream(text) << "numbers of " << (tensor ? tensor.getElementType() : type);
    return text;
  }
  return text;
}

std::optional<GraphConverter::Values> GraphConverter::readInputs(onnx::NodeOp node) const {
  Values inputs;
  for (Value input : node.getInputs()) {
    if (isa<onnx::SequenceType>(input.getType())) {
      auto found = sequences.find(input);
      if (found == sequences.end()) {
        return std::nullopt;
      }
      llvm::append_range(inputs, found->second);
      continue;
    }
    bool isLeftOut = isa<NoneType>(input.getType());
    inputs.push_back(isLeftOut ? Value() : get(input));
    if (!isLeftOut && !inputs.back()) {
      return std::nullopt;
    }
  }
  return inputs;
}

void GraphConverter::bindOutputs(onnx::NodeOp node, ValueRange outputs) {
  StructuredBuilder b(builder, node.getLoc());
  if (node->getNumResults() == 1 && isa<onnx::SequenceType>(node->getResult(0).getType())) {
    sequences[node->getResult(0)] = outputs;
    return;
  }
  for (auto [output, result] : llvm::zip(outputs, node->getResults())) {
    // The graph may not say of how many axes it is.
    Type type = convertTensorType(result.getType());
    Value tensor = output && type ? conform(b, output, type, describe(node)) : output;
    output && !tensor ? miss(node, "another type than the graph says") : void();
    bind(result, tensor);
  }
}

void GraphConverter::convertNode(onnx::NodeOp node) {
  bool hasGraphs = node->getNumRegions() > 0;
  bool isKnown = hasGraphs ? node.is("If") || node.is("Loop") : findRow(node) != nullptr;
  std::string foreign = findForeignType(node);
  if (!isKnown || !foreign.empty()) {
    return miss(node, isKnown ? foreign : "");
  }
  if (std::optional<Values> inputs = readInputs(node)) {
    std::optional<Values> outputs = node.is("If") && hasGraphs     ? convertIf(node, *inputs)
                                    : node.is("Loop") && hasGraphs ? convertLoop(node, *inputs)
                                                                   : convertOperator(node, *inputs);
    outputs ? bindOutputs(node, *outputs) : void();
  }
}

std::optional<GraphConverter::Values> GraphConverter::convertOperator(onnx::NodeOp node, ValueRange inputs) {
  const DecomposeRow &row = *findRow(node);
  NodeBuilder b(builder, node, inputs, told);
  for (unsigned i = 0; i < row.required; ++i) {
    if (!b.has(i)) {
      miss(node, "inputs that are left out");
      return std::nullopt;
    }
  }
  if (!row.rule(b)) {
    miss(node, b.getFault());
    return std::nullopt;
  }
  return Values(b.results());
}

LogicalResult GraphConverter::reportMissing(Location loc) const {
  for (const auto &[name, entry] : missing) {
    emitError(loc) << "has " << entry.count << (entry.count == 1 ? " node" : " nodes") << " of " << name
                   << ", which Fathom cannot compile as they stand; the first is " << entry.first;
  }
  return success(missing.empty());
}

} // namespace fathom
