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

static uint32_t countSlices(const WeightContents &weight) {
  return static_cast<uint32_t>(weight.slices.size()) / countParts(weight);
}

/// The tables of weights, whose slices follow each other.
static std::vector<fbs::WeightT> numberSlices(const std::vector<WeightContents> &weights) {
  std::vector<fbs::WeightT> tables(weights.begin(), weights.end());
  uint32_t next = 0;
  for (auto [table, weight] : llvm::zip_equal(tables, weights)) {
    table.first_slice = next;
    table.slice_count = countSlices(weight);
    next += table.slice_count;
  }
  return tables;
}

/// Segments are the code of each variant, the weights in the file, and the external shards.
static uint32_t getWeightsSegment(const ArtifactContents &contents) {
  return static_cast<uint32_t>(contents.variants.size());
}

/// Tables come before the table that holds them: a FlatBuffer is built from its leaves.
static Offset<fbs::Program> packProgram(FlatBufferBuilder &builder, const ProgramContents &contents,
                                        const ProgramLayout &layout, uint32_t codeSegment) {
  auto target = fbs::CreateTarget(builder, &contents.target);
  Offset<flatbuffers::Vector<Offset<fbs::Module>>> modules;
  if (!contents.modules.empty()) {
    modules = packTables(builder, contents.modules);
  }
  auto code = fbs::CreateCode(builder, codeSegment, contents.scratchBytes, modules);
  auto entryPoints = packTables(builder, contents.entryPoints);
  auto slices = builder.CreateVectorOfStructs(layout.slices);
  auto weights = packTables(builder, numberSlices(contents.weights));
  auto kernels = packTables(builder, contents.kernels);
  auto functions = packTables(builder, contents.functions);
  auto buffers = packTables(builder, contents.buffers);
  auto namedFunctions = packTables(builder, contents.namedFunctions);
  return fbs::CreateProgram(builder, target, code, entryPoints, slices, weights, kernels, functions, buffers,
                            namedFunctions);
}

flatbuffers::DetachedBuffer buildMetadata(const ArtifactContents &contents, const ArtifactLayout &layout) {
  FlatBufferBuilder builder(1 << 16);
  // Fields with default values would be left out, and the size would depend on offsets and hashes.
  builder.ForceDefaults(true);
  std::vector<fbs::SegmentT> files;
  std::vector<Offset<fbs::Program>> variants;
  for (auto [program, placed] : llvm::zip_equal(contents.variants, layout.variants)) {
    variants.push_back(packProgram(builder, program, placed, static_cast<uint32_t>(files.size())));
    files.push_back(placed.code);
  }
  files.push_back(layout.weights);
  llvm::append_range(files, contents.externalShards);
  auto model = fbs::CreateModel(builder, &contents.model);
  auto cache = fbs::CreateCache(builder, contents.pageBytes, packTables(builder, contents.stores));
  auto segments = packTables(builder, files);
  auto programs = builder.CreateVector(variants);
  Offset<fbs::Tokenizer> tokenizer;
  if (contents.tokenizer) {
    tokenizer = contents.tokenizer(builder);
  }
  auto build = fbs::CreateBuildRecord(builder, &contents.build);
  fbs::FinishArtifactBuffer(builder, fbs::CreateArtifact(builder, model, cache, segments, programs, tokenizer, build));
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

namespace {
/// Gives the weights of a variant their places, behind those of the variants before it.
class WeightPlacement {
public:
  WeightPlacement(const ArtifactContents &contents, ArtifactLayout &layout) : contents(contents), layout(layout) {}

  llvm::Error place(const ProgramContents &program);

private:
  llvm::ArrayRef<fbs::WeightSlice> findAlike(const WeightContents &weight) const;
  llvm::Error placeSlice(const WeightContents &weight, uint32_t index);
  llvm::Error placePackedPart(const WeightContents &weight, const SliceRecipe &recipe, const std::string &what,
                              uint32_t index);

  const ArtifactContents &contents;
  ArtifactLayout &layout;
  std::vector<fbs::WeightSlice> slices;
};
} // namespace

/// The slices of an earlier variant's weight that is made in the same way; none if there is no such weight.
llvm::ArrayRef<fbs::WeightSlice> WeightPlacement::findAlike(const WeightContents &weight) const {
  for (auto [program, placed] : llvm::zip(contents.variants, layout.variants)) {
    uint32_t first = 0;
    for (const WeightContents &other : program.weights) {
      uint32_t count = countSlices(other);
      if (other.name == weight.name && other.experts == weight.experts && other.slices == weight.slices) {
        return llvm::ArrayRef(placed.slices).slice(first, count);
      }
      first += count;
    }
  }
  return {};
}

/// Adds a packed slice to the weights segment, or a part to the last one, right behind the others.
llvm::Error WeightPlacement::placePackedPart(const WeightContents &weight, const SliceRecipe &recipe,
                                             const std::string &what, uint32_t index) {
  if (index % countParts(weight) == 0) {
    slices.emplace_back(layout.weights.size, 0, getWeightsSegment(contents));
  }
  llvm::Expected<uint64_t> size = computeSliceSize(recipe, contents.shards, what);
  if (!size) {
    return size.takeError();
  }
  fbs::WeightSlice &slice = slices.back();
  uint64_t end = 0;
  if (__builtin_add_overflow(slice.offset() + slice.size(), *size, &end) ||
      end > static_cast<uint64_t>(INT64_MAX) / 2) {
    return makeError(ExitCode::Unsupported, what + " makes the artifact too large");
  }
  uint32_t number = static_cast<uint32_t>(layout.distinct.size()) - 1;
  layout.jobs.push_back({&recipe, slice.offset() + slice.size(), *size, number, index});
  slice = fbs::WeightSlice(slice.offset(), end - slice.offset(), slice.segment());
  // The segment's size is always a multiple of the alignment.
  layout.weights.size = llvm::alignTo(end, FATHOM_MEMORY_ALIGNMENT);
  return llvm::Error::success();
}

llvm::Error WeightPlacement::placeSlice(const WeightContents &weight, uint32_t index) {
  const SliceContents &slice = weight.slices[index];
  std::string what = weight.sliceName ? weight.sliceName(index, std::nullopt) : weight.name;
  if (const auto *recipe = std::get_if<SliceRecipe>(&slice)) {
    return placePackedPart(weight, *recipe, what, index);
  }
  const auto &external = *std::get_if<ExternalSlice>(&slice);
  if (llvm::Error error = checkExternalSlice(contents, external, what)) {
    return error;
  }
  slices.emplace_back(external.offset, external.size, getWeightsSegment(contents) + 1 + external.shard);
  return llvm::Error::success();
}

llvm::Error WeightPlacement::place(const ProgramContents &program) {
  // Keeps the metadata far below the 2 GiB that FlatBuffers can hold.
  constexpr size_t sliceLimit = 1 << 24;
  constexpr unsigned shownErrors = 20;
  unsigned failures = 0;
  size_t total = 0;
  for (const ProgramLayout &placed : layout.variants) {
    total += placed.slices.size();
  }
  llvm::Error errors = llvm::Error::success();
  for (const WeightContents &weight : program.weights) {
    llvm::ArrayRef<fbs::WeightSlice> alike = findAlike(weight);
    llvm::append_range(slices, alike);
    if (alike.empty()) {
      layout.distinct.push_back(&weight);
    }
    total += countSlices(weight);
    if (total > sliceLimit) {
      return llvm::joinErrors(std::move(errors),
                              makeError(ExitCode::Unsupported, "the model has more than 16777216 weights"));
    }
    for (uint32_t slice = 0; alike.empty() && slice < weight.slices.size(); ++slice) {
      if (llvm::Error error = placeSlice(weight, slice)) {
        errors = llvm::joinErrors(std::move(errors), std::move(error));
        if (++failures == shownErrors) {
          return errors;
        }
      }
    }
  }
  layout.variants.push_back({{}, std::move(slices)});
  return errors;
}

/// Gives the code of each variant its place, and the weights theirs behind it.
static void placeSegments(const ArtifactContents &contents, ArtifactLayout &layout) {
  uint64_t end = sizeof(fathom_artifact_header_t) + layout.metadataSize;
  for (auto [program, placed] : llvm::zip_equal(contents.variants, layout.variants)) {
    placed.code.offset = llvm::alignTo(end, FATHOM_SEGMENT_ALIGNMENT);
    end = placed.code.offset + placed.code.size;
  }
  layout.weights.offset = llvm::alignTo(end, FATHOM_SEGMENT_ALIGNMENT);
  layout.totalSize = layout.weights.offset + layout.weights.size;
}

llvm::Expected<ArtifactLayout> layOutArtifact(const ArtifactContents &contents) {
  ArtifactLayout layout;
  layout.weights.name = "weights";
  for (const ProgramContents &program : contents.variants) {
    if (llvm::Error error = WeightPlacement(contents, layout).place(program)) {
      return std::move(error);
    }
    layout.variants.back().code.name = "code";
    layout.variants.back().code.size = program.code.size();
  }
  layout.metadataSize = buildMetadata(contents, layout).size();
  placeSegments(contents, layout);
  return std::move(layout);
}

} // namespace fathom::codegen
