// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The tensors of a checkpoint, sorted into the parts of a model: layers that are alike form groups, and the
// tensors that play one part in a group form a stack.

#ifndef FATHOM_FRONTEND_HUGGINGFACE_MODELWEIGHTS_H
#define FATHOM_FRONTEND_HUGGINGFACE_MODELWEIGHTS_H

#include "frontend/checkpoint/Checkpoint.h"
#include "frontend/huggingface/ModelConfig.h"

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace fathom::huggingface {

/// Where one tensor's bytes are: shard `shard` of the checkpoint, `offset` bytes from the start of that file.
struct Location {
  uint32_t shard;
  uint64_t offset;
};

/// All tensors that play one part in the layers of a group; alike in shape and element type.
struct WeightStack {
  /// Short name of the part: "self_attn.q_a_proj", "mlp.experts.gate_proj", "embed_tokens"; the block scales
  /// of a part are the stack "<part>_scale_inv".
  std::string part;
  /// Tensor name with {layer} and {expert}: "model.layers.{layer}.mlp.experts.{expert}.gate_proj.weight".
  std::string pattern;
  /// Model layer indices; empty for tensors of the whole model.
  std::vector<int64_t> layers;
  /// Experts of each layer; 0 where the part is not per expert.
  int64_t experts = 0;
  /// Block scales of another part.
  bool scale = false;
  /// Shape of one tensor, [out, in] for a projection.
  std::vector<int64_t> shape;
  checkpoint::DType dtype = checkpoint::DType::BF16;
  /// Layer-major, then expert: locations[l * max(experts, 1) + e].
  std::vector<Location> locations;

  /// Bytes of one tensor.
  uint64_t tensorBytes() const;
};

/// Layers alike in kind and in the element type of every tensor: one function body serves them all.
struct LayerGroup {
  /// "dense" or "moe"; "moe_2" and so on where layers of one kind differ in element types; "mtp".
  std::string name;
  bool moe = false;
  /// Model layer indices, ascending.
  std::vector<int64_t> layers;
  /// In the order of the family's table of tensors.
  std::vector<WeightStack> stacks;

  /// The stack of a part, or null.
  const WeightStack *find(llvm::StringRef part) const;
};

/// A model's weights. Groups are in the order of their first layer.
struct ModelWeights {
  /// Of the whole model: "embed_tokens", "norm", and "lm_head" unless it is tied.
  std::vector<WeightStack> model;
  std::vector<LayerGroup> groups;
  /// The multi-token-prediction layer that drafts, behind the model's last.
  std::optional<LayerGroup> draft;
  /// lm_head is absent and shares the bytes of embed_tokens.
  bool tiedHead = false;

  /// The groups, and that of the draft.
  std::vector<const LayerGroup *> allGroups() const;
  /// A stack of the whole model, or null.
  const WeightStack *find(llvm::StringRef part) const;
  /// The group of a layer, or null.
  const LayerGroup *groupOf(int64_t layer) const;
};

/// Finds every tensor the model needs in `checkpoint`, and with `wantDraft` those of its draft, if it has any. Reports
/// everything missing, left over, misshapen or mistyped, by model part, to `diagnostics`; the result is meaningful only
/// when it added no error.
ModelWeights findModelWeights(const ModelConfig &config, const checkpoint::Checkpoint &checkpoint,
                              checkpoint::Diagnostics &diagnostics, bool wantDraft = true);

} // namespace fathom::huggingface

#endif // FATHOM_FRONTEND_HUGGINGFACE_MODELWEIGHTS_H
