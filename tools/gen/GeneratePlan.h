// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What a generated checkpoint will hold: every tensor, and which shard it goes to.

#ifndef FATHOM_TOOLS_GEN_GENERATEPLAN_H
#define FATHOM_TOOLS_GEN_GENERATEPLAN_H

#include "frontend/huggingface/Families.h"
#include "tools/gen/Generate.h"

namespace fathom::gen {

/// One tensor to write.
struct PlannedTensor {
  std::string name;
  /// The tensor that it repeats: its own name where it repeats none.
  std::string original;
  std::vector<int64_t> shape;
  checkpoint::DType dtype;
  double mean;
  double deviation;
  /// Round each element up to a power of two (block scales with scale_fmt "ue8m0").
  bool powerOfTwo = false;
  /// From the start of the file; set once the shard is complete.
  uint64_t offset = 0;

  uint64_t elements() const;
  uint64_t bytes() const { return elements() * checkpoint::bitWidth(dtype) / 8; }
};

/// One file to write.
struct PlannedShard {
  std::string name;
  std::vector<PlannedTensor> tensors;
  /// Length field, JSON and the spaces that align the data.
  std::string header;
  uint64_t fileBytes = 0;
};

/// All shards of the model, headers made and offsets set.
std::vector<PlannedShard> planShards(const huggingface::ModelConfig &config, ProjectionType type,
                                     uint64_t maxShardBytes);

/// model.safetensors.index.json for these shards.
std::string makeIndex(const std::vector<PlannedShard> &shards);

/// `text` (a valid config.json) with dtype and quantization_config saying what `type` makes true.
std::string adaptConfig(llvm::StringRef text, ProjectionType type);

} // namespace fathom::gen

#endif // FATHOM_TOOLS_GEN_GENERATEPLAN_H
