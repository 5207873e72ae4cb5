// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Checking tensors against facts: present, of the right shape, of a type we can compute with.

#include "frontend/huggingface/TensorFinder.h"

#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/StringExtras.h"

namespace fathom::huggingface {

using checkpoint::DType;
using checkpoint::Problem;
using checkpoint::TensorRef;

std::string describeShape(llvm::ArrayRef<int64_t> shape) {
  std::vector<std::string> extents;
  for (int64_t extent : shape) {
    extents.push_back(std::to_string(extent));
  }
  return "[" + llvm::join(extents, ", ") + "]";
}

const TensorRef *findTensor(const checkpoint::Checkpoint &checkpoint, const ModelConfig &config, const Part &part,
                            const TensorFact &fact, int64_t layer) {
  std::string name;
  expandPattern(patternOf(part, fact, config), layer, 0, name);
  std::optional<size_t> index = checkpoint.find(name);
  return index ? &checkpoint.allTensors()[*index] : nullptr;
}

const TensorRef *TensorFinder::lookUp(llvm::StringRef name) {
  std::optional<size_t> index = checkpoint.find(name);
  if (!index) {
    return nullptr;
  }
  used[*index] = true;
  return &checkpoint.allTensors()[*index];
}

void TensorFinder::report(Problem problem, const char *code, llvm::StringRef file, llvm::StringRef tensor,
                          const llvm::Twine &message, llvm::StringRef hint) {
  if (optionalModel) {
    diagnostics.warning(code, file, tensor, message + "; this multi-token-prediction layer is unusable");
  } else {
    diagnostics.error(problem, code, file, tensor, message, hint);
  }
}

void TensorFinder::reportMissing(const TensorFact &fact, llvm::StringRef name) {
  llvm::StringRef hint;
  if (fact.stackName() == "lm_head") {
    hint = "a model whose head shares the embedding says \"tie_word_embeddings\": true in config.json";
  }
  report(Problem::BadInput, "missing-tensor", checkpoint.directory(), name, "no shard has this tensor", hint);
}

bool TensorFinder::checkShape(const TensorRef &ref, llvm::ArrayRef<int64_t> expected) {
  if (ref.tensor->shape == expected) {
    return true;
  }
  report(Problem::BadInput, "misshapen-tensor", checkpoint.shards()[ref.shard].path, ref.tensor->name,
         "has shape " + describeShape(ref.tensor->shape) + ", but config.json implies " + describeShape(expected));
  return false;
}

/// The types that are computed with: bf16, f32 and f16, which becomes f32, everywhere; FP8 where the family quantizes.
bool TensorFinder::acceptType(const TensorFact &fact, const TensorRef &ref) {
  DType type = ref.tensor->dtype;
  if (type == DType::BF16 || type == DType::F16 || type == DType::F32) {
    return true;
  }
  llvm::StringRef file = checkpoint.shards()[ref.shard].path;
  bool fp8 = fact.isQuantizable() && type == DType::F8_E4M3;
  if (!fp8) {
    report(Problem::Unsupported, "unsupported-dtype", file, ref.tensor->name,
           "is " + name(type) + ", expected one of BF16, F16, F32" + (fact.isQuantizable() ? ", F8_E4M3" : ""));
  } else if (!config.quantization && !saidNoQuantization) {
    saidNoQuantization = true;
    report(Problem::BadInput, "no-quantization-config", file, ref.tensor->name,
           "is F8_E4M3, but config.json has no \"quantization_config\" that gives its block size");
  }
  return fp8;
}

void TensorFinder::addWeight(const TensorFact &fact, const TensorRef &ref, WeightStack &stack) {
  // Not short-circuited: both findings are worth knowing.
  bool shaped = checkShape(ref, stack.shape);
  bool typed = acceptType(fact, ref);
  if (!shaped || !typed) {
    return;
  }
  if (stack.locations.empty()) {
    stack.dtype = ref.tensor->dtype;
  } else if (stack.dtype != ref.tensor->dtype) {
    report(Problem::Unsupported, "mixed-dtypes", checkpoint.shards()[ref.shard].path, ref.tensor->name,
           "is " + name(ref.tensor->dtype) + ", but the experts before it are " + name(stack.dtype));
  }
  stack.locations.push_back({ref.shard, ref.tensor->offset});
}

/// The block scales of an FP8 weight; null after a finding.
const TensorRef *TensorFinder::findScale(llvm::StringRef weight) {
  std::string name = weight.str() + "_scale_inv";
  const TensorRef *ref = lookUp(name);
  if (!ref) {
    report(Problem::BadInput, "missing-scale", checkpoint.directory(), weight,
           "is F8_E4M3, but no shard has its scales " + name);
  } else if (ref->tensor->dtype != DType::F32) {
    report(Problem::Unsupported, "unsupported-dtype", checkpoint.shards()[ref->shard].path, name,
           "is " + checkpoint::name(ref->tensor->dtype) + ", but the only supported value is F32");
    return nullptr;
  }
  return ref;
}

void TensorFinder::addScale(llvm::StringRef weight, WeightStack &scales) {
  const TensorRef *ref = findScale(weight);
  if (ref && checkShape(*ref, scales.shape)) {
    scales.locations.push_back({ref->shard, ref->tensor->offset});
  }
}

/// The matrices of a layer's experts are computed with together, in one type.
void TensorFinder::checkExperts(const WeightStack &stack, int64_t layer, llvm::ArrayRef<WeightStack> stacks) {
  auto first = llvm::find_if(stacks, [](const WeightStack &other) { return other.experts > 0; });
  bool known = first != stacks.end() && !first->locations.empty() && !stack.locations.empty();
  if (!known || first->dtype == stack.dtype) {
    return;
  }
  std::string tensor;
  expandPattern(stack.pattern, layer, 0, tensor);
  report(Problem::Unsupported, "mixed-dtypes", checkpoint.shards()[stack.locations.front().shard].path, tensor,
         "is " + name(stack.dtype) + ", but " + first->part + " of that layer is " + name(first->dtype));
}

/// Adds a tensor of its own, or one for each expert.
void TensorFinder::collectTensors(const TensorFact &fact, int64_t layer, WeightStack &stack, WeightStack &scales) {
  std::string name;
  for (int64_t expert = 0; expert < std::max<int64_t>(stack.experts, 1); ++expert) {
    expandPattern(stack.pattern, layer, expert, name);
    const TensorRef *ref = lookUp(name);
    if (!ref) {
      reportMissing(fact, name);
      continue;
    }
    addWeight(fact, *ref, stack);
    if (fact.isQuantizable() && ref->tensor->dtype == DType::F8_E4M3) {
      addScale(name, scales);
    }
  }
}

void TensorFinder::collect(const TensorFact &fact, llvm::StringRef pattern, int64_t layer,
                           std::vector<WeightStack> &stacks) {
  WeightStack stack, scales;
  if (fact.copyOf) {
    std::string name;
    expandPattern(pattern, layer, 0, name);
    lookUp(name);
    return;
  }
  stack.part = fact.stackName();
  stack.pattern = pattern.str();
  stack.experts = fact.isPerExpert() ? config.routing.experts : 0;
  stack.shape = shapeOf(fact, config);
  if (layer != kWholeModel) {
    stack.layers = {layer};
  }
  const ExpertStack *spelling = fact.isPerExpert() ? findExpertStack(fact, layer, stack) : nullptr;
  scales = stack;
  scales.scale = true;
  scales.part += "_scale_inv";
  scales.pattern += "_scale_inv";
  scales.dtype = DType::F32;
  if (fact.isQuantizable()) {
    scales.shape = scaleShapeOf(stack.shape, config.quantization.value_or(QuantizationConfig()));
  }
  if (spelling) {
    collectExpertStack(fact, *spelling, layer, stack, scales);
  } else {
    collectTensors(fact, layer, stack, scales);
  }
  if (fact.isPerExpert()) {
    checkExperts(stack, layer, stacks);
  }
  bool scaled = !scales.locations.empty();
  stacks.push_back(std::move(stack));
  if (scaled) {
    stacks.push_back(std::move(scales));
  }
}

} // namespace fathom::huggingface
