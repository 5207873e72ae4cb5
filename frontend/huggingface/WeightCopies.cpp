// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Comparing copies with what is read: types, shapes, and a sample of the bytes.

#include "frontend/huggingface/WeightCopies.h"

#include "frontend/huggingface/TensorFinder.h"

namespace fathom::huggingface {

using checkpoint::Checkpoint;
using checkpoint::Diagnostics;
using checkpoint::TensorInfo;
using checkpoint::TensorRef;

/// Weights that were trained apart differ everywhere, and those of a released model take seconds to read.
static constexpr uint64_t kComparedPieces = 64;

static void compare(const Checkpoint &checkpoint, const TensorRef &copy, llvm::StringRef original,
                    llvm::StringRef reason, llvm::StringRef hint, Diagnostics &diagnostics) {
  std::optional<size_t> index = checkpoint.find(original);
  if (!index) {
    return;
  }
  const TensorRef &read = checkpoint.allTensors()[*index];
  const TensorInfo &a = *copy.tensor, &b = *read.tensor;
  bool alike = a.dtype == b.dtype && a.shape == b.shape;
  if (!alike || checkpoint.holdSame(copy, read, diagnostics, kComparedPieces) == false) {
    diagnostics.warning("ignored-tensor", checkpoint.shards()[copy.shard].path, a.name,
                        "differs from " + b.name + ", which is used: " + reason, hint);
  }
}

/// Many programs write the embedding twice. It counts, as in transformers.
void compareTiedHead(const Checkpoint &checkpoint, const TensorRef &head, Diagnostics &diagnostics) {
  compare(checkpoint, head, "model.embed_tokens.weight", "config.json ties the two",
          "a model with a head of its own says \"tie_word_embeddings\": false in config.json", diagnostics);
}

void compareCopies(const ModelConfig &config, const Checkpoint &checkpoint, int64_t layer, Diagnostics &diagnostics) {
  forEachTensor(config, layer, [&](const Part &part, const TensorFact &fact) {
    const TensorRef *copy = fact.copyOf ? findTensor(checkpoint, config, part, fact, layer) : nullptr;
    if (copy) {
      compare(checkpoint, *copy, fact.copyOf, "a multi-token-prediction layer shares it with the model",
              "answers stay the same, but drafts may be accepted less often", diagnostics);
    }
  });
}

} // namespace fathom::huggingface
