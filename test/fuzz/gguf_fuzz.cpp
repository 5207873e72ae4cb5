// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Fuzzes the head of GGUF files. Beyond not crashing: tensors of an accepted file lie in it, apart from each other, and
// what is made of metadata and vocabulary is made of any.

#include "frontend/gguf/ConvertConfig.h"
#include "frontend/gguf/ConvertTokenizer.h"

#include <algorithm>
#include <cstdlib>

using namespace fathom::gguf;

static void check(bool holds) {
  if (!holds) {
    std::abort();
  }
}

static void checkTensors(const GgufFile &file, uint64_t fileSize) {
  std::vector<std::pair<uint64_t, uint64_t>> spans;
  for (const TensorEntry &tensor : file.tensors()) {
    check(tensor.size > 0 && tensor.offset < fileSize && tensor.size <= fileSize - tensor.offset);
    spans.push_back({tensor.offset, tensor.offset + tensor.size});
  }
  std::sort(spans.begin(), spans.end());
  for (size_t i = 1; i < spans.size(); ++i) {
    check(spans[i - 1].second <= spans[i].first);
  }
}

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  Diagnostics diagnostics;
  auto file = GgufFile::parse(std::string(reinterpret_cast<const char *>(data), size), size, "fuzz", diagnostics);
  check((file == nullptr) == diagnostics.hasErrors());
  if (!file) {
    return 0;
  }
  checkTensors(*file, size);
  MetadataReader metadata(*file, "fuzz", diagnostics);
  if (const Architecture *architecture = findArchitecture(metadata)) {
    convertConfig(metadata, *architecture, diagnostics);
  }
  convertTokenizer(metadata);
  return 0;
}
