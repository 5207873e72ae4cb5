// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The tree of Json.h: nodes in the order of the text, each knowing where its value ends.

#include "frontend/checkpoint/Json.h"

#include "frontend/checkpoint/Diagnostics.h"
#include "llvm/ADT/SmallVector.h"

#include <charconv>

namespace fathom::checkpoint::json {

/// Objects with more members than this get an index.
static constexpr size_t kSmallObject = 16;

/// Builds a document's nodes from a reader.
class Builder {
public:
  Builder(Document &document, Reader &reader) : document(document), reader(reader) {}
  bool value();

private:
  uint32_t open(Kind kind, size_t offset);
  void close(uint32_t node, uint32_t length);
  bool string();
  bool array();
  bool object();
  bool addKey(uint32_t object, llvm::SmallVectorImpl<uint32_t> &keys);

  Document &document;
  Reader &reader;
};

uint32_t Builder::open(Kind kind, size_t offset) {
  uint32_t node = static_cast<uint32_t>(document.nodes.size());
  if (node == kMaxNodes) {
    reader.failAt(offset, "the text has more than " + std::to_string(kMaxNodes) + " values and keys");
  }
  document.nodes.push_back({static_cast<uint32_t>(offset), 0, node + 1, Document::kNone, kind});
  return node;
}

void Builder::close(uint32_t node, uint32_t length) {
  document.nodes[node].length = length;
  document.nodes[node].next = static_cast<uint32_t>(document.nodes.size());
}

bool Builder::value() {
  std::optional<Kind> kind = reader.peek();
  if (!kind) {
    return false;
  }
  switch (*kind) {
  case Kind::Object:
    return object();
  case Kind::Array:
    return array();
  case Kind::String:
    return string();
  case Kind::Number: {
    llvm::StringRef spelling;
    if (!reader.readNumber(spelling)) {
      return false;
    }
    close(open(Kind::Number, reader.offset()), static_cast<uint32_t>(spelling.size()));
    return true;
  }
  default:
    close(open(*kind, reader.offset()), *kind == Kind::False ? 5 : 4);
    return reader.readWord(*kind);
  }
}

bool Builder::string() {
  size_t before = document.unescaped.size();
  llvm::StringRef value;
  if (!reader.readString(value, document.unescaped)) {
    return false;
  }
  uint32_t node = open(Kind::String, reader.offset() + 1);
  if (document.unescaped.size() != before) {
    document.nodes[node].extra = static_cast<uint32_t>(before);
  }
  close(node, static_cast<uint32_t>(value.size()));
  return true;
}

bool Builder::array() {
  reader.enterArray();
  uint32_t node = open(Kind::Array, reader.offset());
  uint32_t count = 0;
  while (reader.nextElement() && value()) {
    ++count;
  }
  close(node, count);
  return !reader.failed();
}

bool Builder::object() {
  reader.enterObject();
  uint32_t node = open(Kind::Object, reader.offset());
  llvm::SmallVector<uint32_t, kSmallObject> keys;
  uint32_t count = 0;
  llvm::StringRef key;
  for (;;) {
    size_t before = document.unescaped.size();
    if (!reader.nextKey(key, document.unescaped)) {
      break;
    }
    uint32_t keyNode = open(Kind::String, reader.offset() + 1);
    document.nodes[keyNode].length = static_cast<uint32_t>(key.size());
    // A key with escapes is not as the text spells it: the node says which copy without them is meant.
    if (document.unescaped.size() != before) {
      document.nodes[keyNode].extra = static_cast<uint32_t>(before);
    }
    keys.push_back(keyNode);
    if (!addKey(node, keys) || !value()) {
      break;
    }
    ++count;
  }
  close(node, count);
  return !reader.failed();
}

/// Checks that the last of `keys` is new; past `smallObject` keys, through an index.
bool Builder::addKey(uint32_t object, llvm::SmallVectorImpl<uint32_t> &keys) {
  uint32_t newest = keys.back();
  llvm::StringRef key = document.stringOf(document.nodes[newest]);
  bool isNew = true;
  if (document.nodes[object].extra != Document::kNone) {
    auto &members = document.indexes[document.nodes[object].extra];
    isNew = members.keys.insert(key).second;
    members.values.push_back(newest + 1);
    keys.clear(); // the index has them
  } else if (keys.size() <= kSmallObject) {
    for (size_t i = 0; i + 1 < keys.size(); ++i) {
      isNew = isNew && document.stringOf(document.nodes[keys[i]]) != key;
    }
  } else {
    // Comparing each key with all before it would let a hostile file take quadratic time.
    document.nodes[object].extra = static_cast<uint32_t>(document.indexes.size());
    document.indexes.emplace_back();
    auto &members = document.indexes.back();
    for (uint32_t node : keys) {
      isNew = members.keys.insert(document.stringOf(document.nodes[node])).second;
      members.values.push_back(node + 1);
    }
  }
  if (!isNew) {
    return reader.fail("duplicate key \"" + escape(key) + "\"");
  }
  return true;
}

bool Document::parse(llvm::StringRef newText, SyntaxError &error, size_t maxBytes) {
  text = newText;
  nodes.clear();
  unescaped.clear();
  indexes.clear();
  Reader reader(text);
  if (text.size() > std::min<size_t>(maxBytes, kNone - 1)) {
    reader.fail("the text has " + std::to_string(text.size()) + " bytes, more than the limit of " +
                std::to_string(maxBytes));
  } else {
    Builder builder(*this, reader);
    if (builder.value()) {
      reader.finish();
    }
  }
  if (reader.failed()) {
    error = reader.error();
    nodes.clear();
  }
  return !reader.failed();
}

llvm::StringRef Document::stringOf(const Node &node) const {
  if (node.extra != kNone) {
    return unescaped[node.extra];
  }
  return text.substr(node.offset, node.length);
}

Kind Value::kind() const { return document ? document->nodes[node].kind : Kind::Null; }

llvm::StringRef Value::string() const {
  return isString() ? document->stringOf(document->nodes[node]) : llvm::StringRef();
}

std::optional<bool> Value::boolean() const {
  Kind k = kind();
  if (k != Kind::True && k != Kind::False) {
    return std::nullopt;
  }
  return k == Kind::True;
}

std::optional<int64_t> Value::integer() const {
  int64_t value = 0;
  // getAsInteger accepts nothing but an optional minus and digits here, and rejects what does not fit.
  if (kind() != Kind::Number || spelling().getAsInteger(10, value)) {
    return std::nullopt;
  }
  return value;
}

std::optional<double> Value::number() const {
  if (kind() != Kind::Number) {
    return std::nullopt;
  }
  llvm::StringRef digits = spelling();
  double value = 0;
  std::from_chars_result result = std::from_chars(digits.begin(), digits.end(), value);
  if (result.ec != std::errc() || result.ptr != digits.end()) {
    return std::nullopt;
  }
  return value;
}

llvm::StringRef Value::spelling() const {
  if (!document) {
    return {};
  }
  const Document::Node &n = document->nodes[node];
  bool container = n.kind == Kind::Object || n.kind == Kind::Array;
  return n.kind == Kind::String ? document->stringOf(n) : document->text.substr(n.offset, container ? 1 : n.length);
}

size_t Value::size() const { return isArray() || isObject() ? document->nodes[node].length : 0; }

Value Value::find(llvm::StringRef key) const {
  if (!isObject()) {
    return {};
  }
  uint32_t extra = document->nodes[node].extra;
  if (extra != Document::kNone) {
    const auto &index = document->indexes[extra];
    std::optional<uint32_t> number = index.keys.find(key);
    return number ? Value(document, index.values[*number]) : Value();
  }
  for (Member member : members()) {
    if (member.key == key) {
      return member.value;
    }
  }
  return {};
}

size_t Value::offset() const { return document ? document->nodes[node].offset : 0; }

std::string Value::where() const {
  if (!document) {
    return "1:1";
  }
  llvm::StringRef before = document->text.take_front(offset());
  size_t newline = before.rfind('\n');
  size_t column = newline == llvm::StringRef::npos ? before.size() : before.size() - newline - 1;
  return std::to_string(before.count('\n') + 1) + ":" + std::to_string(column + 1);
}

Value::Range<Value::ElementIterator> Value::elements() const {
  if (!isArray()) {
    return {ElementIterator(document, 0), ElementIterator(document, 0)};
  }
  return {ElementIterator(document, node + 1), ElementIterator(document, document->nodes[node].next)};
}

Value::Range<Value::MemberIterator> Value::members() const {
  if (!isObject()) {
    return {MemberIterator(document, 0), MemberIterator(document, 0)};
  }
  return {MemberIterator(document, node + 1), MemberIterator(document, document->nodes[node].next)};
}

} // namespace fathom::checkpoint::json
