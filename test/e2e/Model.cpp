// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Compiles test models.

#include "test/e2e/Model.h"

#include "llvm/Support/FileSystem.h"
#include "llvm/Support/raw_ostream.h"

#include <gtest/gtest.h>

#include <map>
#include <sstream>

namespace fathom::test {

namespace {

/// A folder that goes when the process does.
const std::string &getFolder() {
  struct Folder {
    std::string path;
    Folder() {
      llvm::SmallString<128> unique;
      llvm::sys::fs::createUniqueDirectory("fathom-e2e", unique);
      path = unique.str().str();
    }
    ~Folder() { llvm::sys::fs::remove_directories(path); }
  };
  static Folder folder;
  return folder.path;
}

std::string describe(const driver::CompileOptions &options) {
  std::ostringstream key;
  key << options.input << ' ' << options.mcpu << ' ' << int(options.weights) << ' ' << options.kernels << ' '
      << int(options.cacheType) << ' ' << options.maxContext << ' ' << options.maxBatch << ' ' << options.prefillRows
      << ' ' << options.draft << ' ' << int(options.activation.value_or(ActivationType::F32)) << ' ' << options.target
      << ' ' << options.weightType;
  return key.str();
}

} // namespace

std::string compile(const driver::CompileOptions &given) {
  static std::map<std::string, std::string> compiled;
  auto [entry, isNew] = compiled.try_emplace(describe(given));
  if (!isNew) {
    return entry->second;
  }
  driver::CompileOptions options = given;
  options.output = getFolder() + "/" + std::to_string(compiled.size()) + ".fathom";
  options.cacheDirectory = FATHOM_TEST_CACHE;
  checkpoint::Diagnostics diagnostics;
  int code = driver::compileModel(options, diagnostics);
  std::string findings;
  llvm::raw_string_ostream stream(findings);
  diagnostics.print(stream);
  EXPECT_EQ(code, 0) << findings;
  entry->second = options.output;
  return options.output;
}

} // namespace fathom::test
