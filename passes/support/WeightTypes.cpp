// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Names of weight types and roles.

#include "passes/support/WeightTypes.h"

#include "llvm/ADT/StringExtras.h"

using namespace llvm;

namespace fathom {

static constexpr StringLiteral kTypes[] = {"keep", "bf16", "f8", "q8"};
static constexpr StringLiteral kRoles[] = {"mlp", "experts", "head", "attention"};

static Expected<size_t> findName(StringRef name, ArrayRef<StringLiteral> names) {
  const StringLiteral *found = find(names, name);
  return found != names.end() ? Expected<size_t>(found - names.begin())
                              : createStringError("expected one of " + join(names, "|") + ", but got '" + name + "'");
}

/// "type" for all, or "role=type".
static Error parsePart(StringRef part, bool isFirst, WeightTypes &result) {
  auto [role, name] = part.contains('=') ? part.split('=') : std::pair(StringRef(), part);
  Expected<size_t> type = findName(name, kTypes);
  if (!type) {
    return type.takeError();
  }
  if (!part.contains('=')) {
    result.types.fill(WeightType(*type));
    return isFirst ? Error::success()
                   : createStringError("a type for all weights comes first, but '" + part + "' comes later");
  }
  Expected<size_t> index = findName(role, kRoles);
  if (!index) {
    return index.takeError();
  }
  result.types[*index] = WeightType(*type);
  return Error::success();
}

Expected<WeightTypes> parseWeightTypes(StringRef text) {
  SmallVector<StringRef> parts;
  text.split(parts, ',');
  WeightTypes result;
  for (StringRef part : parts) {
    if (Error error = parsePart(part, part.data() == text.data(), result)) {
      return std::move(error);
    }
  }
  return result;
}

} // namespace fathom
