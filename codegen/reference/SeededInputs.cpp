// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Made-up arguments for functions.

#include "codegen/reference/SeededInputs.h"

#include "dialects/deepseek/DeepSeek.h"

using namespace mlir;

namespace fathom::reference {

using namespace deepseek;

/// More numbers than an argument of a model to evaluate has.
constexpr int64_t kMostNumbers = int64_t(1) << 24;

const Scenario &getPrefillScenario() {
  static const Scenario scenario = {"prefill", kExpandedForm, {0, 0, 0, 0, 0}, {3, 4, 5, 6, 7}};
  return scenario;
}

const Scenario &getDecodeScenario() {
  static const Scenario scenario = {"decode", kAbsorbedForm, {0, 1, 2}, {5, 0, 9}};
  return scenario;
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
  if (type.getElementType().isF32()) {
    for (int64_t i = 0; i < size; ++i) {
      tensor.reals.push_back(float(numbers.uniform(uint64_t(i))));
    }
  } else if (type.getElementType().isInteger(32)) {
    std::optional<int64_t> limit = findLimit(uses, scenario);
    // Ids of nothing in particular, one for each row, are positions.
    bool positions = !limit && size == rows;
    tensor.ids = positions
                     ? std::vector<int32_t>(scenario.positions.begin(), scenario.positions.end())
                     : makeIds(numbers, tensor.rows(), size / std::max<int64_t>(tensor.rows(), 1), limit.value_or(1));
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
