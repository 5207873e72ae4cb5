// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Model families: a row of parts each, and what is computed from the parts alone. A new family of known parts is a new
// row in families/.

#ifndef FATHOM_FRONTEND_HUGGINGFACE_FAMILIES_H
#define FATHOM_FRONTEND_HUGGINGFACE_FAMILIES_H

#include "dialects/support/TensorName.h"
#include "frontend/huggingface/parts/Part.h"
#include "llvm/ADT/STLFunctionalExtras.h"

#include <optional>

namespace fathom::huggingface {

/// A way to route that a family's config.json may name.
struct RoutingFact {
  const char *scoring;
  const char *method;
  ScoreFunction scoreFunction;
  GroupScore groupScore;
  bool correctionBias;
};

/// What norm_topk_prob does beside dividing by the sum of the chosen scores.
enum class Normalization : uint8_t {
  /// Nothing.
  Plain,
  /// It has no effect on a single expert.
  OfSeveral,
  /// The same, and normalized weights are not scaled.
  OfSeveralUnscaled
};

struct RoutingRules {
  /// The first is the default of a config.json that does not say.
  llvm::ArrayRef<RoutingFact> methods;
  Normalization normalization = Normalization::Plain;
  /// Whether routed_scaling_factor must be given.
  Need scale = Need::Defaulted;
};

/// Which two numbers of a head rotate together.
enum class RopePairs : uint8_t { Interleaved, HalfSplit };

/// What a field that weights do not show is where config.json does not have it.
struct FieldDefault {
  const char *key;
  double value;
};

struct Family {
  /// `model_type` of config.json.
  const char *modelType;
  /// In the order in which a layer computes them; `frame` goes without saying.
  std::vector<const Part *> parts;
  RopePairs ropePairs;
  /// Where a part routes.
  RoutingRules routing = {};
  /// Its files have "use_sliding_window", without which a window's size means nothing.
  bool windowsHaveSwitch = false;
  /// The "head_dim" of a file that does not say, as in Hugging Face's configuration; 0: hidden_size over heads.
  int64_t headDim = 0;
  /// As Hugging Face's configuration has them.
  llvm::ArrayRef<FieldDefault> defaults = {};
  /// The built-in chat format of checkpoints that come without a template; empty: those have no chat.
  const char *chatFormat = "";
  /// What the names of a layer's tensors begin with, before the layer's number and a dot.
  const char *layerPrefix = "model.layers.";
};

/// Of known parts, in families/.
std::vector<Family> deepSeekFamilies();
std::vector<Family> llamaFamilies();

/// The parts of a family, `frame` first.
llvm::SmallVector<const Part *> partsOf(const Family &family);

/// The shape of one tensor.
std::vector<int64_t> shapeOf(const TensorFact &fact, const ModelConfig &config);

/// The shape of the block scales of a weight of this shape: [ceil(rows / block), ceil(columns / block)].
std::vector<int64_t> scaleShapeOf(llvm::ArrayRef<int64_t> shape, const QuantizationConfig &quantization);

/// True where `layer` of the configuration has this part; never for parts that are there once.
bool isInLayer(const Part &part, const ModelConfig &config, int64_t layer);

/// In place of a layer: what the model has once.
constexpr int64_t kWholeModel = -1;

/// Calls `visit` for everything that `layer` (or `wholeModel`) has: its part and what it is. The one list of tensors
/// that reading, generating and counting share.
void forEachTensor(const ModelConfig &config, int64_t layer,
                   llvm::function_ref<void(const Part &, const TensorFact &)> visit);

/// A tensor's whole name, with {layer} and {expert}.
std::string patternOf(const Part &part, const TensorFact &fact, const ModelConfig &config);

/// What a layer stores of each token; all layers alike.
llvm::SmallVector<Store> storesOf(const ModelConfig &config);
/// The stores' widths together.
int64_t storedWidth(const ModelConfig &config);

/// Tensors of the main model, block scales not counted.
int64_t countTensors(const ModelConfig &config);

/// Elements of all weights of the main model; nothing where they do not fit 63 bits.
std::optional<int64_t> countElements(const ModelConfig &config);

} // namespace fathom::huggingface

#endif // FATHOM_FRONTEND_HUGGINGFACE_FAMILIES_H
