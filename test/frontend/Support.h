// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What the frontend's tests share: temporary directories, small safetensors files, findings as text.

#ifndef FATHOM_TEST_FRONTEND_SUPPORT_H
#define FATHOM_TEST_FRONTEND_SUPPORT_H

#include "frontend/checkpoint/DType.h"
#include "frontend/checkpoint/Diagnostics.h"
#include "llvm/Support/raw_ostream.h"
#include "gtest/gtest.h"

#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>
#include <vector>

namespace fathom::test {

/// A directory of its own for a test, removed afterwards.
class TempDirectory {
public:
  TempDirectory() {
    std::string pattern = ::testing::TempDir() + "fathom-frontend-XXXXXX";
    root = ::mkdtemp(pattern.data());
  }
  ~TempDirectory() { std::filesystem::remove_all(root); }
  TempDirectory(const TempDirectory &) = delete;

  std::string path(const std::string &name = "") const { return name.empty() ? root : root + "/" + name; }
  void write(const std::string &name, const std::string &bytes) const {
    std::filesystem::create_directories(std::filesystem::path(path(name)).parent_path());
    std::ofstream(path(name), std::ios::binary) << bytes;
  }

private:
  std::string root;
};

inline std::string readFile(const std::string &path) {
  std::ifstream in(path, std::ios::binary);
  std::stringstream bytes;
  bytes << in.rdbuf();
  return bytes.str();
}

/// A file of the repository's test/models.
inline std::string modelPath(const std::string &name) { return std::string(FATHOM_TEST_MODELS) + "/" + name; }

/// What the user would see.
inline std::string printed(const checkpoint::Diagnostics &diagnostics) {
  std::string text;
  llvm::raw_string_ostream out(text);
  diagnostics.print(out);
  return text;
}

/// The length field and `json`.
inline std::string headerBytes(const std::string &json) {
  uint64_t length = json.size();
  std::string bytes(8, '\0');
  std::memcpy(bytes.data(), &length, 8);
  return bytes + json;
}

/// A tensor of a small test file; its data are zeros.
struct TestTensor {
  std::string name;
  checkpoint::DType dtype = checkpoint::DType::BF16;
  std::vector<int64_t> shape;
};

/// A valid safetensors file of these tensors.
inline std::string makeSafetensors(const std::vector<TestTensor> &tensors) {
  std::string json = "{";
  uint64_t at = 0;
  for (const TestTensor &tensor : tensors) {
    uint64_t bytes = checkpoint::bitWidth(tensor.dtype) / 8;
    std::string shape;
    for (int64_t extent : tensor.shape) {
      bytes *= static_cast<uint64_t>(extent);
      shape += (shape.empty() ? "" : ",") + std::to_string(extent);
    }
    json += (json.size() == 1 ? "" : ",") + ("\"" + tensor.name + "\":{\"dtype\":\"" + name(tensor.dtype).str()) +
            "\",\"shape\":[" + shape + "],\"data_offsets\":[" + std::to_string(at) + "," + std::to_string(at + bytes) +
            "]}";
    at += bytes;
  }
  return headerBytes(json + "}") + std::string(at, '\0');
}

} // namespace fathom::test

#endif // FATHOM_TEST_FRONTEND_SUPPORT_H
