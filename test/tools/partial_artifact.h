// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Metadata without the parts that a test does not look at, on which flatc's functions insist.

#ifndef FATHOM_TEST_TOOLS_PARTIAL_ARTIFACT_H
#define FATHOM_TEST_TOOLS_PARTIAL_ARTIFACT_H

#include "fathom/artifact_generated.h"
#include "fathom/fathom.h"

namespace fathom::test {

/// What an artifact has beside its only program.
struct ArtifactParts {
  flatbuffers::Offset<artifact::Model> model;
  flatbuffers::Offset<artifact::Cache> cache;
  flatbuffers::Offset<flatbuffers::Vector<flatbuffers::Offset<artifact::Segment>>> segments;
};

/// Ends `builder` with the artifact, and is what a loaded model says of itself.
inline fathom_model_info_t finishArtifact(flatbuffers::FlatBufferBuilder &builder,
                                          flatbuffers::Offset<artifact::Program> program,
                                          const ArtifactParts &parts = {}) {
  auto variants = builder.CreateVector(&program, 1);
  auto start = builder.StartTable();
  builder.AddOffset(artifact::Artifact::VT_MODEL, parts.model);
  builder.AddOffset(artifact::Artifact::VT_CACHE, parts.cache);
  builder.AddOffset(artifact::Artifact::VT_SEGMENTS, parts.segments);
  builder.AddOffset(artifact::Artifact::VT_VARIANTS, variants);
  builder.Finish(flatbuffers::Offset<artifact::Artifact>(builder.EndTable(start)));
  fathom_model_info_t info = {};
  info.metadata = builder.GetBufferPointer();
  return info;
}

} // namespace fathom::test

#endif // FATHOM_TEST_TOOLS_PARTIAL_ARTIFACT_H
