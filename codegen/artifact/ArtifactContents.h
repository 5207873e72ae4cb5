// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Everything an artifact is made of, as plain data.

#ifndef FATHOM_CODEGEN_ARTIFACT_ARTIFACTCONTENTS_H
#define FATHOM_CODEGEN_ARTIFACT_ARTIFACTCONTENTS_H

#include "codegen/artifact/Recipe.h"

#include <functional>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "fathom/artifact_generated.h"

namespace fathom::codegen {

// Tables are those of runtime/include/fathom/artifact.fbs, where their fields are explained, as flatc makes them.

/// A slice that stays in a shard.
struct ExternalSlice {
  /// Index of ArtifactContents::externalShards.
  uint32_t shard = 0;
  uint64_t offset = 0;
  uint64_t size = 0;
};

inline bool operator==(const ExternalSlice &a, const ExternalSlice &b) {
  return std::tie(a.shard, a.offset, a.size) == std::tie(b.shard, b.offset, b.size);
}

using SliceContents = std::variant<SliceRecipe, ExternalSlice>;

/// One weight and its slices, which are numbered through over all weights: this is the order of Program.weight_slices.
/// The table's own numbers of slices are the writer's.
struct WeightContents : artifact::WeightT {
  /// One of each slice, or, of a slice that has several experts, one of each expert.
  std::vector<SliceContents> slices;
  /// The checkpoint's tensor of one slice for messages, e.g. "model.layers.3.mlp.experts.17.gate_proj.weight"; of a
  /// slice that is joined from several, that of one source, or all. May be empty.
  std::function<std::string(uint32_t slice, std::optional<size_t> source)> sliceName;
};

/// Builds the tokenizer's table. Called twice; must write the same bytes both times.
using TokenizerBuilder = std::function<flatbuffers::Offset<artifact::Tokenizer>(flatbuffers::FlatBufferBuilder &)>;

/// A model's program for one kind of machine.
struct ProgramContents {
  artifact::TargetT target;
  /// The code segment's bytes, and where a GPU's modules are in them.
  std::string code;
  std::vector<artifact::ModuleT> modules;
  uint64_t scratchBytes = 0;
  std::vector<artifact::EntryPointT> entryPoints;
  std::vector<artifact::FunctionT> functions;
  std::vector<WeightContents> weights;
  std::vector<artifact::KernelT> kernels;
  std::vector<artifact::BufferT> buffers;
  std::vector<artifact::NamedFunctionT> namedFunctions;
};

struct ArtifactContents {
  artifact::ModelT model;
  uint64_t pageBytes = 0;
  std::vector<artifact::StoreT> stores;
  /// At least one, faster ones first.
  std::vector<ProgramContents> variants;
  /// What recipes read.
  std::vector<ShardFile> shards;
  /// What external slices point into.
  std::vector<artifact::SegmentT> externalShards;
  /// May be empty: no tokenizer.
  TokenizerBuilder tokenizer;
  artifact::BuildRecordT build;
};

} // namespace fathom::codegen

#endif // FATHOM_CODEGEN_ARTIFACT_ARTIFACTCONTENTS_H
