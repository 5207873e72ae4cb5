// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Takes a GGUF file apart: every length is compared with what is left of the file before anything is read or allocated.

#ifndef FATHOM_FRONTEND_GGUF_GGUFPARSER_H
#define FATHOM_FRONTEND_GGUF_GGUFPARSER_H

#include "frontend/gguf/GgufFile.h"

namespace fathom::gguf {

class GgufParser {
public:
  /// `input` is read as far as it is needed; null: the result's head has all that there is.
  GgufParser(GgufFile &result, const File *input, uint64_t fileSize, llvm::StringRef file, Diagnostics &diagnostics,
             const GgufLimits &limits)
      : result(result), input(input), fileSize(fileSize), file(file), diagnostics(diagnostics), limits(limits) {}

  void run();

private:
  /// A tensor as the table has it; its name lies in the head.
  struct Listed {
    uint64_t nameOffset, nameBytes;
    llvm::SmallVector<uint64_t, 4> dimensions;
    uint32_t type;
    uint64_t offset;
  };

  void error(Problem problem, const char *code, llvm::StringRef where, const llvm::Twine &message,
             llvm::StringRef hint = {});
  void bad(const char *code, llvm::StringRef where, const llvm::Twine &message) {
    error(Problem::BadInput, code, where, message);
  }
  std::string here() const { return "byte " + std::to_string(at); }
  llvm::StringRef text(uint64_t offset, uint64_t bytes) const {
    return llvm::StringRef(result.head).substr(offset, bytes);
  }

  bool need(uint64_t bytes);
  bool load(uint64_t end);
  bool read32(uint32_t &number);
  bool read64(uint64_t &number);
  bool readString(uint64_t &offset, uint64_t &bytes);
  bool readStart(uint64_t &tensors, uint64_t &entries);
  bool checkVersion(uint32_t version);
  bool readEntry();
  bool readValue(llvm::StringRef key, Value &value, unsigned depth);
  bool readArray(llvm::StringRef key, Value &value, unsigned depth);
  bool skipElements(llvm::StringRef key, const Value &array, unsigned depth);
  bool readTensor();
  bool indexKeys();
  std::optional<uint64_t> findDataStart();
  void addTensors(uint64_t dataStart);
  void addTensor(const Listed &listed, uint64_t dataStart, uint64_t alignment);
  bool measure(const Listed &listed, TensorEntry &entry);
  void checkLayout(uint64_t dataStart, uint64_t alignment);

  GgufFile &result;
  const File *input;
  uint64_t fileSize;
  llvm::StringRef file;
  Diagnostics &diagnostics;
  const GgufLimits &limits;
  /// Where the next byte to read lies.
  uint64_t at = 0;
  std::vector<std::pair<uint64_t, uint64_t>> keyPlaces;
  std::vector<Listed> table;
  uint64_t alignment = 32;
  /// Tensors that the file ends before: how many, the first, and where the last ends.
  uint64_t beyond = 0;
  llvm::StringRef firstBeyond;
  uint64_t declaredSize = 0;
};

} // namespace fathom::gguf

#endif // FATHOM_FRONTEND_GGUF_GGUFPARSER_H
