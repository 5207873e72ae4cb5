// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Filters of texts and numbers, with tojson as Hugging Face replaces it.

#include "runtime/src/tokenizer/chat/characters.h"
#include "runtime/src/tokenizer/chat/json.h"
#include "runtime/src/tokenizer/chat/library.h"
#include "runtime/src/tokenizer/chat/operators.h"
#include "runtime/src/tokenizer/chat/text.h"

#include <cmath>

namespace fathom::tokenizer::chat::filters {

using A = const Arguments &;

Value absolute(Run &run, const Value &value, A) {
  if (value.is(Type::Real)) {
    return Value::of(std::fabs(value.real));
  }
  return value.isIntegral() && value.toInteger() >= 0 ? Value::of(value.toInteger()) : negate(run, value);
}

// What is safe stays so in filters that give a string, except where Jinja goes through str().

Value string(Run &run, const Value &value, A) { return Value::ofMarkup(toText(run, value), value.markup); }
Value lower(Run &run, const Value &value, A) {
  return Value::ofMarkup(changeCase(run, toText(run, value), Case::Lower), value.markup);
}
Value upper(Run &run, const Value &value, A) {
  return Value::ofMarkup(changeCase(run, toText(run, value), Case::Upper), value.markup);
}
Value capitalize(Run &run, const Value &value, A) {
  return Value::ofMarkup(changeCase(run, toText(run, value), Case::Capitalized), value.markup);
}

/// What words begin behind.
static bool isBetweenWords(const Text &character) {
  return all(character, isSpace) || std::string_view("-({[<").find(character[0]) != std::string_view::npos;
}

/// The character of `text` at `at`.
static Text characterAt(const Text &text, uint32_t at) {
  Text rest = text.slice(at, text.size);
  return rest.slice(0, byteOfCharacter(rest, 1));
}

Value title(Run &run, const Value &value, A) {
  Text text = toText(run, value);
  Builder builder(run);
  for (uint32_t at = 0; at < text.size && run.step();) {
    Text one = characterAt(text, at);
    uint32_t second = at + one.size, end = second;
    while (!isBetweenWords(one) && end < text.size && !isBetweenWords(characterAt(text, end))) {
      end += characterAt(text, end).size;
    }
    builder.append(changeCase(run, one, Case::Upper));
    builder.append(changeCase(run, text.slice(second, end), Case::Lower));
    at = end;
  }
  return Value::of(builder.finish());
}

Value center(Run &run, const Value &value, A arguments) {
  int64_t width = integerArgument(run, arguments, 0, "width", 80);
  return Value::ofMarkup(pad(run, toText(run, value), width, Text(" "), kBothSides), value.markup);
}

Value defaultTo(Run &run, const Value &value, A arguments) {
  Value other = argument(run, arguments, 0, "default_value");
  bool replaces = value.isUndefined() || (isTrue(run, argument(run, arguments, 1, "boolean")) && !isTrue(run, value));
  return !replaces ? value : (other.isUndefined() ? Value::of(std::string_view()) : other);
}

Value escape(Run &run, const Value &value, A) {
  return value.markup ? value : Value::ofMarkup(escapeHtml(run, toText(run, value)));
}
Value escapeAgain(Run &run, const Value &value, A) { return Value::ofMarkup(escapeHtml(run, toText(run, value))); }
Value markSafe(Run &run, const Value &value, A) { return Value::ofMarkup(toText(run, value)); }

Value toReal(Run &run, const Value &value, A arguments) {
  Value other = argument(run, arguments, 0, "default");
  other = other.isUndefined() ? Value::of(0.0) : other;
  if (value.isNumber()) {
    return Value::of(value.toReal());
  }
  Text text = value.isString() ? strip(run, value.toText(), kBothSides) : Text();
  size_t end = 0;
  double real = parseReal(text.view(), end);
  if (double unusual = 0; end == 0 && parseUnusualReal(text.view(), unusual)) {
    return Value::of(unusual);
  }
  return end != 0 && end == text.size ? Value::of(real) : (checkDefined(run, value) ? other : Value());
}

/// int(): digits with a sign or without, and single "_" between them. False where it is something else.
static bool parseInteger(Run &run, std::string_view text, int64_t &out) {
  bool negative = !text.empty() && text[0] == '-', overflow = false;
  text.remove_prefix(!text.empty() && (text[0] == '-' || text[0] == '+') ? 1 : 0);
  bool ok = !text.empty() && text.back() != '_';
  out = 0;
  for (size_t i = 0; ok && i < text.size(); ++i) {
    if (text[i] == '_') {
      ok = i > 0 && text[i - 1] != '_';
      continue;
    }
    ok = text[i] >= '0' && text[i] <= '9';
    int64_t digit = negative ? '0' - text[i] : text[i] - '0';
    overflow |= ok && (__builtin_mul_overflow(out, 10, &out) || __builtin_add_overflow(out, digit, &out));
  }
  if (ok && overflow) {
    failTooLarge(run);
  }
  return ok;
}

Value toInteger(Run &run, const Value &value, A arguments) {
  Value other = argument(run, arguments, 0, "default");
  other = other.isUndefined() ? Value::of(int64_t(0)) : other;
  if (value.isIntegral()) {
    return Value::of(value.toInteger());
  }
  Text text = value.isString() ? strip(run, value.toText(), kBothSides) : Text();
  if (value.isString() && integerArgument(run, arguments, 1, "base", 10) != 10) {
    return run.failAs(Failure::Unsupported, "int: bases other than 10 are not supported");
  }
  if (int64_t integer = 0; parseInteger(run, text.view(), integer)) {
    return Value::of(integer);
  }
  if (value.is(Type::Real) && std::isinf(value.real)) {
    return run.fail("cannot convert float infinity to integer");
  }
  if (all(text, isDecimal)) {
    return run.failAs(Failure::Unsupported, "int: digits other than 0 to 9 are not supported");
  }
  Value none = Value::none(), real = toReal(run, value, {&none, 1, nullptr, 0});
  if (run.failed() || !real.is(Type::Real) || !std::isfinite(real.real)) {
    return other;
  }
  return std::fabs(real.real) < 9.2e18 ? Value::of(int64_t(real.real)) : failTooLarge(run);
}

Value format(Run &run, const Value &value, A arguments) {
  Sequence all;
  for (uint32_t i = 0; i < arguments.count; ++i) {
    (void)all.push(run, arguments.positional[i]);
  }
  Dict named;
  for (uint32_t i = 0; i < arguments.keywordCount; ++i) {
    (void)named.set(run, arguments.keywords[i].key, arguments.keywords[i].value);
  }
  Value values = named.count != 0 ? Value::of(Type::Dict, &named) : Value::of(Type::Tuple, &all);
  return formatPercent(run, toText(run, value), values);
}

Value indent(Run &run, const Value &value, A arguments) {
  Value width = argument(run, arguments, 0, "width");
  Text unit =
      width.isString() ? width.toText() : repeat(run, Text(" "), integerArgument(run, arguments, 0, "width", 4));
  bool first = isTrue(run, argument(run, arguments, 1, "first"));
  bool blank = isTrue(run, argument(run, arguments, 2, "blank"));
  Value lines = splitLines(run, concatenate(run, toText(run, value), Text("\n")), false);
  Builder builder(run);
  for (uint32_t i = 0; !run.failed() && i < lines.sequence->count && run.step(); ++i) {
    Text line = lines.sequence->items[i].toText();
    builder.append(i == 0 ? "" : "\n");
    builder.append((i == 0 && !first) || (i != 0 && !blank && line.empty()) ? Text() : unit);
    builder.append(line);
  }
  return Value::ofMarkup(builder.finish(), value.markup);
}

Value replace(Run &run, const Value &value, A arguments) {
  Text from = toText(run, argument(run, arguments, 0, "old")), to = toText(run, argument(run, arguments, 1, "new"));
  return Value::of(chat::replace(run, toText(run, value), from, to, integerArgument(run, arguments, 2, "count", -1)));
}

/// `value` to a multiple of 10^-places, for places < 0; of two as near, the even one.
static Value roundInteger(Run &run, int64_t value, int64_t places) {
  if (places < -18) {
    bool isUp = places == -19 && (value > 5'000'000'000'000'000'000 || value < -5'000'000'000'000'000'000);
    return isUp ? failTooLarge(run) : Value::of(int64_t(0));
  }
  int64_t scale = int64_t(powerOfTen(-places)), rest = (value % scale + scale) % scale;
  int64_t quotient = value / scale - (value % scale < 0 ? 1 : 0);
  bool isUp = rest > scale - rest || (rest == scale - rest && quotient % 2 != 0);
  return __builtin_mul_overflow(quotient + isUp, scale, &value) ? failTooLarge(run) : Value::of(value);
}

Value roundTo(Run &run, const Value &value, A arguments) {
  int64_t places = integerArgument(run, arguments, 0, "precision", 0);
  Value method = argument(run, arguments, 1, "method");
  if (!value.isNumber()) {
    return run.fail("round: expected a number, found '%s'", typeName(value));
  }
  bool up = method.isString() && method.toText().view() == "ceil";
  bool down = method.isString() && method.toText().view() == "floor";
  if (!up && !down) {
    return value.is(Type::Real) ? Value::of(roundToPlaces(value.real, places))
                                : (places < 0 ? roundInteger(run, value.toInteger(), places) : value);
  }
  double scale = powerOfTen(places), scaled = value.toReal() * scale;
  if (scale == 0 || !std::isfinite(scale)) {
    return run.fail("round: a precision of %lld is out of range", (long long)places);
  }
  return Value::of((up ? -roundDown(-scaled) : roundDown(scaled)) / scale);
}

Value toJson(Run &run, const Value &value, A arguments) {
  JsonStyle style;
  style.ascii = isTrue(run, argument(run, arguments, 0, "ensure_ascii"));
  style.indent = argument(run, arguments, 1, "indent");
  style.sortKeys = isTrue(run, argument(run, arguments, 3, "sort_keys"));
  bool breaks = style.indent.isIntegral() || style.indent.isString();
  style.itemSeparator = Text(breaks ? "," : ", ");
  Value separators = argument(run, arguments, 2, "separators");
  if (separators.isSequence() && separators.sequence->count == 2) {
    style.itemSeparator = toText(run, separators.sequence->items[0]);
    style.keySeparator = toText(run, separators.sequence->items[1]);
  }
  return Value::of(writeJson(run, value, style));
}

Value trim(Run &run, const Value &value, A arguments) {
  Value characters = argument(run, arguments, 0, "chars");
  Text set = characters.isString() ? characters.toText() : Text();
  return Value::ofMarkup(strip(run, toText(run, value), kBothSides, characters.isString() ? &set : nullptr),
                         value.markup);
}

/// Runs of letters, digits and "_".
Value countWords(Run &run, const Value &value, A) {
  Text text = toText(run, value);
  int64_t count = 0;
  bool inWord = false;
  for (uint32_t at = 0; at < text.size && run.step();) {
    uint32_t size = byteOfCharacter(text.slice(at, text.size), 1);
    bool isPart = text[at] == '_' || all(text.slice(at, at + size), isLetterOrNumeric);
    count += isPart && !inWord ? 1 : 0;
    inWord = isPart;
    at += size;
  }
  return Value::of(count);
}

} // namespace fathom::tokenizer::chat::filters
