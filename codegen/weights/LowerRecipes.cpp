// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Weights and recipes, slice by slice.

#include "codegen/weights/LowerRecipes.h"

#include "dialects/deepseek/DeepSeek.h"
#include "dialects/plan/Plan.h"
#include "dialects/support/TensorName.h"

#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;
using llvm::createStringError;
using llvm::Error;
using llvm::Expected;

namespace fathom::codegen {

using namespace deepseek;

static_assert(kScaleBlock == FATHOM_SCALE_BLOCK && kScaleGroup == FATHOM_SCALE_GROUP,
              "what modules say is what kernels read");

static std::string getTypeName(Type type) {
  std::string name;
  llvm::raw_string_ostream stream(name);
  stream << type;
  return isa<Float8E4M3FNType>(type) ? "f8e4m3" : name;
}

static ElementType getElementType(Type type) {
  return llvm::TypeSwitch<Type, ElementType>(type)
      .Case([](BFloat16Type) { return ElementType::BF16; })
      .Case([](Float16Type) { return ElementType::F16; })
      .Case([](Float32Type) { return ElementType::F32; })
      .Case([](Float8E4M3FNType) { return ElementType::F8E4M3; })
      .Default(ElementType::Byte);
}

namespace {
/// The number of the slice: layer-major, then expert.
struct SliceIndex {
  int64_t layer;
  int64_t expert;
};
} // namespace

/// One tensor of the checkpoint. A weight without layers is the same one to all layers of a recipe.
static Source readSource(WeightOp weight, SliceIndex index) {
  ArrayRef<int64_t> shape = weight.getTensorType().getShape().drop_front(weight.getExperts() ? 1 : 0);
  int64_t layer = weight.getLayers() ? index.layer : 0;
  Type element = weight.getTensorType().getElementType();
  int64_t columns = shape.size() == 1 ? 1 : shape[1];
  ArrayRef<int64_t> location = weight.getLocations().slice(2 * (layer * weight.getTensorsPerLayer() + index.expert), 2);
  return {uint32_t(location[0]),
          uint64_t(location[1]),
          shape[0],
          isPackedElement(element) ? columns * element.getIntOrFloatBitWidth() / 8 : columns,
          getElementType(element),
          weight.getScale()};
}

/// The ops that a recipe's value comes from, in order.
static SmallVector<Operation *> getUsedOps(RecipeOp recipe) {
  Block &body = recipe.getBody().front();
  llvm::SmallPtrSet<Operation *, 8> used = {body.getTerminator()};
  SmallVector<Operation *> result;
  for (Operation &op : llvm::reverse(body)) {
    if (!used.contains(&op)) {
      continue;
    }
    for (Value operand : op.getOperands()) {
      used.insert(operand.getDefiningOp());
    }
    if (!isa<YieldOp>(op)) {
      result.push_back(&op);
    }
  }
  std::reverse(result.begin(), result.end());
  return result;
}

namespace {
/// Says a recipe of IR as the packer's steps.
class RecipeReader {
public:
  RecipeReader(RecipeOp recipe, SymbolTable &symbols) : recipe(recipe), symbols(symbols) {}

  Expected<SliceRecipe> read(SliceIndex index) {
    SmallVector<Operation *> ops = getUsedOps(recipe);
    for (Operation *op : ops) {
      if (auto source = dyn_cast<SourceOp>(op)) {
        numbers[source] = result.sources.size();
        result.sources.push_back(readSource(symbols.lookup<WeightOp>(source.getWeight()), index));
      }
    }
    for (Operation *op : ops) {
      if (Error error = isa<SourceOp>(op) ? Error::success() : readStep(op, index.expert)) {
        return std::move(error);
      }
    }
    return std::move(result);
  }

private:
  Error readStep(Operation *op, int64_t expert) {
    SmallVector<StepAction, 2> actions = getActions(op, expert);
    if (actions.empty()) {
      return fail(op, "that the packer does not know");
    }
    if (Error error = check(op)) {
      return error;
    }
    llvm::SmallVector<uint32_t, 2> inputs;
    for (Value operand : op->getOperands()) {
      inputs.push_back(numbers.lookup(operand));
    }
    for (StepAction &action : actions) {
      result.steps.push_back({std::move(action), inputs});
      inputs = {uint32_t(result.sources.size() + result.steps.size() - 1)};
    }
    numbers[op->getResult(0)] = inputs.front();
    return Error::success();
  }

  /// What `op` is to the packer: steps, one after the other. None: unknown.
  SmallVector<StepAction, 2> getActions(Operation *op, int64_t expert) {
    using Actions = SmallVector<StepAction, 2>;
    return llvm::TypeSwitch<Operation *, Actions>(op)
        .Case([](RopeTableOp table) { return Actions{readRopeTable(table)}; })
        .Case([&](ConstantOp constant) { return Actions{readConstant(constant, expert)}; })
        .Case([](ToF32Op convert) { return Actions{readConversion(convert)}; })
        .Case([](ToBF16Op) { return Actions{ToBF16()}; })
        .Case([](DequantizeOp dequantize) { return Actions{readDequantize(dequantize)}; })
        .Case([](QuantizeOp quantize) {
          return Actions{Quantize{int64_t(quantize.getGroup()), getElementType(quantize.getType().getElementType())}};
        })
        .Case([](QuantizeScalesOp quantize) {
          bool integers = quantize.getType().getElementType().isF16();
          return Actions{
              QuantizeScales{int64_t(quantize.getGroup()), integers ? ElementType::Byte : ElementType::F8E4M3}};
        })
        .Case([](TransposeOp) { return Actions{Transpose()}; })
        .Case([](SliceRowsOp slice) {
          return Actions{
              SliceRows{int64_t(slice.getBegin()), int64_t(slice.getStep()), countRows(slice.getResult().getType())}};
        })
        .Case([](ExpandScaleOp expand) {
          return Actions{RepeatRows{int64_t(expand.getRows()), countRows(expand.getResult().getType())}};
        })
        .Case([](ConcatRowsOp) { return Actions{ConcatRows()}; })
        .Case([](ConvertLayoutOp convert) {
          LayoutAttr layout = getLayout(convert.getResult().getType());
          PackPanels pack = {layout.getPanels()};
          return layout.getInterleave() == 0 ? Actions{pack} : Actions{InterleaveRows{layout.getInterleave()}, pack};
        })
        .Default(Actions());
  }

  /// A constant, or in a recipe of experts the matrix of one.
  Constant readConstant(ConstantOp op, int64_t expert) {
    RankedTensorType type = op.getResult().getType();
    ArrayRef<int64_t> shape = type.getShape().drop_front(recipe.getExperts() ? 1 : 0);
    int64_t count = llvm::product_of(shape), bytes = count * type.getElementTypeBitWidth() / 8;
    DenseElementsAttr value = op.getValue();
    StringRef all(value.getRawData().data(), value.getRawData().size());
    // A tensor of more dimensions than two has the others in its columns, as tables of rotations do.
    return {shape.front(), count / shape.front(), getElementType(type.getElementType()),
            value.isSplat() ? repeat(all, count) : all.substr(recipe.getExperts() ? expert * bytes : 0, bytes).str()};
  }

  static std::string repeat(StringRef bytes, int64_t count) {
    std::string all;
    while (count-- > 0) {
      all += bytes;
    }
    return all;
  }

  static StepAction readConversion(ToF32Op op) {
    Type element = op.getSource().getType().getElementType();
    if (getElementType(element) != ElementType::Byte) {
      return ToF32();
    }
    SmallVector<float> values = listValues(element);
    return Unpack{element.getIntOrFloatBitWidth(), {values.begin(), values.end()}};
  }

  static Dequantize readDequantize(DequantizeOp op) {
    RankedTensorType type = op.getResult().getType();
    return {type.getShape().back(), op.getBlock().getRows(), op.getBlock().getColumns(),
            op.getZero() ? static_cast<float>(op.getZero()->convertToDouble()) : 0.0f,
            getElementType(type.getElementType())};
  }

  static RopeTable readRopeTable(RopeTableOp table) {
    RopeAttr rope = table.getRope();
    return {table.getType().getDimSize(0),
            {rope.getFrequencies().begin(), rope.getFrequencies().end()},
            rope.getMagnitude()};
  }

  /// What modules may say, and what neither packer nor kernels would take as it is meant.
  Error check(Operation *op) {
    for (Type type : op->getOperandTypes()) {
      int64_t rank = cast<RankedTensorType>(type).getRank() - int64_t(recipe.getExperts());
      bool takesVectors = isa<ToF32Op, ToBF16Op>(op) || (isa<ConcatRowsOp>(op) && !recipe.getExperts());
      if (rank != 2 && !(rank == 1 && takesVectors)) {
        return fail(op, "that does not take " + getTypeName(type));
      }
    }
    return Error::success();
  }

  Error fail(Operation *op, const Twine &why) {
    return createStringError("recipe '" + recipe.getSymName() + "' has a step '" + op->getName().getStringRef() + "' " +
                             why);
  }

  RecipeOp recipe;
  SymbolTable &symbols;
  SliceRecipe result;
  llvm::DenseMap<Value, uint32_t> numbers;
};
} // namespace

namespace {
class RecipeLowering {
public:
  RecipeLowering(ModuleOp module, WeightStorage storage) : symbols(module), storage(storage) {}

  Expected<WeightContents> lower(WeightSymbol op) {
    WeightContents contents = start(op);
    for (int64_t layer = 0; layer < op.getLayerCount(); ++layer) {
      for (int64_t expert = 0; expert < op.getTensorsPerLayer(); ++expert) {
        Expected<SliceContents> slice = lowerSlice(op, {layer, expert});
        if (!slice) {
          return slice.takeError();
        }
        contents.slices.push_back(std::move(*slice));
      }
    }
    return contents;
  }

private:
  WeightContents start(WeightSymbol op) {
    WeightContents contents;
    contents.name = op.getSymName().str();
    contents.element_type = getTypeName(op.getTensorType().getElementType());
    contents.shape = ArrayRef(getStoredShape(op.getTensorType())).drop_front(op.hasExpertTable() ? 1 : 0).vec();
    contents.layout = (getLayout(op.getTensorType()) ? LayoutAttr::kCatalogName : kRowsLayout).str();
    int64_t experts = op.getTensorsPerLayer();
    contents.experts = op.getExperts() ? experts / op.getSlicesPerLayer() : 0;
    std::vector<int64_t> layers = op.getLayers() ? op.getLayers()->vec() : std::vector<int64_t>{0};
    SmallVector<WeightOp> sources = getSources(op);
    contents.scale = (!sources.empty() && sources.front().getScale()) || makesScales(op);
    std::vector<std::string> patterns;
    for (WeightOp source : sources) {
      patterns.push_back(source.getPattern().str());
    }
    if (!patterns.empty()) {
      contents.sliceName = [=](uint32_t slice, std::optional<size_t> source) {
        return nameTensors(patterns, {layers[slice / experts], slice % experts}, source);
      };
    }
    return contents;
  }

  Expected<SliceContents> lowerSlice(WeightSymbol op, SliceIndex index) {
    auto weight = dyn_cast<WeightOp>(op.getOperation());
    if (!weight) {
      return RecipeReader(cast<RecipeOp>(op.getOperation()), symbols).read(index);
    }
    Source source = readSource(weight, index);
    if (storage == WeightStorage::Reference) {
      uint64_t bytes = uint64_t(source.rows) * source.columns * byteWidth(source.type);
      return ExternalSlice{source.shard, source.offset, bytes};
    }
    return SliceRecipe{{source}, {}};
  }

  static bool makesScales(WeightSymbol op) {
    auto recipe = dyn_cast<RecipeOp>(op.getOperation());
    return recipe && !recipe.getOps<QuantizeScalesOp>().empty();
  }

  /// The tensors that a weight is made of, in the order of a slice's sources.
  SmallVector<WeightOp> getSources(WeightSymbol op) {
    auto recipe = dyn_cast<RecipeOp>(op.getOperation());
    if (!recipe) {
      return {cast<WeightOp>(op.getOperation())};
    }
    SmallVector<WeightOp> sources;
    for (Operation *step : getUsedOps(recipe)) {
      if (auto source = dyn_cast<SourceOp>(step)) {
        sources.push_back(symbols.lookup<WeightOp>(source.getWeight()));
      }
    }
    return sources;
  }

  /// The tensor of source `source`, or those of all; `index` holds the model's layer.
  static std::string nameTensors(ArrayRef<std::string> patterns, SliceIndex index, std::optional<size_t> source) {
    std::string text, name;
    for (auto [number, pattern] : llvm::enumerate(patterns)) {
      if (source.value_or(number) == number) {
        expandPattern(pattern, index.layer, index.expert, name);
        text += (text.empty() ? "" : " or ") + name;
      }
    }
    return text;
  }

  SymbolTable symbols;
  WeightStorage storage;
};
} // namespace

Expected<std::vector<WeightContents>> lowerRecipes(ModuleOp planned, WeightStorage storage) {
  SmallVector<std::pair<int64_t, Operation *>> used;
  for (Operation &op : *planned.getBody()) {
    if (auto first = op.getAttrOfType<IntegerAttr>(plan::kFirstSliceAttr)) {
      used.emplace_back(first.getInt(), &op);
    }
  }
  llvm::sort(used);
  RecipeLowering lowering(planned, storage);
  std::vector<WeightContents> result;
  for (auto [first, op] : used) {
    Expected<WeightContents> contents = lowering.lower(cast<WeightSymbol>(op));
    if (!contents) {
      return contents.takeError();
    }
    result.push_back(std::move(*contents));
  }
  return result;
}

} // namespace fathom::codegen
