// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Experts as newer writers store them: one tensor holds the matrices of all experts of a layer, or of two projections
// of each. Nothing is moved: a matrix is found at its offset in the tensor.

#include "frontend/huggingface/TensorFinder.h"

namespace fathom::huggingface {

using checkpoint::DType;
using checkpoint::Problem;
using checkpoint::TensorRef;

/// The spelling under which a layer has all experts in one tensor, whose name becomes the pattern of `stack`; or null.
const ExpertStack *TensorFinder::findExpertStack(const TensorFact &fact, int64_t layer, WeightStack &stack) {
  std::string name;
  expandPattern(stack.pattern, layer, 0, name);
  if (checkpoint.find(name)) {
    return nullptr;
  }
  std::string prefix = llvm::StringRef(stack.pattern).drop_back(llvm::StringRef(fact.name).size()).str();
  for (const ExpertStack &spelling : fact.stacks) {
    for (const char *suffix : {"", ".weight"}) {
      std::string pattern = prefix + spelling.name + suffix;
      expandPattern(pattern, layer, 0, name);
      if (checkpoint.find(name)) {
        stack.pattern = pattern;
        return &spelling;
      }
    }
  }
  return nullptr;
}

/// Adds where the matrix of each expert lies in a tensor of all.
void TensorFinder::addExperts(const ExpertStack &spelling, const TensorRef &ref, WeightStack &stack) {
  int64_t rows = spelling.parts * stack.shape[0], columns = stack.shape[1];
  llvm::ArrayRef<int64_t> shape = ref.tensor->shape;
  if (shape == llvm::ArrayRef<int64_t>{stack.experts, columns, rows} && rows != columns) {
    report(Problem::Unsupported, "unsupported-layout", checkpoint.shards()[ref.shard].path, ref.tensor->name,
           "has shape " + describeShape(shape) + ": experts, inputs, outputs; expected experts, outputs, inputs, " +
               describeShape({stack.experts, rows, columns}));
  } else if (checkShape(ref, {stack.experts, rows, columns})) {
    for (int64_t expert = 0; expert < stack.experts; ++expert) {
      uint64_t matrix = static_cast<uint64_t>(expert * spelling.parts + spelling.part);
      stack.locations.push_back({ref.shard, ref.tensor->offset + matrix * stack.tensorBytes()});
    }
  }
}

void TensorFinder::collectExpertStack(const TensorFact &fact, const ExpertStack &spelling, int64_t layer,
                                      WeightStack &stack, WeightStack &scales) {
  std::string name;
  expandPattern(stack.pattern, layer, 0, name);
  const TensorRef &ref = *lookUp(name);
  if (!acceptType(fact, ref)) {
    return;
  }
  stack.dtype = ref.tensor->dtype;
  addExperts(spelling, ref, stack);
  if (stack.dtype != DType::F8_E4M3) {
    return;
  }
  const TensorRef *scale = findScale(name);
  // A file without "quantization_config" was reported; its scales are compared with the usual blocks.
  int64_t blockRows = config.quantization.value_or(QuantizationConfig()).blockRows;
  if (scale && spelling.parts > 1 && stack.shape[0] % blockRows != 0) {
    report(Problem::Unsupported, "unsupported-layout", checkpoint.shards()[scale->shard].path, scale->tensor->name,
           "has blocks of " + llvm::Twine(blockRows) + " rows that belong to two matrices: each has " +
               llvm::Twine(stack.shape[0]));
  } else if (scale) {
    addExperts(spelling, *scale, scales);
  }
}

} // namespace fathom::huggingface
