// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Bytes of hostile files in messages.

#include "dialects/support/Escape.h"

#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/ConvertUTF.h"

namespace fathom {

/// Length of the valid UTF-8 sequence at the front of `bytes`, or 0.
static size_t sequenceLength(llvm::StringRef bytes) {
  const auto *first = reinterpret_cast<const llvm::UTF8 *>(bytes.begin());
  const auto *last = reinterpret_cast<const llvm::UTF8 *>(bytes.end());
  size_t length = llvm::getNumBytesForUTF8(*first);
  return length <= bytes.size() && llvm::isLegalUTF8Sequence(first, last) ? length : 0;
}

/// C0, DEL, C1 controls and the direction overrides: whatever could move a terminal's cursor or hide text.
static bool isControl(llvm::StringRef sequence) {
  if (sequence.size() == 1) {
    return static_cast<unsigned char>(sequence[0]) < 0x20 || sequence[0] == 0x7f;
  }
  bool c1 = sequence.size() == 2 && sequence[0] == '\xc2' && static_cast<unsigned char>(sequence[1]) < 0xa0;
  bool direction = sequence >= "\xe2\x80\xa8" && sequence <= "\xe2\x80\xae";
  bool isolate = sequence >= "\xe2\x81\xa6" && sequence <= "\xe2\x81\xa9";
  return c1 || direction || isolate;
}

std::string escape(llvm::StringRef bytes, size_t limit) {
  std::string out;
  while (!bytes.empty()) {
    size_t length = sequenceLength(bytes);
    bool print = length != 0 && !isControl(bytes.take_front(length));
    llvm::StringRef piece = bytes.take_front(length ? length : 1);
    std::string hidden;
    for (char c : print ? llvm::StringRef() : piece) {
      hidden += "\\x" + llvm::utohexstr(static_cast<unsigned char>(c), /*LowerCase=*/true, /*Width=*/2);
    }
    size_t added = print ? piece.size() : hidden.size();
    if (out.size() + added > limit) {
      return out + "...";
    }
    out += print ? piece.str() : hidden;
    bytes = bytes.drop_front(piece.size());
  }
  return out;
}

std::string quotePath(llvm::StringRef path) { return "'" + escape(path, 300) + "'"; }

} // namespace fathom
