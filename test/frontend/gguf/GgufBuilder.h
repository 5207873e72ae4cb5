// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Writes small GGUF files, sound ones and others.

#ifndef FATHOM_TEST_FRONTEND_GGUF_GGUFBUILDER_H
#define FATHOM_TEST_FRONTEND_GGUF_GGUFBUILDER_H

#include "frontend/gguf/GgufFile.h"

#include <cstring>
#include <string>
#include <vector>

namespace fathom::test {

/// The bytes of a number, as files have them.
template <typename Number>
std::string bytesOf(Number number) {
  std::string bytes(sizeof(number), 0);
  memcpy(bytes.data(), &number, sizeof(number));
  return bytes;
}

/// A length and as many bytes.
inline std::string stringOf(const std::string &text) { return bytesOf(uint64_t(text.size())) + text; }

inline std::string stringsOf(const std::vector<std::string> &texts) {
  std::string bytes = bytesOf(uint32_t(gguf::ValueType::String)) + bytesOf(uint64_t(texts.size()));
  for (const std::string &text : texts) {
    bytes += stringOf(text);
  }
  return bytes;
}

inline std::string integersOf(const std::vector<int32_t> &numbers) {
  std::string bytes = bytesOf(uint32_t(gguf::ValueType::I32)) + bytesOf(uint64_t(numbers.size()));
  for (int32_t number : numbers) {
    bytes += bytesOf(number);
  }
  return bytes;
}

class GgufBuilder {
public:
  /// Any entry: `bytes` as they are behind the type.
  GgufBuilder &add(const std::string &key, gguf::ValueType type, const std::string &bytes) {
    metadata += stringOf(key) + bytesOf(uint32_t(type)) + bytes;
    ++entries;
    return *this;
  }
  GgufBuilder &add(const std::string &key, uint32_t number) { return add(key, gguf::ValueType::U32, bytesOf(number)); }
  GgufBuilder &add(const std::string &key, float number) { return add(key, gguf::ValueType::F32, bytesOf(number)); }
  GgufBuilder &add(const std::string &key, const std::string &text) {
    return add(key, gguf::ValueType::String, stringOf(text));
  }
  GgufBuilder &add(const std::string &key, const char *text) { return add(key, std::string(text)); }
  GgufBuilder &addStrings(const std::string &key, const std::vector<std::string> &texts) {
    return add(key, gguf::ValueType::Array, stringsOf(texts));
  }

  /// A tensor whose dimensions are as a file has them, the one that varies fastest first.
  GgufBuilder &addTensor(const std::string &name, const std::vector<uint64_t> &dimensions, uint32_t type,
                         const std::string &bytes) {
    return addTensorAt(name, dimensions, type, data.size(), bytes);
  }
  GgufBuilder &addTensorAt(const std::string &name, const std::vector<uint64_t> &dimensions, uint32_t type,
                           uint64_t offset, const std::string &bytes) {
    table += stringOf(name) + bytesOf(uint32_t(dimensions.size()));
    for (uint64_t dimension : dimensions) {
      table += bytesOf(dimension);
    }
    table += bytesOf(type) + bytesOf(offset);
    data += bytes;
    data.resize((data.size() + alignment - 1) / alignment * alignment);
    ++tensors;
    return *this;
  }

  std::string build() const {
    std::string file = "GGUF" + bytesOf(version) + bytesOf(tensors) + bytesOf(entries) + metadata + table;
    file.resize((file.size() + alignment - 1) / alignment * alignment);
    return file + data;
  }

  uint32_t version = 3;
  uint64_t alignment = 32, tensors = 0, entries = 0;
  std::string metadata, table, data;
};

} // namespace fathom::test

#endif // FATHOM_TEST_FRONTEND_GGUF_GGUFBUILDER_H
