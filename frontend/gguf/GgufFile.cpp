// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
#include "frontend/gguf/GgufFile.h"

#include "llvm/Support/Endian.h"

#include <iterator>

namespace fathom::gguf {

namespace endian = llvm::support::endian;

static constexpr const char *kTypeNames[] = {"u8",   "i8",     "u16",   "i16", "u32", "i32", "f32",
                                             "bool", "string", "array", "u64", "i64", "f64"};

llvm::StringRef name(ValueType type) {
  auto code = static_cast<size_t>(type);
  return code < std::size(kTypeNames) ? kTypeNames[code] : "";
}

uint64_t byteWidth(ValueType type) {
  static constexpr uint8_t kBytes[] = {1, 1, 2, 2, 4, 4, 4, 1, 0, 0, 8, 8, 8};
  return kBytes[static_cast<size_t>(type)];
}

const Value *GgufFile::find(llvm::StringRef key) const {
  std::optional<uint32_t> number = keyNumbers.find(key);
  return number ? &values[*number] : nullptr;
}

static std::optional<int64_t> readInteger(ValueType type, const char *bytes) {
  switch (type) {
  case ValueType::U8:
    return static_cast<uint8_t>(*bytes);
  case ValueType::I8:
    return static_cast<int8_t>(*bytes);
  case ValueType::U16:
    return endian::read16le(bytes);
  case ValueType::I16:
    return static_cast<int16_t>(endian::read16le(bytes));
  case ValueType::U32:
    return endian::read32le(bytes);
  case ValueType::I32:
    return static_cast<int32_t>(endian::read32le(bytes));
  case ValueType::U64:
  case ValueType::I64: {
    uint64_t bits = endian::read64le(bytes);
    bool fits = type == ValueType::I64 || bits <= INT64_MAX;
    return fits ? std::optional<int64_t>(static_cast<int64_t>(bits)) : std::nullopt;
  }
  default:
    return std::nullopt;
  }
}

std::optional<int64_t> GgufFile::integer(const Value &value) const {
  return readInteger(value.type, head.data() + value.offset);
}

std::optional<double> GgufFile::real(const Value &value) const {
  const char *bytes = head.data() + value.offset;
  if (value.type == ValueType::F32) {
    return __builtin_bit_cast(float, endian::read32le(bytes));
  }
  if (value.type == ValueType::F64) {
    return __builtin_bit_cast(double, endian::read64le(bytes));
  }
  std::optional<int64_t> number = integer(value);
  return number ? std::optional<double>(static_cast<double>(*number)) : std::nullopt;
}

std::optional<bool> GgufFile::boolean(const Value &value) const {
  return value.type == ValueType::Bool ? std::optional<bool>(head[value.offset] != 0) : std::nullopt;
}

std::optional<llvm::StringRef> GgufFile::string(const Value &value) const {
  return value.type == ValueType::String
             ? std::optional<llvm::StringRef>(llvm::StringRef(head).substr(value.offset, value.count))
             : std::nullopt;
}

std::optional<std::vector<llvm::StringRef>> GgufFile::strings(const Value &value) const {
  if (value.type != ValueType::Array || value.element != ValueType::String) {
    return std::nullopt;
  }
  std::vector<llvm::StringRef> all;
  all.reserve(value.count);
  // Every length was checked when the file was read.
  for (uint64_t i = 0, at = value.offset; i < value.count; ++i) {
    uint64_t bytes = endian::read64le(head.data() + at);
    all.push_back(llvm::StringRef(head).substr(at + 8, bytes));
    at += 8 + bytes;
  }
  return all;
}

std::optional<std::vector<int64_t>> GgufFile::integers(const Value &value) const {
  if (value.type != ValueType::Array) {
    return std::nullopt;
  }
  std::vector<int64_t> all;
  for (uint64_t i = 0; i < value.count; ++i) {
    std::optional<int64_t> number =
        readInteger(value.element, head.data() + value.offset + i * byteWidth(value.element));
    if (!number) {
      return std::nullopt;
    }
    all.push_back(*number);
  }
  return all;
}

} // namespace fathom::gguf
