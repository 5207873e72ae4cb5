// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Compiles checkpoints and graphs that a user wants to run at once.

#include "tools/driver/ResolveModel.h"

#include "frontend/checkpoint/Files.h"
#include "frontend/tokenizer/ChatFormats.h"
#include "kernels/Catalog.h"
#include "runtime/cli/messages.h"
#include "runtime/cli/run_options.h"
#include "runtime/device/device.h"
#include "tools/driver/CompileModel.h"
#include "tools/driver/FatalErrors.h"
#include "tools/driver/GraphFolder.h"
#include "tools/driver/Isolate.h"
#include "tools/driver/Terminal.h"

#include "llvm/Support/FileSystem.h"
#include "llvm/Support/raw_ostream.h"

#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

using llvm::StringRef;

namespace fathom::driver {

/// A path at which there can be no file.
static constexpr const char *kOutputInMemory = "/dev/null/(a model in memory)";

namespace {
/// An output path is a file in memory, whatever its name: no disk is needed, and nothing is left behind.
class MemoryFileSystem : public FileSystem {
public:
  explicit MemoryFileSystem(int file) : file(file) {}
  int openDirectory(const char *) override { return ::fcntl(file, F_DUPFD_CLOEXEC, 3); }
  int createExclusive(int, const char *) override { return ::fcntl(file, F_DUPFD_CLOEXEC, 3); }
  int changeMode(int, mode_t) override { return 0; }
  int sync(int) override { return 0; }
  int rename(int, const char *, const char *) override { return 0; }
  int unlink(int, const char *) override { return 0; }

private:
  int file;
};
} // namespace

/// What code is compiled for to run on `device`.
static const kernels::Device &findTarget(const runtime::Device &device) {
  return *llvm::find_if(kernels::devices(), [&](const kernels::Device &known) {
    return StringRef(known.triple).starts_with(device.architecture);
  });
}

/// As `compile` has them by default. Where nobody names a device, it is a processor, which reads weights where they
/// are. Whoever gives tensors calls a function of them.
static CompileOptions chooseOptions(const cli::RunOptions &given, const runtime::DeviceChoice &choice) {
  CompileOptions options;
  options.chatFormat = given.chatFormat;
  options.raise = given.callsFunction() ? Raise::None : Raise::Auto;
  options.weights = codegen::WeightStorage::Reference;
  if (choice.device && findTarget(*choice.device).name != options.target) {
    const kernels::Device &target = findTarget(*choice.device);
    options.target = target.name;
    options.cubin = choice.device->isOnlyByName ? "none" : "auto"; // a simulator executes PTX
    options.cacheType = target.activationType == "bf16" ? huggingface::StoredType::Bf16 : options.cacheType;
    options.weights = codegen::WeightStorage::Pack;
  }
  return options;
}

static int compile(StringRef path, CompileOptions options, FileSystem &fileSystem) {
  checkpoint::Diagnostics diagnostics;
  int code = cli::kInternal;
  {
    ProgressLine line;
    options.input = path.str();
    options.output = kOutputInMemory;
    options.fileSystem = &fileSystem;
    options.progress = [&](StringRef step, uint64_t done, uint64_t total) {
      setStep(step);
      line.show(step, done, total);
    };
    code = compileModel(options, diagnostics);
  }
  diagnostics.print(llvm::errs());
  return code;
}

/// Keeps what a file in memory holds until the process ends.
static int mapForEver(int file, cli::ResolvedModel *model) {
  off_t size = ::lseek(file, 0, SEEK_END);
  void *data = size > 0 ? ::mmap(nullptr, size_t(size), PROT_READ, MAP_SHARED, file, 0) : MAP_FAILED;
  if (data == MAP_FAILED) {
    return cli::printError("fathom", cli::kResources, "cannot map the compiled model: %s", std::strerror(errno));
  }
  model->data = data;
  model->size = size_t(size);
  return 0;
}

/// A file is compiled already, unless it is what other programs run.
static int checkFile(const char *program, const char *path, const char *chatFormat) {
  checkpoint::Diagnostics diagnostics;
  if (checkpoint::refuseGguf(path, diagnostics)) {
    diagnostics.print(llvm::errs());
    return diagnostics.exitCode();
  }
  return !*chatFormat
             ? 0
             : cli::printUsageError(
                   program, "--chat-format acts when a checkpoint is compiled, but %s is compiled already", path);
}

static int resolve(const char *program, const cli::RunOptions &options, cli::ResolvedModel *model) {
  if (!llvm::sys::fs::is_directory(model->path) && !isOnnx(model->path)) {
    return checkFile(program, model->path, options.chatFormat);
  }
  runtime::DeviceChoice choice;
  if (fathom_status_t status = runtime::chooseDevice(options.device, &choice); status != FATHOM_STATUS_OK) {
    return cli::report(program, status);
  }
  int file = ::memfd_create("model.fathom", MFD_CLOEXEC);
  if (file < 0) {
    return cli::printError("fathom", cli::kResources, "cannot create a file in memory: %s", std::strerror(errno));
  }
  MemoryFileSystem fileSystem(file);
  int code = runIsolated([&] { return compile(model->path, chooseOptions(options, choice), fileSystem); });
  code = code ? code : mapForEver(file, model);
  ::close(file);
  return code;
}

cli::ModelSource getModelSource(const char *program) {
  cli::ModelSource source;
  source.program = program;
  source.resolve = resolve;
  source.chatFormats = frontend::chatFormatNames();
  return source;
}

} // namespace fathom::driver
