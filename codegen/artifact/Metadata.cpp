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

/// Serializes one table of `items` after the other, then their vector.
template <typename Table, typename Items, typename Create>
static Offset<flatbuffers::Vector<Offset<Table>>> createTables(FlatBufferBuilder &builder, const Items &items,
                                                               Create create) {
  std::vector<Offset<Table>> offsets;
  offsets.reserve(items.size());
  for (const auto &item : items) {
    offsets.push_back(create(item));
  }
  return builder.CreateVector(offsets);
}

static Offset<fbs::Target> createTarget(FlatBufferBuilder &builder, const TargetFacts &target) {
  auto triple = builder.CreateString(target.triple);
  auto cpu = builder.CreateString(target.cpu);
  auto features = builder.CreateVectorOfStrings(target.features);
  return fbs::CreateTarget(builder, triple, cpu, features);
}

static Offset<fbs::Model> createModel(FlatBufferBuilder &builder, const ModelFacts &model) {
  auto family = builder.CreateString(model.family);
  auto eosTokens = builder.CreateVector(model.eosTokens);
  return fbs::CreateModel(builder, family, model.vocabulary, model.hidden, model.layers, model.maxContext,
                          model.bosToken, eosTokens, model.temperature, model.topP, model.topK, model.minP,
                          model.repetitionPenalty);
}

/// f32 rows of every position.
static Offset<fbs::Cache> createCache(FlatBufferBuilder &builder, const CacheFacts &cache) {
  auto stores = createTables<fbs::Store>(builder, cache.stores, [&](const StoreFacts &store) {
    auto name = builder.CreateString(store.name);
    return fbs::CreateStore(builder, name, store.layers, fbs::StoreElement::f32, store.width, /*stride=*/1,
                            /*window=*/0, store.offset, store.heads);
  });
  return fbs::CreateCache(builder, cache.pageBytes, stores);
}

static Offset<fbs::BuildRecord> createBuild(FlatBufferBuilder &builder, const BuildFacts &build) {
  auto compilerVersion = builder.CreateString(build.compilerVersion);
  auto llvmVersion = builder.CreateString(build.llvmVersion);
  auto options = builder.CreateString(build.options);
  return fbs::CreateBuildRecord(builder, compilerVersion, llvmVersion, options);
}

static Offset<fbs::Segment> createSegment(FlatBufferBuilder &builder, const std::string &name,
                                          const SegmentPlace &place) {
  auto nameOffset = builder.CreateString(name);
  return fbs::CreateSegment(builder, nameOffset, builder.CreateString(""), false, place.offset, place.size, place.hash);
}

static Offset<fbs::Segment> createExternalSegment(FlatBufferBuilder &builder, const std::string &directory,
                                                  const ExternalShard &shard) {
  auto name = builder.CreateString(shard.name);
  auto directoryOffset = builder.CreateString(directory);
  flatbuffers::Optional<uint64_t> contents = flatbuffers::nullopt;
  if (shard.contentsHash) {
    contents = *shard.contentsHash;
  }
  return fbs::CreateSegment(builder, name, directoryOffset, true, 0, shard.size, shard.headerHash, contents);
}

static Offset<flatbuffers::Vector<Offset<fbs::Segment>>>
createSegments(FlatBufferBuilder &builder, const ArtifactContents &contents, const ArtifactLayout &layout) {
  std::vector<Offset<fbs::Segment>> segments;
  segments.push_back(createSegment(builder, "code", layout.code));
  segments.push_back(createSegment(builder, "weights", layout.weights));
  for (const ExternalShard &shard : contents.externalShards) {
    segments.push_back(createExternalSegment(builder, contents.checkpointDirectory, shard));
  }
  return builder.CreateVector(segments);
}

static Offset<flatbuffers::Vector<Offset<fbs::Weight>>> createWeights(FlatBufferBuilder &builder,
                                                                      const ArtifactContents &contents) {
  uint32_t firstSlice = 0;
  return createTables<fbs::Weight>(builder, contents.weights, [&](const WeightContents &weight) {
    auto name = builder.CreateString(weight.name);
    auto elementType = builder.CreateString(weight.elementType);
    auto shape = builder.CreateVector(weight.shape);
    auto layoutName = builder.CreateString(weight.layout);
    uint32_t first = firstSlice;
    uint32_t count = static_cast<uint32_t>(weight.slices.size());
    firstSlice += count;
    return fbs::CreateWeight(builder, name, elementType, shape, layoutName, first, count);
  });
}

static Offset<flatbuffers::Vector<Offset<fbs::EntryPoint>>> createEntryPoints(FlatBufferBuilder &builder,
                                                                              const ArtifactContents &contents) {
  return createTables<fbs::EntryPoint>(builder, contents.entryPoints, [&](const EntryPointFacts &entry) {
    auto name = builder.CreateString(entry.name);
    return fbs::CreateEntryPoint(builder, name, entry.form, entry.address, entry.minRows, entry.maxRows,
                                 entry.arenaBytes, entry.logits);
  });
}

static Offset<flatbuffers::Vector<Offset<fbs::Kernel>>> createKernels(FlatBufferBuilder &builder,
                                                                      const ArtifactContents &contents) {
  return createTables<fbs::Kernel>(builder, contents.kernels, [&](const KernelFacts &kernel) {
    auto name = builder.CreateString(kernel.name);
    auto op = builder.CreateString(kernel.op);
    return fbs::CreateKernel(builder, name, op, kernel.dispatches);
  });
}

static Offset<flatbuffers::Vector<Offset<fbs::Buffer>>> createBuffers(FlatBufferBuilder &builder,
                                                                      const ArtifactContents &contents) {
  return createTables<fbs::Buffer>(builder, contents.buffers, [&](const BufferFacts &buffer) {
    auto name = builder.CreateString(buffer.name);
    return fbs::CreateBuffer(builder, name, buffer.offset, buffer.size);
  });
}

flatbuffers::DetachedBuffer buildMetadata(const ArtifactContents &contents, const ArtifactLayout &layout) {
  FlatBufferBuilder builder(1 << 16);
  // Fields with default values would be left out, and the size would depend on offsets and hashes.
  builder.ForceDefaults(true);
  auto target = createTarget(builder, contents.target);
  auto model = createModel(builder, contents.model);
  auto cache = createCache(builder, contents.cache);
  auto code = fbs::CreateCode(builder, codeSegment, contents.scratchBytes);
  auto segments = createSegments(builder, contents, layout);
  auto entryPoints = createEntryPoints(builder, contents);
  auto slices = builder.CreateVectorOfStructs(layout.slices);
  auto weights = createWeights(builder, contents);
  auto kernels = createKernels(builder, contents);
  auto buffers = createBuffers(builder, contents);
  Offset<fbs::Tokenizer> tokenizer;
  if (contents.tokenizer) {
    tokenizer = contents.tokenizer(builder);
  }
  auto build = createBuild(builder, contents.build);
  auto program = fbs::CreateProgram(builder, target, model, cache, code, segments, entryPoints, slices, weights,
                                    kernels, buffers, tokenizer, build);
  fbs::FinishProgramBuffer(builder, program);
  return builder.Release();
}

static llvm::Error checkExternalSlice(const ArtifactContents &contents, const ExternalSlice &slice,
                                      const std::string &what) {
  if (slice.shard >= contents.externalShards.size()) {
    return makeError(ExitCode::Internal, what + " is in external shard " + llvm::Twine(slice.shard) + " of " +
                                             llvm::Twine(contents.externalShards.size()));
  }
  const ExternalShard &shard = contents.externalShards[slice.shard];
  if (slice.offset > shard.size || slice.size > shard.size - slice.offset) {
    return makeError(ExitCode::BadInput, what + " lies beyond the end of " + quotePath(shard.name));
  }
  return llvm::Error::success();
}

/// Adds one packed slice to the weights segment.
static llvm::Error placePackedSlice(const ArtifactContents &contents, const SliceRecipe &recipe,
                                    const std::string &what, PackJob job, ArtifactLayout &layout) {
  llvm::Expected<uint64_t> size = computeSliceSize(recipe, contents.shards, what);
  if (!size) {
    return size.takeError();
  }
  // The segment's size is always a multiple of the alignment.
  uint64_t end = 0;
  if (__builtin_add_overflow(layout.weights.size, *size, &end) || end > static_cast<uint64_t>(INT64_MAX) / 2) {
    return makeError(ExitCode::Unsupported, what + " makes the artifact too large");
  }
  job.recipe = &recipe;
  job.offset = layout.weights.size;
  job.size = *size;
  layout.jobs.push_back(job);
  layout.slices.emplace_back(job.offset, job.size, weightsSegment);
  layout.weights.size = llvm::alignTo(end, sliceAlignment);
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
    return placePackedSlice(contents, *recipe, what, job, layout);
  }
  const auto &external = *std::get_if<ExternalSlice>(&slice);
  if (llvm::Error error = checkExternalSlice(contents, external, what)) {
    return error;
  }
  layout.slices.emplace_back(external.offset, external.size, firstExternalSegment + external.shard);
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
