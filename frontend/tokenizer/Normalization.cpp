// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Comparing a text with its normal form.

#include "frontend/tokenizer/Normalization.h"

#include "fathom/tokenizer_abi.h"

#include <cstdlib>
#include <utf8proc.h>

using llvm::StringRef;

namespace fathom::frontend {

static const utf8proc_uint8_t *bytesOf(StringRef text) {
  return reinterpret_cast<const utf8proc_uint8_t *>(text.data());
}

static bool isUnchanged(StringRef text) {
  utf8proc_uint8_t *normal = nullptr;
  utf8proc_ssize_t size = utf8proc_map(bytesOf(text), utf8proc_ssize_t(text.size()), &normal,
                                       utf8proc_option_t(UTF8PROC_STABLE | UTF8PROC_COMPOSE));
  bool same = size >= 0 && StringRef(reinterpret_cast<char *>(normal), size_t(size)) == text;
  free(normal);
  return same;
}

bool isNfc(StringRef text) {
  size_t start = 0;
  for (size_t at = 0; at < text.size();) {
    utf8proc_int32_t character = 0;
    utf8proc_ssize_t size = utf8proc_iterate(bytesOf(text) + at, utf8proc_ssize_t(text.size() - at), &character);
    if (size <= 0) {
      return false;
    }
    if (fathom_is_young_mark(uint32_t(character))) {
      // Nothing moves or composes across it.
      if (!isUnchanged(text.slice(start, at))) {
        return false;
      }
      start = at + size_t(size);
    }
    at += size_t(size);
  }
  return isUnchanged(text.drop_front(start));
}

} // namespace fathom::frontend
