// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Where everything is in an artifact, and the FlatBuffer that says so.

#include "codegen/artifact/Metadata.h"

#include "dialects/support/ExitError.h"
#include "fathom/artifact_abi.h"

#include "llvm/ADT/STLExtras.h"
#include "llvm/Support/MathExtras.h"

namespace fathom::codegen {

namespace fbs = fathom::artifact;
using flatbuffers::FlatBufferBuilder;
using flatbuffers::Offset;

/// A table of each item, one after the other, then their vector.
template <typename Item>
static auto packTables(FlatBufferBuilder &builder, const std::vector<Item> &items) {
  std::vector<Offset<typename Item::TableType>> offsets;
  offsets.reserve(items.size());
  for (const Item &item : items) {
    offsets.push_back(Item::TableType::Pack(builder, &item));
  }
  return builder.CreateVector(offsets);
}

/// What makes a slice: one matrix, or one of each expert.
static uint32_t countParts(const WeightContents &weight) { return std::max(weight.experts, 1u); }

/// The tables of weights, whose slices follow each other.
static std::vector<fbs::WeightT> numberSlices(const std::vector<WeightContents> &weights) {
  std::vector<fbs::WeightT> tables(weights.begin(), weights.end());
  uint32_t next = 0;
  for (auto [table, weight] : llvm::zip_equal(tables, weights)) {
    table.first_slice = next;
    table.slice_count = static_cast<uint32_t>(weight.slices.size()) / countParts(weight);
    next += table.slice_count;
  }
  return tables;
}

flatbuffers::DetachedBuffer buildMetadata(const ArtifactContents &contents, const ArtifactLayout &layout) {
  FlatBufferBuilder builder(1 << 16);
  // Fields with default values would be left out, and the size would depend on offsets and hashes.
  builder.ForceDefaults(true);
  std::vector<fbs::SegmentT> files = {layout.code, layout.weights};
  llvm::append_range(files, contents.externalShards);
  // Tables come before the table that holds them: a FlatBuffer is built from its leaves.
  auto target = fbs::CreateTarget(builder, &contents.target);
  auto model = fbs::CreateModel(builder, &contents.model);
  auto cache = fbs::CreateCache(builder, contents.pageBytes, packTables(builder, contents.stores));
  auto code = fbs::CreateCode(builder, kCodeSegment, contents.scratchBytes);
  auto segments = packTables(builder, files);
  auto entryPoints = packTables(builder, contents.entryPoints);
  auto slices = builder.CreateVectorOfStructs(layout.slices);
  auto weights = packTables(builder, numberSlices(contents.weights));
  auto kernels = packTables(builder, contents.kernels);
  auto functions = packTables(builder, contents.functions);
  auto buffers = packTables(builder, contents.buffers);
  Offset<fbs::Tokenizer> tokenizer;
  if (contents.tokenizer) {
    tokenizer = contents.tokenizer(builder);
  }
  auto build = fbs::CreateBuildRecord(builder, &contents.build);
  auto program = fbs::CreateProgram(builder, target, model, cache, code, segments, entryPoints, slices, weights,
                                    kernels, functions, buffers, tokenizer, build);
  fbs::FinishProgramBuffer(builder, program);
  return builder.Release();
}

static llvm::Error checkExternalSlice(const ArtifactContents &contents, const ExternalSlice &slice,
                                      const std::string &what) {
  if (slice.shard >= contents.externalShards.size()) {
    return makeError(ExitCode::Internal, what + " is in external shard " + llvm::Twine(slice.shard) + " of " +
                                             llvm::Twine(contents.externalShards.size()));
  }
  const fbs::SegmentT &shard = contents.externalShards[slice.shard];
  if (slice.offset > shard.size || slice.size > shard.size - slice.offset) {
    return makeError(ExitCode::BadInput, what + " lies beyond the end of " + quotePath(shard.name));
  }
  return llvm::Error::success();
}

/// Adds a packed slice to the weights segment, or a part to the last one, right behind the others.
static llvm::Error placePackedPart(const ArtifactContents &contents, const SliceRecipe &recipe, const std::string &what,
                                   PackJob job, ArtifactLayout &layout) {
  if (job.slice % countParts(contents.weights[job.weight]) == 0) {
    layout.slices.emplace_back(layout.weights.size, 0, kWeightsSegment);
  }
  llvm::Expected<uint64_t> size = computeSliceSize(recipe, contents.shards, what);
  if (!size) {
    return size.takeError();
  }
  fbs::WeightSlice &slice = layout.slices.back();
  uint64_t end = 0;
  if (__builtin_add_overflow(slice.offset() + slice.size(), *size, &end) ||
      end > static_cast<uint64_t>(INT64_MAX) / 2) {
    return makeError(ExitCode::Unsupported, what + " makes the artifact too large");
  }
  job.recipe = &recipe;
  job.offset = slice.offset() + slice.size();
  job.size = *size;
  layout.jobs.push_back(job);
  slice = fbs::WeightSlice(slice.offset(), end - slice.offset(), kWeightsSegment);
  // The segment's size is always a multiple of the alignment.
  layout.weights.size = llvm::alignTo(end, kSliceAlignment);
  return llvm::Error::success();
}

static llvm::Error placeSlice(const ArtifactContents &contents, uint32_t weightIndex, uint32_t sliceIndex,
                              ArtifactLayout &layout) {
  const WeightContents &weight = contents.weights[weightIndex];
  const SliceContents &slice = weight.slices[sliceIndex];
  std::string what = weight.sliceName ? weight.sliceName(sliceIndex, std::nullopt) : weight.name;
  if (const auto *recipe = std::get_if<SliceRecipe>(&slice)) {
    PackJob job;
    job.weight = weightIndex;
    job.slice = sliceIndex;
    return placePackedPart(contents, *recipe, what, job, layout);
  }
  const auto &external = *std::get_if<ExternalSlice>(&slice);
  if (llvm::Error error = checkExternalSlice(contents, external, what)) {
    return error;
  }
  layout.slices.emplace_back(external.offset, external.size, kFirstExternalSegment + external.shard);
  return llvm::Error::success();
}

static llvm::Error placeSlices(const ArtifactContents &contents, ArtifactLayout &layout) {
  // Keeps the metadata far below the 2 GiB that FlatBuffers can hold.
  constexpr size_t sliceLimit = 1 << 24;
  constexpr unsigned shownErrors = 20;
  unsigned failures = 0;
  llvm::Error errors = llvm::Error::success();
  for (uint32_t weight = 0; weight < contents.weights.size(); ++weight) {
    for (uint32_t slice = 0; slice < contents.weights[weight].slices.size(); ++slice) {
      if (layout.slices.size() == sliceLimit) {
        return llvm::joinErrors(std::move(errors),
                                makeError(ExitCode::Unsupported, "the model has more than 16777216 weights"));
      }
      if (llvm::Error error = placeSlice(contents, weight, slice, layout)) {
        errors = llvm::joinErrors(std::move(errors), std::move(error));
        if (++failures == shownErrors) {
          return errors;
        }
      }
    }
  }
  return errors;
}

llvm::Expected<ArtifactLayout> layOutArtifact(const ArtifactContents &contents) {
  ArtifactLayout layout;
  layout.code.name = "code";
  layout.weights.name = "weights";
  if (llvm::Error error = placeSlices(contents, layout)) {
    return std::move(error);
  }
  layout.metadataSize = buildMetadata(contents, layout).size();
  layout.code.size = contents.code.size();
  layout.code.offset = llvm::alignTo(sizeof(fathom_artifact_header_t) + layout.metadataSize, FATHOM_SEGMENT_ALIGNMENT);
  layout.weights.offset = llvm::alignTo(layout.code.offset + layout.code.size, FATHOM_SEGMENT_ALIGNMENT);
  layout.totalSize = layout.weights.offset + layout.weights.size;
  return std::move(layout);
}

} // namespace fathom::codegen
