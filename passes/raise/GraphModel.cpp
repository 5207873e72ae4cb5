// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// @forward as far as it is made: rows, tables, stores and logits.

#include "passes/raise/GraphModel.h"

#include "passes/raise/Nodes.h"
#include "passes/raise/RopeFrequencies.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"

using namespace mlir;

namespace fathom::raise {

using onnx::Array;

static Type getIds(Builder &builder) { return RankedTensorType::get({ShapedType::kDynamic}, builder.getI32Type()); }

/// The dimension of the tokens of a call: the last of the ids.
static StringRef getSequenceName(BlockArgument tokens) { return getExtentName(tokens, getRank(tokens) - 1); }

/// func @forward(%tokens, %positions, %logit_rows, %cache); stores are known when attention is met.
static func::FuncOp createForward(func::FuncOp main) {
  OpBuilder builder(main);
  Type ids = getIds(builder), cache = deepseek::CacheType::get(main.getContext(), {});
  auto module = main->getParentOfType<ModuleOp>();
  if (Operation *initializer = module.lookupSymbol("forward")) {
    (void)SymbolTable(module).renameToUnique(initializer, {});
  }
  auto forward =
      func::FuncOp::create(builder, main.getLoc(), "forward", builder.getFunctionType({ids, ids, ids, cache}, {}));
  StringRef names[] = {deepseek::kTokensInput, deepseek::kPositionsInput, deepseek::kLogitRowsInput,
                       deepseek::kCacheInput};
  for (auto [number, name] : llvm::enumerate(names)) {
    forward.setArgAttr(unsigned(number), deepseek::kInputAttr, builder.getStringAttr(name));
  }
  forward.addEntryBlock();
  return forward;
}

GraphModel::GraphModel(func::FuncOp main, BlockArgument tokens, int64_t maxContext, Type stored,
                       onnx::Evaluator::ReadInitializer read)
    : main(main), forward(createForward(main)), builder(OpBuilder::atBlockEnd(&forward.front())),
      raisedWeights(main->getParentOfType<ModuleOp>()), prober(main, getSequenceName(tokens), std::move(read)),
      maxContext(maxContext), stored(stored), cache(forward.getArgument(3)) {
  View ids = {forward.getArgument(0), {}};
  auto type = cast<RankedTensorType>(tokens.getType());
  for (int64_t dim = 0; dim < type.getRank(); ++dim) {
    bool isLast = dim + 1 == type.getRank();
    ids.dims.push_back({isLast ? Dim::Sequence : type.isDynamicDim(dim) ? Dim::Batch : Dim::Columns, {}});
  }
  set(tokens, ids);
}

const Pieces *GraphModel::findPieces(Value value) const {
  auto found = views.find(value);
  return found == views.end() ? nullptr : &found->second;
}

const View *GraphModel::find(Value value) const {
  const Pieces *pieces = findPieces(value);
  return pieces && pieces->views.size() == 1 ? &pieces->views.front() : nullptr;
}

bool GraphModel::isPast(Value value) {
  auto argument = dyn_cast<BlockArgument>(value);
  return argument && argument.getOwner() == &main.front() && !findPieces(value);
}

RankedTensorType GraphModel::activation(int64_t width) {
  return RankedTensorType::get({ShapedType::kDynamic, width}, builder.getF32Type());
}

std::optional<View> GraphModel::compact(const View &view) {
  int64_t width = countColumns(view);
  if (width == 0 || view.rotation || !deepseek::isActivation(view.rows.getType())) {
    return std::nullopt;
  }
  View result = view;
  if (width != deepseek::getWidth(view.rows.getType())) {
    OpFoldResult rows = tensor::getMixedSizes(builder, view.rows.getLoc(), positions())[0];
    result.rows = deepseek::sliceColumns(builder, view.rows.getLoc(), view.rows, rows, view.offset, width);
    result.offset = 0;
  }
  return result;
}

bool GraphModel::giveRows(onnx::NodeOp node, const View &like, Value rows) {
  View view = like;
  view.rows = rows;
  view.offset = 0;
  view.dims.back() = Dim::columns(deepseek::getWidth(rows.getType()), 1);
  set(node.getOutputs()[0], view);
  return true;
}

Value GraphModel::getRows(Value value, int64_t width) {
  const View *view = find(value);
  std::optional<View> own = view && isWholeRows(*view, width) ? compact(*view) : std::nullopt;
  return own ? own->rows : Value();
}

/// The last dimension of an array where dimension `axis` counts positions and no other counts anything; 0 for any
/// other.
static int64_t getTurned(const Array &array, int64_t axis, int64_t positions) {
  int64_t width = array.rank() > 1 ? array.shape.back() : 0;
  bool fits = axis >= 0 && axis < array.rank() - 1 && array.shape[axis] == positions && array.isReal() &&
              array.size() == positions * width;
  return fits ? width : 0;
}

/// Cosines and sines in turns, [positions, pairs, 2], of a step whose tokens dimension `axis` counts.
std::optional<std::vector<float>> GraphModel::probeStep(Value cosine, Value sine, int64_t axis, Step step) {
  std::optional<Array> cosines = prober.evaluate(cosine, step, InputRole::Positions);
  std::optional<Array> sines = prober.evaluate(sine, step, InputRole::Positions);
  int64_t width = cosines && sines ? getTurned(*cosines, axis, step.count) : 0;
  if (width == 0 || width % 2 != 0 || getTurned(*sines, axis, step.count) != width) {
    return std::nullopt;
  }
  std::vector<float> table;
  for (int64_t position = 0; position < step.count; ++position) {
    for (int64_t i = 0; i < width / 2; ++i) {
      int64_t first = position * width + i, second = first + width / 2;
      if (cosines->reals[first] != cosines->reals[second] || sines->reals[first] != sines->reals[second]) {
        return std::nullopt;
      }
      table.push_back(float(cosines->reals[first]));
      table.push_back(float(sines->reals[first]));
    }
  }
  return table;
}

/// The table of `maxContext` positions, where that of tokens behind others is a part of it.
std::optional<std::vector<float>> GraphModel::probeTable(Value cosine, Value sine, int64_t axis) {
  std::optional<std::vector<float>> table = probeStep(cosine, sine, axis, {0, maxContext});
  Step behind = {3, 4};
  if (!table || !prober.hasPast() || behind.past + behind.count > maxContext) {
    return table;
  }
  std::optional<std::vector<float>> part = probeStep(cosine, sine, axis, behind);
  size_t row = table->size() / maxContext;
  bool isPart = part && part->size() == behind.count * row &&
                llvm::equal(*part, ArrayRef(*table).slice(behind.past * row, behind.count * row));
  return isPart ? table : std::nullopt;
}

Value GraphModel::getRopeTable(Value cosine, Value sine, int64_t axis) {
  auto [known, isNew] = tables.try_emplace({cosine, sine});
  if (!isNew) {
    return known->second;
  }
  std::optional<std::vector<float>> table = probeTable(cosine, sine, axis);
  if (!table) {
    return {};
  }
  int64_t pairs = int64_t(table->size()) / (2 * maxContext);
  auto type = RankedTensorType::get({maxContext, pairs, 2}, builder.getF32Type());
  if (std::optional<Frequencies> found = findFrequencies(*table, pairs)) {
    SmallVector<deepseek::Real> radians(found->radians.begin(), found->radians.end());
    auto rope = deepseek::RopeAttr::get(builder.getContext(), radians, deepseek::Real(found->magnitude));
    return known->second = deepseek::RopeTableOp::create(builder, cosine.getLoc(), type, rope);
  }
  std::string name = "rope_table." + std::to_string(tables.size());
  return known->second = raisedWeights.make(builder, name, type, [&](OpBuilder &inner) -> Value {
    return deepseek::ConstantOp::create(inner, cosine.getLoc(), type, DenseElementsAttr::get(type, ArrayRef(*table)));
  });
}

deepseek::StoreAttr GraphModel::createStore(StringRef name, int64_t heads, int64_t width, int64_t tail) {
  return deepseek::StoreAttr::get(builder.getContext(), name, heads, width, stored,
                                  isa<Float8E4M3FNType>(stored) ? tail : 0);
}

Value GraphModel::beginLayer(deepseek::CacheType type) {
  if (layers == 0) {
    cache.setType(type);
  }
  return arith::ConstantIndexOp::create(builder, forward.getLoc(), layers++);
}

Value GraphModel::append(StringRef store, Value layer, ValueRange parts) {
  return cache = deepseek::CacheAppendOp::create(builder, parts.front().getLoc(), cache.getType(), cache, store, layer,
                                                 parts, positions());
}

void GraphModel::setFacts(int64_t vocabulary) {
  auto module = main->getParentOfType<ModuleOp>();
  int64_t hidden = 0;
  forward.walk([&](deepseek::EmbeddingOp op) { hidden = deepseek::getWidth(op.getType()); });
  auto integer = [&](int64_t value) { return builder.getI64IntegerAttr(value); };
  // What files beside the graph say of generation is there already.
  auto given = module->getAttrOfType<DictionaryAttr>(onnx::kGenerationAttr);
  NamedAttrList facts(given ? given : builder.getDictionaryAttr({}));
  facts.set("family", builder.getStringAttr("onnx"));
  facts.set("vocabulary", integer(vocabulary));
  facts.set("hidden", integer(hidden));
  facts.set("layers", integer(layers));
  facts.set("max_context", integer(maxContext));
  auto addDefault = [&](StringRef name, Attribute value) {
    if (!facts.get(name)) {
      facts.append(name, value);
    }
  };
  addDefault("bos_token", integer(-1));
  addDefault("eos_tokens", builder.getDenseI64ArrayAttr({}));
  addDefault("temperature", builder.getF64FloatAttr(0.0));
  module->setAttr(deepseek::kModelAttr, facts.getDictionary(builder.getContext()));
  module->removeAttr(onnx::kGenerationAttr);
}

bool GraphModel::finish(Value logits) {
  const View *view = find(logits);
  auto product = view ? view->rows.getDefiningOp<deepseek::LinearOp>() : deepseek::LinearOp();
  int64_t vocabulary = product ? deepseek::getWidth(product.getType()) : 0;
  if (!product || layers == 0 || view->hasPast || !isWholeRows(*view, vocabulary)) {
    return false;
  }
  Value selected = deepseek::SelectRowsOp::create(builder, product.getLoc(), product.getInput().getType(),
                                                  product.getInput(), forward.getArgument(2));
  auto wanted = cast<deepseek::LinearOp>(builder.clone(*product));
  wanted.getInputMutable().assign(selected);
  func::ReturnOp::create(builder, product.getLoc(), ValueRange{wanted, cache});
  forward.setType(builder.getFunctionType(forward.front().getArgumentTypes(), {wanted.getType(), cache.getType()}));
  forward.setResultAttr(0, deepseek::kOutputAttr, builder.getStringAttr(deepseek::kLogitsOutput));
  setFacts(vocabulary);
  return true;
}

} // namespace fathom::raise
