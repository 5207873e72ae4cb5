// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Format specifications, and texts in them.

#include "runtime/src/tokenizer/chat/format.h"

#include "runtime/src/tokenizer/chat/text.h"

namespace fathom::tokenizer::chat {

static constexpr int kMostPrecision = 100;

bool takeNumber(std::string_view &text, int64_t most, int64_t &out) {
  for (out = 0; !text.empty() && isOneOf(text[0], "0123456789") && out <= most; text.remove_prefix(1)) {
    out = out * 10 + (text[0] - '0');
  }
  return out <= most;
}

bool takePrecision(std::string_view &text, Spec &spec) {
  if (text.empty() || text[0] != '.') {
    return true;
  }
  text.remove_prefix(1);
  int64_t digits = 0;
  bool ok = takeNumber(text, kMostPrecision, digits);
  spec.precision = int(digits);
  return ok;
}

char takeOneOf(std::string_view &text, std::string_view characters) {
  char c = text.empty() || !isOneOf(text[0], characters) ? '\0' : text[0];
  text.remove_prefix(c == '\0' ? 0 : 1);
  return c;
}

/// What is wrong where a specification was not read to its end.
static bool failSpec(Run &run, const Text &text, bool precise, std::string_view rest) {
  if (!precise || rest == "c" || rest == "n") {
    run.failAs(Failure::Unsupported, "format: %s is not supported in chat templates",
               precise ? "a type of 'c' or 'n'" : "a precision above 100");
  } else {
    run.fail("Invalid format specifier '%.*s'", int(text.size > 40 ? 40 : text.size), text.data);
  }
  return false;
}

bool parseSpec(Run &run, const Text &text, Spec &spec) {
  uint32_t first = byteOfCharacter(text, 1);
  std::string_view rest = text.view();
  bool fills = first > 0 && first < text.size && isOneOf(text[first], "<>^=");
  if (fills) {
    spec.fill = text.slice(0, first);
    rest.remove_prefix(first);
  }
  spec.align = takeOneOf(rest, "<>^=");
  char sign = takeOneOf(rest, "+- ");
  spec.sign = sign == 0 ? '-' : sign;
  spec.alternate = takeOneOf(rest, "#") != 0;
  if (!fills && !rest.empty() && rest[0] == '0') {
    spec.fill = Text("0");
    spec.align = spec.align == 0 ? '=' : spec.align;
  }
  bool fits = takeNumber(rest, UINT32_MAX, spec.width);
  spec.grouping = takeOneOf(rest, ",_");
  bool precise = takePrecision(rest, spec);
  spec.type = takeOneOf(rest, "sbdoxXeEfFgG%");
  return (fits && precise && rest.empty()) || failSpec(run, text, precise, rest);
}

Text align(Run &run, const Spec &spec, char otherwise, const Text &text) {
  char where = spec.align == 0 || spec.align == '=' ? otherwise : spec.align;
  int64_t missing = spec.width - int64_t(countCharacters(text));
  if (where != '^' || missing <= 0) {
    return pad(run, text, spec.width, spec.fill, where == '<' ? kRight : kLeft);
  }
  // Unlike str.center, which may put the odd one to the left.
  Text half = pad(run, text, spec.width - (missing - missing / 2), spec.fill, kLeft);
  return pad(run, half, spec.width, spec.fill, kRight);
}

Text formatString(Run &run, const Spec &spec, char otherwise, const Text &text) {
  Text kept = spec.precision < 0 ? text : text.slice(0, byteOfCharacter(text, uint64_t(spec.precision)));
  return align(run, spec, otherwise, kept);
}

} // namespace fathom::tokenizer::chat
