// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The packer: runs the recipes of all weight slices of an artifact, in bounded memory.

#ifndef FATHOM_CODEGEN_ARTIFACT_WEIGHTPACKER_H
#define FATHOM_CODEGEN_ARTIFACT_WEIGHTPACKER_H

#include "codegen/artifact/PieceBuilder.h"
#include "dialects/support/AtomicFile.h"

#include <functional>

namespace fathom::codegen {

/// One slice to pack and its place in the segment.
struct PackJob {
  const SliceRecipe *recipe = nullptr;
  /// From the start of the segment.
  uint64_t offset = 0;
  uint64_t size = 0;
  /// Which weight the slice belongs to: an index of PackResult::findings.
  uint32_t weight = 0;
  /// Which slice of that weight it is.
  uint32_t slice = 0;
};

/// Called with the bytes packed so far and the bytes to pack in all, from one thread at a time.
using PackProgress = std::function<void(uint64_t done, uint64_t total)>;

struct PackOptions {
  /// Threads that read and transform. What they write does not depend on their number.
  unsigned threads = 2;
  /// Memory is about 2 * threads * pieceBytes; 2 MiB fit a second-level cache.
  uint64_t pieceBytes = 1 << 20;
  PackProgress progress;
};

/// What was found in one weight.
struct WeightFindings {
  OddValues odd;
  /// The first slice with odd values, when there is one.
  uint32_t firstSlice = 0;
};

/// Matrices and scales of FP8 weights that are nothing but zeros, as what a download that was cut off and resumed left
/// behind. Vectors may be: a bias need not do anything.
struct ZeroTensors {
  size_t count = 0;
  /// The first one, when there is one: which source of which slice of which weight.
  uint32_t weight = 0;
  uint32_t slice = 0;
  size_t source = 0;
};

struct PackResult {
  /// XXH3-64 of the segment.
  uint64_t hash = 0;
  /// Indexed by weight.
  std::vector<WeightFindings> findings;
  ZeroTensors zeros;
};

/// Writes the weights segment of `segmentSize` bytes at `segmentOffset` of `file`. `jobs` are in the order of
/// their offsets, do not overlap and have passed computeSliceSize(); bytes between them are zero.
llvm::Expected<PackResult> packWeights(llvm::ArrayRef<PackJob> jobs, size_t weightCount,
                                       llvm::ArrayRef<ShardFile> shards, AtomicFile &file, uint64_t segmentOffset,
                                       uint64_t segmentSize, const PackOptions &options);

} // namespace fathom::codegen

#endif // FATHOM_CODEGEN_ARTIFACT_WEIGHTPACKER_H
