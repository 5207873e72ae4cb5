// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// str.format and %, which share what they say of one value.

#include "runtime/src/tokenizer/chat/library.h"
#include "runtime/src/tokenizer/chat/operators.h"
#include "runtime/src/tokenizer/chat/text.h"

#include <algorithm>
#include <cstdio>
#include <cstdlib>

namespace fathom::tokenizer::chat {

namespace {
/// How to write one value: Python's format specification.
struct Spec {
  Text fill = Text(" ");
  /// '<', '>', '^' or '=' (fill behind the sign); 0: as the value's type has it.
  char align = 0;
  /// '+' and ' ' stand before what is not negative.
  char sign = '-';
  bool alternate = false;
  /// ',' or '_' between groups of digits.
  char grouping = 0;
  /// In characters.
  int64_t width = 0;
  /// -1: not given.
  int precision = -1;
  /// 0: not given.
  char type = 0;
};
} // namespace

static constexpr int kMostPrecision = 100;
/// The digits of the largest double, a precision, and signs.
static constexpr size_t kNumberRoom = 512;

static bool isOneOf(char c, std::string_view characters) { return characters.find(c) != std::string_view::npos; }

/// Takes decimal digits off the front. False where there are too many.
static bool takeNumber(std::string_view &text, int64_t most, int64_t &out) {
  for (out = 0; !text.empty() && isOneOf(text[0], "0123456789") && out <= most; text.remove_prefix(1)) {
    out = out * 10 + (text[0] - '0');
  }
  return out <= most;
}

/// Takes ".digits" off the front, if it is there.
static bool takePrecision(std::string_view &text, Spec &spec) {
  if (text.empty() || text[0] != '.') {
    return true;
  }
  text.remove_prefix(1);
  int64_t digits = 0;
  bool ok = takeNumber(text, kMostPrecision, digits);
  spec.precision = int(digits);
  return ok;
}

/// Takes one of `characters` off the front, if it is there; else 0.
static char takeOneOf(std::string_view &text, std::string_view characters) {
  char c = text.empty() || !isOneOf(text[0], characters) ? '\0' : text[0];
  text.remove_prefix(c == '\0' ? 0 : 1);
  return c;
}

/// [[fill]align][sign][#][0][width][grouping][.precision][type]
static bool parseSpec(const Text &text, Spec &spec) {
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
  if (!takeNumber(rest, UINT32_MAX, spec.width)) {
    return false;
  }
  spec.grouping = takeOneOf(rest, ",_");
  bool ok = takePrecision(rest, spec);
  spec.type = takeOneOf(rest, "sbdoxXeEfFgG%");
  return ok && rest.empty();
}

static Text align(Run &run, const Spec &spec, char otherwise, const Text &text) {
  char where = spec.align == 0 || spec.align == '=' ? otherwise : spec.align;
  int64_t missing = spec.width - int64_t(countCharacters(text));
  if (where != '^' || missing <= 0) {
    return pad(run, text, spec.width, spec.fill, where == '<' ? kRight : kLeft);
  }
  // Unlike str.center, which may put the odd one to the left.
  Text half = pad(run, text, spec.width - (missing - missing / 2), spec.fill, kLeft);
  return pad(run, half, spec.width, spec.fill, kRight);
}

namespace {
/// Digits of a number, and what stands before and behind them.
struct Number {
  bool negative = false;
  std::string_view prefix;
  std::string_view digits;
  /// From the point or the exponent on.
  std::string_view rest;
  /// Digits between two separators.
  uint32_t group = 3;
};
} // namespace

/// The number with `zeros` more digits in front, and separators.
static Text assemble(Run &run, const Spec &spec, const Number &number, uint64_t zeros) {
  Builder out(run);
  if (number.negative || spec.sign != '-') {
    out.append(number.negative ? '-' : spec.sign);
  }
  out.append(number.prefix);
  uint64_t count = zeros + number.digits.size();
  for (uint64_t i = 0; i < count && run.step(); ++i) {
    if (spec.grouping != 0 && i > 0 && (count - i) % number.group == 0) {
      out.append(spec.grouping);
    }
    out.append(i < zeros ? '0' : number.digits[i - zeros]);
  }
  out.append(number.rest);
  return out.finish();
}

static Text alignNumber(Run &run, const Spec &spec, const Number &number) {
  Text text = assemble(run, spec, number, 0);
  if (spec.align != '=' || text.size >= spec.width) {
    return align(run, spec, '>', text);
  }
  uint64_t missing = uint64_t(spec.width) - text.size;
  if (spec.fill.view() != "0") {
    Number bare = number;
    bare.prefix = {};
    bare.negative = false;
    Spec plain;
    plain.grouping = spec.grouping;
    Text digits = assemble(run, plain, bare, 0), front = text.slice(0, text.size - digits.size);
    return concatenate(run, front, pad(run, digits, spec.width - front.size, spec.fill, kLeft));
  }
  // Separators between the zeros count; a number does not begin with one.
  uint64_t zeros = spec.grouping == 0 ? missing : 0;
  while (text.size < spec.width && !run.failed()) {
    text = assemble(run, spec, number, zeros++);
  }
  return text;
}

static void reverse(char *begin, char *end) {
  while (begin < end && begin < --end) {
    char c = *begin;
    *begin++ = *end;
    *end = c;
  }
}

static Text formatInteger(Run &run, const Spec &spec, int64_t value) {
  constexpr std::string_view lower = "0123456789abcdef", upper = "0123456789ABCDEF";
  char type = spec.type == 0 ? 'd' : spec.type, digits[kNumberRoom];
  unsigned base = type == 'b' ? 2 : (type == 'o' ? 8 : (type == 'd' ? 10 : 16));
  Number number;
  number.negative = value < 0;
  uint64_t left = number.negative ? 0 - uint64_t(value) : uint64_t(value);
  size_t size = 0;
  for (; left > 0 || size == 0 || int(size) < spec.precision; left /= base) {
    digits[size++] = (type == 'X' ? upper : lower)[left % base];
  }
  reverse(digits, digits + size);
  const char prefix[] = {'0', type};
  number.prefix = spec.alternate && base != 10 ? std::string_view(prefix, 2) : std::string_view();
  number.digits = {digits, size};
  number.group = base == 10 ? 3 : 4;
  return alignNumber(run, spec, number);
}

/// printf's spelling of a value that is not negative. A locale may have another point.
static size_t print(const Spec &spec, char type, int precision, double value, char *out) {
  const char format[] = {'%',
                         spec.alternate ? '#' : '.',
                         spec.alternate ? '.' : '*',
                         spec.alternate ? '*' : type,
                         spec.alternate ? type : '\0',
                         '\0'};
  int size = std::snprintf(out, kNumberRoom, format, precision, value);
  for (int i = 0; i < size; ++i) {
    bool known = isOneOf(out[i], "0123456789.+-") || (out[i] >= 'A' && out[i] <= 'z');
    out[i] = known ? out[i] : '.';
  }
  return size < 0 ? 0 : size_t(size);
}

/// Without a type: as repr does, or with a precision as 'g' does, but with a digit behind the point.
static size_t printPlain(const Spec &spec, double value, char *out) {
  if (spec.precision < 0) {
    return printReal(value, out);
  }
  int precision = spec.precision == 0 ? 1 : spec.precision;
  size_t size = print(spec, 'e', precision - 1, value, out);
  size_t at = std::string_view(out, size).find('e');
  if (at == std::string_view::npos) {
    return size;
  }
  int exponent = std::atoi(out + at + 1);
  if (exponent >= -4 && exponent < precision - 1) {
    size = print(spec, 'g', precision, value, out);
    bool whole = std::string_view(out, size).find('.') == std::string_view::npos;
    return whole ? size + size_t(std::snprintf(out + size, kNumberRoom - size, ".0")) : size;
  }
  // 'g' with an exponent drops zeros at the end of the fraction.
  size_t kept = at;
  while (precision > 1 && kept > 1 && isOneOf(out[kept - 1], "0.") &&
         std::string_view(out, kept).find('.') != std::string_view::npos) {
    --kept;
  }
  std::string_view tail(out + at, size - at);
  for (size_t i = 0; i < tail.size(); ++i) {
    out[kept + i] = tail[i];
  }
  return kept + tail.size();
}

static Text formatReal(Run &run, const Spec &spec, double value) {
  char text[kNumberRoom + 8];
  Number number;
  number.negative = __builtin_signbit(value) && value == value;
  value = number.negative ? -value : value;
  int precision = spec.precision < 0 ? 6 : spec.precision;
  size_t size = 0;
  if (spec.type == 0) {
    size = printPlain(spec, value, text);
  } else if (spec.type == '%') {
    size = print(spec, 'f', precision, value * 100, text);
    text[size++] = '%';
  } else {
    size = print(spec, spec.type, precision, value, text);
  }
  std::string_view all(text, size);
  size_t whole = all.find_first_not_of("0123456789");
  number.digits = all.substr(0, whole);
  number.rest = whole == std::string_view::npos ? std::string_view() : all.substr(whole);
  return alignNumber(run, spec, number);
}

static Text formatString(Run &run, const Spec &spec, char otherwise, const Text &text) {
  Text kept = spec.precision < 0 ? text : text.slice(0, byteOfCharacter(text, uint64_t(spec.precision)));
  return align(run, spec, otherwise, kept);
}

static bool isRealType(char type) { return type != 0 && isOneOf(type, "eEfFgG%"); }
static bool isIntegerType(char type) { return type != 0 && isOneOf(type, "bdoxX"); }

/// format(value, spec).
static Text formatValue(Run &run, const Spec &spec, const Value &value) {
  bool isText = value.isString();
  if (!isText && !value.isNumber()) {
    run.fail("unsupported format string passed to %s.__format__", typeName(value));
    return Text();
  }
  bool fits = isText                 ? spec.type == 0 || spec.type == 's'
              : value.is(Type::Real) ? spec.type == 0 || isRealType(spec.type)
                                     : spec.type != 's';
  if (!fits) {
    run.fail("Unknown format code '%c' for object of type '%s'", spec.type, typeName(value));
    return Text();
  }
  // A zero before the width aligns numbers; texts are filled with it.
  bool zero = spec.align == '=' && spec.fill.view() == "0";
  if (isText && ((spec.align == '=' && !zero) || spec.sign != '-' || spec.grouping != 0)) {
    run.fail("the format specification is not one of strings");
    return Text();
  }
  if (isText) {
    return formatString(run, spec, '<', value.toText());
  }
  bool real = value.is(Type::Real) || isRealType(spec.type);
  if (!real && spec.precision >= 0) {
    run.fail("Precision not allowed in integer format specifier");
    return Text();
  }
  return real ? formatReal(run, spec, value.toReal()) : formatInteger(run, spec, value.toInteger());
}

/// What a field names: an argument, then attributes and items of it, as in "0.role" or "m[role]".
static Value lookUp(Run &run, const Arguments &arguments, const Text &name, uint32_t &next) {
  size_t end = std::min(name.view().find_first_of(".["), size_t(name.size));
  Text first = name.slice(0, end);
  int64_t place = UINT32_MAX;
  std::string_view digits = first.view();
  if (first.empty()) {
    place = next++;
  } else if (digits.find_first_not_of("0123456789") == std::string_view::npos) {
    (void)takeNumber(digits, UINT32_MAX - 1, place);
  }
  Value value = argument(run, arguments, uint32_t(place), first.view());
  for (size_t at = end; at < name.size && checkDefined(run, value) && run.step();) {
    bool isItem = name[at] == '[';
    size_t stop = isItem ? name.view().find(']', at) : name.view().find_first_of(".[", at + 1);
    stop = std::min(stop, size_t(name.size));
    Text key = name.slice(at + 1, stop);
    std::string_view number = key.view();
    int64_t index = 0;
    bool isIndex = isItem && !number.empty() && takeNumber(number, UINT32_MAX, index) && number.empty();
    value = isIndex ? item(run, value, Value::of(index))
                    : (isItem ? item(run, value, Value::of(key)) : attribute(run, value, key));
    at = stop + (isItem ? 1 : 0);
  }
  return value;
}

/// A field between its braces: name!conversion:specification.
static Text formatField(Run &run, const Arguments &arguments, const Text &field, uint32_t &next) {
  size_t colon = std::min(field.view().find(':'), size_t(field.size));
  Text name = field.slice(0, colon);
  bool converts = name.size >= 2 && name[name.size - 2] == '!';
  char conversion = converts ? name[name.size - 1] : 's';
  name = converts ? name.slice(0, name.size - 2) : name;
  Value value = lookUp(run, arguments, name, next);
  Spec spec;
  Text specification = colon == field.size ? Text() : field.slice(colon + 1, field.size);
  if (!checkDefined(run, value)) {
    return Text();
  }
  if (!isOneOf(conversion, "rs") || !parseSpec(specification, spec)) {
    run.fail("format: '%.*s' is not supported", int(std::min(field.size, 40u)), field.data);
    return Text();
  }
  if (conversion == 'r') {
    Builder out(run);
    writeRepr(run, value, out);
    value = Value::of(out.finish());
  }
  return specification.empty() || (converts && conversion == 's' && !value.isString())
             ? formatString(run, spec, '<', toText(run, value))
             : formatValue(run, spec, value);
}

/// One conversion of %: `flags` is what stands between % and its letter.
static void convert(Run &run, char letter, std::string_view flags, const Value &value, Builder &out) {
  Spec spec;
  for (char flag = takeOneOf(flags, "-+ #0"); flag != 0; flag = takeOneOf(flags, "-+ #0")) {
    spec.alternate |= flag == '#';
    spec.align = flag == '-' ? '<' : (flag == '0' && spec.align == 0 ? '=' : spec.align);
    spec.sign = flag == '+' || (flag == ' ' && spec.sign != '+') ? flag : spec.sign;
  }
  bool ok = takeNumber(flags, UINT32_MAX, spec.width) && takePrecision(flags, spec) && flags.empty();
  if (ok && (letter == 's' || letter == 'r')) {
    Builder text(run);
    letter == 's' ? text.append(toText(run, value)) : writeRepr(run, value, text);
    spec.align = spec.align == '<' ? '<' : '>';
    return out.append(formatString(run, spec, '>', text.finish()));
  }
  letter = letter == 'i' || letter == 'u' ? 'd' : letter;
  if (!ok || letter == '%' || (!isRealType(letter) && !isIntegerType(letter)) || letter == 'b') {
    run.fail("unsupported format character '%c'", letter);
    return;
  }
  double real = value.isNumber() ? value.toReal() : 0;
  bool fits = letter != 'd' || !value.is(Type::Real) || (real > -9.2e18 && real < 9.2e18);
  if (!value.isNumber() || !fits || (value.is(Type::Real) && isIntegerType(letter) && letter != 'd')) {
    run.fail("%%%c format: a real number is required, not %s", letter, typeName(value));
    return;
  }
  spec.type = letter;
  spec.fill = Text(spec.align == '=' ? "0" : " ");
  int64_t integer = value.is(Type::Real) && letter == 'd' ? int64_t(real)
                    : value.is(Type::Real)                ? 0
                                                          : value.toInteger();
  out.append(isRealType(letter) ? formatReal(run, spec, real) : formatInteger(run, spec, integer));
}

Value formatText(Run &run, const Value &self, const Arguments &arguments) {
  Text text = self.toText();
  Builder out(run);
  uint32_t next = 0;
  for (uint32_t at = 0; at < text.size && run.step();) {
    bool doubled = at + 1 < text.size && text[at] == text[at + 1] && (text[at] == '{' || text[at] == '}');
    if (doubled || (text[at] != '{' && text[at] != '}')) {
      out.append(text.slice(at, at + 1));
      at += doubled ? 2 : 1;
      continue;
    }
    uint32_t end = text[at] == '{' ? find(run, text, Text("}"), at) : kNowhere;
    if (end == kNowhere) {
      return run.fail(text[at] == '{' ? "expected '}' before end of string"
                                      : "Single '}' encountered in format string");
    }
    out.append(formatField(run, arguments, text.slice(at + 1, end), next));
    at = end + 1;
  }
  return Value::of(out.finish());
}

Value formatPercent(Run &run, const Text &text, const Value &values) {
  Builder out(run);
  uint32_t used = 0;
  // A mapping or a list need not be used.
  bool isTuple = values.is(Type::Tuple), mayBeUnused = !isTuple && (values.is(Type::Dict) || values.isSequence());
  uint32_t count = isTuple ? values.sequence->count : 1;
  for (uint32_t at = 0; at < text.size && run.step(); ++at) {
    if (text[at] != '%') {
      out.append(text.slice(at, at + 1));
      continue;
    }
    Value value = values;
    bool named = ++at < text.size && text[at] == '(' && values.is(Type::Dict);
    if (named) {
      uint32_t end = find(run, text, Text(")"), at);
      end = end == kNowhere ? text.size - 1 : end;
      value = item(run, values, Value::of(text.slice(at + 1, end)));
      at = end + 1;
    }
    uint32_t letter = at;
    while (letter < text.size && std::string_view("0123456789.+- #").find(text[letter]) != std::string_view::npos) {
      ++letter;
    }
    if (letter >= text.size) {
      return run.fail("incomplete format");
    }
    if (text[letter] == '%') {
      out.append('%');
      at = letter;
      continue;
    }
    if (!named && used >= count) {
      return run.fail("not enough arguments for format string");
    }
    used += named ? 0 : 1;
    value = isTuple ? values.sequence->items[used - 1] : value;
    convert(run, text[letter], text.slice(at, letter).view(), value, out);
    at = letter;
  }
  if (used < count && !mayBeUnused) {
    return run.fail("not all arguments converted during string formatting");
  }
  return Value::of(out.finish());
}

} // namespace fathom::tokenizer::chat
