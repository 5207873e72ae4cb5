// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A GGUF file as it is: metadata by key, and where tensors lie.

#ifndef FATHOM_FRONTEND_GGUF_GGUFFILE_H
#define FATHOM_FRONTEND_GGUF_GGUFFILE_H

#include "frontend/checkpoint/Diagnostics.h"
#include "frontend/checkpoint/StringIndex.h"
#include "frontend/gguf/BlockFormat.h"
#include "llvm/ADT/SmallVector.h"

#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace fathom {
class File;
} // namespace fathom

namespace fathom::gguf {

using checkpoint::Diagnostics;
using checkpoint::Problem;

enum class ValueType : uint32_t { U8, I8, U16, I16, U32, I32, F32, Bool, String, Array, U64, I64, F64 };

/// "u8", "string"; empty for a code that the format does not have.
llvm::StringRef name(ValueType type);

/// Bytes of a scalar; 0: of another type.
uint64_t byteWidth(ValueType type);

/// A value of the metadata: where it lies in the head of the file.
struct Value {
  ValueType type = ValueType::U8;
  /// Of a scalar its bytes, of a string and of an array its first element.
  uint64_t offset = 0;
  /// Bytes of a string, elements of an array.
  uint64_t count = 0;
  /// Of an array.
  ValueType element = ValueType::U8;
};

struct TensorEntry {
  llvm::StringRef name;
  /// As elsewhere, the dimension that varies fastest is the last; files have it first.
  llvm::SmallVector<int64_t, 4> shape;
  const BlockFormat *format = nullptr;
  /// Bytes from the start of the file.
  uint64_t offset = 0;
  /// Bytes.
  uint64_t size = 0;
};

struct GgufLimits {
  uint64_t headBytes = 256u << 20;
  uint64_t entries = 1u << 16;
  uint64_t tensors = 1u << 20;
  uint64_t nameBytes = 4096;
  /// Of arrays in arrays.
  unsigned depth = 4;
};

class GgufFile {
public:
  /// Reads metadata and the table of tensors of an open file. Reports all findings, naming `file`; returns nothing
  /// after an error.
  static std::unique_ptr<GgufFile> read(const File &input, llvm::StringRef file, Diagnostics &diagnostics,
                                        const GgufLimits &limits = {});
  /// The same of a file of which `bytes` are all, or the first of `fileSize`.
  static std::unique_ptr<GgufFile> parse(std::string bytes, uint64_t fileSize, llvm::StringRef file,
                                         Diagnostics &diagnostics, const GgufLimits &limits = {});

  /// The value of a key, or null.
  const Value *find(llvm::StringRef key) const;
  /// Keys in the order of the file.
  llvm::ArrayRef<llvm::StringRef> keys() const { return allKeys; }

  /// The number of any scalar that is an integer and fits; nothing otherwise.
  std::optional<int64_t> integer(const Value &value) const;
  /// The number of any scalar but a bool; nothing otherwise.
  std::optional<double> real(const Value &value) const;
  std::optional<bool> boolean(const Value &value) const;
  /// The bytes of a string; nothing of another type.
  std::optional<llvm::StringRef> string(const Value &value) const;
  /// Elements of an array of strings, or of integers; nothing of another type.
  std::optional<std::vector<llvm::StringRef>> strings(const Value &value) const;
  std::optional<std::vector<int64_t>> integers(const Value &value) const;

  /// In the order of the file.
  llvm::ArrayRef<TensorEntry> tensors() const { return entries; }
  /// XXH3-64 of metadata and table.
  uint64_t hash() const { return headHash; }

private:
  friend class GgufParser;
  std::string head;
  std::vector<llvm::StringRef> allKeys;
  std::vector<Value> values;
  checkpoint::StringIndex keyNumbers;
  std::vector<TensorEntry> entries;
  uint64_t headHash = 0;
};

} // namespace fathom::gguf

#endif // FATHOM_FRONTEND_GGUF_GGUFFILE_H
