// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// madvise() splits mappings where neighbors are advised of different things.

#include "tools/driver/ExpertPages.h"

#include "fathom/artifact_generated.h"

#include <string_view>
#include <sys/mman.h>

namespace fathom::driver {

static constexpr uint64_t kPage = 4096;

static uint64_t roundUp(uint64_t value) { return (value + kPage - 1) / kPage * kPage; }

bool countsExperts(const artifact::Weight &weight) {
  return weight.experts() > 0 && !weight.scale() &&
         weight.name()->string_view().find("down_proj") != std::string_view::npos;
}

/// Where a segment lies in memory; 0 if no mapping can be it, or more than one. A mapping begins with the page that the
/// segment begins in.
static uint64_t findSegment(const artifact::Segment &segment, const std::vector<Mapping> &mappings) {
  uint64_t inPage = segment.offset() % kPage, found = 0;
  for (const Mapping &mapping : mappings) {
    bool named = !segment.external() || mapping.name == segment.name()->string_view();
    if (mapping.isFile && named && mapping.end - mapping.start == roundUp(inPage + segment.size())) {
      if (found) {
        return 0;
      }
      found = mapping.start + inPage;
    }
  }
  return found;
}

ExpertPages::~ExpertPages() { joinAgain(); }

void ExpertPages::joinAgain() {
  for (auto [start, end] : ends) {
    madvise(reinterpret_cast<void *>(start), end - start, MADV_NORMAL);
  }
  ends.clear();
}

bool ExpertPages::add(uint64_t start, uint64_t end) {
  ends[roundUp(start)] = end / kPage * kPage;
  return roundUp(start) < end / kPage * kPage;
}

void ExpertPages::split(const fathom_model_info_t &info, const std::vector<Mapping> &mappings) {
  const artifact::Artifact &contents = *artifact::GetArtifact(info.metadata);
  const artifact::Program &program = *contents.variants()->Get(info.variant);
  std::vector<uint64_t> segments;
  for (const artifact::Segment *segment : *contents.segments()) {
    segments.push_back(findSegment(*segment, mappings));
  }
  for (const artifact::Weight *weight : *program.weights()) {
    for (uint32_t i = 0; countsExperts(*weight) && i < weight->slice_count(); ++i) {
      const artifact::WeightSlice &slice = *program.weight_slices()->Get(weight->first_slice() + i);
      uint64_t start = segments[slice.segment()] + slice.offset(), size = slice.size() / weight->experts();
      for (uint32_t expert = 0; expert < weight->experts(); ++expert, start += size) {
        if (!segments[slice.segment()] || !add(start, start + size)) {
          return joinAgain();
        }
      }
    }
  }
  // Neighbors of a kind would be one mapping again.
  bool odd = false;
  for (auto [start, end] : ends) {
    odd = !odd;
    if (madvise(reinterpret_cast<void *>(start), end - start, odd ? MADV_RANDOM : MADV_SEQUENTIAL) != 0) {
      return joinAgain();
    }
  }
}

uint64_t ExpertPages::countUsed(const std::vector<Mapping> &mappings) const {
  uint64_t used = 0;
  for (const Mapping &mapping : mappings) {
    auto expert = ends.find(mapping.start);
    used += expert != ends.end() && 2 * mapping.referenced >= expert->second - expert->first;
  }
  return used;
}

} // namespace fathom::driver
