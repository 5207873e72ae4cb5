// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Looks up the tensors that one fact of a family implies, and checks each against it.

#ifndef FATHOM_FRONTEND_HUGGINGFACE_TENSORFINDER_H
#define FATHOM_FRONTEND_HUGGINGFACE_TENSORFINDER_H

#include "frontend/huggingface/Families.h"
#include "frontend/huggingface/ModelWeights.h"

namespace fathom::huggingface {

/// "[4, 64, 32]".
std::string describeShape(llvm::ArrayRef<int64_t> shape);

/// The tensor of a fact in a layer, of the first expert where each has one; null where no shard has it.
const checkpoint::TensorRef *findTensor(const checkpoint::Checkpoint &checkpoint, const ModelConfig &config,
                                        const Part &part, const TensorFact &fact, int64_t layer);

class TensorFinder {
public:
  TensorFinder(const ModelConfig &config, const checkpoint::Checkpoint &checkpoint,
               checkpoint::Diagnostics &diagnostics)
      : config(config), checkpoint(checkpoint), diagnostics(diagnostics), used(checkpoint.tensorCount()) {}

  /// Finds the tensors of `fact`, named `pattern`, in one layer (or `wholeModel`) and appends their stack to `stacks`,
  /// followed by the stack of their block scales where they are FP8. A copy appends nothing, as nobody reads it.
  void collect(const TensorFact &fact, llvm::StringRef pattern, int64_t layer, std::vector<WeightStack> &stacks);

  /// From now on findings are warnings: what is looked for is not needed to run the model.
  void setOptionalModel(bool value) { optionalModel = value; }
  /// True where collect() has met tensor `index` of the checkpoint.
  bool isUsed(size_t index) const { return used[index]; }

private:
  const checkpoint::TensorRef *lookUp(llvm::StringRef name);
  void report(checkpoint::Problem problem, const char *code, llvm::StringRef file, llvm::StringRef tensor,
              const llvm::Twine &message, llvm::StringRef hint = {});
  void reportMissing(const TensorFact &fact, llvm::StringRef name);
  bool checkShape(const checkpoint::TensorRef &ref, llvm::ArrayRef<int64_t> expected);
  bool acceptType(const TensorFact &fact, const checkpoint::TensorRef &ref);
  void addWeight(const TensorFact &fact, const checkpoint::TensorRef &ref, WeightStack &stack);
  const checkpoint::TensorRef *findScale(llvm::StringRef weight);
  void addScale(llvm::StringRef weight, WeightStack &scales);
  void collectTensors(const TensorFact &fact, int64_t layer, WeightStack &stack, WeightStack &scales);
  const ExpertStack *findExpertStack(const TensorFact &fact, int64_t layer, WeightStack &stack);
  void collectExpertStack(const TensorFact &fact, const ExpertStack &spelling, int64_t layer, WeightStack &stack,
                          WeightStack &scales);
  void addExperts(const ExpertStack &spelling, const checkpoint::TensorRef &ref, WeightStack &stack);
  void checkExperts(const WeightStack &stack, int64_t layer, llvm::ArrayRef<WeightStack> stacks);

  const ModelConfig &config;
  const checkpoint::Checkpoint &checkpoint;
  checkpoint::Diagnostics &diagnostics;
  std::vector<bool> used;
  bool optionalModel = false;
  bool saidNoQuantization = false;
};

} // namespace fathom::huggingface

#endif // FATHOM_FRONTEND_HUGGINGFACE_TENSORFINDER_H
