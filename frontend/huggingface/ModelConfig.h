// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A model as config.json describes it: typed, range-checked, with the relations between fields checked.

#ifndef FATHOM_FRONTEND_HUGGINGFACE_MODELCONFIG_H
#define FATHOM_FRONTEND_HUGGINGFACE_MODELCONFIG_H

#include "frontend/checkpoint/DType.h"
#include "frontend/checkpoint/Diagnostics.h"
#include "llvm/ADT/ArrayRef.h"

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace fathom::huggingface {

struct Family;

/// The longest context: what a runtime takes.
constexpr int64_t kMaxPosition = 1 << 24;

/// How router logits become scores, before anything is chosen.
enum class ScoreFunction { Softmax, Sigmoid };

/// What a group of experts is worth when only some groups may be chosen from.
enum class GroupScore { None, Maximum, Top2Sum };

/// How rotations reach positions beyond those that a model was first trained on. What needs the length of a sequence
/// ("dynamic") changes nothing up to max_position_embeddings, beyond which nothing is compiled: None.
enum class RopeScaling {
  None,
  /// Positions are divided by `factor`.
  Linear,
  /// As Llama 3.1: pairs that turn fewer than `lowFrequencyFactor` times over the original context turn `factor` times
  /// slower, those that turn more than `highFrequencyFactor` times as before, and between the two they blend.
  Llama3,
  /// The same with bounds `betaSlow` and `betaFast`, a ramp over pairs instead of turns, and a magnitude.
  Yarn
};

/// As rope_type spells it.
llvm::StringRef name(RopeScaling scaling);

/// Rotary embedding.
struct RopeConfig {
  /// Numbers of a head that rotate; even. Set by the attention that rotates them.
  int64_t width = 0;
  double theta = 10000;
  /// True: pairs are (x[2i], x[2i+1]). False: (x[i], x[i + d/2]).
  bool interleaved = true;
  RopeScaling scaling = RopeScaling::None;
  /// The rest only where something scales.
  double factor = 1;
  int64_t originalMaxPositions = 0;
  double lowFrequencyFactor = 1;
  double highFrequencyFactor = 4;
  double betaFast = 32;
  double betaSlow = 1;
  double mscale = 0;
  double mscaleAllDim = 0;
  /// False: the ramp's bounds are not rounded to whole dimensions.
  bool truncate = true;
  /// An explicit multiplier of cos and sin; 0: it follows from `factor` and the mscales.
  double attentionFactor = 0;
  /// What each pair's frequency is divided by, as GGUF files have it; empty: nothing.
  std::vector<double> divisors;
};

/// What every attention has.
struct AttentionConfig {
  int64_t heads = 0;
  /// Numbers of a query and of a key, whose product is scaled by this to the power of -1/2.
  int64_t keyWidth = 0;
  /// YaRN's mscale_all_dim sharpens the softmax as well.
  bool yarnSharpens = false;
};

/// Multi-head latent attention.
struct MlaConfig {
  /// Width of the query latent; 0: queries are projected directly (q_proj).
  int64_t qLoraRank = 0;
  int64_t kvLoraRank = 0;
  int64_t qkNopeHeadDim = 0;
  int64_t qkRopeHeadDim = 0;
  int64_t vHeadDim = 0;
};

/// The indexer of sparse attention, which chooses the positions that a token attends to.
struct IndexerConfig {
  int64_t heads = 0;
  int64_t headDim = 0;
  /// How many positions it chooses; 0: there is no indexer, and tokens attend to all.
  int64_t topK = 0;
  /// As RopeConfig::interleaved, of its own queries and keys.
  bool interleaved = false;
};

/// Grouped-query attention.
struct GqaConfig {
  /// Divides the heads, which share keys and values in groups.
  int64_t keyValueHeads = 0;
  int64_t headDim = 0;
  /// Projections to and from heads have biases.
  bool bias = false;
};

/// Which experts a token meets. Choice: score (+ bias); groups ranked by `groupScore`, the best `topGroups` kept,
/// experts elsewhere -inf; the best `expertsPerToken` of the rest, lowest index first among equals. Weights: the
/// chosen experts' scores without bias, divided by their sum (+ 1e-20) where `normalize`, times `scale`.
struct RoutingConfig {
  int64_t experts = 0;
  int64_t sharedExperts = 0;
  int64_t expertsPerToken = 0;
  int64_t expertWidth = 0;
  int64_t groups = 1;
  int64_t topGroups = 1;
  ScoreFunction scoreFunction = ScoreFunction::Softmax;
  GroupScore groupScore = GroupScore::None;
  /// `e_score_correction_bias` is added to scores for the choice.
  bool correctionBias = false;
  bool normalize = false;
  /// The factor really applied: DeepSeek-V2 ignores routed_scaling_factor where it normalizes.
  double scale = 1;
  /// Layers before this one are dense; after it every layer that `layerFrequency` divides is MoE.
  int64_t firstMoeLayer = 0;
  int64_t layerFrequency = 1;
};

/// Block-scaled FP8 weights: value = F8_E4M3 * scale of its block.
struct QuantizationConfig {
  int64_t blockRows = 128;
  int64_t blockColumns = 128;
  /// Scales are powers of two (scale_fmt "ue8m0"); they are stored as F32 all the same.
  bool powerOfTwoScales = false;
};

/// Defaults of generation_config.json, and token ids of either file.
struct GenerationConfig {
  std::optional<int64_t> bosToken;
  std::vector<int64_t> eosTokens;
  bool sample = false;
  std::optional<double> temperature;
  std::optional<double> topP;
  std::optional<int64_t> topK;
  std::optional<double> minP;
  std::optional<double> repetitionPenalty;
};

/// Everything config.json says that a compiler needs. Sizes are element counts.
struct ModelConfig {
  /// The family that `model_type` names; never null after a successful read.
  const Family *family = nullptr;
  std::string modelType;
  int64_t vocabulary = 0;
  int64_t hidden = 0;
  int64_t layers = 0;
  /// Width of a dense layer's feed-forward part.
  int64_t denseWidth = 0;
  /// Its projections have biases.
  bool denseBias = false;
  /// Multi-token-prediction layers, at indices layers .. layers + mtpLayers - 1.
  int64_t mtpLayers = 0;
  /// The file says how many, 0 or null included.
  bool saysMtpLayers = false;
  int64_t maxPositions = 0;
  double rmsNormEpsilon = 1e-6;
  bool tiedEmbeddings = false;
  /// torch_dtype / dtype: what weights are generated as. It describes a checkpoint, whose shards say what they hold;
  /// absent where the file does not say it, or says something else.
  std::optional<checkpoint::DType> dtype;
  AttentionConfig attention;
  MlaConfig mla;
  IndexerConfig indexer;
  GqaConfig gqa;
  RopeConfig rope;
  RoutingConfig routing;
  std::optional<QuantizationConfig> quantization;
  GenerationConfig generation;

  /// True where layer `layer` (of the model or of MTP) routes to experts.
  bool isMoeLayer(int64_t layer) const;
  /// The multiplier of query-key products: keyWidth^-1/2, times YaRN's squared mscale where that sharpens.
  double softmaxScale() const;
  /// Radians per position of each of the rope.width / 2 pairs, scaling applied.
  std::vector<double> ropeFrequencies() const;
  /// The multiplier of cos and sin; 1 in every released checkpoint.
  double ropeMagnitude() const;
};

/// The families that Fathom knows.
llvm::ArrayRef<Family> families();

/// Reads config.json from `text` (and the relations between its fields), for a model of one of the families `known`,
/// which must outlive the result. Reports every finding to `diagnostics`, naming `file`; the result is meaningful only
/// when it added no error.
ModelConfig parseModelConfig(llvm::StringRef text, llvm::StringRef file, checkpoint::Diagnostics &diagnostics,
                             llvm::ArrayRef<Family> known = families());

/// Adds what generation_config.json in `text` says to `config.generation`.
void parseGenerationConfig(llvm::StringRef text, llvm::StringRef file, ModelConfig &config,
                           checkpoint::Diagnostics &diagnostics);

/// Reads `directory`/config.json and, where it exists, generation_config.json.
ModelConfig loadModelConfig(llvm::StringRef directory, checkpoint::Diagnostics &diagnostics,
                            llvm::ArrayRef<Family> known = families());

/// Takes what genai_config.json in `text` says, onnxruntime-genai's file beside a graph: the model's positions, and
/// what generation_config.json says of a checkpoint.
void parseGenaiConfig(llvm::StringRef text, llvm::StringRef file, ModelConfig &config,
                      checkpoint::Diagnostics &diagnostics);

/// Takes the model's positions and vocabulary from config.json in `text`, and nothing else.
void parseSizes(llvm::StringRef text, llvm::StringRef file, ModelConfig &config, checkpoint::Diagnostics &diagnostics);

/// What files beside a graph say.
struct GraphConfig {
  GenerationConfig generation;
  /// Nothing where no file says it.
  std::optional<int64_t> maxPositions, vocabulary;
};

/// Reads `directory`/genai_config.json and generation_config.json where they exist; how to generate is taken from the
/// latter, if it is there. Without a genai_config.json, positions and vocabulary are those of config.json, of which
/// nothing else is read: the graph says it.
GraphConfig loadGraphConfig(llvm::StringRef directory, checkpoint::Diagnostics &diagnostics);

} // namespace fathom::huggingface

#endif // FATHOM_FRONTEND_HUGGINGFACE_MODELCONFIG_H
