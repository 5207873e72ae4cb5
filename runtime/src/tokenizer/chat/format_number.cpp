// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Numbers in a format specification.

#include "runtime/src/tokenizer/chat/format.h"
#include "runtime/src/tokenizer/chat/operators.h"
#include "runtime/src/tokenizer/chat/text.h"

#include <cstdio>
#include <cstdlib>

namespace fathom::tokenizer::chat {

/// The digits of the largest double, a precision, and signs.
static constexpr size_t kNumberRoom = 512;

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

Text formatInteger(Run &run, const Spec &spec, int64_t value) {
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

Text formatReal(Run &run, const Spec &spec, double value) {
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

} // namespace fathom::tokenizer::chat
