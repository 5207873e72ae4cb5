// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Finds, checks and maps the files that hold weights, and gives them to the device.

#include "runtime/src/weights.h"

#include "runtime/src/hash.h"
#include "runtime/src/memory.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

namespace fathom::runtime {

/// What is copied to a device between two reports.
static constexpr uint64_t kPiece = uint64_t(16) << 20;
/// FATHOM_VERIFY_AUTO verifies up to here.
static constexpr uint64_t kCheapToVerify = uint64_t(64) << 20;
static constexpr uint64_t kLargestShardHeader = uint64_t(100) << 20;
static constexpr size_t kLongestPath = 4096;

static bool joinPath(char *path, const char *directory, size_t length, const char *name) {
  int written = snprintf(path, kLongestPath, "%.*s/%s", static_cast<int>(length), directory, name);
  return written > 0 && static_cast<size_t>(written) < kLongestPath && access(path, F_OK) == 0;
}

// In the caller's directory if there is one; else the recorded one or the artifact's own, the first that has the file.
static bool findShard(const artifact::Segment &segment, const Weights::Places &places, char *path) {
  const char *name = segment.name()->c_str();
  if (places.directory) {
    return joinPath(path, places.directory, strlen(places.directory), name);
  }
  if (segment.directory() && segment.directory()->size() > 0 && segment.directory()->size() < kLongestPath &&
      joinPath(path, segment.directory()->c_str(), segment.directory()->size(), name)) {
    return true;
  }
  if (!places.artifactPath) {
    return false;
  }
  const char *slash = strrchr(places.artifactPath, '/');
  return slash ? joinPath(path, places.artifactPath, static_cast<size_t>(slash - places.artifactPath), name)
               : joinPath(path, ".", 1, name);
}

static fathom_status_t checkHead(const ByteSource &file, uint64_t bytes, uint64_t expected, const char *what,
                                 const char *path) {
  ByteView head;
  FATHOM_RETURN_IF_ERROR(file.view(0, bytes, true, &head));
  if (hash64(head.data(), bytes) != expected) {
    return fail(FATHOM_STATUS_MISMATCH, "%s: %s; compile the model again", path, what);
  }
  return FATHOM_STATUS_OK;
}

// Whether the safetensors header of |file| is the one the compiler saw.
static fathom_status_t checkShardHeader(const ByteSource &file, uint64_t expected, const char *path) {
  uint64_t length;
  if (file.size() < sizeof(length)) {
    return fail(FATHOM_STATUS_MISMATCH, "%s: too short for a safetensors file", path);
  }
  FATHOM_RETURN_IF_ERROR(file.read(0, sizeof(length), &length));
  if (length > kLargestShardHeader || !fits(sizeof(length), length, file.size())) {
    return fail(FATHOM_STATUS_MISMATCH, "%s: not a safetensors file: a header of %llu bytes in a file of %llu", path,
                static_cast<unsigned long long>(length), static_cast<unsigned long long>(file.size()));
  }
  return checkHead(file, sizeof(length) + length, expected,
                   "not the file this model was compiled from (its header differs)", path);
}

// Whether |file| begins as the one that the compiler saw.
static fathom_status_t checkFile(const ByteSource &file, const artifact::Segment &segment, const char *path) {
  flatbuffers::Optional<uint64_t> head = segment.head_bytes();
  if (!head) {
    return checkShardHeader(file, segment.hash(), path);
  }
  return checkHead(file, *head, segment.hash(),
                   "not the file this model was compiled from (it begins with other bytes)", path);
}

Weights::~Weights() {
  for (Part &part : parts) {
    destroy(part.memory);
    destroy(part.view);
    destroy(part.file);
  }
}

fathom_status_t Weights::openSegment(const artifact::Segment &segment, const ByteSource &source, const Places &places,
                                     bool copy, Part *part) {
  part->view = create<ByteView>();
  part->file = segment.external() ? create<ByteSource>() : nullptr;
  if (!part->view || (segment.external() && !part->file)) {
    return fail(FATHOM_STATUS_OUT_OF_RESOURCES, "not enough memory for the table of weight files");
  }
  if (!segment.external()) {
    return source.view(segment.offset(), segment.size(), copy, part->view);
  }
  char path[kLongestPath];
  if (!findShard(segment, places, path)) {
    if (places.directory) {
      return fail(FATHOM_STATUS_IO, "weight file '%s' is not in '%s', where weights_directory says they are",
                  segment.name()->c_str(), places.directory);
    }
    return fail(FATHOM_STATUS_IO,
                "weight file '%s' is neither in %s nor beside the artifact; say where it is: weights_directory of the "
                "model's options, --weights-directory of the command line",
                segment.name()->c_str(),
                segment.directory() && segment.directory()->size() ? segment.directory()->c_str()
                                                                   : "any recorded directory");
  }
  FATHOM_RETURN_IF_ERROR(part->file->openFile(path, 0));
  if (!fits(segment.offset(), segment.size(), part->file->size())) {
    return fail(FATHOM_STATUS_MISMATCH, "%s: expected at least %llu bytes, found %llu", path,
                static_cast<unsigned long long>(segment.offset() + segment.size()),
                static_cast<unsigned long long>(part->file->size()));
  }
  FATHOM_RETURN_IF_ERROR(checkFile(*part->file, segment, path));
  return part->file->view(segment.offset(), segment.size(), copy, part->view);
}

fathom_status_t Weights::verify(const artifact::Artifact &contents) const {
  for (uint32_t i = 0; i < parts.size(); ++i) {
    const artifact::Segment &segment = *contents.segments()->Get(i);
    flatbuffers::Optional<uint64_t> hash = segment.external() ? segment.contents_hash() : segment.hash();
    if (parts[i].view && hash && hash64(parts[i].view->data(), segment.size()) != *hash) {
      return fail(FATHOM_STATUS_MISMATCH, "%s '%s': the hash does not match the stored one; %s",
                  segment.external() ? "weight file" : "segment", segment.name()->c_str(),
                  segment.external() ? "its weights are not those the model was compiled with" : "the file is damaged");
    }
  }
  return FATHOM_STATUS_OK;
}

// Of other files maybe only the header has a hash: a check of their weights that was asked for cannot be made.
fathom_status_t Weights::requireHashes(const artifact::Artifact &contents) const {
  for (uint32_t i = 0; i < parts.size(); ++i) {
    const artifact::Segment &segment = *contents.segments()->Get(i);
    if (parts[i].view && segment.external() && !segment.contents_hash()) {
      return fail(FATHOM_STATUS_UNSUPPORTED,
                  "cannot verify the weights in '%s': the artifact has no hash to compare them with, because they stay "
                  "in the checkpoint's files; compile with --verify-weights, or --weights=pack, for that",
                  segment.name()->c_str());
    }
  }
  return FATHOM_STATUS_OK;
}

// What slices are in; only that.
fathom_status_t Weights::openSegments(const artifact::Artifact &contents, const artifact::Program &program,
                                      const ByteSource &source, const Places &places, bool copy) {
  for (const artifact::WeightSlice *slice : *program.weight_slices()) {
    const artifact::Segment &segment = *contents.segments()->Get(slice->segment());
    Part &part = parts[slice->segment()];
    if (!part.view) {
      FATHOM_RETURN_IF_ERROR(openSegment(segment, source, places, copy, &part));
      total += segment.size();
    }
  }
  return FATHOM_STATUS_OK;
}

// In pieces, so that whoever waits sees it go on.
fathom_status_t Weights::copy(const Part &part, uint64_t size, const fathom_model_options_t &options) {
  for (uint64_t done = 0; done < size;) {
    uint64_t piece = size - done < kPiece ? size - done : kPiece;
    FATHOM_RETURN_IF_ERROR(part.memory->upload(done, part.view->data() + done, piece));
    done += piece;
    copied += piece;
    // As an integer: a callback may return what the enum does not name.
    if (options.on_load && static_cast<int>(options.on_load(options.user, copied, total)) != FATHOM_CONTINUE) {
      return fail(FATHOM_STATUS_CANCELLED, "loading was cancelled after %llu of %llu bytes of weights",
                  static_cast<unsigned long long>(copied), static_cast<unsigned long long>(total));
    }
  }
  return FATHOM_STATUS_OK;
}

// A device that reads memory of the host reads files where they are mapped. Any other has a copy, and then nobody needs
// the file.
fathom_status_t Weights::place(const artifact::Segment &segment, const MemorySpace &space,
                               const fathom_model_options_t &options, Part *part) {
  part->address = space.device->adopt(space.code, part->view->data(), segment.size());
  if (part->address || segment.size() == 0) {
    return FATHOM_STATUS_OK;
  }
  part->memory = create<DeviceMemory>();
  if (part->memory) {
    part->memory->open(space);
  }
  if (!part->memory || !part->memory->grow(segment.size())) {
    return fail(space.device->outOfMemory, "the device '%s' has no memory for the %llu bytes of '%.64s'",
                space.device->name, static_cast<unsigned long long>(segment.size()), segment.name()->c_str());
  }
  FATHOM_RETURN_IF_ERROR(copy(*part, segment.size(), options));
  part->address = part->memory->address();
  destroy(part->view);
  destroy(part->file);
  part->view = nullptr;
  part->file = nullptr;
  return FATHOM_STATUS_OK;
}

fathom_status_t Weights::open(const artifact::Artifact &contents, const artifact::Program &program,
                              const ByteSource &source, const Places &places, const MemorySpace &space,
                              const fathom_model_options_t &options) {
  const auto &segments = *contents.segments();
  const auto &slices = *program.weight_slices();
  if (!parts.allocate(segments.size()) || !table.allocate(slices.size())) {
    return fail(FATHOM_STATUS_OUT_OF_RESOURCES, "not enough memory for a table of %u weights", slices.size());
  }
  FATHOM_RETURN_IF_ERROR(openSegments(contents, program, source, places, options.copy_weights != 0));
  bool wanted = options.verify_weights == FATHOM_VERIFY_ALWAYS ||
                (options.verify_weights == FATHOM_VERIFY_AUTO && total <= kCheapToVerify);
  FATHOM_RETURN_IF_ERROR(wanted ? verify(contents) : FATHOM_STATUS_OK);
  FATHOM_RETURN_IF_ERROR(options.verify_weights == FATHOM_VERIFY_ALWAYS ? requireHashes(contents) : FATHOM_STATUS_OK);
  for (uint32_t i = 0; i < segments.size(); ++i) {
    FATHOM_RETURN_IF_ERROR(parts[i].view ? place(*segments.Get(i), space, options, &parts[i]) : FATHOM_STATUS_OK);
  }
  for (uint32_t i = 0; i < slices.size(); ++i) {
    table[i] = parts[slices.Get(i)->segment()].address + slices.Get(i)->offset();
  }
  return FATHOM_STATUS_OK;
}

fathom_status_t Weights::checkStillWhole() const {
  for (const Part &part : parts) {
    if (part.file) {
      FATHOM_RETURN_IF_ERROR(part.file->checkStillWhole("a weight file"));
    }
  }
  return FATHOM_STATUS_OK;
}

} // namespace fathom::runtime
