// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The header of an artifact, its hashes, and the structure of its FlatBuffer.

#include "runtime/src/artifact_reader.h"

#include "runtime/src/hash.h"
#include "runtime/src/memory.h"

#include <string.h>

namespace fathom::runtime {

constexpr uint64_t kLargestMetadata = (uint64_t(1) << 31) - 1;
constexpr unsigned kDeepestTable = 64;
constexpr unsigned kMostTables = 1000000;

fathom_status_t Metadata::readHeader(const ByteSource &source) {
  if (source.size() < sizeof(head)) {
    return fail(FATHOM_STATUS_MISMATCH,
                "artifact header: expected %zu bytes, found %llu; the file is truncated or not an artifact",
                sizeof(head), static_cast<unsigned long long>(source.size()));
  }
  FATHOM_RETURN_IF_ERROR(source.read(0, sizeof(head), &head));
  if (memcmp(head.magic, FATHOM_ARTIFACT_MAGIC, FATHOM_ARTIFACT_MAGIC_SIZE) != 0) {
    return fail(FATHOM_STATUS_MISMATCH,
                "not a Fathom artifact: it does not start with the magic number; make one with 'fathom compile'");
  }
  if (head.version_major != FATHOM_ARTIFACT_VERSION_MAJOR || head.version_minor > FATHOM_ARTIFACT_VERSION_MINOR) {
    return fail(FATHOM_STATUS_MISMATCH,
                "artifact version %u.%u, this runtime reads %u.0 to %u.%u; use the runtime it was compiled with, or "
                "compile the model again",
                head.version_major, head.version_minor, FATHOM_ARTIFACT_VERSION_MAJOR, FATHOM_ARTIFACT_VERSION_MAJOR,
                FATHOM_ARTIFACT_VERSION_MINOR);
  }
  if (hash64(&head, offsetof(fathom_artifact_header_t, header_hash)) != head.header_hash) {
    return fail(FATHOM_STATUS_MISMATCH, "artifact header: the hash does not match the stored one; the file is damaged");
  }
  if (head.required_features != 0) {
    return fail(FATHOM_STATUS_MISMATCH,
                "artifact needs features 0x%x that this runtime does not know; use a newer runtime",
                head.required_features);
  }
  if (head.metadata_size < 8 || head.metadata_size > kLargestMetadata) {
    return fail(FATHOM_STATUS_BAD_DATA, "artifact header: metadata of %llu bytes, expected 8 to %llu",
                static_cast<unsigned long long>(head.metadata_size), static_cast<unsigned long long>(kLargestMetadata));
  }
  if (head.total_size > source.size()) {
    return fail(FATHOM_STATUS_MISMATCH, "artifact is truncated: expected %llu bytes, found %llu",
                static_cast<unsigned long long>(head.total_size), static_cast<unsigned long long>(source.size()));
  }
  if (!fits(sizeof(head), head.metadata_size, head.total_size)) {
    return fail(FATHOM_STATUS_BAD_DATA, "artifact header: %llu bytes of metadata exceed the %llu bytes of the artifact",
                static_cast<unsigned long long>(head.metadata_size), static_cast<unsigned long long>(head.total_size));
  }
  return FATHOM_STATUS_OK;
}

fathom_status_t Metadata::read(const ByteSource &source) {
  FATHOM_RETURN_IF_ERROR(readHeader(source));
  bytes = static_cast<unsigned char *>(allocateAligned(head.metadata_size));
  if (!bytes) {
    return fail(FATHOM_STATUS_OUT_OF_RESOURCES, "not enough memory for %llu bytes of metadata",
                static_cast<unsigned long long>(head.metadata_size));
  }
  FATHOM_RETURN_IF_ERROR(source.read(sizeof(head), head.metadata_size, bytes));
  if (hash64(bytes, head.metadata_size) != head.metadata_hash) {
    return fail(FATHOM_STATUS_MISMATCH,
                "artifact metadata: the hash does not match the stored one; the file is damaged");
  }
  flatbuffers::Verifier verifier(bytes, head.metadata_size, kDeepestTable, kMostTables);
  if (!verifier.VerifyBuffer<artifact::Artifact>(artifact::ArtifactIdentifier())) {
    return fail(FATHOM_STATUS_BAD_DATA, "artifact metadata: not a valid FlatBuffer of type Artifact");
  }
  root = artifact::GetArtifact(bytes);
  return checkArtifact(*root, head);
}

fathom_status_t viewCode(const artifact::Artifact &contents, const artifact::Program &program, const ByteSource &source,
                         ByteView *code) {
  const artifact::Segment &segment = *contents.segments()->Get(program.code()->segment());
  FATHOM_RETURN_IF_ERROR(source.view(segment.offset(), segment.size(), true, code));
  return hash64(code->data(), segment.size()) == segment.hash()
             ? FATHOM_STATUS_OK
             : fail(FATHOM_STATUS_MISMATCH,
                    "segment '%.64s': the hash does not match the stored one; the file is damaged",
                    segment.name()->c_str());
}

} // namespace fathom::runtime
