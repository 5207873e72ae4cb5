// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Made-up inputs of graphs.

#include "codegen/reference/GraphInputs.h"

#include "llvm/ADT/StringExtras.h"

using namespace mlir;

namespace fathom::reference {

using onnx::Array;

namespace {
/// A call of a graph.
struct Call {
  int64_t batch, past, count;
  BlockArgument tokens; // null where none are ids
  StringRef sequence;   // what the graph calls the number of tokens
};
} // namespace

/// The names of a tensor's dimensions; empty where one is constant.
static SmallVector<StringRef> getExtentNames(Value value) {
  SmallVector<StringRef> names;
  auto type = dyn_cast<RankedTensorType>(value.getType());
  auto shape = type ? dyn_cast_if_present<onnx::ShapeAttr>(type.getEncoding()) : onnx::ShapeAttr();
  size_t next = 0;
  for (int64_t dim = 0; type && dim < type.getRank(); ++dim) {
    names.push_back(shape && type.isDynamicDim(dim) ? shape.getExtents()[next++].getValue() : StringRef());
  }
  return names;
}

/// Whether a polynomial is the name of one symbol.
static bool isName(StringRef extent) {
  return !extent.empty() && !llvm::isDigit(extent[0]) && !extent.contains(' ') && !extent.contains('*');
}

bool isPast(BlockArgument input) {
  auto type = dyn_cast<RankedTensorType>(input.getType());
  return type && isa<FloatType>(type.getElementType()) && type.getRank() >= 3 && !type.hasStaticShape();
}

/// What integers are below by which rows of a tensor are gathered; 0: none are.
static int64_t findGathered(BlockArgument input) {
  for (OpOperand &use : input.getUses()) {
    auto node = dyn_cast<onnx::NodeOp>(use.getOwner());
    auto data = node && node.is("Gather") && use.getOperandNumber() == 1 && node.getInteger("axis", 0) == 0
                    ? dyn_cast<RankedTensorType>(node.getInputs()[0].getType())
                    : RankedTensorType();
    if (data && data.getRank() == 2 && !data.isDynamicDim(0)) {
      return data.getDimSize(0);
    }
  }
  return 0;
}

/// The first input by which rows are gathered; others are positions, which tables may be gathered by.
static BlockArgument findTokens(func::FuncOp function) {
  auto arguments = function.getArguments();
  auto tokens = llvm::find_if(arguments, [](BlockArgument input) { return findGathered(input) > 0; });
  return tokens == arguments.end() ? BlockArgument() : *tokens;
}

/// The last open dimension of `tokens` or, where there are none, of the first input that has one.
static StringRef findSequence(func::FuncOp function, BlockArgument tokens) {
  for (BlockArgument input : function.getArguments()) {
    SmallVector<StringRef> names = getExtentNames(input);
    auto last = llvm::find_if(llvm::reverse(names), isName);
    if ((!tokens || input == tokens) && last != names.rend()) {
      return *last;
    }
  }
  return "";
}

/// What heads of a GroupQueryAttention are wide that takes an input as its past; 0: none does.
static int64_t findHeadWidth(BlockArgument input) {
  for (OpOperand &use : input.getUses()) {
    auto node = dyn_cast<onnx::NodeOp>(use.getOwner());
    auto query = node && node.isMicrosoft("GroupQueryAttention")
                     ? dyn_cast<RankedTensorType>(node.getInputs()[0].getType())
                     : RankedTensorType();
    if (query && query.getRank() == 3 && !query.isDynamicDim(2)) {
      int64_t heads = node.getInteger("num_heads", 1);
      bool isPacked = !node.getInput(1);
      return query.getDimSize(2) /
             std::max<int64_t>(heads + (isPacked ? 2 * node.getInteger("kv_num_heads", 0) : 0), 1);
    }
  }
  return 0;
}

static int64_t chooseExtent(BlockArgument input, size_t dim, StringRef extent, const Call &call) {
  int64_t width = findHeadWidth(input);
  if (width > 0 && dim == 3) {
    return width;
  }
  return extent == call.sequence ? call.count
         : dim == 0              ? call.batch
         : isPast(input)         ? call.past
                                 : call.past + call.count;
}

static bool isKnown(StringRef extent, onnx::Evaluator &evaluator) {
  llvm::Expected<int64_t> value = evaluator.evaluateExtent(extent);
  bool known = bool(value);
  llvm::consumeError(value.takeError());
  return known;
}

/// Gives a number to each extent that has none yet.
static void bindExtents(func::FuncOp function, const Call &call, onnx::Evaluator &evaluator) {
  for (bool names : {true, false}) {
    for (BlockArgument input : function.getArguments()) {
      for (auto [dim, extent] : llvm::enumerate(getExtentNames(input))) {
        if (!extent.empty() && isName(extent) == names && !isKnown(extent, evaluator)) {
          evaluator.bindExtent(extent, chooseExtent(input, dim, extent, call));
        }
      }
    }
  }
}

static llvm::Expected<SmallVector<int64_t>> findShape(BlockArgument input, RankedTensorType type,
                                                      onnx::Evaluator &evaluator) {
  SmallVector<int64_t> shape(type.getShape());
  for (auto [size, name] : llvm::zip_equal(shape, getExtentNames(input))) {
    if (ShapedType::isDynamic(size)) {
      llvm::Expected<int64_t> value = evaluator.evaluateExtent(name);
      if (!value) {
        return value.takeError();
      }
      size = *value;
    }
  }
  return shape;
}

static StringRef getName(func::FuncOp function, BlockArgument input) {
  auto name = function.getArgAttrOfType<StringAttr>(input.getArgNumber(), onnx::kNameAttr);
  return name ? name.getValue() : StringRef();
}

/// What nodes with caches take of each sequence: how many keys there are with this call, which is the last, or how many
/// there were before. Nothing for any other input.
static std::optional<int64_t> findKeyCount(BlockArgument input, const Call &call) {
  int64_t keys = call.past + call.count;
  const struct {
    StringRef domain, name;
    unsigned operand;
    int64_t number;
  } counts[] = {
      {"com.microsoft", "GroupQueryAttention", 5, keys - 1},
      {"com.microsoft", "GroupQueryAttention", 6, keys},
      {"", "Attention", 6, keys},
      {"", "TensorScatter", 2, call.past},
  };
  for (OpOperand &use : input.getUses()) {
    auto node = dyn_cast<onnx::NodeOp>(use.getOwner());
    for (const auto &count : counts) {
      if (node && node.getDomain().value_or("") == count.domain && node.getOpType() == count.name &&
          use.getOperandNumber() == count.operand) {
        return count.number;
      }
    }
  }
  return std::nullopt;
}

static void fill(Array &array, func::FuncOp function, BlockArgument input, const Call &call) {
  // As for @forward, whose first argument has the tokens.
  SeededNumbers numbers("argument " + std::to_string(input.getArgNumber()));
  int64_t limit = input == call.tokens ? findGathered(input) : 0;
  std::optional<int64_t> keys = findKeyCount(input, call);
  bool isMask = getName(function, input).contains("mask");
  bool isPositions = !isMask && array.rank() > 0 && array.shape.back() == call.count;
  for (auto [i, number] : llvm::enumerate(array.integers)) {
    number = limit > 0     ? int64_t(numbers.bits(i) % uint64_t(limit))
             : keys        ? *keys
             : isPositions ? call.past + int64_t(i) % call.count
                           : 1;
  }
  for (auto [i, number] : llvm::enumerate(array.reals)) {
    number = float(numbers.uniform(i));
  }
}

static llvm::Expected<Array> makeInput(func::FuncOp function, BlockArgument input, const Call &call,
                                       onnx::Evaluator &evaluator) {
  auto type = dyn_cast<RankedTensorType>(input.getType());
  if (!type) {
    return llvm::createStringError("argument " + Twine(input.getArgNumber()) + " has no known rank");
  }
  llvm::Expected<SmallVector<int64_t>> shape = findShape(input, type, evaluator);
  if (!shape) {
    return shape.takeError();
  }
  if (!onnx::isHeld(type.getElementType()) || !onnx::countElements(*shape)) {
    return llvm::createStringError("argument " + Twine(input.getArgNumber()) + " is too large, or of another type");
  }
  Array array(type.getElementType(), *shape);
  fill(array, function, input, call);
  return array;
}

static Call makeCall(func::FuncOp function, const Scenario &scenario) {
  int64_t batch = scenario.sequences.back() + 1;
  BlockArgument tokens = findTokens(function);
  return {batch, scenario.positions.front(), int64_t(scenario.positions.size()) / batch, tokens,
          findSequence(function, tokens)};
}

static llvm::Error makeInputs(func::FuncOp function, const Call &call, onnx::Evaluator &extents,
                              std::vector<Array> &inputs) {
  for (BlockArgument input : function.getArguments()) {
    llvm::Expected<Array> array = makeInput(function, input, call, extents);
    if (!array) {
      return array.takeError();
    }
    inputs.push_back(std::move(*array));
  }
  return llvm::Error::success();
}

std::optional<Array> cut(const Array &array, ArrayRef<int64_t> shape) {
  auto fits = [](const auto &pair) { return std::get<0>(pair) <= std::get<1>(pair); };
  if (array.shape.size() != shape.size() || !llvm::all_of(llvm::zip(shape, array.shape), fits)) {
    return std::nullopt;
  }
  Array part(array.element, shape);
  for (int64_t to = 0; to < part.size(); ++to) {
    int64_t from = 0, stride = 1, rest = to;
    for (int64_t dim = array.rank() - 1; dim >= 0; --dim) {
      from += rest % shape[dim] * stride;
      rest /= shape[dim];
      stride *= array.shape[dim];
    }
    part.set(to, array, from);
  }
  return part;
}

/// Passes may leave an input a part of what it was: of a cache of fixed length the tokens so far.
static llvm::Expected<Array> fitInput(BlockArgument input, const Array &array, onnx::Evaluator &extents) {
  llvm::Expected<SmallVector<int64_t>> shape = findShape(input, cast<RankedTensorType>(input.getType()), extents);
  if (!shape) {
    return shape.takeError();
  }
  std::optional<Array> part = *shape == array.shape ? array : cut(array, *shape);
  return part ? llvm::Expected<Array>(std::move(*part))
              : llvm::createStringError("argument " + Twine(input.getArgNumber()) + " became longer than it was");
}

llvm::Error GraphInputs::bind(func::FuncOp function, const Scenario &scenario, onnx::Evaluator &evaluator) {
  auto &[extents, inputs] = made[{function.getSymName().str(), scenario.name.str()}];
  Call call = makeCall(function, scenario);
  bindExtents(function, call, extents);
  if (inputs.empty()) {
    if (llvm::Error error = makeInputs(function, call, extents, inputs)) {
      inputs.clear();
      return error;
    }
  }
  for (auto [input, array] : llvm::zip_equal(function.getArguments(), inputs)) {
    llvm::Expected<Array> fitting = fitInput(input, array, extents);
    if (!fitting) {
      return fitting.takeError();
    }
    evaluator.bind(input, std::move(*fitting));
  }
  return llvm::Error::success();
}

} // namespace fathom::reference
