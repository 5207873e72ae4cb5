// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// str.format.

#include "runtime/src/tokenizer/chat/format.h"
#include "runtime/src/tokenizer/chat/library.h"
#include "runtime/src/tokenizer/chat/operators.h"
#include "runtime/src/tokenizer/chat/text.h"

#include <algorithm>

namespace fathom::tokenizer::chat {

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
  } else if (digits.find_first_not_of("0123456789") == std::string_view::npos &&
             !takeNumber(digits, UINT32_MAX - 1, place)) {
    return run.fail("Too many decimal digits in format string");
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
  if (conversion == 'a' || field.view().find('{') != std::string_view::npos) {
    run.failAs(Failure::Unsupported, "format: the field '%.*s' is not supported in chat templates",
               int(std::min(field.size, 40u)), field.data);
  } else if (!isOneOf(conversion, "rs")) {
    run.fail("Unknown conversion specifier '%c'", conversion);
  }
  if (run.failed() || !parseSpec(run, specification, spec)) {
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

} // namespace fathom::tokenizer::chat
