// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Model families as facts: which tensors a family has, their shapes as functions of the configuration, and
// how it routes. A new family is a new table.

#ifndef FATHOM_FRONTEND_HUGGINGFACE_FAMILIES_H
#define FATHOM_FRONTEND_HUGGINGFACE_FAMILIES_H

#include "frontend/huggingface/ModelConfig.h"
#include "llvm/ADT/ArrayRef.h"

#include <optional>

namespace fathom::huggingface {

/// Which layers have a tensor.
enum class Scope : uint8_t { Model, EveryLayer, DenseLayer, MoeLayer, MtpLayer };

/// What a tensor does; decides which element types it may have and how random weights are drawn.
enum class Role : uint8_t { Projection, Embedding, Norm, Router, CorrectionBias };

/// One dimension of a tensor.
using Extent = int64_t (*)(const ModelConfig &);

/// One tensor of a family (or one per layer and expert).
struct TensorFact {
  /// Short name: "self_attn.q_a_proj".
  const char *part;
  /// Name on disk; for tensors of a layer, what follows "model.layers.{layer}.".
  const char *name;
  Scope scope;
  Role role;
  /// [rows, columns], or [rows] where `columns` is null.
  Extent rows;
  Extent columns;
  /// There is one per expert; `name` holds {expert}.
  bool perExpert = false;
  /// May be F8_E4M3 with block scales "<name>_scale_inv".
  bool quantisable = false;
  /// The configurations that have it; null: all.
  bool (*wanted)(const ModelConfig &) = nullptr;
  /// A checkpoint may leave it out even so.
  bool optional = false;
};

/// A way to route that a family's config.json may name.
struct RoutingFact {
  const char *scoring;
  const char *method;
  ScoreFunction scoreFunction;
  GroupScore groupScore;
  bool correctionBias;
};

struct Family {
  /// `model_type` of config.json.
  const char *modelType;
  /// In the order in which parts appear in a layer.
  llvm::ArrayRef<TensorFact> tensors;
  /// The first is the default of a config.json that does not say.
  llvm::ArrayRef<RoutingFact> routings;
  /// Routing weights that are normalised are not scaled.
  bool normalisingReplacesScaling;
  double latentNormEpsilon;
};

/// All families, and the one of a model_type (or null).
llvm::ArrayRef<Family> families();
const Family *findFamily(llvm::StringRef modelType);

/// "model.layers.{layer}." + the fact's name, or the name alone for tensors of the model.
std::string patternOf(const TensorFact &fact);

/// Replaces {layer} and {expert}. `out` is overwritten, to save allocations.
void expandPattern(llvm::StringRef pattern, int64_t layer, int64_t expert, std::string &out);

/// The shape of one tensor.
std::vector<int64_t> shapeOf(const TensorFact &fact, const ModelConfig &config);

/// The shape of the block scales of a weight of this shape: [ceil(rows / block), ceil(columns / block)].
std::vector<int64_t> scaleShapeOf(llvm::ArrayRef<int64_t> shape, const QuantizationConfig &quantization);

/// True where `layer` of the configuration has this tensor; never for tensors of the model.
bool isInLayer(const TensorFact &fact, const ModelConfig &config, int64_t layer);

/// Tensors of the main model, block scales not counted.
int64_t countTensors(const ModelConfig &config);

/// Elements of all weights of the main model; nothing where they do not fit 63 bits.
std::optional<int64_t> countElements(const ModelConfig &config);

} // namespace fathom::huggingface

#endif // FATHOM_FRONTEND_HUGGINGFACE_FAMILIES_H
