// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What Jinja2 has and chat templates do without.

#include "frontend/tokenizer/ChatSubset.h"

#include "fathom/tokenizer_abi.h"
#include "llvm/ADT/STLExtras.h"

using llvm::StringRef;

namespace fathom::frontend {

#define FATHOM_NAME(name) name,
static constexpr StringRef kMissingFilters[] = {FATHOM_CHAT_MISSING_FILTERS(FATHOM_NAME)};
static constexpr StringRef kMissingTests[] = {FATHOM_CHAT_MISSING_TESTS(FATHOM_NAME)};
static constexpr StringRef kMissingMethods[] = {FATHOM_CHAT_MISSING_METHODS(FATHOM_NAME)};
#undef FATHOM_NAME
static constexpr StringRef kMissingFunctions[] = {"cycler", "joiner", "lipsum"};

bool isMissingFilter(StringRef name) { return llvm::is_contained(kMissingFilters, name); }

bool isMissingTest(StringRef name) { return llvm::is_contained(kMissingTests, name); }

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
