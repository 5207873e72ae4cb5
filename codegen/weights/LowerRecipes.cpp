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

static_assert(kPanelWidth == FATHOM_PANEL_WIDTH && kScaleBlock == FATHOM_SCALE_BLOCK,
              "what modules say is what the packer makes and kernels read");

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
      .Case([](Float8E4M3FNType) { return ElementType::F8E4M3; });
}

namespace {
/// The number of the slice: layer-major, then expert.
struct SliceIndex {
  int64_t layer;
  int64_t expert;
};
} // namespace

/// One tensor of the checkpoint; a vector is one row. A weight without layers is the same one to all layers of a
/// recipe.
static Source readSource(WeightOp weight, SliceIndex index) {
  ArrayRef<int64_t> shape = weight.getTensorType().getShape().drop_front(weight.getExperts() ? 1 : 0);
  int64_t layer = weight.getLayers() ? index.layer : 0;
  ArrayRef<int64_t> location = weight.getLocations().slice(2 * (layer * weight.getSlicesPerLayer() + index.expert), 2);
  return {uint32_t(location[0]),
          uint64_t(location[1]),
          shape.size() == 1 ? 1 : shape[0],
          shape.back(),
          getElementType(weight.getTensorType().getElementType()),
          std::nullopt};
}

/// The scales of `rows` outputs as a source: the weight itself is not read.
static Source readScale(WeightOp scale, SliceIndex index, int64_t rows) {
  Source source = readSource(scale, index);
  source.scale = ScaleSource{source.shard, source.offset};
  source.rows = rows;
  source.columns *= FATHOM_SCALE_BLOCK;
  source.type = ElementType::F8E4M3;
  return source;
}

namespace {
/// Runs over a recipe's steps from the yield back to the sources and says the same as a SliceRecipe.
class RecipeReader {
public:
  RecipeReader(RecipeOp recipe, SymbolTable &symbols) : recipe(recipe), symbols(symbols) {}

  Expected<SliceRecipe> read(SliceIndex index) {
    slice = index;
    auto yield = cast<YieldOp>(recipe.getBody().front().getTerminator());
    if (Error error = readLayout(yield.getValue().getDefiningOp())) {
      return std::move(error);
    }
    return result;
  }

private:
  Error readLayout(Operation *op) {
    return llvm::TypeSwitch<Operation *, Error>(op)
        .Case([&](PackPanelsOp pack) {
          result.layout = Layout::Panels;
          return readRows(pack.getSource().getDefiningOp());
        })
        .Case([&](ToF32Op convert) {
          result.widen = true;
          return readRows(convert.getSource().getDefiningOp());
        })
        .Case([&](RopeTableOp table) {
          result.layout = Layout::RopeTable;
          result.rope.positions = table.getType().getDimSize(0);
          result.rope.frequencies.assign(table.getRope().getFrequencies().begin(),
                                         table.getRope().getFrequencies().end());
          result.rope.magnitude = table.getRope().getMagnitude();
          return Error::success();
        })
        .Default([&](Operation *rows) { return readRows(rows); });
  }

  Error readRows(Operation *op) {
    if (auto concat = dyn_cast<ConcatRowsOp>(op)) {
      Error error = readSources(concat.getSources());
      if (concat.getType().getRank() == 1) {
        // Vectors are concatenated as columns are, a number in each row.
        for (Source &source : result.sources) {
          std::swap(source.rows, source.columns);
        }
      }
      return error;
    }
    if (auto interleave = dyn_cast<InterleaveRowsOp>(op)) {
      result.rowMap = RowMap::Interleave;
      Error error = checkBlock("interleaves", interleave.getBlock(), kPanelWidth);
      return error ? std::move(error) : readSources(interleave->getOperands());
    }
    return readSources(op->getResults());
  }

  /// What modules may say of any number of rows, and the packer does of one.
  Error checkBlock(StringRef verb, uint64_t rows, int64_t supported) {
    if (rows == uint64_t(supported)) {
      return Error::success();
    }
    return createStringError("recipe '" + recipe.getSymName() + "' " + verb + " blocks of " + Twine(rows) +
                             " rows, but the packer supports only blocks of " + Twine(supported));
  }

  Error readSources(ValueRange values) {
    // Scales become panels of their own, so they are all of a recipe or nothing of it.
    if (isa<ExpandScaleOp>(values.front().getDefiningOp()) && result.layout == Layout::Panels) {
      result.layout = Layout::PanelScales;
    }
    for (Value value : values) {
      Operation *op = value.getDefiningOp();
      if (auto convert = dyn_cast<ToF32Op>(op)) {
        result.widen = true;
        op = convert.getSource().getDefiningOp();
      }
      auto expand = dyn_cast<ExpandScaleOp>(op);
      auto source = dyn_cast<SourceOp>(expand ? expand.getScale().getDefiningOp() : op);
      if (!source || bool(expand) != (result.layout == Layout::PanelScales)) {
        return createStringError("recipe '" + recipe.getSymName() +
                                 "' has steps in an order that the packer does not support");
      }
      if (Error error = expand ? checkBlock("expands", expand.getRows(), kScaleBlock) : Error::success()) {
        return error;
      }
      auto weight = symbols.lookup<WeightOp>(source.getWeight());
      result.sources.push_back(expand ? readScale(weight, slice, countRows(expand.getResult().getType()))
                                      : readSource(weight, slice));
    }
    return Error::success();
  }

  RecipeOp recipe;
  SymbolTable &symbols;
  SliceIndex slice{};
  SliceRecipe result;
};
} // namespace

static StringRef getLayoutName(Layout layout) {
  switch (layout) {
  case Layout::Panels:
    return "panels";
  case Layout::PanelScales:
    return "scales";
  case Layout::Rows:
  case Layout::RopeTable:
    return "rows";
  }
  llvm_unreachable("every layout is a case");
}

namespace {
class RecipeLowering {
public:
  RecipeLowering(ModuleOp module, WeightStorage storage) : symbols(module), storage(storage) {}

  Expected<WeightContents> lower(WeightSymbol op) {
    WeightContents contents = start(op);
    for (int64_t layer = 0; layer < op.getLayerCount(); ++layer) {
      for (int64_t expert = 0; expert < op.getSlicesPerLayer(); ++expert) {
        Expected<SliceContents> slice = lowerSlice(op, {layer, expert});
        if (!slice) {
          return slice.takeError();
        }
        if (auto *recipe = std::get_if<SliceRecipe>(&*slice)) {
          contents.layout = getLayoutName(recipe->layout).str();
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
    contents.shape = op.getTensorType().getShape().drop_front(op.getExperts() ? 1 : 0).vec();
    contents.layout = "rows";
    int64_t experts = op.getSlicesPerLayer();
    std::vector<int64_t> layers = op.getLayers() ? op.getLayers()->vec() : std::vector<int64_t>{0};
    std::vector<std::string> patterns = getPatterns(op);
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
    SliceRecipe recipe;
    recipe.sources.push_back(source);
    recipe.scales = source.type == ElementType::F32 && weight.getSymName().ends_with("_scale_inv");
    return recipe;
  }

  /// What the checkpoint calls the tensors that a weight is made of, in the order of a slice's sources.
  std::vector<std::string> getPatterns(WeightSymbol op) {
    std::vector<std::string> patterns;
    if (auto weight = dyn_cast<WeightOp>(op.getOperation())) {
      patterns.push_back(weight.getPattern().str());
    }
    op->walk(
        [&](SourceOp source) { patterns.push_back(symbols.lookup<WeightOp>(source.getWeight()).getPattern().str()); });
    return patterns;
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
