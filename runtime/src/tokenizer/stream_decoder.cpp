// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Decoding as a stream.

#include "runtime/src/tokenizer/tokenizer.h"
#include "runtime/src/tokenizer/unicode.h"

namespace fathom::tokenizer {

static constexpr std::string_view kReplacement = "\xEF\xBF\xBD";

/// Moves what is decided from `pending` to `out`; without `atEnd`, a character that more bytes may complete stays.
bool StreamDecoder::drain(Buffer<char> &out, bool atEnd) {
  std::string_view text = view(pending);
  size_t at = 0;
  while (at < text.size()) {
    Character c = decode(text, at);
    std::string_view shown = text.substr(at, c.size);
    size_t used = c.size;
    if (c.value == kInvalid) {
      bool incomplete = false;
      used = invalidPrefix(text.substr(at), incomplete);
      if (incomplete && !atEnd) {
        break;
      }
      shown = kReplacement;
    }
    if (!out.append(shown.data(), shown.size())) {
      return false;
    }
    at += used;
  }
  std::memmove(pending.data(), pending.data() + at, text.size() - at);
  pending.truncate(text.size() - at);
  return true;
}

Status StreamDecoder::feed(int32_t id, Buffer<char> &out) {
  if (!tokenizer.contains(id)) {
    return Status::UnknownToken;
  }
  if (skipSpecial && tokenizer.isSpecial(id)) {
    return Status::Ok;
  }
  std::string_view bytes = tokenizer.bytes(id);
  bool ok = bytes.empty() || (pending.append(bytes.data(), bytes.size()) && drain(out, false));
  return ok ? Status::Ok : Status::OutOfMemory;
}

Status StreamDecoder::finish(Buffer<char> &out) {
  return pending.empty() || drain(out, true) ? Status::Ok : Status::OutOfMemory;
}

} // namespace fathom::tokenizer
