// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// One function for layers that are alike, and stacks of their weights.

#include "passes/raise/Passes.h"

#include "passes/raise/RaisedWeights.h"

#include "llvm/ADT/StringSet.h"

#include <map>

using namespace mlir;

namespace fathom {

#define GEN_PASS_DEF_SHARELAYERS
#include "passes/raise/Passes.h.inc"

using deepseek::GetWeightOp;
using deepseek::RecipeOp;
using deepseek::SourceOp;
using deepseek::WeightOp;

namespace {
/// Layers that are alike: the function that becomes that of all, and what each reads where that reads a weight.
struct Group {
  func::FuncOp function;
  SmallVector<int64_t> layers;
  /// By layer; the first is that of `function`.
  SmallVector<SmallVector<StringRef>> weights;
};
} // namespace

static SmallVector<GetWeightOp> getReads(func::FuncOp function) {
  return llvm::to_vector(function.front().getOps<GetWeightOp>());
}

static bool canStack(StringRef a, StringRef b, SymbolTable &symbols);

/// Whether two blocks say the same, but for the names of weights, which can be stacked then.
static bool areAlike(Block &a, Block &b, SymbolTable &symbols) {
  llvm::DenseMap<Value, Value> values;
  auto pair = [&](ValueRange left, ValueRange right) {
    for (auto [x, y] : llvm::zip_equal(left, right)) {
      values[x] = y;
    }
  };
  if (a.getArgumentTypes() != b.getArgumentTypes() || a.getOperations().size() != b.getOperations().size()) {
    return false;
  }
  pair(a.getArguments(), b.getArguments());
  auto sameWeight = [&](Operation &x, Operation &y) {
    auto weight = x.getAttrOfType<FlatSymbolRefAttr>("weight"), other = y.getAttrOfType<FlatSymbolRefAttr>("weight");
    return weight && other && canStack(weight.getValue(), other.getValue(), symbols);
  };
  for (auto [x, y] : llvm::zip_equal(a, b)) {
    bool sameAttributes =
        x.getAttrDictionary() == y.getAttrDictionary() || (isa<GetWeightOp, SourceOp>(x) && sameWeight(x, y));
    bool sameOperands =
        llvm::equal(x.getOperands(), y.getOperands(), [&](Value v, Value w) { return values.lookup(v) == w; });
    if (x.getName() != y.getName() || x.getResultTypes() != y.getResultTypes() || !sameAttributes || !sameOperands) {
      return false;
    }
    pair(x.getResults(), y.getResults());
  }
  return true;
}

/// Whether one stack can have both.
static bool canStack(StringRef a, StringRef b, SymbolTable &symbols) {
  auto x = symbols.lookup<WeightOp>(a), y = symbols.lookup<WeightOp>(b);
  if (x && y) {
    return x.getType() == y.getType() && !x.getLayers() && !y.getLayers();
  }
  auto p = symbols.lookup<RecipeOp>(a), q = symbols.lookup<RecipeOp>(b);
  return p && q && p.getType() == q.getType() && !p.getLayers() && !q.getLayers() &&
         areAlike(p.getBody().front(), q.getBody().front(), symbols);
}

namespace {
/// Makes stacks of symbols, each once.
class Stacker {
public:
  explicit Stacker(ModuleOp module) : module(module), symbols(module) {}

  /// The name of the stack of `names`, one for each of `layers`.
  StringRef stack(StringRef group, ArrayRef<StringRef> names, ArrayRef<int64_t> layers);

private:
  StringAttr stackWeights(StringRef name, ArrayRef<StringRef> names, ArrayRef<int64_t> layers);
  StringAttr stackRecipes(StringRef name, StringRef group, ArrayRef<StringRef> names, ArrayRef<int64_t> layers);

  ModuleOp module;
  SymbolTable symbols;
  /// By the names and the layers of what is stacked: layers that are not alike may read the same weight.
  std::map<std::pair<std::vector<std::string>, std::vector<int64_t>>, StringAttr> known;
};
} // namespace

StringAttr Stacker::stackWeights(StringRef name, ArrayRef<StringRef> names, ArrayRef<int64_t> layers) {
  SmallVector<int64_t> locations;
  SmallVector<StringRef> patterns;
  for (StringRef each : names) {
    auto weight = symbols.lookup<WeightOp>(each);
    llvm::append_range(locations, weight.getLocations());
    patterns.push_back(weight.getPattern());
  }
  auto first = symbols.lookup<WeightOp>(names.front());
  OpBuilder builder(first);
  return symbols.insert(WeightOp::create(builder, first.getLoc(), name, first.getType(), first.getExperts(),
                                         first.getScale(), builder.getDenseI64ArrayAttr(layers),
                                         raise::findPattern(patterns, layers, "{layer}"),
                                         builder.getDenseI64ArrayAttr(locations)));
}

StringAttr Stacker::stackRecipes(StringRef name, StringRef group, ArrayRef<StringRef> names, ArrayRef<int64_t> layers) {
  auto first = symbols.lookup<RecipeOp>(names.front());
  OpBuilder builder(first);
  auto recipe = cast<RecipeOp>(builder.clone(*first));
  recipe.setSymName(name);
  recipe.setLayersAttr(builder.getDenseI64ArrayAttr(layers));
  StringAttr symbol = symbols.insert(recipe);
  SmallVector<SmallVector<SourceOp>> sources = llvm::map_to_vector(names, [&](StringRef each) {
    return llvm::to_vector(symbols.lookup<RecipeOp>(each).getBody().front().getOps<SourceOp>());
  });
  for (auto [number, source] : llvm::enumerate(recipe.getBody().front().getOps<SourceOp>())) {
    SmallVector<StringRef> weights =
        llvm::map_to_vector(sources, [&, number = number](auto &of) { return of[number].getWeight(); });
    source.setWeight(stack(group, weights, layers));
  }
  return symbol;
}

StringRef Stacker::stack(StringRef group, ArrayRef<StringRef> names, ArrayRef<int64_t> layers) {
  std::pair key(std::vector<std::string>(names.begin(), names.end()), layers.vec());
  auto [entry, isNew] = known.try_emplace(key);
  if (isNew) {
    std::string name = (group + "." + names.front()).str();
    bool isWeight = symbols.lookup<WeightOp>(names.front()) != nullptr;
    entry->second = isWeight ? stackWeights(name, names, layers) : stackRecipes(name, group, names, layers);
  }
  return entry->second;
}

namespace {
struct ShareLayers : impl::ShareLayersBase<ShareLayers> {
  void runOnOperation() override {
    if (!getOperation().lookupSymbol<func::FuncOp>("forward")) {
      return;
    }
    SmallVector<Group> groups = findGroups();
    Stacker stacker(getOperation());
    for (auto [number, group] : llvm::enumerate(groups)) {
      std::string name = number == 0 ? "layer" : "layer_" + std::to_string(number + 1);
      share(group, name, stacker);
    }
    removeUnused();
  }

  /// Layers in the order of their calls.
  SmallVector<Group> findGroups() {
    SmallVector<Group> groups;
    SymbolTable symbols(getOperation());
    auto forward = symbols.lookup<func::FuncOp>("forward");
    int64_t layer = 0;
    for (func::CallOp call : llvm::to_vector(forward.getOps<func::CallOp>())) {
      auto function = symbols.lookup<func::FuncOp>(call.getCallee());
      auto alike = llvm::find_if(
          groups, [&](Group &group) { return areAlike(group.function.front(), function.front(), symbols); });
      if (alike == groups.end()) {
        groups.push_back({function, {}, {}});
        alike = std::prev(groups.end());
      }
      alike->layers.push_back(layer++);
      alike->weights.push_back(llvm::map_to_vector(getReads(function), [](GetWeightOp op) { return op.getWeight(); }));
      call.setCallee(alike->function.getSymName());
    }
    return groups;
  }

  static void share(Group &group, StringRef name, Stacker &stacker) {
    for (auto [number, read] : llvm::enumerate(getReads(group.function))) {
      SmallVector<StringRef> names =
          llvm::map_to_vector(group.weights, [number = number](auto &weights) { return weights[number]; });
      if (names.size() > 1 && llvm::all_equal(names)) {
        continue; // one weight of all layers
      }
      read.setWeight(stacker.stack(name, names, group.layers));
      read.getLayerMutable().assign(group.function.getArgument(3));
    }
    auto module = group.function->getParentOfType<ModuleOp>();
    (void)SymbolTable::replaceAllSymbolUses(group.function, StringAttr::get(module.getContext(), name), module);
    group.function.setSymName(name);
  }

  /// Functions that are shared now, and symbols of which stacks were made.
  void removeUnused() {
    llvm::StringSet<> used = {"forward"};
    auto forward = getOperation().lookupSymbol<func::FuncOp>("forward");
    forward.walk([&](func::CallOp call) { used.insert(call.getCallee()); });
    for (func::FuncOp function : llvm::make_early_inc_range(getOperation().getOps<func::FuncOp>())) {
      if (!used.contains(function.getSymName())) {
        function.erase();
      }
    }
    getOperation().walk([&](GetWeightOp op) { used.insert(op.getWeight()); });
    getOperation().walk([&](SourceOp op) {
      if (used.contains(op->getParentOfType<RecipeOp>().getSymName())) {
        used.insert(op.getWeight());
      }
    });
    for (auto symbol : llvm::make_early_inc_range(getOperation().getOps<deepseek::WeightSymbol>())) {
      if (!used.contains(symbol.getSymName())) {
        symbol->erase();
      }
    }
  }
};
} // namespace

} // namespace fathom
