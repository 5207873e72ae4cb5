// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The parser of a safetensors header, once its length is known to be sound.

#ifndef FATHOM_FRONTEND_CHECKPOINT_SAFETENSORSPARSER_H
#define FATHOM_FRONTEND_CHECKPOINT_SAFETENSORSPARSER_H

#include "frontend/checkpoint/Json.h"
#include "frontend/checkpoint/Safetensors.h"

namespace fathom::checkpoint {

/// What an entry of the header says, as far as it was understood.
struct Entry {
  std::optional<DType> dtype;
  std::optional<llvm::ArrayRef<int64_t>> shape;
  std::optional<uint64_t> begin, end;
};

/// Parses one header; one use.
class SafetensorsParser {
public:
  SafetensorsParser(SafetensorsHeader &header, uint64_t fileSize, llvm::StringRef file, Diagnostics &diagnostics,
                    const SafetensorsLimits &limits)
      : header(header), dataSize(fileSize - header.head.size()), file(file), diagnostics(diagnostics), limits(limits),
        reader(llvm::StringRef(header.head).drop_front(8)) {}

  void run();

private:
  void bad(const char *code, llvm::StringRef where, const llvm::Twine &message);
  bool acceptName(llvm::StringRef name);
  bool metadata();
  bool tensor(llvm::StringRef name);
  bool field(llvm::StringRef key, llvm::StringRef name, Entry &entry);
  bool dtypeField(llvm::StringRef name, Entry &entry);
  bool shapeField(llvm::StringRef name, Entry &entry);
  bool offsetsField(llvm::StringRef name, Entry &entry);
  bool unsignedNumber(llvm::StringRef name, llvm::StringRef what, uint64_t limit, std::optional<uint64_t> &value);
  void finishEntry(llvm::StringRef name, const Entry &entry);
  void checkSize(llvm::StringRef name, const Entry &entry);
  void checkLayout();
  void reportTruncation();

  SafetensorsHeader &header;
  uint64_t dataSize;
  llvm::StringRef file;
  Diagnostics &diagnostics;
  const SafetensorsLimits &limits;
  json::Reader reader;
  StringIndex names;
  size_t entries = 0;
  /// Strings of the current entry that had escapes.
  std::deque<std::string> unescaped;
  /// Tensors whose data the file ends before: how many, the first, and the bytes of data that all together need.
  size_t beyond = 0;
  llvm::StringRef firstBeyond;
  uint64_t declaredSize = 0;
};

} // namespace fathom::checkpoint

#endif // FATHOM_FRONTEND_CHECKPOINT_SAFETENSORSPARSER_H
