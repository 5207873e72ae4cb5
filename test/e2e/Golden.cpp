// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Reads golden.safetensors.

#include "test/e2e/Golden.h"

#include "frontend/checkpoint/Safetensors.h"

#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/raw_ostream.h"

#include <algorithm>
#include <cstdlib>
#include <filesystem>

namespace fathom::test {

namespace {

class GoldenFile {
public:
  explicit GoldenFile(const std::string &path) {
    auto opened = llvm::MemoryBuffer::getFile(path);
    if (!opened) {
      fail(path + ": " + opened.getError().message());
    }
    buffer = std::move(*opened);
    uint64_t length;
    memcpy(&length, buffer->getBufferStart(), sizeof(length));
    checkpoint::Diagnostics diagnostics;
    header = checkpoint::SafetensorsHeader::parse(std::string(buffer->getBufferStart(), 8 + length),
                                                  buffer->getBufferSize(), path, diagnostics);
    if (!header) {
      diagnostics.print(llvm::errs());
      fail(path + ": not a safetensors file");
    }
  }

  bool has(const std::string &name) const { return find(name) != nullptr; }

  std::vector<float> readFloats(const std::string &name) const {
    const checkpoint::TensorInfo *tensor = find(name);
    std::vector<float> values(tensor->size / sizeof(float));
    memcpy(values.data(), buffer->getBufferStart() + tensor->offset, tensor->size);
    return values;
  }

  std::vector<int32_t> readTokens(const std::string &name) const {
    const checkpoint::TensorInfo *tensor = find(name);
    std::vector<int64_t> wide(tensor->size / sizeof(int64_t));
    memcpy(wide.data(), buffer->getBufferStart() + tensor->offset, tensor->size);
    return std::vector<int32_t>(wide.begin(), wide.end());
  }

private:
  const checkpoint::TensorInfo *find(const std::string &name) const {
    for (const checkpoint::TensorInfo &tensor : header->tensors()) {
      if (tensor.name == name) {
        return &tensor;
      }
    }
    return nullptr;
  }

  [[noreturn]] static void fail(const std::string &message) {
    llvm::errs() << message << '\n';
    std::exit(1);
  }

  std::unique_ptr<llvm::MemoryBuffer> buffer;
  std::unique_ptr<checkpoint::SafetensorsHeader> header;
};

} // namespace

std::vector<std::string> findOracles() {
  std::vector<std::string> names;
  for (const auto &entry : std::filesystem::directory_iterator(FATHOM_TEST_MODELS)) {
    if (std::filesystem::exists(entry.path() / "golden.safetensors")) {
      names.push_back(entry.path().filename());
    }
  }
  if (names.empty()) {
    llvm::errs() << FATHOM_TEST_MODELS << ": no folder has a golden.safetensors\n";
    std::exit(1);
  }
  std::sort(names.begin(), names.end());
  return names;
}

std::vector<GoldenPrompt> readGolden(const std::string &directory) {
  GoldenFile file(directory + "/golden.safetensors");
  std::vector<GoldenPrompt> prompts;
  for (int i = 0;; ++i) {
    std::string prefix = "p" + std::to_string(i) + ".";
    if (!file.has(prefix + "tokens")) {
      return prompts;
    }
    GoldenPrompt prompt;
    prompt.tokens = file.readTokens(prefix + "tokens");
    prompt.logits = file.readFloats(prefix + "logits");
    prompt.greedy = file.readTokens(prefix + "greedy");
    if (file.has(prefix + "mtp_logits")) {
      prompt.draftLogits = file.readFloats(prefix + "mtp_logits");
    }
    for (int layer = 0; file.has(prefix + "hidden." + std::to_string(layer)); ++layer) {
      prompt.states.push_back(file.readFloats(prefix + "hidden." + std::to_string(layer)));
    }
    prompts.push_back(std::move(prompt));
  }
}

} // namespace fathom::test
