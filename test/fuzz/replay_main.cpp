// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Runs a fuzz target over its corpus without libFuzzer: every file, every truncation of it, and a few edits of every
// byte. Finds of the fuzzer are kept as corpus files, so that they stay fixed.

#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/// Runs one input in a buffer of exactly its size, so that sanitizers see a read past it.
static void run(const std::string &bytes) {
  std::string exact(bytes.data(), bytes.size());
  exact.shrink_to_fit();
  LLVMFuzzerTestOneInput(reinterpret_cast<const uint8_t *>(exact.data()), exact.size());
}

static size_t replay(const std::string &bytes) {
  run(bytes);
  // Long files are sampled: a sweep over all their bytes would take quadratic time.
  size_t step = 1 + bytes.size() / 4096, count = 1;
  for (size_t at = 0; at < bytes.size(); at += step) {
    run(bytes.substr(0, at));
    for (char edit : {'\0', '"', '\\', '[', '}', '0', '9', '-', '\xff'}) {
      std::string edited = bytes;
      edited[at] = edit;
      run(edited);
    }
    count += 10;
  }
  return count;
}

int main(int argc, char **argv) {
  size_t files = 0, runs = 0;
  // For targets that take milliseconds.
  bool edits = argc < 2 || std::string(argv[1]) != "--no-edits";
  for (int i = edits ? 1 : 2; i < argc; ++i) {
    for (const auto &entry : std::filesystem::directory_iterator(argv[i])) {
      std::ifstream in(entry.path(), std::ios::binary);
      std::string bytes(std::istreambuf_iterator<char>(in), {});
      runs += edits ? replay(bytes) : (run(bytes), 1);
      ++files;
    }
  }
  std::printf("%zu files, %zu inputs\n", files, runs);
  return files == 0;
}
