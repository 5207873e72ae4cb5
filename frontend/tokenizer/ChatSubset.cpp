// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What Jinja2 has and chat templates do without.

#include "frontend/tokenizer/ChatSubset.h"

#include "llvm/ADT/STLExtras.h"

using llvm::StringRef;

namespace fathom::frontend {

/// Methods of Python's str, dict and list that the runtime does not have.
static constexpr StringRef kMissingMethods[] = {"casefold",     "encode",      "expandtabs", "fromkeys",  "isascii",
                                                "isidentifier", "isprintable", "istitle",    "maketrans", "swapcase",
                                                "translate",    "zfill",       "format_map"};
static constexpr StringRef kMissingFunctions[] = {"cycler", "joiner", "lipsum"};

bool isMissingMethod(StringRef name) { return llvm::is_contained(kMissingMethods, name); }

bool isMissingFunction(StringRef name) { return llvm::is_contained(kMissingFunctions, name); }

bool hasMissingField(StringRef text) {
  while (true) {
    auto [plain, rest] = text.split('{');
    if (rest.empty()) {
      return false;
    }
    if (rest.consume_front("{")) {
      text = rest;
      continue;
    }
    auto [field, behind] = rest.split('}');
    auto [name, specification] = field.split(':');
    // Fields of fields, and types of single characters and of a locale.
    if (field.contains('{') || name.ends_with("!a") || specification.ends_with("c") || specification.ends_with("n")) {
      return true;
    }
    text = behind;
  }
}

bool hasMissingConversion(StringRef text) {
  while (text.contains('%')) {
    text = text.split('%').second;
    text = text.starts_with("(") ? text.split(')').second : text;
    text = text.ltrim("0123456789.+- #");
    if (!text.empty() && StringRef("*ca").contains(text[0])) {
      return true;
    }
    text = text.drop_front(text.empty() ? 0 : 1);
  }
  return false;
}

} // namespace fathom::frontend
