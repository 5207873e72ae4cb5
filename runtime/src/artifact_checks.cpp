// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The meaning of an artifact's metadata: a FlatBuffer that verifies may still point anywhere and say anything.

#include "runtime/src/artifact_reader.h"
#include "runtime/src/command_checks.h"
#include "runtime/src/functions.h"
#include "runtime/src/memory.h"
#include "runtime/src/module_checks.h"
#include "runtime/src/stores.h"

#include <float.h>
#include <string.h>

namespace fathom::runtime {

namespace {
using U64 = unsigned long long;
} // namespace

static constexpr uint32_t kMostSegments = 4096;
static constexpr uint32_t kMostEntryPoints = 256;
static constexpr uint32_t kMostStores = FATHOM_MOST_STORES;
static constexpr uint32_t kLargestDimension = FATHOM_LARGEST_DIMENSION;
static constexpr uint32_t kMostRows = FATHOM_MOST_ROWS;
static constexpr uint64_t kLargestMemory = uint64_t(1) << 44;

static bool isPlainFileName(const flatbuffers::String &name) {
  return name.size() > 0 && name.size() < 256 && strlen(name.c_str()) == name.size() && !strchr(name.c_str(), '/') &&
         strcmp(name.c_str(), ".") != 0 && strcmp(name.c_str(), "..") != 0;
}

static void checkModel(const artifact::Artifact &contents, Findings &findings) {
  const artifact::Model &model = *contents.model();
  auto dimension = [&](const char *name, uint32_t value) {
    findings.require(value > 0 && value <= kLargestDimension, "model.%s is %u, expected 1 to %u", name, value,
                     kLargestDimension);
  };
  dimension("vocabulary", model.vocabulary());
  dimension("hidden", model.hidden());
  dimension("layers", model.layers());
  dimension("max_context", model.max_context());
  auto token = [&](const char *name, int32_t value, int32_t least) {
    findings.require(value >= least && value < static_cast<int64_t>(model.vocabulary()),
                     "model.%s is %d, but the vocabulary has %u tokens", name, value, model.vocabulary());
  };
  token("bos_token", model.bos_token(), -1);
  if (model.eos_tokens()) {
    for (int32_t eos : *model.eos_tokens()) {
      token("eos_tokens", eos, 0);
    }
  }
}

static void checkSampling(const artifact::Model &model, Findings &findings) {
  auto number = [&](const char *name, flatbuffers::Optional<float> value, float low, float high) {
    float said = value.value_or(low);
    findings.require(said >= low && said <= high, "model.%s is %g, expected %g to %g", name, static_cast<double>(said),
                     static_cast<double>(low), static_cast<double>(high));
  };
  number("temperature", model.temperature(), 0, FLT_MAX);
  number("top_p", model.top_p(), 0, 1);
  number("min_p", model.min_p(), 0, 1);
  number("repetition_penalty", model.repetition_penalty(), FLT_MIN, FLT_MAX);
  findings.require(model.top_k().value_or(0) >= 0, "model.top_k is %d, expected 0 or more", model.top_k().value_or(0));
}

/// Whether rows are of numbers that this runtime knows, and only those of FP8 end in others.
static bool isFormat(const artifact::Store &store) {
  return store.element() <= artifact::StoreElement::f8e4m3 &&
         (store.tail() == 0 || (store.element() == artifact::StoreElement::f8e4m3 && store.tail() < store.width()));
}

/// Bytes of a store in a page; 0, which no store has, where they overflow.
static uint64_t storeBytes(const artifact::Store &store) {
  uint64_t heads, rows, bytes;
  bool good = isFormat(store) && multiply(store.layers(), store.heads(), &heads) &&
              multiply(heads, FATHOM_PAGE_TOKENS, &rows) && multiply(rows, rowBytes(store), &bytes);
  return good ? bytes : 0;
}

static void checkStore(const artifact::Store &store, uint64_t page, Findings &findings) {
  const char *name = store.name()->c_str();
  uint64_t bytes = storeBytes(store);
  findings.require(store.layers() <= kLargestDimension && store.heads() <= kLargestDimension &&
                       store.width() <= kLargestDimension && (bytes > 0 || !isFormat(store)),
                   "store '%.32s' has %u layers of %u x %u values, expected 1 to %u of each", name, store.layers(),
                   store.heads(), store.width(), kLargestDimension);
  findings.require(store.element() <= artifact::StoreElement::f8e4m3, "store '%.32s' has elements of unknown type %d",
                   name, static_cast<int>(store.element()));
  findings.require(isFormat(store) || store.element() > artifact::StoreElement::f8e4m3,
                   "store '%.32s' has a tail of %u of %u values, expected 0, or less than all of f8e4m3", name,
                   store.tail(), store.width());
  findings.require(store.stride() == 1 && store.window() == 0,
                   "store '%.32s' has stride %u and window %u, but this runtime keeps one row per position", name,
                   store.stride(), store.window());
  findings.require(store.offset() % 64 == 0 && fits(store.offset(), bytes, page),
                   "store '%.32s': %llu bytes at offset %llu exceed the %llu bytes of a page", name,
                   static_cast<U64>(bytes), static_cast<U64>(store.offset()), static_cast<U64>(page));
}

static void checkCache(const artifact::Artifact &contents, Findings &findings) {
  uint64_t page = contents.cache()->page_bytes();
  const auto &stores = *contents.cache()->stores();
  findings.require(page > 0 && page <= kLargestMemory, "cache.page_bytes is %llu, expected 1 to %llu",
                   static_cast<U64>(page), static_cast<U64>(kLargestMemory));
  findings.require(stores.size() > 0 && stores.size() <= kMostStores, "%u stores, expected 1 to %u", stores.size(),
                   kMostStores);
  for (uint32_t i = 0; i < stores.size() && i < kMostStores; ++i) {
    const artifact::Store &store = *stores.Get(i);
    checkStore(store, page, findings);
    for (uint32_t j = 0; j < i; ++j) {
      const artifact::Store &other = *stores.Get(j);
      findings.require(areApart(store.offset(), storeBytes(store), other.offset(), storeBytes(other)),
                       "stores %u and %u overlap", j, i);
    }
  }
}

static void checkSegment(const artifact::Segment &segment, uint32_t index, const fathom_artifact_header_t &header,
                         Findings &findings) {
  U64 offset = segment.offset(), size = segment.size();
  uint64_t end;
  if (segment.external()) {
    findings.require(isPlainFileName(*segment.name()), "segment %u: '%.64s' is not a plain file name", index,
                     segment.name()->c_str());
    findings.require(!__builtin_add_overflow(segment.offset(), segment.size(), &end) && end <= INT64_MAX,
                     "segment %u: %llu bytes at offset %llu exceed the size of any file", index, size, offset);
    findings.require(segment.head_bytes().value_or(0) <= segment.size(),
                     "segment %u: its head has more bytes than the %llu of the file", index, size);
    return;
  }
  findings.require(offset % FATHOM_SEGMENT_ALIGNMENT == 0, "segment %u: offset %llu is not a multiple of %d", index,
                   offset, FATHOM_SEGMENT_ALIGNMENT);
  findings.require(offset >= sizeof(header) + header.metadata_size, "segment %u: offset %llu lies in the metadata",
                   index, offset);
  findings.require(fits(offset, size, header.total_size),
                   "segment %u: %llu bytes at offset %llu exceed the %llu bytes of the artifact", index, size, offset,
                   static_cast<U64>(header.total_size));
}

static void checkSegments(const artifact::Artifact &contents, const fathom_artifact_header_t &header,
                          Findings &findings) {
  const auto &segments = *contents.segments();
  findings.require(segments.size() <= kMostSegments, "%u segments, expected at most %u", segments.size(),
                   kMostSegments);
  if (segments.size() > kMostSegments) {
    return;
  }
  for (uint32_t i = 0; i < segments.size(); ++i) {
    const artifact::Segment &segment = *segments.Get(i);
    checkSegment(segment, i, header, findings);
    for (uint32_t j = 0; j < i && !segment.external(); ++j) {
      const artifact::Segment &other = *segments.Get(j);
      findings.require(other.external() || areApart(segment.offset(), segment.size(), other.offset(), other.size()),
                       "segments %u and %u overlap", j, i);
    }
  }
}

static void checkCode(const artifact::Artifact &contents, const artifact::Program &program, Findings &findings) {
  const artifact::Code &code = *program.code();
  bool inside = code.segment() < contents.segments()->size();
  findings.require(inside, "code.segment is %u, but there are %u segments", code.segment(),
                   contents.segments()->size());
  if (inside) {
    const artifact::Segment &segment = *contents.segments()->Get(code.segment());
    findings.require(!segment.external(), "code.segment is in another file");
    checkModules(segment, program, findings);
  }
  findings.require(code.scratch_bytes() <= kLargestMemory >> 12, "code.scratch_bytes is %llu, expected at most %llu",
                   static_cast<U64>(code.scratch_bytes()), static_cast<U64>(kLargestMemory >> 12));
}

// Every number of rows from 1 to the largest must have an entry point, one that can give logits.
static void checkRowsServed(const artifact::Program &program, artifact::Form form, Findings &findings) {
  auto serves = [form](const artifact::EntryPoint &entry) {
    return entry.logits() && !entry.hidden() && entry.form() == form;
  };
  uint32_t most = 0;
  for (const artifact::EntryPoint *entry : *program.entry_points()) {
    if (serves(*entry) && entry->max_rows() > most) {
      most = entry->max_rows();
    }
  }
  findings.require(most > 0, "no entry point of the %s form gives logits", EnumNameForm(form));
  for (uint32_t row = 1; row <= most;) {
    uint32_t reached = 0;
    for (const artifact::EntryPoint *entry : *program.entry_points()) {
      if (serves(*entry) && entry->min_rows() <= row && entry->max_rows() >= row && entry->max_rows() > reached) {
        reached = entry->max_rows();
      }
    }
    findings.require(reached > 0, "no entry point of the %s form accepts %u rows", EnumNameForm(form), row);
    if (reached == 0) {
      return;
    }
    row = reached + 1;
  }
}

// Rows in layers beyond the model's own are saved as those of a draft, and no others are.
static void checkDraftRows(const artifact::Artifact &contents, bool drafts, Findings &findings) {
  uint32_t layers = contents.model()->layers();
  for (const artifact::Store *store : *contents.cache()->stores()) {
    findings.require((store->layers() > layers) == drafts, "store '%.32s' has %u layers and the model %u, expected %s",
                     store->name()->c_str(), store->layers(), layers,
                     drafts ? "more, as there is a draft" : "no more, as there is no draft");
  }
}

// A session with a draft takes every call's hidden states, and drafts any number of rows up to the largest.
static void checkDraft(const artifact::Artifact &contents, const artifact::Program &program, Findings &findings) {
  uint32_t drafts[2] = {}, silent = 0; // drafts without and with logits; entry points that give no hidden states
  for (const artifact::EntryPoint *entry : *program.entry_points()) {
    silent += !entry->hidden_out();
    if (!entry->hidden()) {
      continue;
    }
    ++drafts[entry->logits()];
    findings.require(entry->form() == artifact::Form::absorbed && entry->min_rows() == 1,
                     "draft '%.32s' is of the %s form and accepts %u rows or more, expected absorbed, and 1",
                     entry->name()->c_str(), EnumNameForm(entry->form()), entry->min_rows());
  }
  checkDraftRows(contents, drafts[0] + drafts[1] > 0, findings);
  if (drafts[0] + drafts[1] == 0) {
    return;
  }
  findings.require(drafts[1] == 1 && drafts[0] <= 1,
                   "%u drafts with logits and %u without, expected one, and at most one", drafts[1], drafts[0]);
  findings.require(silent == 0, "%u entry points give no hidden states, but there is a draft", silent);
}

static void checkEntryPoints(const artifact::Artifact &contents, const artifact::Program &program, Findings &findings) {
  const auto &entries = *program.entry_points();
  findings.require(entries.size() <= kMostEntryPoints, "%u entry points, expected at most %u", entries.size(),
                   kMostEntryPoints);
  if (entries.size() > kMostEntryPoints) {
    return;
  }
  bool ranges = true;
  for (uint32_t i = 0; i < entries.size(); ++i) {
    const artifact::EntryPoint &entry = *entries.Get(i);
    bool range = entry.min_rows() >= 1 && entry.min_rows() <= entry.max_rows() && entry.max_rows() <= kMostRows;
    ranges &= range;
    findings.require(range, "entry point %u ('%.32s') accepts %u to %u rows, expected a range within 1 to %u", i,
                     entry.name()->c_str(), entry.min_rows(), entry.max_rows(), kMostRows);
    uint32_t positions = entry.max_positions(), context = contents.model()->max_context();
    findings.require(
        positions == 0 || (positions <= context && entry.form() == artifact::Form::expanded),
        "entry point %u ('%.32s') of the %s form takes positions below %u, expected all of them, or in the "
        "expanded form at most %u",
        i, entry.name()->c_str(), EnumNameForm(entry.form()), positions, context);
    findings.require(entry.arena_bytes() <= kLargestMemory,
                     "entry point %u needs an arena of %llu bytes, more than is supported", i,
                     static_cast<U64>(entry.arena_bytes()));
  }
  checkDraft(contents, program, findings);
  // Counts up from one range to the next, which ends if they are ranges.
  if (ranges) {
    checkRowsServed(program, artifact::Form::expanded, findings);
    checkRowsServed(program, artifact::Form::absorbed, findings);
  }
}

// Experts of a slice have equal parts of it.
static void checkExperts(const artifact::Weight &weight,
                         const flatbuffers::Vector<const artifact::WeightSlice *> &slices, Findings &findings) {
  uint32_t experts = weight.experts();
  bool inside = fits(weight.first_slice(), weight.slice_count(), slices.size());
  for (uint32_t i = 0; inside && experts > 0 && i < weight.slice_count(); ++i) {
    uint64_t size = slices.Get(weight.first_slice() + i)->size();
    findings.require(size % experts == 0, "weight '%.64s': slice %u of %llu bytes is not that of %u equal experts",
                     weight.name()->c_str(), i, static_cast<U64>(size), experts);
  }
}

static void checkWeights(const artifact::Artifact &contents, const artifact::Program &program, Findings &findings) {
  const auto &slices = *program.weight_slices();
  if (!isAligned(slices)) {
    findings.require(false, "weight_slices is not aligned");
    return;
  }
  for (uint32_t i = 0; i < slices.size(); ++i) {
    const artifact::WeightSlice &slice = *slices.Get(i);
    bool inside = slice.segment() < contents.segments()->size();
    findings.require(inside, "weight slice %u: segment is %u, but there are %u segments", i, slice.segment(),
                     contents.segments()->size());
    if (inside) {
      const artifact::Segment &segment = *contents.segments()->Get(slice.segment());
      uint64_t limit = segment.size();
      // A checkpoint puts its tensors where it likes.
      findings.require(segment.external() || slice.offset() % FATHOM_MEMORY_ALIGNMENT == 0,
                       "weight slice %u: offset %llu is not a multiple of %d", i, static_cast<U64>(slice.offset()),
                       FATHOM_MEMORY_ALIGNMENT);
      findings.require(fits(slice.offset(), slice.size(), limit),
                       "weight slice %u: %llu bytes at offset %llu exceed the %llu bytes of its segment", i,
                       static_cast<U64>(slice.size()), static_cast<U64>(slice.offset()), static_cast<U64>(limit));
    }
  }
  for (uint32_t i = 0; i < program.weights()->size(); ++i) {
    const artifact::Weight &weight = *program.weights()->Get(i);
    findings.require(fits(weight.first_slice(), weight.slice_count(), slices.size()),
                     "weight '%.64s': %u slices from index %u exceed the table of %u slices", weight.name()->c_str(),
                     weight.slice_count(), weight.first_slice(), slices.size());
    checkExperts(weight, slices, findings);
    bool isShapeAligned = weight.shape() && isAligned(*weight.shape());
    findings.require(isShapeAligned || !weight.shape(), "weight '%.64s': its shape is not aligned",
                     weight.name()->c_str());
    for (uint32_t d = 0; isShapeAligned && d < weight.shape()->size(); ++d) {
      findings.require(weight.shape()->Get(d) >= 0, "weight '%.64s': dimension %u is negative", weight.name()->c_str(),
                       d);
    }
  }
}

static void checkBuffers(const artifact::Program &program, Findings &findings) {
  for (uint32_t i = 0; program.buffers() && i < program.buffers()->size(); ++i) {
    const artifact::Buffer &buffer = *program.buffers()->Get(i);
    findings.require(fits(buffer.offset(), buffer.size(), kLargestMemory),
                     "buffer %u: %llu bytes at offset %llu exceed the largest arena", i,
                     static_cast<U64>(buffer.size()), static_cast<U64>(buffer.offset()));
  }
}

/// Whether programs have functions in the place of a language model: all of them, or none.
static bool isOfFunctions(const artifact::Artifact &contents, Findings &findings) {
  uint32_t with = 0;
  for (const artifact::Program *program : *contents.variants()) {
    with += hasFunctions(*program);
  }
  findings.require(with == 0 || (with == contents.variants()->size() && contents.cache()->stores()->size() == 0),
                   "%u of %u variants have named functions, and there are %u stores, expected all of them, and none",
                   with, contents.variants()->size(), contents.cache()->stores()->size());
  return with > 0;
}

static void checkProgram(const artifact::Artifact &contents, const artifact::Program &program, Findings &findings) {
  checkCode(contents, program, findings);
  hasFunctions(program) ? void() : checkEntryPoints(contents, program, findings);
  checkFunctions(program, findings);
  checkWeights(contents, program, findings);
  checkBuffers(program, findings);
  checkCommands(contents, program, findings);
}

fathom_status_t checkArtifact(const artifact::Artifact &contents, const fathom_artifact_header_t &header) {
  Findings findings;
  if (!isOfFunctions(contents, findings)) {
    checkModel(contents, findings);
    checkSampling(*contents.model(), findings);
    checkCache(contents, findings);
  }
  checkSegments(contents, header, findings);
  uint32_t variants = contents.variants()->size();
  findings.require(variants > 0 && variants <= FATHOM_MOST_VARIANTS, "%u variants, expected 1 to %d", variants,
                   FATHOM_MOST_VARIANTS);
  for (uint32_t i = 0; i < variants && i < FATHOM_MOST_VARIANTS; ++i) {
    findings.enter(i, variants);
    checkProgram(contents, *contents.variants()->Get(i), findings);
  }
  return findings.status();
}

} // namespace fathom::runtime
