// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Made-up arguments for functions.

#include "codegen/reference/SeededInputs.h"

#include "dialects/deepseek/DeepSeek.h"

#include <algorithm>
#include <limits>

using namespace mlir;

namespace fathom::reference {

using namespace deepseek;

/// More numbers than an argument of a model to evaluate has.
constexpr int64_t kMostNumbers = int64_t(1) << 24;

/// Rows in a chunk of a prompt.
constexpr int64_t kRows = 5;

/// The most positions that a row of any function attends to; nothing where none is limited.
static std::optional<int64_t> findSelected(ModuleOp module) {
  std::optional<int64_t> least;
  auto add = [&](int64_t positions) { least = std::min(least.value_or(positions), positions); };
  module.walk([&](Operation *op) {
    if (auto latent = dyn_cast<MlaLatentAttentionOp>(op); latent && latent.getSelection()) {
      add(getWidth(latent.getSelection().getType()));
    } else if (auto sparse = dyn_cast<SparseAttentionOp>(op)) {
      add(int64_t(sparse.getTopK()));
    } else if (auto positions = op->getAttrOfType<IntegerAttr>(kMaxPositionsAttr)) {
      add(positions.getInt());
    }
  });
  return least;
}

/// Consecutive tokens of one sequence.
static Scenario makeChunk(StringRef name, StringRef entry, StringRef form, int64_t first, int64_t rows) {
  Scenario scenario = {name, entry, form, {}, {}};
  for (int64_t row = 0; row < rows; ++row) {
    scenario.sequences.push_back(0);
    scenario.positions.push_back(int32_t(first + row));
  }
  return scenario;
}

SmallVector<Scenario> getScenarios(ModuleOp module) {
  auto facts = module->getAttrOfType<DictionaryAttr>(kModelAttr);
  auto context = facts ? facts.getAs<IntegerAttr>("max_context") : IntegerAttr();
  int64_t end = context ? context.getInt() : std::numeric_limits<int32_t>::max();
  int64_t first = std::clamp<int64_t>(end - kRows, 0, 3);
  auto within = [&](int64_t position) { return int32_t(std::min(position, end - 1)); };
  SmallVector<Scenario> scenarios = {makeChunk("prefill", "prefill", kExpandedForm, first, std::min(kRows, end)),
                                     {"decode", "decode", kAbsorbedForm, {0, 1, 2}, {within(5), within(0), within(9)}}};
  std::optional<int64_t> selected = findSelected(module);
  if (selected && *selected < end) {
    int64_t rows = std::min(kRows, end - *selected + 1);
    scenarios.push_back(makeChunk("prefill_start", "prefill", kExpandedForm, 0, std::min(kRows, *selected)));
    scenarios.push_back(makeChunk("prefill_sparse", "prefill_sparse", kAbsorbedForm, *selected - 1, rows));
  }
  return scenarios;
}

bool suits(func::FuncOp function, const Scenario &scenario) {
  auto form = function->getAttrOfType<StringAttr>(kFormAttr);
  auto positions = function->getAttrOfType<IntegerAttr>(kMaxPositionsAttr);
  return (!form || form.getValue() == scenario.form) &&
         (!positions || llvm::all_of(scenario.positions, [&](int32_t p) { return p < positions.getInt(); }));
}

/// The uses of `argument`, through calls.
static void collectUses(Value argument, SmallVectorImpl<OpOperand *> &uses, int depth = 0) {
  for (OpOperand &use : argument.getUses()) {
    auto call = dyn_cast<func::CallOp>(use.getOwner());
    if (!call) {
      uses.push_back(&use);
      continue;
    }
    auto callee = call->getParentOfType<ModuleOp>().lookupSymbol<func::FuncOp>(call.getCallee());
    if (callee && !callee.isExternal() && depth < 4) {
      collectUses(callee.getArgument(use.getOperandNumber()), uses, depth + 1);
    }
  }
}

/// What ids are below, where a user takes them for something else than positions.
static std::optional<int64_t> findLimit(ArrayRef<OpOperand *> uses, const Scenario &scenario) {
  for (OpOperand *use : uses) {
    auto user = dyn_cast<ComputeOp>(use->getOwner());
    if (std::optional<int64_t> limit = user ? user.getIdLimit(*use) : std::nullopt) {
      return ShapedType::isDynamic(*limit) ? int64_t(scenario.positions.size()) : *limit;
    }
  }
  return std::nullopt;
}

static int64_t findLayer(ArrayRef<OpOperand *> uses) {
  for (OpOperand *use : uses) {
    auto get = dyn_cast<GetWeightOp>(use->getOwner());
    if (!get) {
      continue;
    }
    auto weight = get->getParentOfType<ModuleOp>().lookupSymbol<WeightSymbol>(get.getWeight());
    if (weight && weight.getLayers() && !weight.getLayers()->empty()) {
      return weight.getLayers()->back();
    }
  }
  return 0;
}

/// Rows of ids below `limit`; those of one row differ, as the experts of a token do.
static std::vector<int32_t> makeIds(const SeededNumbers &numbers, int64_t rows, int64_t width, int64_t limit) {
  std::vector<int32_t> ids;
  for (int64_t row = 0; row < rows; ++row) {
    uint64_t first = numbers.bits(uint64_t(row));
    for (int64_t column = 0; column < width; ++column) {
      ids.push_back(int32_t((first + uint64_t(column)) % uint64_t(std::max<int64_t>(limit, 1))));
    }
  }
  return ids;
}

/// For each row as many of its positions as it has or there is room for, ascending, and −1 behind them.
static std::vector<int32_t> makeSelections(const SeededNumbers &numbers, const Scenario &scenario, int64_t width) {
  std::vector<int32_t> ids;
  for (auto [row, last] : llvm::enumerate(scenario.positions)) {
    std::vector<int32_t> selection;
    for (int32_t position = 0; position <= last; ++position) {
      int64_t missing = std::min<int64_t>(width, last + 1) - int64_t(selection.size()), left = last - position + 1;
      bool isTaken = left == missing || numbers.bits(uint64_t(row) << 32 | uint64_t(position)) % 2 == 0;
      if (missing > 0 && isTaken) {
        selection.push_back(position);
      }
    }
    selection.resize(width, -1);
    llvm::append_range(ids, selection);
  }
  return ids;
}

static std::optional<Datum> makeTensor(BlockArgument argument, RankedTensorType type, const Scenario &scenario,
                                       ArrayRef<OpOperand *> uses) {
  int64_t rows = int64_t(scenario.positions.size());
  Tensor tensor;
  int64_t size = 1;
  for (int64_t dimension : type.getShape()) {
    tensor.shape.push_back(ShapedType::isDynamic(dimension) ? rows : dimension);
    if (__builtin_mul_overflow(size, tensor.shape.back(), &size) || size > kMostNumbers) {
      return std::nullopt;
    }
  }
  SeededNumbers numbers("argument " + std::to_string(argument.getArgNumber()));
  if (isActivationElement(type.getElementType())) {
    for (int64_t i = 0; i < size; ++i) {
      tensor.reals.push_back(float(numbers.uniform(uint64_t(i))));
    }
    if (type.getElementType().isBF16()) {
      roundToBF16(tensor.reals);
    }
  } else if (type.getElementType().isInteger(32)) {
    std::optional<int64_t> limit = findLimit(uses, scenario);
    int64_t width = size / std::max<int64_t>(tensor.rows(), 1);
    // Ids of nothing in particular are positions: one for each row, or some.
    if (!limit && type.getRank() == 1 && size == rows) {
      tensor.ids.assign(scenario.positions.begin(), scenario.positions.end());
    } else if (!limit && type.getRank() == 2 && tensor.rows() == rows) {
      tensor.ids = makeSelections(numbers, scenario, width);
    } else {
      tensor.ids = makeIds(numbers, tensor.rows(), width, limit.value_or(1));
    }
  } else {
    return std::nullopt;
  }
  return std::make_shared<const Tensor>(std::move(tensor));
}

static std::optional<Datum> makeArgument(BlockArgument argument, const Scenario &scenario) {
  SmallVector<OpOperand *> uses;
  collectUses(argument, uses);
  if (auto type = dyn_cast<RankedTensorType>(argument.getType())) {
    return makeTensor(argument, type, scenario, uses);
  }
  if (auto type = dyn_cast<CacheType>(argument.getType())) {
    Cache cache;
    for (StoreAttr store : type.getStores()) {
      cache.widths[store.getName().str()] = type.getWidth(store.getName());
    }
    return std::make_shared<const Cache>(std::move(cache));
  }
  if (isa<IndexType>(argument.getType())) {
    return findLayer(uses);
  }
  return std::nullopt;
}

std::optional<std::vector<Datum>> makeArguments(func::FuncOp function, const Scenario &scenario) {
  std::vector<Datum> arguments;
  for (BlockArgument argument : function.getArguments()) {
    std::optional<Datum> datum = makeArgument(argument, scenario);
    if (!datum) {
      return std::nullopt;
    }
    arguments.push_back(std::move(*datum));
  }
  return arguments;
}

} // namespace fathom::reference
