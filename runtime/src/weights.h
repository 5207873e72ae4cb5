// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The weights of a model: segments of the artifact and files beside it, in the memory of a device, and where every
// slice is.

#ifndef FATHOM_RUNTIME_SRC_WEIGHTS_H
#define FATHOM_RUNTIME_SRC_WEIGHTS_H

#include "runtime/device/device.h"
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

  /// Opens what the slices of |program|, one of |contents|, need, and sees to it that the device of |space| has it.
  /// |source| is the artifact and outlives this object.
  fathom_status_t open(const artifact::Artifact &contents, const artifact::Program &program, const ByteSource &source,
                       const Places &places, const MemorySpace &space, const fathom_model_options_t &options);

  /// Of every slice.
  const DeviceAddress *addresses() const { return table.data(); }
  uint64_t bytes() const { return total; }

  /// IO if one of the files shrank.
  fathom_status_t checkStillWhole() const;

private:
  /// What one segment takes: |view| and |file|, if it has one, or |memory| where the device has a copy of its own.
  struct Part {
    ByteSource *file;
    ByteView *view;
    DeviceMemory *memory;
    DeviceAddress address;
  };

  fathom_status_t openSegment(const artifact::Segment &segment, const ByteSource &source, const Places &places,
                              bool copy, Part *part);
  fathom_status_t openSegments(const artifact::Artifact &contents, const artifact::Program &program,
                               const ByteSource &source, const Places &places, bool copy);
  fathom_status_t place(const artifact::Segment &segment, const MemorySpace &space,
                        const fathom_model_options_t &options, Part *part);
  fathom_status_t copy(const Part &part, uint64_t size, const fathom_model_options_t &options);
  fathom_status_t verify(const artifact::Artifact &contents) const;
  fathom_status_t requireHashes(const artifact::Artifact &contents) const;

  Buffer<Part> parts;
  Buffer<DeviceAddress> table;
  uint64_t total = 0, copied = 0;
};

} // namespace fathom::runtime

#endif // FATHOM_RUNTIME_SRC_WEIGHTS_H
