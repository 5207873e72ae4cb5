// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// json.dumps, as Hugging Face's tojson calls it.

#include "runtime/src/tokenizer/chat/json.h"
#include "runtime/src/tokenizer/chat/operators.h"
#include "runtime/src/tokenizer/chat/text.h"
#include "runtime/src/tokenizer/unicode.h"

#include <algorithm>
#include <cmath>
#include <cstdio>

namespace fathom::tokenizer::chat {

namespace {
class Writer {
public:
  Writer(Run &run, const JsonStyle &style) : run(run), style(style), out(run) {}

  void write(const Value &value, uint32_t level);
  Text finish() { return out.finish(); }

private:
  bool breaksLines() const { return style.indent.isString() || style.indent.isIntegral(); }
  void breakLine(uint32_t level);
  void writeText(const Text &text);
  void writeEscaped(uint32_t character);
  void writeList(const Sequence &items, uint32_t level);
  void writeDict(const Dict &dict, uint32_t level);
  void writeKey(const Value &key);
  void writeReal(double value);

  Run &run;
  const JsonStyle &style;
  Builder out;
};
} // namespace

void Writer::breakLine(uint32_t level) {
  if (!breaksLines()) {
    return;
  }
  out.append('\n');
  Text unit = style.indent.isString() ? style.indent.toText() : Text(" ");
  int64_t times = style.indent.isString() ? 1 : style.indent.toInteger();
  for (uint32_t i = 0; i < level && run.step(); ++i) {
    out.append(repeat(run, unit, times));
  }
}

void Writer::writeEscaped(uint32_t character) {
  char text[16];
  int size = 0;
  if (character >= 0x10000) {
    uint32_t rest = character - 0x10000;
    size = std::snprintf(text, sizeof(text), "\\u%04x\\u%04x", 0xD800 + (rest >> 10), 0xDC00 + (rest & 0x3FF));
  } else {
    size = std::snprintf(text, sizeof(text), "\\u%04x", character);
  }
  out.append(std::string_view(text, size_t(size)));
}

void Writer::writeText(const Text &text) {
  constexpr std::string_view kSpecial = "\"\\\b\f\n\r\t";
  constexpr std::string_view kNames = "\"\\bfnrt";
  out.append('"');
  for (size_t at = 0; at < text.size && run.step();) {
    Character c = decode(text.view(), at);
    size_t special = c.size == 1 && c.value != 0 ? kSpecial.find(text[at]) : std::string_view::npos;
    if (special != std::string_view::npos) {
      out.append('\\');
      out.append(kNames[special]);
    } else if (c.value < 0x20 || (style.ascii && c.value >= 0x7F && c.value != kInvalid)) {
      writeEscaped(c.value);
    } else {
      out.append(text.slice(at, at + c.size));
    }
    at += c.size;
  }
  out.append('"');
}

void Writer::writeReal(double value) {
  char text[kRealRoom];
  if (std::isfinite(value)) {
    out.append(std::string_view(text, printReal(value, text)));
  } else {
    out.append(std::isnan(value) ? "NaN" : (value < 0 ? "-Infinity" : "Infinity"));
  }
}

void Writer::writeList(const Sequence &items, uint32_t level) {
  out.append('[');
  for (uint32_t i = 0; i < items.count && run.step(); ++i) {
    out.append(i == 0 ? Text() : style.itemSeparator);
    breakLine(level + 1);
    write(items.items[i], level + 1);
  }
  if (items.count != 0) {
    breakLine(level);
  }
  out.append(']');
}

void Writer::writeKey(const Value &key) {
  if (key.isString()) {
    return writeText(key.toText());
  }
  if (!key.isNumber() && !key.is(Type::None)) {
    run.fail("keys must be str, int, float, bool or None, not %s", typeName(key));
    return;
  }
  out.append('"');
  write(key, 0);
  out.append('"');
}

void Writer::writeDict(const Dict &dict, uint32_t level) {
  Entry *entries = dict.entries;
  if (style.sortKeys && dict.count > 1) {
    Dict sorted;
    for (uint32_t i = 0; i < dict.count; ++i) {
      (void)sorted.set(run, dict.entries[i].key, dict.entries[i].value);
    }
    if (run.failed()) {
      return;
    }
    entries = sorted.entries;
    // Insertion: std::sort may read out of range if an order fails half way.
    for (uint32_t i = 1; i < dict.count; ++i) {
      for (uint32_t j = i; j > 0 && less(run, entries[j].key, entries[j - 1].key); --j) {
        std::swap(entries[j], entries[j - 1]);
      }
    }
  }
  out.append('{');
  for (uint32_t i = 0; i < dict.count && run.step(); ++i) {
    out.append(i == 0 ? Text() : style.itemSeparator);
    breakLine(level + 1);
    writeKey(entries[i].key);
    out.append(style.keySeparator);
    write(entries[i].value, level + 1);
  }
  if (dict.count != 0) {
    breakLine(level);
  }
  out.append('}');
}

void Writer::write(const Value &value, uint32_t level) {
  Deeper deeper(run);
  char number[kRealRoom];
  if (!deeper || !run.step()) {
    return;
  }
  switch (value.type) {
  case Type::None:
    return out.append("null");
  case Type::Boolean:
    return out.append(value.boolean ? "true" : "false");
  case Type::Integer:
    return out.append(std::string_view(number, printInteger(value.integer, number)));
  case Type::Real:
    return writeReal(value.real);
  case Type::String:
    return writeText(value.toText());
  case Type::List:
  case Type::Tuple:
    return writeList(*value.sequence, level);
  case Type::Dict:
    return writeDict(*value.dict, level);
  default:
    run.fail("Object of type %s is not JSON serializable", typeName(value));
  }
}

Text writeJson(Run &run, const Value &value, const JsonStyle &style) {
  Writer writer(run, style);
  writer.write(value, 0);
  return writer.finish();
}

} // namespace fathom::tokenizer::chat
