// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The weights of a model: segments of the artifact and files beside it, and a pointer for every slice.

#ifndef FATHOM_RUNTIME_SRC_WEIGHTS_H
#define FATHOM_RUNTIME_SRC_WEIGHTS_H

#include "runtime/src/artifact_reader.h"
#include "runtime/src/buffer.h"

namespace fathom::runtime {

class Weights {
public:
  Weights() = default;
  Weights(const Weights &) = delete;
  Weights &operator=(const Weights &) = delete;
  ~Weights();

  /// Where to look for external files, in this order.
  struct Places {
    /// The caller's choice; may be NULL.
    const char *directory;
    /// The artifact's path; its directory is the last resort. NULL for an artifact in memory.
    const char *artifactPath;
  };

  /// Opens what the slices of |program| need. |source| is the artifact and outlives this object.
  fathom_status_t open(const artifact::Program &program, const ByteSource &source, const Places &places,
                       const fathom_model_options_t &options);

  const void *const *pointers() const { return table.data(); }
  uint64_t bytes() const { return total; }

  /// IO if one of the files shrank.
  fathom_status_t checkStillWhole() const;

private:
  struct Part {
    ByteSource *file;
    ByteView *view;
  };

  fathom_status_t openSegment(const artifact::Segment &segment, const ByteSource &source, const Places &places,
                              bool copy, Part *part);
  fathom_status_t verify(const artifact::Program &program) const;
  fathom_status_t requireHashes(const artifact::Program &program) const;

  Buffer<Part> parts;
  Buffer<const void *> table;
  uint64_t total = 0;
};

} // namespace fathom::runtime

#endif // FATHOM_RUNTIME_SRC_WEIGHTS_H
