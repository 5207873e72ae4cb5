// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Reads and verifies the metadata of an artifact. Nothing is mapped before it has passed.

#ifndef FATHOM_RUNTIME_SRC_ARTIFACT_READER_H
#define FATHOM_RUNTIME_SRC_ARTIFACT_READER_H

#include "fathom/artifact_abi.h"
#include "fathom/artifact_generated.h"
#include "runtime/src/buffer.h"
#include "runtime/src/byte_source.h"

namespace fathom::runtime {

/// The metadata in private memory: verified once, it cannot change any more.
class Metadata {
public:
  Metadata() = default;
  Metadata(const Metadata &) = delete;
  Metadata &operator=(const Metadata &) = delete;
  ~Metadata() { free(bytes); }

  const artifact::Artifact &contents() const { return *root; }
  const fathom_artifact_header_t &header() const { return head; }
  const unsigned char *data() const { return bytes; }

  /// Reads header and metadata from |source|. MISMATCH for what is damaged, truncated, of another version, or not an
  /// artifact at all; BAD_DATA for contents that cannot be.
  fathom_status_t read(const ByteSource &source);

private:
  fathom_status_t readHeader(const ByteSource &source);

  fathom_artifact_header_t head = {};
  unsigned char *bytes = nullptr;
  const artifact::Artifact *root = nullptr;
};

/// The bytes of the code segment of a program of |contents|, in private memory. MISMATCH if they are damaged.
fathom_status_t viewCode(const artifact::Artifact &contents, const artifact::Program &program, const ByteSource &source,
                         ByteView *code);

/// Checks what FlatBuffers cannot: every index, offset, size and range of |contents|. |header| has been checked. All
/// findings (the first few of many) are in the message.
fathom_status_t checkArtifact(const artifact::Artifact &contents, const fathom_artifact_header_t &header);

} // namespace fathom::runtime

#endif // FATHOM_RUNTIME_SRC_ARTIFACT_READER_H
