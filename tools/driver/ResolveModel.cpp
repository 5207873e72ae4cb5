// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Compiles checkpoints that a user wants to run at once.

#include "tools/driver/ResolveModel.h"

#include "tools/driver/CompileModel.h"

#include "llvm/Support/FileSystem.h"
#include "llvm/Support/FileUtilities.h"
#include "llvm/Support/raw_ostream.h"

#include <cstring>

namespace fathom::driver {

/// Lives until the process ends, and its file with it.
static std::unique_ptr<llvm::FileRemover> temporary;

static int compileOnTheSpot(llvm::StringRef checkpoint, llvm::SmallVectorImpl<char> &path) {
  if (std::error_code code = llvm::sys::fs::createTemporaryFile("model", "fathom", path)) {
    llvm::errs() << "fathom: error: cannot make a temporary file: " << code.message() << '\n';
    return 5;
  }
  temporary = std::make_unique<llvm::FileRemover>(path);
  CompileOptions options;
  options.input = checkpoint.str();
  options.output = std::string(path.data(), path.size());
  options.weights = codegen::WeightStorage::Reference;
  checkpoint::Diagnostics diagnostics;
  int code = compileModel(options, diagnostics);
  diagnostics.print(llvm::errs());
  return code;
}

static int resolve(void *, const char *model, char *path, size_t capacity) {
  llvm::SmallString<256> resolved(model);
  if (llvm::sys::fs::is_directory(model)) {
    resolved.clear();
    if (int code = compileOnTheSpot(model, resolved)) {
      return code;
    }
  }
  if (resolved.size() >= capacity) {
    llvm::errs() << "fathom: error: the model's path is longer than " << capacity - 1 << " bytes\n";
    return 2;
  }
  std::memcpy(path, resolved.c_str(), resolved.size() + 1);
  return 0;
}

cli::ModelSource getModelSource(const char *program) {
  cli::ModelSource source;
  source.program = program;
  source.resolve = resolve;
  return source;
}

} // namespace fathom::driver
