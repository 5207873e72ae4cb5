// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// From a file to its header: the length field, what the file is instead, and the bytes to parse.

#include "frontend/checkpoint/Safetensors.h"

#include "dialects/support/Hash.h"
#include "frontend/checkpoint/SafetensorsParser.h"
#include "llvm/Support/Endian.h"

#include <algorithm>
#include <cerrno>

namespace fathom::checkpoint {

/// Bytes of length field and header that `head` announces, or 0 after a finding.
static uint64_t checkLength(llvm::StringRef head, uint64_t fileSize, llvm::StringRef file, Diagnostics &diagnostics,
                            const SafetensorsLimits &limits) {
  llvm::StringRef hint = recognize(head);
  if (fileSize < 8 || head.size() < 8) {
    diagnostics.error(Problem::BadInput, "truncated", file, "",
                      "has " + llvm::Twine(fileSize) + " bytes, but a safetensors file has at least 8", hint);
    return 0;
  }
  uint64_t length = llvm::support::endian::read64le(head.data());
  if (length > limits.headerBytes) {
    if (hint.empty() && llvm::support::endian::read64be(head.data()) <= fileSize - 8) {
      hint = "the length is plausible when read as big-endian; the format is little-endian";
    }
    diagnostics.error(Problem::BadInput, "bad-header", file, "",
                      "not a safetensors file: the header's length is " + llvm::Twine(length) + ", but the limit is " +
                          llvm::Twine(limits.headerBytes),
                      hint);
    return 0;
  }
  if (length > fileSize - 8) {
    diagnostics.error(Problem::BadInput, "truncated", file, "",
                      "truncated: the header declares " + llvm::Twine(length) + " bytes, but the file has " +
                          llvm::Twine(fileSize - 8) + " after the length field",
                      hint);
    return 0;
  }
  if (length < 2) {
    diagnostics.error(Problem::BadInput, "bad-header", file, "",
                      "the header has " + llvm::Twine(length) + " bytes, but the shortest possible header is {}",
                      hint.empty() ? "the download may be incomplete; download the file again" : hint);
    return 0;
  }
  return 8 + length;
}

std::unique_ptr<SafetensorsHeader> SafetensorsHeader::parse(std::string head, uint64_t fileSize, llvm::StringRef file,
                                                            Diagnostics &diagnostics, const SafetensorsLimits &limits) {
  uint64_t length = checkLength(head, fileSize, file, diagnostics, limits);
  if (length == 0 || head.size() < length) {
    return nullptr;
  }
  size_t errorsBefore = diagnostics.errorCount();
  auto header = std::make_unique<SafetensorsHeader>();
  head.resize(length);
  header->head = std::move(head);
  header->tableHash = hashBytes(header->head);
  SafetensorsParser(*header, fileSize, file, diagnostics, limits).run();
  return diagnostics.errorCount() == errorsBefore ? std::move(header) : nullptr;
}

std::unique_ptr<SafetensorsHeader> SafetensorsHeader::read(const File &input, llvm::StringRef file,
                                                           Diagnostics &diagnostics, const SafetensorsLimits &limits) {
  std::string head(std::min<uint64_t>(input.size(), 64), '\0');
  uint64_t length = 0;
  if (input.read(head.data(), head.size(), 0)) {
    length = checkLength(head, input.size(), file, diagnostics, limits);
    if (length == 0) {
      return nullptr;
    }
    head.resize(length);
  }
  if (length == 0 || !input.read(head.data(), head.size(), 0)) {
    reportSystemError(errno, file, "cannot read the header", diagnostics);
    return nullptr;
  }
  return parse(std::move(head), input.size(), file, diagnostics, limits);
}

} // namespace fathom::checkpoint
