// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// text % values.

#include "runtime/src/tokenizer/chat/format.h"
#include "runtime/src/tokenizer/chat/operators.h"
#include "runtime/src/tokenizer/chat/text.h"

namespace fathom::tokenizer::chat {

namespace {
/// A conversion: %[(name)][flags][width][.precision]letter.
struct Conversion {
  char letter;
  Spec spec;
};
} // namespace

/// Reads what stands between % and its letter.
static bool readFlags(Run &run, std::string_view flags, Conversion &out) {
  Spec &spec = out.spec;
  for (char flag = takeOneOf(flags, "-+ #0"); flag != 0; flag = takeOneOf(flags, "-+ #0")) {
    spec.alternate |= flag == '#';
    spec.align = flag == '-' ? '<' : (flag == '0' && spec.align == 0 ? '=' : spec.align);
    spec.sign = flag == '+' || (flag == ' ' && spec.sign != '+') ? flag : spec.sign;
  }
  bool fits = takeNumber(flags, UINT32_MAX, spec.width), precise = takePrecision(flags, spec);
  if (!precise || isOneOf(out.letter, "*cahlL")) {
    run.failAs(Failure::Unsupported, "%%: this conversion is not supported in chat templates");
  } else if (!fits || !flags.empty() || !isOneOf(out.letter, "srdiuoxXeEfFgG")) {
    run.fail("unsupported format character '%c'", out.letter);
  }
  return !run.failed();
}

static Text convertText(Run &run, Conversion &conversion, const Value &value) {
  Builder text(run);
  conversion.letter == 's' ? text.append(toText(run, value)) : writeRepr(run, value, text);
  conversion.spec.align = conversion.spec.align == '<' ? '<' : '>';
  return formatString(run, conversion.spec, '>', text.finish());
}

static Text convertNumber(Run &run, Conversion &conversion, const Value &value) {
  Spec &spec = conversion.spec;
  bool isDecimal = isOneOf(conversion.letter, "diu");
  spec.type = isDecimal ? 'd' : conversion.letter;
  spec.fill = Text(spec.align == '=' ? "0" : " ");
  if (!value.isNumber() || (value.is(Type::Real) && isIntegerType(spec.type) && !isDecimal)) {
    run.fail("%%%c format: a real number is required, not %s", spec.type, typeName(value));
    return Text();
  }
  if (isRealType(spec.type)) {
    return formatReal(run, spec, value.toReal());
  }
  bool fits = !value.is(Type::Real) || (value.real > -9.2e18 && value.real < 9.2e18);
  if (!fits) {
    failTooLarge(run);
    return Text();
  }
  return formatInteger(run, spec, value.is(Type::Real) ? int64_t(value.real) : value.toInteger());
}

static Text convert(Run &run, char letter, std::string_view flags, const Value &value) {
  Conversion conversion{letter, {}};
  if (!readFlags(run, flags, conversion)) {
    return Text();
  }
  return isOneOf(letter, "sr") ? convertText(run, conversion, value) : convertNumber(run, conversion, value);
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
      if (end == kNowhere) {
        return run.fail("incomplete format key");
      }
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
    out.append(convert(run, text[letter], text.slice(at, letter).view(), value));
    at = letter;
  }
  if (used < count && !mayBeUnused) {
    return run.fail("not all arguments converted during string formatting");
  }
  return Value::of(out.finish());
}

} // namespace fathom::tokenizer::chat
