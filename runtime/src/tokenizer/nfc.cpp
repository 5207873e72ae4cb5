// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Normalization form C. utf8proc knows the mappings; the ordering of marks is done here, because utf8proc's
// own takes quadratic time on a text of a million marks.

#include "fathom/tokenizer_abi.h"
#include "runtime/src/tokenizer/unicode.h"

#include <algorithm>
#include <utf8proc.h>

namespace fathom::tokenizer {

/// Every character below is its own normalization form C and composes with none before it.
static constexpr uint32_t kFirstThatMatters = 0x300;

/// Longest canonical decomposition of one character (Unicode's bound is 4; utf8proc asks for room).
static constexpr int kDecompositionRoom = 8;

namespace {
/// A decomposed character with its place, so that sorting by class keeps the order of equals.
struct Mark {
  utf8proc_int32_t character;
  uint32_t order;
  uint16_t combiningClass;
};
} // namespace

static uint16_t combiningClass(utf8proc_int32_t character) {
  return uint16_t(utf8proc_get_property(character)->combining_class);
}

static bool decompose(std::string_view text, Buffer<utf8proc_int32_t> &out) {
  for (size_t at = 0; at < text.size();) {
    Character c = decode(text, at);
    at += c.size;
    utf8proc_int32_t parts[kDecompositionRoom];
    int lastBoundClass = 0;
    utf8proc_ssize_t count = utf8proc_decompose_char(utf8proc_int32_t(c.value), parts, kDecompositionRoom,
                                                     UTF8PROC_DECOMPOSE, &lastBoundClass);
    bool mapped = count > 0 && count <= kDecompositionRoom;
    utf8proc_int32_t self = utf8proc_int32_t(c.value);
    if (!out.append(mapped ? parts : &self, mapped ? size_t(count) : 1)) {
      return false;
    }
  }
  return true;
}

/// Sorts the marks in [first, last) by combining class, equals in their order.
static bool sortRun(Buffer<utf8proc_int32_t> &text, size_t first, size_t last, Buffer<Mark> &room) {
  room.clear();
  bool sorted = true;
  for (size_t i = first; i < last; ++i) {
    Mark mark{text[i], uint32_t(i), combiningClass(text[i])};
    sorted = sorted && (room.empty() || room[room.size() - 1].combiningClass <= mark.combiningClass);
    if (!room.push(mark)) {
      return false;
    }
  }
  if (sorted) {
    return true;
  }
  std::sort(room.begin(), room.end(), [](const Mark &a, const Mark &b) {
    return a.combiningClass != b.combiningClass ? a.combiningClass < b.combiningClass : a.order < b.order;
  });
  for (size_t i = 0; i < room.size(); ++i) {
    text[first + i] = room[i].character;
  }
  return true;
}

static bool orderMarks(Buffer<utf8proc_int32_t> &text) {
  Buffer<Mark> room;
  for (size_t at = 0; at < text.size();) {
    size_t first = at;
    while (at < text.size() && combiningClass(text[at]) != 0) {
      ++at;
    }
    if (at - first > 1 && !sortRun(text, first, at, room)) {
      return false;
    }
    at += at == first ? 1 : 0;
  }
  return true;
}

static bool appendUtf8(const utf8proc_int32_t *text, size_t count, Buffer<char> &out) {
  for (size_t i = 0; i < count; ++i) {
    utf8proc_uint8_t bytes[4];
    utf8proc_ssize_t size = utf8proc_encode_char(text[i], bytes);
    if (!out.append(reinterpret_cast<const char *>(bytes), size_t(size))) {
      return false;
    }
  }
  return true;
}

/// Normalizes well-formed text.
static bool normalizeValid(std::string_view text, Buffer<char> &out) {
  Buffer<utf8proc_int32_t> characters;
  if (!decompose(text, characters) || !orderMarks(characters)) {
    return false;
  }
  utf8proc_ssize_t composed = utf8proc_normalize_utf32(characters.data(), utf8proc_ssize_t(characters.size()),
                                                       utf8proc_option_t(UTF8PROC_STABLE | UTF8PROC_COMPOSE));
  return composed >= 0 && appendUtf8(characters.data(), size_t(composed), out);
}

/// The end of the text from `at` on that is normalized together, and whether any of it may change.
static size_t partEnd(std::string_view text, size_t at, bool &matters) {
  matters = false;
  while (at < text.size()) {
    Character c = decode(text, at);
    if (c.value == kInvalid || (c.value >= kFirstThatMatters && fathom_is_young_mark(c.value))) {
      break;
    }
    matters = matters || c.value >= kFirstThatMatters;
    at += c.size;
  }
  return at;
}

bool normalizeNfc(std::string_view text, Buffer<char> &out) {
  for (size_t at = 0; at < text.size();) {
    bool matters = false;
    size_t end = partEnd(text, at, matters);
    std::string_view part = text.substr(at, end - at);
    if (matters ? !normalizeValid(part, out) : !out.append(part.data(), part.size())) {
      return false;
    }
    // What ended the part, if it was not the end of the text.
    size_t barrier = end < text.size() ? decode(text, end).size : 0;
    if (!out.append(text.data() + end, barrier)) {
      return false;
    }
    at = end + barrier;
  }
  return true;
}

} // namespace fathom::tokenizer
