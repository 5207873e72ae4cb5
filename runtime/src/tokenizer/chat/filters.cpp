// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Jinja's filters by name, and what they are given.

#include "fathom/tokenizer_abi.h"
#include "runtime/src/tokenizer/chat/library.h"
#include "runtime/src/tokenizer/chat/operators.h"

#include <algorithm>
#include <iterator>

namespace fathom::tokenizer::chat {

Value argument(Run &, const Arguments &arguments, uint32_t place, std::string_view name) {
  if (place < arguments.count) {
    return arguments.positional[place];
  }
  for (uint32_t i = 0; i < arguments.keywordCount; ++i) {
    if (arguments.keywords[i].key.toText().view() == name) {
      return arguments.keywords[i].value;
    }
  }
  return Value();
}

int64_t integerArgument(Run &run, const Arguments &arguments, uint32_t place, std::string_view name,
                        int64_t otherwise) {
  Value value = argument(run, arguments, place, name);
  if (value.isUndefined() || value.is(Type::None)) {
    return otherwise;
  }
  if (!value.isIntegral()) {
    run.fail("expected an integer for '%.*s', found '%s'", int(name.size()), name.data(), typeName(value));
    return otherwise;
  }
  return value.toInteger();
}

namespace filters {
#define FATHOM_FILTER(name, function) Value function(Run &run, const Value &value, const Arguments &arguments);
FATHOM_CHAT_FILTERS(FATHOM_FILTER)
#undef FATHOM_FILTER
} // namespace filters

namespace {
struct NamedFilter {
  std::string_view name;
  Filter filter;
};
} // namespace

#define FATHOM_FILTER(name, function) {name, filters::function},
static constexpr NamedFilter kFilters[] = {FATHOM_CHAT_FILTERS(FATHOM_FILTER)};
#undef FATHOM_FILTER
#define FATHOM_NAME(name) name,
static constexpr std::string_view kMissing[] = {FATHOM_CHAT_MISSING_FILTERS(FATHOM_NAME)};
#undef FATHOM_NAME

Filter filterAt(uint32_t place) { return place < std::size(kFilters) ? kFilters[place].filter : nullptr; }

void failUnknown(Run &run, const char *what, const Text &name, const std::string_view *missing, size_t count) {
  int size = int(name.size > 80 ? 80 : name.size);
  if (std::find(missing, missing + count, name.view()) != missing + count) {
    run.failAs(Failure::Unsupported, "the %s '%.*s' is not supported in chat templates", what, size, name.data);
  } else {
    run.fail("No %s named '%.*s'.", what, size, name.data);
  }
}

Filter findFilter(Run &run, const Value &name) {
  Text wanted = toText(run, name);
  for (const NamedFilter &named : kFilters) {
    if (named.name == wanted.view()) {
      return named.filter;
    }
  }
  failUnknown(run, "filter", wanted, kMissing, std::size(kMissing));
  return nullptr;
}

} // namespace fathom::tokenizer::chat
