// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Jinja's filters, with tojson as Hugging Face replaces it.

#include "fathom/tokenizer_abi.h"
#include "runtime/src/tokenizer/chat/characters.h"
#include "runtime/src/tokenizer/chat/json.h"
#include "runtime/src/tokenizer/chat/library.h"
#include "runtime/src/tokenizer/chat/operators.h"
#include "runtime/src/tokenizer/chat/text.h"

#include <algorithm>
#include <cmath>
#include <utility>

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

using A = const Arguments &;

/// What sorting and comparing look at: an attribute, in lower case where case does not count.
struct Key {
  Value attribute;
  bool foldsCase;

  Value of(Run &run, const Value &item) const {
    Value key = attribute.isUndefined() || attribute.is(Type::None) ? item : attributePath(run, item, attribute);
    return foldsCase && key.isString() ? Value::of(changeCase(run, key.toText(), Case::Lower)) : key;
  }
};

/// A stable sort that ends whatever the order says.
void sortItems(Run &run, Sequence &items, Sequence &keys, bool reverse) {
  for (uint32_t i = 1; i < items.count && !run.failed(); ++i) {
    for (uint32_t j = i; j > 0 && run.step(); --j) {
      bool swaps = reverse ? less(run, keys.items[j - 1], keys.items[j]) : less(run, keys.items[j], keys.items[j - 1]);
      if (!swaps) {
        break;
      }
      std::swap(items.items[j], items.items[j - 1]);
      std::swap(keys.items[j], keys.items[j - 1]);
    }
  }
}

Value sortBy(Run &run, const Sequence &items, const Key &key, bool reverse) {
  Value result = copy(run, Type::List, items);
  Sequence keys;
  for (uint32_t i = 0; i < items.count && run.step(); ++i) {
    (void)keys.push(run, key.of(run, items.items[i]));
  }
  if (!run.failed()) {
    sortItems(run, *result.sequence, keys, reverse);
  }
  return result;
}

Value absolute(Run &run, const Value &value, A) {
  if (value.is(Type::Real)) {
    return Value::of(std::fabs(value.real));
  }
  return value.isIntegral() && value.toInteger() >= 0 ? Value::of(value.toInteger()) : negate(run, value);
}

Value batch(Run &run, const Value &value, A arguments) {
  int64_t size = integerArgument(run, arguments, 0, "linecount", 0);
  Value fill = argument(run, arguments, 1, "fill_with");
  Sequence *items = iterate(run, value), *rows = run.create<Sequence>(), *row = nullptr;
  for (uint32_t i = 0; items != nullptr && rows != nullptr && i < items->count && run.step(); ++i) {
    if (row == nullptr || int64_t(row->count) >= size) {
      row = run.create<Sequence>();
      (void)(row != nullptr && rows->push(run, Value::of(Type::List, row)));
    }
    (void)(row != nullptr && row->push(run, items->items[i]));
  }
  bool fills = row != nullptr && !fill.isUndefined() && !fill.is(Type::None);
  while (fills && int64_t(row->count) < size && run.step()) {
    (void)row->push(run, fill);
  }
  return run.failed() ? Value() : Value::of(Type::Generator, rows);
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
bool isBetweenWords(const Text &character) {
  return all(character, isSpace) || std::string_view("-({[<").find(character[0]) != std::string_view::npos;
}

/// The character of `text` at `at`.
Text characterAt(const Text &text, uint32_t at) {
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

Value length(Run &run, const Value &value, A) { return chat::length(run, value); }

Value defaultTo(Run &run, const Value &value, A arguments) {
  Value other = argument(run, arguments, 0, "default_value");
  bool replaces = value.isUndefined() || (isTrue(run, argument(run, arguments, 1, "boolean")) && !isTrue(run, value));
  return !replaces ? value : (other.isUndefined() ? Value::of(std::string_view()) : other);
}

Value sortDict(Run &run, const Value &value, A arguments) {
  if (!value.is(Type::Dict)) {
    return run.fail("dictsort: expected a mapping, found '%s'", typeName(value));
  }
  bool byValue = argument(run, arguments, 1, "by").toText().view() == "value";
  Key key{Value::of(int64_t(byValue ? 1 : 0)), !isTrue(run, argument(run, arguments, 0, "case_sensitive"))};
  Value pairs = itemsOf(run, *value.dict, Type::List);
  return run.failed() ? pairs : sortBy(run, *pairs.sequence, key, isTrue(run, argument(run, arguments, 2, "reverse")));
}

Value escape(Run &run, const Value &value, A) {
  return value.markup ? value : Value::ofMarkup(escapeHtml(run, toText(run, value)));
}
Value escapeAgain(Run &run, const Value &value, A) { return Value::ofMarkup(escapeHtml(run, toText(run, value))); }
Value markSafe(Run &run, const Value &value, A) { return Value::ofMarkup(toText(run, value)); }

Value first(Run &run, const Value &value, A) {
  if (value.is(Type::Generator)) {
    Sequence &items = *value.sequence;
    return items.taken < items.count ? items.items[items.taken++]
                                     : Value::undefinedBecause("No first item, sequence was empty.");
  }
  Sequence *items = iterate(run, value);
  return items == nullptr || items->count == 0 ? Value::undefinedBecause("No first item, sequence was empty.")
                                               : items->items[0];
}

Value last(Run &run, const Value &value, A) {
  Sequence *items = value.is(Type::Generator) ? nullptr : iterate(run, value);
  if (value.is(Type::Generator)) {
    return run.fail("'generator' object is not reversible");
  }
  return items == nullptr || items->count == 0 ? Value::undefinedBecause("No last item, sequence was empty.")
                                               : items->items[items->count - 1];
}

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
bool parseInteger(Run &run, std::string_view text, int64_t &out) {
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

Value items(Run &run, const Value &value, A) {
  if (value.isUndefined()) {
    return Value::of(Type::Generator, run.create<Sequence>());
  }
  return value.is(Type::Dict) ? itemsOf(run, *value.dict, Type::Generator)
                              : run.fail("Can only get item pairs from a mapping.");
}

Value join(Run &run, const Value &value, A arguments) {
  Text between = toText(run, argument(run, arguments, 0, "d"));
  Key key{argument(run, arguments, 1, "attribute"), false};
  Sequence *items = iterate(run, value);
  Builder builder(run);
  for (uint32_t i = 0; items != nullptr && i < items->count && run.step(); ++i) {
    builder.append(i == 0 ? Text() : between);
    builder.append(toText(run, key.of(run, items->items[i])));
  }
  return Value::of(builder.finish());
}

Value list(Run &run, const Value &value, A) {
  Sequence *items = iterate(run, value);
  return items == nullptr ? Value() : copy(run, Type::List, *items);
}

/// What map, select and their kin walk: of what is false, such as none, nothing.
Sequence *iterateIfTrue(Run &run, const Value &value) {
  return isTrue(run, value) ? iterate(run, value) : run.create<Sequence>();
}

Value map(Run &run, const Value &value, A arguments) {
  Value attribute = arguments.count == 0 ? argument(run, arguments, 0, "attribute") : Value();
  Value otherwise = arguments.count == 0 ? argument(run, arguments, 1, "default") : Value();
  if (attribute.isUndefined() && arguments.count == 0) {
    return run.fail("map requires a filter argument");
  }
  Filter filter = attribute.isUndefined() ? findFilter(run, arguments.positional[0]) : nullptr;
  Arguments rest = arguments;
  rest.positional += arguments.count > 0 ? 1 : 0;
  rest.count -= arguments.count > 0 ? 1 : 0;
  Sequence *items = iterateIfTrue(run, value), *result = run.create<Sequence>();
  for (uint32_t i = 0; items != nullptr && result != nullptr && i < items->count && run.look(items->items[i]); ++i) {
    Value item =
        filter != nullptr ? filter(run, items->items[i], rest) : attributePath(run, items->items[i], attribute);
    (void)result->push(run, item.isUndefined() && filter == nullptr && !otherwise.isUndefined() ? otherwise : item);
  }
  return run.failed() ? Value() : Value::of(Type::Generator, result);
}

/// select and its kin: `byAttribute` looks at the attribute that the first argument names.
Value selectWhere(Run &run, const Value &value, A arguments, bool byAttribute, bool wanted) {
  uint32_t names = byAttribute ? 1 : 0;
  Test test = arguments.count > names ? findTest(run, arguments.positional[names]) : nullptr;
  Arguments rest = arguments;
  uint32_t taken = names + 1 < arguments.count ? names + 1 : arguments.count;
  rest.positional += taken;
  rest.count -= taken;
  Sequence *items = iterateIfTrue(run, value), *result = run.create<Sequence>();
  for (uint32_t i = 0; items != nullptr && result != nullptr && i < items->count && run.step(); ++i) {
    Value item = byAttribute ? attributePath(run, items->items[i], argument(run, arguments, 0, "")) : items->items[i];
    if (run.look(item) && (test != nullptr ? test(run, item, rest) : isTrue(run, item)) == wanted) {
      (void)result->push(run, items->items[i]);
    }
  }
  return run.failed() ? Value() : Value::of(Type::Generator, result);
}

Value select(Run &run, const Value &value, A a) { return selectWhere(run, value, a, false, true); }
Value reject(Run &run, const Value &value, A a) { return selectWhere(run, value, a, false, false); }
Value selectByAttribute(Run &run, const Value &value, A a) { return selectWhere(run, value, a, true, true); }
Value rejectByAttribute(Run &run, const Value &value, A a) { return selectWhere(run, value, a, true, false); }

Value extreme(Run &run, const Value &value, A arguments, bool largest) {
  Key key{argument(run, arguments, 1, "attribute"), !isTrue(run, argument(run, arguments, 0, "case_sensitive"))};
  Sequence *items = iterate(run, value);
  Value best, bestKey;
  for (uint32_t i = 0; items != nullptr && i < items->count && run.step(); ++i) {
    Value other = key.of(run, items->items[i]);
    if (i == 0 || (largest ? less(run, bestKey, other) : less(run, other, bestKey))) {
      best = items->items[i];
      bestKey = other;
    }
  }
  return best;
}

Value largest(Run &run, const Value &value, A arguments) { return extreme(run, value, arguments, true); }
Value smallest(Run &run, const Value &value, A arguments) { return extreme(run, value, arguments, false); }

Value replace(Run &run, const Value &value, A arguments) {
  Text from = toText(run, argument(run, arguments, 0, "old")), to = toText(run, argument(run, arguments, 1, "new"));
  return Value::of(chat::replace(run, toText(run, value), from, to, integerArgument(run, arguments, 2, "count", -1)));
}

Value reverse(Run &run, const Value &value, A) {
  if (value.isString()) {
    return slice(run, value, Value(), Value(), Value::of(int64_t(-1)));
  }
  Sequence *items = iterate(run, value), *result = run.create<Sequence>();
  for (uint32_t i = 0; items != nullptr && result != nullptr && i < items->count && run.step(); ++i) {
    (void)result->push(run, items->items[items->count - 1 - i]);
  }
  return run.failed() ? Value() : Value::of(Type::Generator, result);
}

/// `value` to a multiple of 10^-places, for places < 0; of two as near, the even one.
Value roundInteger(Run &run, int64_t value, int64_t places) {
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

Value sort(Run &run, const Value &value, A arguments) {
  Value attribute = argument(run, arguments, 2, "attribute");
  if (attribute.isString() && attribute.toText().view().find(',') != std::string_view::npos) {
    return run.failAs(Failure::Unsupported, "sort: several attributes are not supported");
  }
  Key key{attribute, !isTrue(run, argument(run, arguments, 1, "case_sensitive"))};
  Sequence *items = iterate(run, value);
  return items == nullptr ? Value() : sortBy(run, *items, key, isTrue(run, argument(run, arguments, 0, "reverse")));
}

Value sum(Run &run, const Value &value, A arguments) {
  Key key{argument(run, arguments, 0, "attribute"), false};
  Value total = argument(run, arguments, 1, "start");
  total = total.isUndefined() ? Value::of(int64_t(0)) : total;
  Sequence *items = iterate(run, value);
  for (uint32_t i = 0; items != nullptr && i < items->count && run.step(); ++i) {
    total = calculate(run, ChatOperator::add, total, key.of(run, items->items[i]));
  }
  return total;
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

Value unique(Run &run, const Value &value, A arguments) {
  Key key{argument(run, arguments, 1, "attribute"), !isTrue(run, argument(run, arguments, 0, "case_sensitive"))};
  Sequence *items = iterate(run, value), *result = run.create<Sequence>();
  Dict seen;
  for (uint32_t i = 0; items != nullptr && result != nullptr && i < items->count && run.step(); ++i) {
    Value own = key.of(run, items->items[i]);
    if (seen.find(run, own) == nullptr && seen.set(run, own, Value::none())) {
      (void)result->push(run, items->items[i]);
    }
  }
  return run.failed() ? Value() : Value::of(Type::Generator, result);
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
