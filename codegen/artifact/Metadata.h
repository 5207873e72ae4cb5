// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Where everything is in an artifact, and the FlatBuffer that says so.

#ifndef FATHOM_CODEGEN_ARTIFACT_METADATA_H
#define FATHOM_CODEGEN_ARTIFACT_METADATA_H

#include "codegen/artifact/ArtifactContents.h"
#include "codegen/artifact/WeightPacker.h"

#include "llvm/Support/Error.h"

namespace fathom::codegen {

struct ProgramLayout {
  artifact::SegmentT code;
  /// All slices of all weights. For packed ones offset and size are those of the segment's part.
  std::vector<artifact::WeightSlice> slices;
};

/// Offsets and sizes of everything.
struct ArtifactLayout {
  std::vector<ProgramLayout> variants;
  /// The weights of all variants, once where several have the same: what PackJob::weight counts.
  std::vector<const WeightContents *> distinct;
  /// Their packed slices, in order.
  std::vector<PackJob> jobs;
  uint64_t metadataSize = 0;
  artifact::SegmentT weights;
  /// From the header to the end of the last segment.
  uint64_t totalSize = 0;
};

/// Checks the contents and places them. The layout points into `contents`.
llvm::Expected<ArtifactLayout> layOutArtifact(const ArtifactContents &contents);

/// The metadata. Its size depends on the contents alone, not on any offset, size or hash.
flatbuffers::DetachedBuffer buildMetadata(const ArtifactContents &contents, const ArtifactLayout &layout);

} // namespace fathom::codegen

#endif // FATHOM_CODEGEN_ARTIFACT_METADATA_H
