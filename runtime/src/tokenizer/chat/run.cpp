// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Memory in blocks that go together, and texts and containers in it.

#include "runtime/src/tokenizer/chat/run.h"

#include "runtime/src/tokenizer/chat/operators.h"
#include "runtime/src/tokenizer/chat/text.h"

#include <cstdio>
#include <cstdlib>
#include <cstring>

namespace fathom::tokenizer::chat {

static constexpr uint64_t kBlockBytes = 64 << 10;
static constexpr uint64_t kAlignment = 16;

Run::~Run() {
  while (blocks != nullptr) {
    Block *next = blocks->next;
    std::free(blocks);
    blocks = next;
  }
}

void Run::keep(Failure kind, const char *format, va_list arguments) {
  if (failed()) {
    return;
  }
  failure = kind;
  int at = place.line == 0 ? 0 : std::snprintf(text, sizeof(text), "line %u", place.line);
  at += place.column == 0 ? 0 : std::snprintf(text + at, 24, "%scolumn %u", at == 0 ? "" : ", ", place.column);
  at += at == 0 ? 0 : std::snprintf(text + at, 24, ": ");
  std::vsnprintf(text + at, sizeof(text) - size_t(at), format, arguments);
}

Value Run::fail(const char *format, ...) {
  va_list arguments;
  va_start(arguments, format);
  keep(Failure::Error, format, arguments);
  va_end(arguments);
  return Value();
}

Value Run::failAs(Failure kind, const char *format, ...) {
  va_list arguments;
  va_start(arguments, format);
  keep(kind, format, arguments);
  va_end(arguments);
  return Value();
}

bool Run::step(uint64_t cost) {
  if (stepsLeft < cost) {
    stepsLeft = 0;
    failAs(Failure::Limit, "the template takes too many steps");
  }
  stepsLeft -= cost <= stepsLeft ? cost : 0;
  return !failed();
}

void *Run::allocateBlock(uint64_t bytes) {
  uint64_t whole = bytes + kAlignment;
  if (whole > memoryLeft) {
    failAs(Failure::Limit, "the template takes too much memory");
    return nullptr;
  }
  Block *block = static_cast<Block *>(std::malloc(whole));
  if (block == nullptr) {
    failAs(Failure::OutOfMemory, "out of memory");
    return nullptr;
  }
  memoryLeft -= whole;
  block->next = blocks;
  blocks = block;
  return reinterpret_cast<char *>(block) + kAlignment;
}

void *Run::allocate(uint64_t bytes) {
  bytes = (bytes + kAlignment - 1) & ~(kAlignment - 1);
  if (failed()) {
    return nullptr;
  }
  if (bytes > kBlockBytes / 4) {
    return allocateBlock(bytes);
  }
  if (bytes > freeBytes) {
    free = static_cast<char *>(allocateBlock(kBlockBytes));
    freeBytes = free == nullptr ? 0 : kBlockBytes;
    if (free == nullptr) {
      return nullptr;
    }
  }
  void *memory = free;
  free += bytes;
  freeBytes -= bytes;
  return memory;
}

Builder::Builder(Run &run, const Text &start) : run(run) {
  if (start.growable) {
    const Header *header = reinterpret_cast<const Header *>(start.data) - 1;
    if (header->used == start.size) {
      data = const_cast<char *>(start.data);
      marks = const_cast<char *>(start.marks);
      count = start.size;
      capacity = header->capacity;
      return;
    }
  }
  append(start);
}

bool Builder::reserve(uint64_t wanted) {
  if (wanted <= capacity && data != nullptr) {
    return true;
  }
  uint64_t room = wanted < 24 ? 24 : wanted * 2;
  if (room > INT32_MAX) {
    run.failAs(Failure::Limit, "a text of more than 1 GiB");
    return false;
  }
  Header *header = static_cast<Header *>(run.allocate(sizeof(Header) + 2 * room));
  if (header == nullptr || !run.step(1 + count / 16)) {
    return false;
  }
  header->capacity = uint32_t(room);
  char *larger = reinterpret_cast<char *>(header + 1);
  if (count != 0) {
    std::memcpy(larger, data, count);
    std::memcpy(larger + room, marks, count);
  }
  data = larger;
  marks = larger + room;
  capacity = uint32_t(room);
  return true;
}

void Builder::append(const Text &more) {
  if (more.size == 0 || !reserve(uint64_t(count) + more.size) || !run.step(more.size / 16)) {
    return;
  }
  std::memmove(data + count, more.data, more.size);
  if (more.marks != nullptr) {
    std::memmove(marks + count, more.marks, more.size);
  } else {
    std::memset(marks + count, 0, more.size);
  }
  count += more.size;
}

void Builder::appendCharacter(uint32_t character, bool marked) {
  char bytes[4];
  char all[4] = {1, 1, 1, 1};
  Text text(std::string_view(bytes, encodeUtf8(character, bytes)));
  text.marks = marked ? all : nullptr;
  append(text);
}

Text Builder::finish() {
  if (data == nullptr) {
    return Text();
  }
  (reinterpret_cast<Header *>(data) - 1)->used = count;
  Text text(std::string_view(data, count));
  text.marks = marks;
  text.growable = true;
  data = marks = nullptr;
  count = capacity = 0;
  return text;
}

Text concatenate(Run &run, const Text &text, const Text &more) {
  Builder builder(run, text);
  builder.append(more);
  return builder.finish();
}

/// Room for one more of `count` elements, twice as much as before where it grows.
template <class T>
static bool makeRoom(Run &run, T *&elements, uint32_t count, uint32_t &capacity) {
  if (count < capacity) {
    return true;
  }
  uint64_t larger = capacity < 4 ? 4 : uint64_t(capacity) * 2;
  T *memory = larger > UINT32_MAX ? nullptr : static_cast<T *>(run.allocate(larger * sizeof(T)));
  if (memory == nullptr || !run.step(1 + count)) {
    return false;
  }
  if (count != 0) {
    std::memcpy(static_cast<void *>(memory), elements, count * sizeof(T));
  }
  elements = memory;
  capacity = uint32_t(larger);
  return true;
}

bool Sequence::push(Run &run, const Value &item) {
  if (!makeRoom(run, items, count, capacity)) {
    return false;
  }
  items[count++] = item;
  return true;
}

Value *Dict::find(Run &run, const Value &key) const {
  for (uint32_t i = 0; i < count && run.step(); ++i) {
    if (equal(run, entries[i].key, key)) {
      return &entries[i].value;
    }
  }
  return nullptr;
}

Value *Dict::find(Run &run, std::string_view key) const {
  uint64_t cost = 1 + count / 8;
  Value *found = nullptr;
  for (uint32_t i = 0; i < count && found == nullptr; ++i) {
    bool mayBe = entries[i].key.isString() && entries[i].key.size == key.size();
    cost += mayBe ? key.size() / 16 : 0;
    found = mayBe && entries[i].key.toText().view() == key ? &entries[i].value : nullptr;
  }
  return run.step(cost) ? found : nullptr;
}

bool Dict::set(Run &run, const Value &key, const Value &value) {
  Value *place = key.isString() ? find(run, key.toText().view()) : find(run, key);
  if (place != nullptr) {
    *place = value;
    return true;
  }
  if (run.failed() || !makeRoom(run, entries, count, capacity)) {
    return false;
  }
  entries[count++] = {key, value};
  return true;
}

} // namespace fathom::tokenizer::chat
