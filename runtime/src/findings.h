// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What checks of an artifact's metadata find.

#ifndef FATHOM_RUNTIME_SRC_FINDINGS_H
#define FATHOM_RUNTIME_SRC_FINDINGS_H

#include "fathom/artifact_generated.h"
#include "runtime/src/status.h"

#include <stdarg.h>
#include <stdio.h>
#include <type_traits>

namespace fathom::runtime {

/// Collects what is wrong, the first few in words.
class Findings {
public:
  [[gnu::format(printf, 3, 4)]] void require(bool good, const char *format, ...) {
    if (good || ++count > 8) {
      return;
    }
    char text[256];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof(text), format, arguments);
    va_end(arguments);
    auto *add = count == 1 ? fail : failAlso;
    add(FATHOM_STATUS_BAD_DATA, "%sartifact metadata: %s%s", count == 1 ? "" : "\n", where, text);
  }

  /// From here on what is found is about variant |index| of |variants|.
  void enter(uint32_t index, uint32_t variants) {
    where[0] = 0;
    if (variants > 1) {
      snprintf(where, sizeof(where), "variant %u: ", index);
    }
  }

  bool any() const { return count > 0; }

  fathom_status_t status() const {
    if (count > 8) {
      failAlso(FATHOM_STATUS_BAD_DATA, "\nand %d more", count - 8);
    }
    return count ? FATHOM_STATUS_BAD_DATA : FATHOM_STATUS_OK;
  }

private:
  int count = 0;
  char where[32] = "";
};

/// The FlatBuffers verifier looks at the alignment of a vector's length only. What is empty is not read.
template <class Element>
bool isAligned(const flatbuffers::Vector<Element> &vector) {
  constexpr size_t alignment = alignof(std::remove_pointer_t<Element>);
  return vector.size() == 0 || reinterpret_cast<uintptr_t>(vector.Data()) % alignment == 0;
}

} // namespace fathom::runtime

#endif // FATHOM_RUNTIME_SRC_FINDINGS_H
