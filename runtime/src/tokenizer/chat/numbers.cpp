// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Numbers in Python's spelling, whatever the locale is.

#include "runtime/src/tokenizer/chat/operators.h"

#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>

namespace fathom::tokenizer::chat {

namespace {
struct Decimal {
  char digits[20];
  int count;
  /// The value is 0.digits * 10^exponent.
  int exponent;
};
} // namespace

/// `value` > 0 rounded to `count` digits. A locale may print another point, so only digits are looked at.
static Decimal round(double value, int count) {
  char text[40];
  std::snprintf(text, sizeof(text), "%.*e", count - 1, value);
  Decimal decimal{};
  const char *at = text;
  for (; *at != 'e'; ++at) {
    if (*at >= '0' && *at <= '9' && decimal.count < 20) {
      decimal.digits[decimal.count++] = *at;
    }
  }
  decimal.exponent = std::atoi(at + 1) + 1;
  return decimal;
}

static double toDouble(const char *digits, int count, int exponent) {
  char text[64];
  std::snprintf(text, sizeof(text), "%.*se%d", count, digits, exponent - count);
  return std::strtod(text, nullptr);
}

/// The fewest digits that read as `value` > 0.
static Decimal shortest(double value) {
  Decimal decimal = round(value, 1);
  for (int count = 2; count <= 17 && toDouble(decimal.digits, decimal.count, decimal.exponent) != value; ++count) {
    decimal = round(value, count);
  }
  return decimal;
}

static char *fill(char *out, char byte, int count) {
  for (; count > 0; --count) {
    *out++ = byte;
  }
  return out;
}

static char *copyDigits(char *out, const Decimal &decimal, int from, int to) {
  for (int i = from; i < to && i < decimal.count; ++i) {
    *out++ = decimal.digits[i];
  }
  return out;
}

static char *printPlain(char *out, const Decimal &decimal) {
  if (decimal.exponent <= 0) {
    out = fill(fill(fill(out, '0', 1), '.', 1), '0', -decimal.exponent);
    return copyDigits(out, decimal, 0, decimal.count);
  }
  out = copyDigits(out, decimal, 0, decimal.exponent);
  out = fill(out, '0', decimal.exponent - decimal.count);
  *out++ = '.';
  if (decimal.count <= decimal.exponent) {
    *out++ = '0';
  }
  return copyDigits(out, decimal, decimal.exponent, decimal.count);
}

static char *printScientific(char *out, const Decimal &decimal) {
  *out++ = decimal.digits[0];
  if (decimal.count > 1) {
    *out++ = '.';
    out = copyDigits(out, decimal, 1, decimal.count);
  }
  return out + std::sprintf(out, "e%+03d", decimal.exponent - 1);
}

static uint32_t printWord(const char *word, char *out) {
  std::strcpy(out, word);
  return uint32_t(std::strlen(word));
}

double roundDown(double value) {
  // Larger ones, infinities and what is not a number are whole or stay as they are.
  if (!(std::fabs(value) < 9e15)) {
    return value;
  }
  double whole = double(int64_t(value));
  return whole > value ? whole - 1 : whole;
}

double roundToEven(double value) {
  double whole = roundDown(value);
  double rest = value - whole;
  bool isOdd = whole - 2 * roundDown(whole / 2) != 0;
  return rest > 0.5 || (rest == 0.5 && isOdd) ? whole + 1 : whole;
}

double roundToPlaces(double value, int64_t places) {
  if (places < 0) {
    double scale = powerOfTen(places < -400 ? 400 : -places);
    return scale > std::fabs(value) * 2 ? 0 * value : roundToEven(value / scale) * scale;
  }
  // Larger numbers are whole, and those with more places have no digit far after the point.
  if (!(std::fabs(value) < 1e15) || places > 22) {
    return value;
  }
  char text[48], digits[48];
  int size = std::snprintf(text, sizeof(text), "%.*f", int(places), std::fabs(value)), count = 0;
  for (int i = 0; i < size; ++i) {
    if (text[i] >= '0' && text[i] <= '9') {
      digits[count++] = text[i];
    }
  }
  double rounded = toDouble(digits, count, count - int(places));
  return std::signbit(value) ? -rounded : rounded;
}

double powerOfTen(int64_t exponent) {
  double result = 1;
  uint64_t rest = exponent < 0 ? 0 - uint64_t(exponent) : uint64_t(exponent);
  for (double power = 10; rest != 0; rest >>= 1, power *= power) {
    result *= (rest & 1) != 0 ? power : 1;
  }
  return exponent < 0 ? 1 / result : result;
}

double remainder(double value, double divisor) {
  if (!std::isfinite(value) || std::isinf(divisor)) {
    return std::isfinite(value) ? value : double(NAN);
  }
  double rest = std::fabs(value), least = std::fabs(divisor), part = least;
  while (part <= rest / 2) {
    part *= 2;
  }
  // Every difference is exact: a part is more than half of the rest.
  for (; rest >= least; part /= 2) {
    rest -= rest >= part ? part : 0;
  }
  return std::signbit(value) ? -rest : rest;
}

uint32_t printReal(double value, char *out) {
  if (std::isnan(value)) {
    return printWord("nan", out);
  }
  if (std::isinf(value)) {
    return printWord(value < 0 ? "-inf" : "inf", out);
  }
  char *at = out;
  if (std::signbit(value)) {
    *at++ = '-';
  }
  if (value == 0) {
    return uint32_t(at - out) + printWord("0.0", at);
  }
  Decimal decimal = shortest(std::fabs(value));
  bool plain = decimal.exponent > -4 && decimal.exponent <= 16;
  at = plain ? printPlain(at, decimal) : printScientific(at, decimal);
  return uint32_t(at - out);
}

uint32_t printInteger(int64_t value, char *out) { return uint32_t(std::snprintf(out, 24, "%lld", (long long)value)); }

bool parseUnusualReal(std::string_view text, double &out) {
  bool negative = !text.empty() && text[0] == '-';
  text.remove_prefix(!text.empty() && (text[0] == '-' || text[0] == '+') ? 1 : 0);
  char word[9] = {};
  for (size_t i = 0; i < text.size() && i + 1 < sizeof(word); ++i) {
    word[i] = char(text[i] | 0x20);
  }
  std::string_view lower(word, text.size() < sizeof(word) ? text.size() : 0);
  bool infinite = lower == "inf" || lower == "infinity";
  out = infinite ? HUGE_VAL : double(NAN);
  out = negative ? -out : out;
  return infinite || lower == "nan";
}

double parseReal(std::string_view text, size_t &end) {
  char digits[800];
  int count = 0;
  int64_t exponent = 0;
  size_t at = 0;
  bool negative = at < text.size() && text[at] == '-';
  at += at < text.size() && (text[at] == '-' || text[at] == '+') ? 1 : 0;
  bool point = false, any = false;
  for (; at < text.size(); ++at) {
    char c = text[at];
    if (c == '.' && !point) {
      point = true;
      continue;
    }
    if (c < '0' || c > '9') {
      break;
    }
    any = true;
    // Digits beyond these cannot change the result in any case but ties that nobody writes.
    bool kept = count < int(sizeof(digits));
    if (kept) {
      digits[count++] = c;
    }
    exponent += (kept ? 0 : 1) - (point ? 1 : 0);
  }
  end = any ? at : 0;
  if (any && at + 1 < text.size() && (text[at] == 'e' || text[at] == 'E')) {
    size_t digit = at + 1 + (text[at + 1] == '-' || text[at + 1] == '+' ? 1 : 0);
    int64_t more = 0;
    size_t stop = digit;
    for (; stop < text.size() && text[stop] >= '0' && text[stop] <= '9'; ++stop) {
      more = more < 100000 ? more * 10 + (text[stop] - '0') : more;
    }
    if (stop > digit) {
      exponent += text[at + 1] == '-' ? -more : more;
      end = stop;
    }
  }
  exponent = exponent > 100000 ? 100000 : (exponent < -100000 ? -100000 : exponent);
  char spelled[sizeof(digits) + 16];
  std::snprintf(spelled, sizeof(spelled), "%.*se%d", count, digits, int(exponent));
  double value = any ? std::strtod(spelled, nullptr) : 0;
  return negative ? -value : value;
}

} // namespace fathom::tokenizer::chat
