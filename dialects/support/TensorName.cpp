// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Expanding patterns.

#include "dialects/support/TensorName.h"

#include <algorithm>

namespace fathom {

void expandPattern(llvm::StringRef pattern, int64_t layer, int64_t expert, std::string &out) {
  out.clear();
  while (!pattern.empty()) {
    if (pattern.consume_front("{layer}")) {
      out += std::to_string(layer);
    } else if (pattern.consume_front("{expert}")) {
      out += std::to_string(expert);
    } else {
      size_t text = std::min(pattern.find('{', 1), pattern.size());
      out.append(pattern.data(), text);
      pattern = pattern.drop_front(text);
    }
  }
}

} // namespace fathom
