// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// str() and repr().

#include "runtime/src/tokenizer/chat/interpreter.h"
#include "runtime/src/tokenizer/chat/operators.h"
#include "runtime/src/tokenizer/chat/text.h"
#include "runtime/src/tokenizer/unicode.h"

#include <cstdio>
#include <utf8proc.h>

namespace fathom::tokenizer::chat {

/// str.isprintable for one character.
static bool isPrintable(uint32_t character) {
  if (character == kInvalid) {
    return false;
  }
  switch (utf8proc_category(int32_t(character))) {
  case UTF8PROC_CATEGORY_CN:
  case UTF8PROC_CATEGORY_CC:
  case UTF8PROC_CATEGORY_CF:
  case UTF8PROC_CATEGORY_CS:
  case UTF8PROC_CATEGORY_CO:
  case UTF8PROC_CATEGORY_ZL:
  case UTF8PROC_CATEGORY_ZP:
    return false;
  case UTF8PROC_CATEGORY_ZS:
    return character == ' ';
  default:
    return true;
  }
}

static void writeEscape(uint32_t character, Builder &out) {
  char text[16];
  const char *format = character > 0xFFFF ? "\\U%08x" : (character > 0xFF ? "\\u%04x" : "\\x%02x");
  int size = std::snprintf(text, sizeof(text), format, character);
  out.append(std::string_view(text, size_t(size)));
}

static void writeQuoted(Run &run, const Text &text, Builder &out) {
  bool hasSingle = text.view().find('\'') != std::string_view::npos;
  char quote = hasSingle && text.view().find('"') == std::string_view::npos ? '"' : '\'';
  out.append(quote);
  for (size_t at = 0; at < text.size && run.step();) {
    Character c = decode(text.view(), at);
    if (c.value == uint32_t(quote) || c.value == '\\') {
      out.append('\\');
      out.append(text.slice(at, at + c.size));
    } else if (c.value == '\n' || c.value == '\r' || c.value == '\t') {
      out.append(c.value == '\n' ? "\\n" : (c.value == '\r' ? "\\r" : "\\t"));
    } else if (isPrintable(c.value)) {
      out.append(text.slice(at, at + c.size));
    } else {
      writeEscape(c.value == kInvalid ? uint8_t(text[at]) : c.value, out);
    }
    at += c.size;
  }
  out.append(quote);
}

/// What Python prints with an address, which is another each time.
static void failPrinting(Run &run, const char *what) {
  run.failAs(Failure::Unsupported, "printing a %s is not supported in chat templates", what);
}

static void writeMacro(Run &run, const Macro &macro, Builder &out) {
  Value name = run.interpreter->macroAttribute(macro, "name");
  out.append("<Macro ");
  name.is(Type::None) ? out.append("anonymous") : writeRepr(run, name, out);
  out.append('>');
}

static void writeLoop(Run &run, const Loop &loop, Builder &out) {
  out.append("<LoopContext ");
  writeRepr(run, Value::of(loop.index + 1), out);
  out.append('/');
  writeRepr(run, Value::of(int64_t(loop.items->count)), out);
  out.append('>');
}

static void writeItems(Run &run, const Sequence &items, Builder &out) {
  for (uint32_t i = 0; i < items.count && run.step(); ++i) {
    out.append(i == 0 ? "" : ", ");
    writeRepr(run, items.items[i], out);
  }
}

static void writeSequence(Run &run, const Value &value, Builder &out) {
  const Sequence &items = *value.sequence;
  switch (value.type) {
  case Type::Tuple:
    out.append('(');
    writeItems(run, items, out);
    out.append(items.count == 1 ? ",)" : ")");
    return;
  case Type::View:
    out.append(std::string_view(items.name));
    out.append("([");
    writeItems(run, items, out);
    out.append("])");
    return;
  case Type::Range:
    *items.name == '\0' ? failPrinting(run, "part of a range") : out.append(std::string_view(items.name));
    return;
  case Type::Generator:
    return failPrinting(run, "generator (make a list of it with '| list')");
  default:
    out.append('[');
    writeItems(run, items, out);
    out.append(']');
  }
}

static void writeDict(Run &run, const Dict &dict, Builder &out) {
  out.append('{');
  for (uint32_t i = 0; i < dict.count && run.step(); ++i) {
    out.append(i == 0 ? "" : ", ");
    writeRepr(run, dict.entries[i].key, out);
    out.append(": ");
    writeRepr(run, dict.entries[i].value, out);
  }
  out.append('}');
}

void writeRepr(Run &run, const Value &value, Builder &out) {
  char number[kRealRoom];
  Deeper deeper(run);
  if (!deeper || !run.step()) {
    return;
  }
  switch (value.type) {
  case Type::Undefined:
    return out.append("Undefined");
  case Type::None:
    return out.append("None");
  case Type::Boolean:
    return out.append(value.boolean ? "True" : "False");
  case Type::Integer:
    return out.append(std::string_view(number, printInteger(value.integer, number)));
  case Type::Real:
    return out.append(std::string_view(number, printReal(value.real, number)));
  case Type::String:
    out.append(value.markup ? "Markup(" : "");
    writeQuoted(run, value.toText(), out);
    return out.append(value.markup ? ")" : "");
  case Type::List:
  case Type::Tuple:
  case Type::Range:
  case Type::View:
  case Type::Generator:
    return writeSequence(run, value, out);
  case Type::Dict:
    return writeDict(run, *value.dict, out);
  case Type::Namespace:
    out.append("<Namespace ");
    writeDict(run, *value.dict, out);
    return out.append('>');
  case Type::Loop:
    return writeLoop(run, *value.loop, out);
  case Type::Macro:
    return writeMacro(run, *value.macro, out);
  case Type::Method:
  case Type::Function:
    return failPrinting(run, typeName(value));
  }
}

Text toText(Run &run, const Value &value) {
  if (value.isString()) {
    return value.toText();
  }
  if (value.isUndefined()) {
    return Text();
  }
  Builder builder(run);
  writeRepr(run, value, builder);
  return builder.finish();
}

} // namespace fathom::tokenizer::chat
