// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Masks that hide what comes later, found by evaluating them.

#include "passes/raise/Nodes.h"
#include "passes/raise/Passes.h"
#include "passes/raise/Probe.h"

#include "llvm/ADT/DenseMap.h"
#include "llvm/ADT/SetVector.h"

#include <set>

using namespace mlir;

namespace fathom {

#define GEN_PASS_DEF_RAISECAUSALMASKS
#include "passes/raise/Passes.h.inc"

using namespace raise;
using onnx::Array;
using onnx::NodeOp;

/// Masks of more elements are not evaluated.
static constexpr int64_t kMostElements = int64_t(1) << 24;

/// Integers of the computation of a value between which it may behave in another way, a window's size for one.
static std::set<int64_t> collectBounds(Value value) {
  constexpr int64_t least = 2, most = 1 << 20;
  std::set<int64_t> bounds;
  SetVector<Operation *> ops;
  auto add = [&](Value operand) {
    if (Operation *op = operand.getDefiningOp()) {
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

/// Whether the last two dimensions of a mask [queries, keys] hide, of each query, the keys behind it, and no others.
static bool hidesWhatIsLater(const Array &mask, Step step) {
  int64_t keys = step.past + step.count, rank = mask.rank();
  if (rank < 2 || mask.size() != step.count * keys || mask.shape[rank - 1] != keys) {
    return false;
  }
  for (int64_t i = 0; i < mask.size(); ++i) {
    bool visible = i % keys <= step.past + i / keys;
    bool asWanted = mask.isInteger() ? (mask.integers[i] != 0) == visible
                    : visible        ? mask.reals[i] == 0
                                     : mask.reals[i] <= kHidden;
    if (!asWanted) {
      return false;
    }
  }
  return true;
}

/// Steps that tell masks apart: the first, a prompt, and both behind others; and what lies about each bound.
static SmallVector<Step> chooseSteps(bool hasPast, const std::set<int64_t> &bounds) {
  SmallVector<Step> steps = {{0, 1}, {0, 2}, {0, 7}};
  if (hasPast) {
    steps.append({{1, 1}, {5, 1}, {3, 4}});
  }
  for (int64_t bound : bounds) {
    Step about = hasPast ? Step{bound, 2} : Step{0, bound + 2};
    steps.push_back(about);
  }
  return steps;
}

static bool isCausal(Prober &prober, Value mask, InputRole role) {
  return llvm::all_of(chooseSteps(prober.hasPast(), collectBounds(mask)), [&](Step step) {
    if (step.count * (step.past + step.count) > kMostElements) {
      return false;
    }
    std::optional<Array> array = prober.evaluate(mask, step, role);
    return array && hidesWhatIsLater(*array, step);
  });
}

namespace {
struct RaiseCausalMasks : impl::RaiseCausalMasksBase<RaiseCausalMasks> {
  using Base::Base;

  void runOnOperation() override {
    auto main = getOperation().lookupSymbol<func::FuncOp>(onnx::kMainFunction);
    SmallVector<NodeOp> nodes;
    if (main) {
      main.walk([&](NodeOp node) { nodes.push_back(node); });
    }
    for (NodeOp node : nodes) {
      Value mask = node.is("Attention") && node.getInputs().size() == 4 ? node.getInput(3) : Value();
      if (mask && getRank(node.getInputs()[0]) == 4 && node.getOutputs().size() == 1 && proveCausal(main, node, mask)) {
        replace(node);
      }
    }
  }

  /// Most attentions of a graph share one mask, which is evaluated once.
  bool proveCausal(func::FuncOp main, NodeOp node, Value mask) {
    auto [known, isNew] = proved.try_emplace(mask, false);
    if (isNew) {
      Prober prober(main, getExtentName(node.getInputs()[0], 2), readFrom(folder));
      known->second = isCausal(prober, mask, InputRole::Positions) || isCausal(prober, mask, InputRole::Ones);
    }
    return known->second;
  }

  static void replace(NodeOp node) {
    OpBuilder builder(node);
    double width = double(cast<RankedTensorType>(node.getInputs()[0].getType()).getShape().back());
    double scale = node.getReal("scale", 1 / std::sqrt(width));
    node.getOutputs()[0].replaceAllUsesWith(createRaised(
        builder, node.getLoc(), kCausalAttention, node.getOutputs()[0].getType(), node.getInputs().take_front(3),
        builder.getNamedAttr("scale", builder.getF32FloatAttr(float(scale)))));
    node.erase();
  }

  llvm::DenseMap<Value, bool> proved;
};
} // namespace

} // namespace fathom
