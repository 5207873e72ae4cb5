// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The indexer of sparse attention, as graphs have it.

#include "passes/raise/Indexer.h"

#include "passes/raise/CausalMasks.h"
#include "passes/raise/Nodes.h"

#include "llvm/ADT/SetVector.h"

using namespace mlir;

namespace fathom::raise {

using onnx::Array;
using onnx::NodeOp;

/// The one TopK whose choices, not its values, a value follows from.
static NodeOp findTopK(Value value) {
  NodeOp found;
  SetVector<Value> values;
  values.insert(value);
  for (size_t i = 0; i < values.size(); ++i) {
    auto node = values[i].getDefiningOp<NodeOp>();
    bool isChoice = node && node.is("TopK") && values[i] == node.getOutputs()[1];
    if (isChoice && found) {
      return {};
    }
    if (isChoice) {
      found = node;
    } else if (node) {
      values.insert_range(node.getInputs());
    }
  }
  return found;
}

/// Scores without the mask that hides positions behind each query's own; null where there is no such mask.
static Value takeCausalMask(Value value, Prober &prober) {
  if (NodeOp sum = matchNode(value, "Add")) {
    for (auto [scores, mask] : eitherWay(sum)) {
      NodeOp reshape = matchNode(scores, "Reshape");
      if (reshape && matchNode(reshape.getInputs()[0], "MatMul") && isCausal(prober, mask)) {
        return scores;
      }
    }
  }
  NodeOp choice = matchNode(value, "Where");
  if (!choice) {
    return {};
  }
  // A choice hides where its condition is false, or where it is true: then what that is the opposite of is the mask.
  NodeOp opposite = matchNode(choice.getInputs()[0], "Not");
  if (getSplat(choice.getInputs()[2]).value_or(0) <= kHidden && isCausal(prober, choice.getInputs()[0])) {
    return choice.getInputs()[1];
  }
  bool hides = opposite && getSplat(choice.getInputs()[1]).value_or(0) <= kHidden;
  return hides && isCausal(prober, opposite.getInputs()[0]) ? choice.getInputs()[2] : Value();
}

/// A value without a positive factor; one that is not keeps its.
static Value takePositive(Value value) {
  double factor = 1;
  Value inner = takeFactors(value, factor);
  return factor > 0 ? inner : value;
}

/// Whether b has the sizes of a, but for a dimension of one element at `dim`.
static bool addsUnit(Value a, Value b, int64_t dim) {
  if (getRank(a) < 0 || getRank(b) != getRank(a) + 1) {
    return false;
  }
  SmallVector<Size> sizes = getSizes(cast<RankedTensorType>(a.getType()));
  sizes.insert(sizes.begin() + dim, Size{1});
  return sizes == getSizes(cast<RankedTensorType>(b.getType()));
}

/// Takes scores apart: weights [batch, positions, 1, heads] times what is left of queries times keys.
static bool matchScores(Value scores, Indexer &found) {
  NodeOp reshape = matchNode(scores, "Reshape");
  NodeOp weighed = reshape ? matchNode(reshape.getInputs()[0], "MatMul") : NodeOp();
  if (!weighed || !addsUnit(scores, weighed.getOutputs()[0], 2) || getRank(weighed.getInputs()[0]) != 4) {
    return false;
  }
  NodeOp weights = matchNode(takePositive(weighed.getInputs()[0]), "Reshape");
  NodeOp left = matchNode(takePositive(weighed.getInputs()[1]), "Relu");
  NodeOp product = left ? matchNode(takePositive(left.getInputs()[0]), "MatMul") : NodeOp();
  if (!weights || !product || getRank(product.getInputs()[0]) != 4 || getRank(product.getInputs()[1]) != 4) {
    return false;
  }
  found.query = product.getInputs()[0];
  found.turnedKeys = product.getInputs()[1];
  found.weights = takePositive(weights.getInputs()[0]);
  return addsUnit(found.weights, weights.getOutputs()[0], 2) &&
         cast<RankedTensorType>(found.turnedKeys.getType()).getDimSize(1) == 1;
}

/// How many positions a TopK chooses where there are more; 0 where that is not one number, or fewer where there are not.
static int64_t findCount(NodeOp topK, Prober &prober) {
  Value count = topK.getInputs()[1];
  auto choose = [&](int64_t tokens) -> int64_t {
    std::optional<Array> chosen = prober.evaluate(count, {0, tokens}, InputRole::Positions);
    return chosen && chosen->size() == 1 && chosen->isInteger() ? chosen->integers[0] : 0;
  };
  for (int64_t bound : collectBounds(count)) {
    bool isCount = choose(bound - 1) == bound - 1 && choose(bound) == bound && choose(bound + 1) == bound &&
                   choose(2 * bound + 3) == bound && choose(1) == 1;
    if (isCount) {
      return bound;
    }
  }
  return 0;
}

std::optional<Indexer> findIndexer(Value value, Prober &prober) {
  Indexer found = {findTopK(value), {}, {}, {}};
  NodeOp topK = found.topK;
  Value all = topK ? topK.getInputs()[0] : Value();
  int64_t axis = topK ? topK.getInteger("axis", -1) : 0;
  if (!topK || getRank(all) != 3 || (axis != -1 && axis != 2) || topK.getInteger("largest", 1) != 1) {
    return std::nullopt;
  }
  Value scores = takeCausalMask(all, prober);
  if (!scores || !matchScores(scores, found)) {
    return std::nullopt;
  }
  found.count = findCount(topK, prober);
  return found.count > 0 ? std::optional(found) : std::nullopt;
}

} // namespace fathom::raise
