// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What masks hide, found by evaluating them.

#include "passes/raise/CausalMasks.h"

#include "passes/raise/Nodes.h"

#include "llvm/ADT/SetVector.h"

using namespace mlir;

namespace fathom::raise {

using onnx::Array;

/// Masks of more elements are not evaluated.
static constexpr int64_t kMostElements = int64_t(1) << 24;

SmallVector<onnx::NodeOp> findMaskedAttention(ModuleOp module) {
  SmallVector<onnx::NodeOp> nodes;
  if (auto main = module.lookupSymbol<func::FuncOp>(onnx::kMainFunction)) {
    main.walk([&](onnx::NodeOp node) {
      bool isMasked = node.is("Attention") && node.getInputs().size() == 4 && node.getOutputs().size() == 1;
      if (isMasked && node.getInput(3) && getRank(node.getInputs()[0]) == 4) {
        nodes.push_back(node);
      }
    });
  }
  return nodes;
}

std::set<int64_t> collectBounds(Value value, Operation *end) {
  constexpr int64_t least = 2, most = 1 << 20;
  std::set<int64_t> bounds;
  SetVector<Operation *> ops;
  auto add = [&](Value operand) {
    Operation *op = operand.getDefiningOp();
    if (op && op != end) {
      ops.insert(op);
    }
  };
  add(value);
  for (size_t i = 0; i < ops.size(); ++i) {
    Operation *op = ops[i];
    llvm::for_each(op->getOperands(), add);
    std::optional<SmallVector<int64_t>> numbers =
        isa<onnx::ConstantOp>(op) ? getIntegers(op->getResult(0)) : std::nullopt;
    for (int64_t number : numbers.value_or(SmallVector<int64_t>())) {
      if (std::abs(number) >= least && std::abs(number) <= most) {
        bounds.insert(std::abs(number));
      }
    }
  }
  return bounds;
}

SmallVector<Step> chooseSteps(Prober &prober, const std::set<int64_t> &bounds) {
  SmallVector<Step> steps = {{0, 1}, {0, 2}, {0, 7}};
  if (prober.hasPast()) {
    steps.append({{1, 1}, {5, 1}, {3, 4}});
  }
  for (int64_t bound : bounds) {
    Step about = prober.hasPast() ? Step{bound, 2} : Step{0, bound + 2};
    if (about.count * (about.past + about.count) > kMostElements) {
      return {};
    }
    steps.push_back(about);
  }
  return steps;
}

bool showsOnly(const Array &mask, int64_t queries, int64_t keys, llvm::function_ref<bool(int64_t, int64_t)> visible) {
  if (mask.rank() < 2 || mask.size() != queries * keys || mask.shape.back() != keys) {
    return false;
  }
  for (int64_t i = 0; i < mask.size(); ++i) {
    bool isVisible = visible(i / keys, i % keys);
    bool asWanted = mask.isInteger() ? (mask.integers[i] != 0) == isVisible
                    : isVisible      ? mask.reals[i] == 0
                                     : mask.reals[i] <= kHidden;
    if (!asWanted) {
      return false;
    }
  }
  return true;
}

bool isCausal(Prober &prober, Value mask) {
  SmallVector<Step> steps = chooseSteps(prober, collectBounds(mask));
  auto isCausalAs = [&](InputRole role) {
    return llvm::all_of(steps, [&](Step step) {
      std::optional<Array> array = prober.evaluate(mask, step, role);
      auto visible = [&](int64_t query, int64_t key) { return key <= step.past + query; };
      return array && showsOnly(*array, step.count, step.past + step.count, visible);
    });
  };
  return !steps.empty() && (isCausalAs(InputRole::Positions) || isCausalAs(InputRole::Ones));
}

} // namespace fathom::raise
