// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Everything an artifact is made of, as plain data.

#ifndef FATHOM_CODEGEN_ARTIFACT_ARTIFACTCONTENTS_H
#define FATHOM_CODEGEN_ARTIFACT_ARTIFACTCONTENTS_H

#include "codegen/artifact/Recipe.h"

#include "llvm/ADT/StringRef.h"

#include <functional>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "fathom/artifact_generated.h"

namespace fathom::codegen {

// The structs below are the tables of runtime/include/fathom/artifact.fbs, where their fields are explained.

struct TargetFacts {
  std::string triple;
  std::string cpu;
  std::vector<std::string> features;
};

struct ModelFacts {
  std::string family;
  uint32_t vocabulary = 0;
  uint32_t hidden = 0;
  uint32_t layers = 0;
  uint32_t maxContext = 0;
  int32_t bosToken = -1;
  std::vector<int32_t> eosTokens;
  flatbuffers::Optional<float> temperature;
  flatbuffers::Optional<float> topP;
  flatbuffers::Optional<int32_t> topK;
  flatbuffers::Optional<float> minP;
  flatbuffers::Optional<float> repetitionPenalty;
};

struct StoreFacts {
  std::string name;
  uint32_t layers = 0;
  uint32_t heads = 1;
  uint32_t width = 0;
  uint64_t offset = 0;
};

struct CacheFacts {
  uint64_t pageBytes = 0;
  std::vector<StoreFacts> stores;
};

struct EntryPointFacts {
  /// Of the function in the code image.
  std::string name;
  artifact::Form form;
  uint64_t address = 0;
  uint32_t minRows = 0;
  uint32_t maxRows = 0;
  uint64_t arenaBytes = 0;
  bool logits = true;
};

struct KernelFacts {
  std::string name;
  std::string op;
  uint32_t dispatches = 0;
};

struct BufferFacts {
  std::string name;
  uint64_t offset = 0;
  uint64_t size = 0;
};

struct BuildFacts {
  std::string compilerVersion;
  std::string llvmVersion;
  std::string options;
};

/// A shard that the artifact points into instead of holding a copy.
struct ExternalShard {
  /// Relative to ArtifactContents::checkpointDirectory.
  std::string name;
  uint64_t size = 0;
  /// XXH3-64 of the shard's safetensors header.
  uint64_t headerHash = 0;
  /// XXH3-64 of the whole shard, for a check of the weights at run time.
  std::optional<uint64_t> contentsHash = {};
};

/// A slice that stays in a shard.
struct ExternalSlice {
  /// Index of ArtifactContents::externalShards.
  uint32_t shard = 0;
  uint64_t offset = 0;
  uint64_t size = 0;
};

using SliceContents = std::variant<SliceRecipe, ExternalSlice>;

/// One weight and its slices, which are numbered through over all weights: this is the order of fathom_call.weights.
struct WeightContents {
  std::string name;
  std::string elementType;
  std::vector<int64_t> shape;
  /// "panels", "rows" or "scales".
  std::string layout;
  std::vector<SliceContents> slices;
  /// The model part of one slice for messages, e.g. "layers.3.mlp.experts.17.gate_proj"; of a slice that is joined from
  /// several parts, that of one source, or all. May be empty.
  std::function<std::string(uint32_t slice, std::optional<size_t> source)> sliceName;
};

/// Builds the tokenizer's table. Called twice; must write the same bytes both times.
using TokenizerBuilder =
    std::function<flatbuffers::Offset<fathom::artifact::Tokenizer>(flatbuffers::FlatBufferBuilder &)>;

struct ArtifactContents {
  TargetFacts target;
  ModelFacts model;
  CacheFacts cache;
  /// The code image; the bytes belong to the caller.
  llvm::StringRef code;
  uint64_t scratchBytes = 0;
  std::vector<EntryPointFacts> entryPoints;
  std::vector<WeightContents> weights;
  /// What recipes read.
  std::vector<ShardFile> shards;
  /// What external slices point into, and where that is. Stored as given; empty without external shards.
  std::vector<ExternalShard> externalShards;
  std::string checkpointDirectory;
  std::vector<KernelFacts> kernels;
  std::vector<BufferFacts> buffers;
  /// May be empty: no tokenizer.
  TokenizerBuilder tokenizer;
  BuildFacts build;
};

} // namespace fathom::codegen

#endif // FATHOM_CODEGEN_ARTIFACT_ARTIFACTCONTENTS_H
