// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What expressions of a chat template give: the types of Python that templates see.

#ifndef FATHOM_RUNTIME_SRC_TOKENIZER_CHAT_VALUE_H
#define FATHOM_RUNTIME_SRC_TOKENIZER_CHAT_VALUE_H

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace fathom::tokenizer::chat {

class Run;

/// A piece of text. Where it has marks, a byte whose mark is not 0 came from the conversation, and is never read as a
/// part of a special token. Without marks all of it is the template's own.
struct Text {
  const char *data = "";
  const char *marks = nullptr;
  uint32_t size = 0;
  /// The text begins a block of memory that may have room after it (see Builder).
  bool growable = false;

  Text() = default;
  explicit Text(std::string_view text) : data(text.data()), size(uint32_t(text.size())) {}
  std::string_view view() const { return {data, size}; }
  bool empty() const { return size == 0; }
  char operator[](size_t at) const { return data[at]; }
  bool isMarked(size_t at) const { return marks != nullptr && marks[at] != 0; }
  /// The bytes [begin, end), which must be in range.
  Text slice(size_t begin, size_t end) const {
    Text part(std::string_view(data + begin, end - begin));
    part.marks = marks == nullptr ? nullptr : marks + begin;
    return part;
  }
};

enum class Type : uint8_t {
  Undefined,
  None,
  Boolean,
  Integer,
  Real,
  String,
  List,
  Tuple,
  Range,
  /// What items(), keys() and values() give.
  View,
  /// What map() and select() give: it can be walked once, and has no length.
  Generator,
  Dict,
  Namespace,
  Loop,
  Macro,
  Method,
  Function,
};

/// Value::owner of an undefined value whose text says why, where others have a name.
constexpr Type kReason = Type(255);

struct Sequence;
struct Dict;
struct Loop;
struct Macro;
struct Method;
struct Function;

/// A value. Copies share what they point to, as in Python.
struct Value {
  Type type = Type::Undefined;
  bool growable = false;
  /// String: safe or escaped, as MarkupSafe's Markup: it is not escaped again, and what is added to it is.
  bool markup = false;
  /// Undefined: the type of what the name was looked for in; Undefined: of nothing.
  Type owner = Type::Undefined;
  uint32_t size = 0;
  union {
    bool boolean;
    int64_t integer;
    double real;
    /// String; of Undefined the name that was looked for.
    const char *text;
    /// List to Generator.
    Sequence *sequence;
    /// Dict and Namespace.
    Dict *dict;
    Loop *loop;
    Macro *macro;
    Method *method;
    const Function *function;
  };
  const char *marks = nullptr;

  Value() : text("") {}
  static Value none() { return Value(Type::None); }
  static Value of(bool value) {
    Value result(Type::Boolean);
    result.boolean = value;
    return result;
  }
  static Value of(int64_t value) {
    Value result(Type::Integer);
    result.integer = value;
    return result;
  }
  static Value of(double value) {
    Value result(Type::Real);
    result.real = value;
    return result;
  }
  static Value of(const Text &value) {
    Value result(Type::String);
    result.text = value.data;
    result.marks = value.marks;
    result.size = value.size;
    result.growable = value.growable;
    return result;
  }
  static Value of(std::string_view value) { return of(Text(value)); }
  static Value ofMarkup(const Text &value, bool markup = true) {
    Value result = of(value);
    result.markup = markup;
    return result;
  }
  static Value of(Type type, Sequence *value) {
    Value result(type);
    result.sequence = value;
    return result;
  }
  static Value of(Type type, Dict *value) {
    Value result(type);
    result.dict = value;
    return result;
  }
  static Value undefined(std::string_view name, Type owner = Type::Undefined) {
    Value result = of(name);
    result.type = Type::Undefined;
    result.owner = owner;
    return result;
  }
  static Value undefinedBecause(std::string_view reason) { return undefined(reason, kReason); }

  bool is(Type other) const { return type == other; }
  bool isUndefined() const { return type == Type::Undefined; }
  bool isString() const { return type == Type::String; }
  bool isNumber() const { return type == Type::Boolean || type == Type::Integer || type == Type::Real; }
  /// Booleans are integers, as in Python.
  bool isIntegral() const { return type == Type::Boolean || type == Type::Integer; }
  bool isSequence() const { return type >= Type::List && type <= Type::Generator; }
  int64_t toInteger() const { return type == Type::Boolean ? int64_t(boolean) : integer; }
  double toReal() const { return type == Type::Real ? real : double(toInteger()); }
  Text toText() const {
    Text result(std::string_view(text, size));
    result.marks = marks;
    result.growable = growable;
    return result;
  }

private:
  explicit Value(Type type) : type(type), text("") {}
};

struct Sequence {
  Value *items = nullptr;
  uint32_t count = 0;
  uint32_t capacity = 0;
  /// Generators: how many items are gone.
  uint32_t taken = 0;
  /// View: which method gave it. Range: how it is printed, unless it is a part of one.
  const char *name = "";

  [[nodiscard]] bool push(Run &run, const Value &item);
};

struct Entry {
  Value key;
  Value value;
};

/// Entries in the order in which keys came, searched one by one: those of conversations are few, and every
/// comparison is a step.
struct Dict {
  Entry *entries = nullptr;
  uint32_t count = 0;
  uint32_t capacity = 0;

  Value *find(Run &run, const Value &key) const;
  Value *find(Run &run, std::string_view key) const;
  /// Adds or replaces.
  [[nodiscard]] bool set(Run &run, const Value &key, const Value &value);
};

/// What the name "loop" is in a loop.
struct Loop {
  Sequence *items = nullptr;
  int64_t index = 0;
  /// What changed() was called with.
  Value seen;
};

/// Arguments of a call.
struct Arguments {
  const Value *positional = nullptr;
  uint32_t count = 0;
  const Entry *keywords = nullptr;
  uint32_t keywordCount = 0;
};

struct Function {
  std::string_view name;
  Value (*call)(Run &run, const Arguments &arguments);
};

struct MethodInfo {
  std::string_view name;
  Value (*call)(Run &run, const Value &self, const Arguments &arguments);
};

struct Method {
  Value self;
  const MethodInfo *info;
};

} // namespace fathom::tokenizer::chat

#endif // FATHOM_RUNTIME_SRC_TOKENIZER_CHAT_VALUE_H
