// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What a configuration implies as a whole: bytes, rows and weights that something can hold.

#include "frontend/huggingface/ConfigParser.h"

#include <algorithm>

namespace fathom::huggingface {

using checkpoint::Problem;

void ConfigParser::require(bool holds, const llvm::Twine &relation) {
  if (!holds) {
    diagnostics.error(Problem::BadInput, "inconsistent-config", file, "", relation);
  }
}

void ConfigParser::requireRow(int64_t width) {
  require(width <= INT32_MAX,
          "these sizes imply rows of " + llvm::Twine(width) + " numbers, all heads together; the limit is 2^31");
}

void ConfigParser::checkTotals() {
  std::optional<int64_t> elements = countElements(modelConfig);
  int64_t bytes = 0, cache = 0;
  bool fits = elements && !__builtin_mul_overflow(*elements, 4, &bytes);
  require(fits, "these sizes imply more than 2^63 bytes of weights");
  // The bounds of each size keep the first product far below 2^63.
  require(!__builtin_mul_overflow(4 * storedWidth(modelConfig) * modelConfig.layers, modelConfig.maxPositions, &cache),
          "these sizes imply more than 2^63 bytes of cache");
}

/// A module has weights of at most 2^40 numbers, of which gate and up become one.
void ConfigParser::checkWeights() {
  int64_t largest = 0, longest = 0;
  for (const Part *part : partsOf(*modelConfig.family)) {
    for (const TensorFact &fact : part->tensors) {
      std::vector<int64_t> shape = shapeOf(fact, modelConfig);
      int64_t elements = 2 * shape.front() * (shape.size() > 1 ? shape.back() : 1);
      largest = std::max(largest, elements * (fact.isPerExpert() ? modelConfig.routing.experts : 1));
      longest = std::max({longest, shape.front(), shape.back()});
    }
  }
  requireRow(longest);
  require(largest <= int64_t(1) << 40,
          "these sizes imply a weight of " + llvm::Twine(largest) + " numbers; the limit is 2^40");
}

} // namespace fathom::huggingface
