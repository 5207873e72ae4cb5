// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Compiles checkpoints that a user wants to run at once.

#include "tools/driver/ResolveModel.h"

#include "runtime/cli/messages.h"
#include "tools/driver/CompileModel.h"
#include "tools/driver/FatalErrors.h"
#include "tools/driver/Isolate.h"
#include "tools/driver/Terminal.h"

#include "llvm/Support/FileSystem.h"
#include "llvm/Support/raw_ostream.h"

#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <sys/mman.h>

namespace fathom::driver {

namespace {

/// An output path is a file in memory, whatever its name: no disk is needed, and nothing is left behind.
class MemoryFileSystem : public codegen::FileSystem {
public:
  explicit MemoryFileSystem(int file) : file(file) {}
  int createExclusive(int, const char *) override { return ::fcntl(file, F_DUPFD_CLOEXEC, 3); }
  int changeMode(int, mode_t) override { return 0; }
  int sync(int) override { return 0; }
  int rename(int, const char *, const char *) override { return 0; }
  int unlink(int, const char *) override { return 0; }

private:
  int file;
};

} // namespace

static int compile(llvm::StringRef checkpoint, const std::string &path, codegen::FileSystem &fileSystem) {
  checkpoint::Diagnostics diagnostics;
  int code = cli::kInternal;
  {
    ProgressLine line;
    CompileOptions options;
    options.input = checkpoint.str();
    options.output = path;
    options.weights = codegen::WeightStorage::Reference;
    options.fileSystem = &fileSystem;
    options.progress = [&](llvm::StringRef step, uint64_t done, uint64_t total) {
      setStep(step);
      line.show(step, done, total);
    };
    code = compileModel(options, diagnostics);
  }
  diagnostics.print(llvm::errs());
  return code;
}

/// The file stays open, and with it in memory, until the process ends.
static int compileOnTheSpot(llvm::StringRef checkpoint, llvm::SmallString<256> &path) {
  int file = ::memfd_create("model.fathom", MFD_CLOEXEC);
  if (file < 0) {
    return cli::printError("fathom", cli::kResources, "cannot make a file in memory: %s", std::strerror(errno));
  }
  path = "/proc/self/fd/" + std::to_string(file);
  std::string output = path.str().str();
  MemoryFileSystem fileSystem(file);
  return runIsolated([&] { return compile(checkpoint, output, fileSystem); });
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
    return cli::printError("fathom", cli::kUsage, "the model's path is longer than %zu bytes", capacity - 1);
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
