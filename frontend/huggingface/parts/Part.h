// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What families are made of: a part says which keys of config.json it reads, which tensors a layer has for it, what a
// layer stores of each token, and how it builds IR. Nothing else knows any of this.

#ifndef FATHOM_FRONTEND_HUGGINGFACE_PARTS_PART_H
#define FATHOM_FRONTEND_HUGGINGFACE_PARTS_PART_H

#include "frontend/huggingface/ConfigReader.h"
#include "frontend/huggingface/ModelConfig.h"
#include "llvm/ADT/ArrayRef.h"
#include "llvm/ADT/SmallVector.h"

#include <variant>

namespace mlir {
class Value;
}

namespace fathom::huggingface {

class ConfigParser;
class LayerBuilder;

/// Far above every released model, and low enough that no product of two of them overflows.
constexpr int64_t kMaxExtent = 1 << 20, kMaxVocabulary = 1 << 24, kMaxCount = 1 << 16, kMaxLayers = 1 << 12;

/// A key of config.json and where its value goes.
struct Field {
  using Integer = int64_t &(*)(ModelConfig &);
  using Real = double &(*)(ModelConfig &);
  using Boolean = bool &(*)(ModelConfig &);

  const char *key;
  std::variant<Integer, Real, Boolean> slot;
  Need need = Need::Required;
  /// The range of a number.
  double low = 0;
  double high = 0;
  /// The configurations that have it, by the fields before it; null: all.
  bool (*wanted)(const ModelConfig &) = nullptr;
};

/// The member that a path of pointers to members leads to: at<&ModelConfig::mla, &MlaConfig::kvLoraRank>.
template <auto... Path>
auto &at(ModelConfig &config) {
  return (config.*....*Path);
}

/// Which layers have a part; Model: it is there once.
enum class Scope : uint8_t { Model, EveryLayer, DenseLayer, MoeLayer, MtpLayer };

/// What a tensor does; decides which element types it may have and how random weights are drawn. Only a Projection
/// may be FP8.
enum class Role : uint8_t { Projection, PlainProjection, Head, Embedding, Norm, Router, CorrectionBias, Bias };

/// One dimension of a tensor.
using Extent = int64_t (*)(const ModelConfig &);

/// One tensor that holds the matrices of all experts of a layer, [experts, parts * rows, columns]: `part` says which
/// rows of each expert are meant.
struct ExpertStack {
  /// As TensorFact::name; on disk with or without ".weight".
  const char *name;
  int64_t parts = 1;
  int64_t part = 0;
};

/// One tensor of a part in one layer, or one for each expert.
struct TensorFact {
  /// Name on disk, after what all tensors of a layer begin with. Holds {expert} where there is one per expert.
  const char *name;
  Role role;
  /// [rows, columns], or [rows] where `columns` is null.
  Extent rows;
  Extent columns = nullptr;
  /// The configurations that have it; null: all.
  bool (*wanted)(const ModelConfig &) = nullptr;
  /// The tensor of the whole model that it repeats and that is read in its place, so that a checkpoint may leave the
  /// copy out; null: it is none.
  const char *copyOf = nullptr;
  /// Of one for each expert: what newer writers have instead.
  llvm::ArrayRef<ExpertStack> stacks = {};

  /// The name without {expert}, "model." and ".weight": "mlp.experts.gate_proj".
  std::string stackName() const;
  bool isPerExpert() const;
  /// May be F8_E4M3 with block scales "<name>_scale_inv".
  bool isQuantizable() const { return role == Role::Projection; }
};

/// What a layer keeps of each token: a row of `width` numbers for each head.
struct Store {
  llvm::StringRef name;
  int64_t heads;
  int64_t width;
  /// Numbers at the end of a row that FP8 is too coarse for.
  int64_t tail = 0;
};

struct Part {
  const char *name;
  Scope scope;
  /// Read in this order, before `parse`.
  llvm::ArrayRef<Field> fields;
  /// Reads what a table cannot say; may be null.
  void (*parse)(ConfigParser &parser) = nullptr;
  /// Checks the relations between fields that are right by themselves; may be null.
  void (*check)(ConfigParser &parser) = nullptr;
  llvm::ArrayRef<TensorFact> tensors;
  /// May be null: none.
  llvm::SmallVector<Store> (*stores)(const ModelConfig &config) = nullptr;
  /// A part that computes adds build(norm(stream)) to the stream of its layers, [rows, hidden]; null: it has no op of
  /// its own.
  mlir::Value (*build)(LayerBuilder &builder, mlir::Value input) = nullptr;
  /// The weight of that norm.
  const char *norm = nullptr;
};

/// Vocabulary, embedding, final norm and head: of every model.
extern const Part frame;
/// Multi-head latent attention, and the indexer that makes it sparse.
extern const Part mla, indexer;
/// Grouped-query attention; biases of its query, key and value, or of all its projections as the file says; norms of
/// each head of queries and keys.
extern const Part gqa, qkvBias, attentionBias, qkNorm;
/// The SwiGLU of a dense layer, its biases where the file says so, and routing to many of them.
extern const Part denseMlp, mlpBias, experts;
/// A layer behind the last that drafts: it predicts a further token.
extern const Part mtp;

/// What the layer that drafts begins with: eh_proj(enorm(embedding of the next token) ‖ hnorm(hidden state)).
mlir::Value joinDraftInputs(LayerBuilder &builder, mlir::Value embedded, mlir::Value hidden);

} // namespace fathom::huggingface

#endif // FATHOM_FRONTEND_HUGGINGFACE_PARTS_PART_H
