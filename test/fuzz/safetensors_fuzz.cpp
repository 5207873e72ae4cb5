// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Fuzzes the safetensors header. Beyond not crashing: tensors of an accepted header cover the data, each once.

#include "frontend/checkpoint/Safetensors.h"

#include "llvm/Support/raw_ostream.h"

#include <algorithm>
#include <cstdlib>
#include <vector>

using namespace fathom::checkpoint;

static void check(bool holds) {
  if (!holds) {
    std::abort();
  }
}

static void checkCover(const SafetensorsHeader &header, uint64_t fileSize) {
  std::vector<std::pair<uint64_t, uint64_t>> spans;
  for (const TensorInfo &tensor : header.tensors()) {
    spans.push_back({tensor.offset, tensor.offset + tensor.size});
    uint64_t elements = 1;
    for (int64_t extent : tensor.shape) {
      elements *= static_cast<uint64_t>(extent);
    }
    check(elements * bitWidth(tensor.dtype) == tensor.size * 8);
  }
  std::sort(spans.begin(), spans.end());
  uint64_t at = header.dataStart();
  for (auto [begin, end] : spans) {
    check(begin == at && end >= begin);
    at = end;
  }
  check(at == fileSize);
}

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  std::string file(reinterpret_cast<const char *>(data), size);
  Diagnostics diagnostics;
  auto header = SafetensorsHeader::parse(file, size, "fuzz", diagnostics);
  check((header == nullptr) == diagnostics.hasErrors());
  if (header) {
    checkCover(*header, size);
  }
  std::string text;
  llvm::raw_string_ostream out(text);
  diagnostics.print(out);
  check(text.size() < 200'000);
  return 0;
}
