// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Fuzzes the JSON reader. Beyond not crashing: whatever it accepts, skipping must accept and LLVM's parser too.

#include "frontend/checkpoint/Json.h"

#include "llvm/Support/JSON.h"

#include <cstdlib>

using namespace fathom::checkpoint;

/// Touches every value below `value`; returns how many there are.
static size_t walk(json::Value value) {
  size_t count = 1 + (value.where().size() & 0);
  (void)value.integer();
  (void)value.number();
  for (json::Value element : value.elements()) {
    count += walk(element);
  }
  for (auto [key, member] : value.members()) {
    if (!value.find(key)) {
      std::abort();
    }
    count += walk(member);
  }
  return count;
}

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  llvm::StringRef text(reinterpret_cast<const char *>(data), size);
  json::Document document;
  json::SyntaxError error;
  if (!document.parse(text, error)) {
    return error.line == 0 || error.message.empty() ? (std::abort(), 0) : 0;
  }
  walk(document.root());
  json::Reader reader(text);
  if (!reader.skipValue() || !reader.finish()) {
    std::abort();
  }
  // Depth is bounded by now, which LLVM's parser needs.
  llvm::Expected<llvm::json::Value> other = llvm::json::parse(text);
  if (!other) {
    std::abort();
  }
  return 0;
}
