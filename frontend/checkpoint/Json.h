// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A JSON reader for hostile files (RFC 8259, strictly): bounded depth, no duplicate keys, checked UTF-8,
// exact integers, errors with positions; time and memory linear in the text.

#ifndef FATHOM_FRONTEND_CHECKPOINT_JSON_H
#define FATHOM_FRONTEND_CHECKPOINT_JSON_H

#include "frontend/checkpoint/StringIndex.h"
#include "llvm/ADT/StringRef.h"

#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <vector>

namespace fathom::checkpoint::json {

/// Containers may nest this deep.
constexpr unsigned kMaxDepth = 64;

/// A document may have this many values and keys: some three times what the largest tokenizers have.
constexpr size_t kMaxNodes = 2 << 20;

/// Where and why a text is not JSON, or not the JSON that was asked for.
struct SyntaxError {
  size_t offset = 0;
  /// From 1; the column counts bytes.
  unsigned line = 0;
  unsigned column = 0;
  std::string message;
  /// "line:column".
  std::string where() const;
};

enum class Kind : uint8_t { Null, False, True, Number, String, Array, Object };

/// "null", "a boolean", "a number", "a string", "an array", "an object".
llvm::StringRef describe(Kind kind);

/// A byte as a message shows it: "'x'" or "byte 0x00".
std::string describeByte(unsigned char byte);

/// Reads a text from front to back, one value after the other; the first error ends it. Every function
/// returns false at the end of a container and after an error.
class Reader {
public:
  /// `text` must outlive the reader, and the strings it hands out.
  explicit Reader(llvm::StringRef text) : text(text), cursor(text.data()), end(text.end()) {}

  /// The kind of the value that comes next; nothing after an error.
  std::optional<Kind> peek();
  bool enterObject() { return enter(Kind::Object); }
  /// The next key of the innermost object; `key` lives in the text or in `storage` (where it had escapes).
  bool nextKey(llvm::StringRef &key, std::deque<std::string> &storage);
  bool enterArray() { return enter(Kind::Array); }
  /// True where another element follows.
  bool nextElement();
  bool readString(llvm::StringRef &value, std::deque<std::string> &storage);
  /// The number as it is spelled.
  bool readNumber(llvm::StringRef &spelling);
  /// true, false or null.
  bool readWord(Kind kind);
  bool skipValue();
  /// True where nothing but white space follows.
  bool finish();

  bool failed() const { return bad; }
  /// Records an error at the place of the last value or key, unless there is one already; returns false.
  bool fail(std::string message);
  bool failAt(size_t offset, std::string message);
  /// The first error, its line and column computed.
  SyntaxError error() const;
  /// Offset of the last key or value begun.
  size_t offset() const { return mark; }

private:
  void skipSpace();
  /// Begins a container of that kind.
  bool enter(Kind wanted);
  /// True where the innermost container, which ends with `close`, has more.
  bool advance(char close, const char *expected);
  bool failHere(const char *expected);
  bool scanString(llvm::StringRef &raw, bool &escaped);
  bool scanUtf8();
  bool scanEscape();
  static void unescape(llvm::StringRef raw, std::string &out);

  llvm::StringRef text;
  const char *cursor;
  const char *end;
  size_t mark = 0;
  unsigned depth = 0;
  /// The innermost container has no element yet: no comma is due.
  bool fresh = false;
  bool bad = false;
  size_t errorOffset = 0;
  std::string errorMessage;
};

class Document;

/// A value of a document: a handle, cheap to copy. A null handle converts to false.
class Value {
public:
  Value() = default;
  explicit operator bool() const { return document != nullptr; }

  Kind kind() const;
  bool isNull() const { return kind() == Kind::Null; }
  bool isObject() const { return kind() == Kind::Object; }
  bool isArray() const { return kind() == Kind::Array; }
  bool isString() const { return kind() == Kind::String; }

  /// The string; empty for other kinds.
  llvm::StringRef string() const;
  std::optional<bool> boolean() const;
  /// A number spelled without fraction and exponent that fits; nothing for 1.0, 1e3 or 2^63.
  std::optional<int64_t> integer() const;
  /// A finite number; nothing for 1e400.
  std::optional<double> number() const;
  /// The value's own text: a number's spelling, a string without quotes, a container's bracket.
  llvm::StringRef spelling() const;

  /// Elements of an array or members of an object.
  size_t size() const;
  /// A member by key, in constant time; a null handle where absent or not an object.
  Value find(llvm::StringRef key) const;

  size_t offset() const;
  /// "line:column" of the value in its text; linear in the offset, for messages only.
  std::string where() const;

  /// Iteration: `for (Value v : array.elements())`, `for (auto [key, v] : object.members())`.
  class ElementIterator;
  class MemberIterator;
  template <typename Iterator>
  struct Range {
    Iterator first, last;
    Iterator begin() const { return first; }
    Iterator end() const { return last; }
  };
  /// Empty for other kinds.
  Range<ElementIterator> elements() const;
  Range<MemberIterator> members() const;

private:
  friend class Document;
  Value(const Document *document, uint32_t node) : document(document), node(node) {}
  const Document *document = nullptr;
  uint32_t node = 0;
};

/// A parsed text: 20 bytes a value, plus the strings that had escapes and an index for objects of many members.
class Document {
public:
  Document() = default;
  // Values point here.
  Document(const Document &) = delete;
  Document &operator=(const Document &) = delete;

  /// Parses one value with white space around it. `text` must outlive the document and have fewer than 2^32
  /// bytes. Returns false and fills `error` where it is not JSON, longer than `maxBytes`, or has
  /// more than `maxNodes` values and keys.
  bool parse(llvm::StringRef text, SyntaxError &error, size_t maxBytes = 0xffffffff);

  Value root() const { return Value(this, 0); }

private:
  friend class Value;
  friend class Builder;
  struct Node {
    /// In the text: the first character of the value (of a string: after the quote).
    uint32_t offset;
    /// Bytes of a string or number; members or elements of a container.
    uint32_t length;
    /// Index of the node after this value and all it contains.
    uint32_t next;
    /// Index into `unescaped` or `indexes`, or `kNone`.
    uint32_t extra;
    Kind kind;
  };
  static constexpr uint32_t kNone = ~0u;

  llvm::StringRef stringOf(const Node &node) const;

  llvm::StringRef text;
  std::vector<Node> nodes;
  std::deque<std::string> unescaped;
  /// Keys of one large object, and the node of the value of each.
  struct Members {
    StringIndex keys;
    std::vector<uint32_t> values;
  };
  std::deque<Members> indexes;
};

class Value::ElementIterator {
public:
  Value operator*() const { return Value(document, node); }
  ElementIterator &operator++() {
    node = document->nodes[node].next;
    return *this;
  }
  bool operator!=(const ElementIterator &other) const { return node != other.node; }

private:
  friend class Value;
  ElementIterator(const Document *document, uint32_t node) : document(document), node(node) {}
  const Document *document;
  uint32_t node;
};

/// A key and its value.
struct Member {
  llvm::StringRef key;
  Value value;
};

class Value::MemberIterator {
public:
  Member operator*() const { return {document->stringOf(document->nodes[node]), Value(document, node + 1)}; }
  MemberIterator &operator++() {
    node = document->nodes[node + 1].next;
    return *this;
  }
  bool operator!=(const MemberIterator &other) const { return node != other.node; }

private:
  friend class Value;
  MemberIterator(const Document *document, uint32_t node) : document(document), node(node) {}
  const Document *document;
  uint32_t node;
};

} // namespace fathom::checkpoint::json

#endif // FATHOM_FRONTEND_CHECKPOINT_JSON_H
