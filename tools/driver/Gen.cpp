// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Options of `fathom gen`, its progress, and cleaning up after Ctrl-C.

#include "tools/driver/Gen.h"

#include "frontend/checkpoint/Files.h"
#include "runtime/cli/options.h"
#include "tools/driver/Terminal.h"
#include "tools/gen/Generate.h"
#include "llvm/ADT/StringSwitch.h"
#include "llvm/Support/raw_ostream.h"

#include <csignal>

namespace fathom::driver {

using gen::GenerateOptions;
using gen::ProjectionType;

static constexpr const char *kAbout =
    "Writes a checkpoint with random weights for the model that a config.json describes, such as one in\n"
    "test/models/configs.\n";

static std::atomic<bool> interrupted{false};
static std::atomic<int> signalNumber{0};

static void onInterrupt(int number) {
  signalNumber = number;
  interrupted = true;
}

namespace {

/// Catches SIGINT and SIGTERM while it lives, so that a half-written checkpoint is removed.
class InterruptGuard {
public:
  InterruptGuard() {
    struct sigaction action = {};
    action.sa_handler = onInterrupt;
    ::sigaction(SIGINT, &action, &oldInterrupt);
    ::sigaction(SIGTERM, &action, &oldTerminate);
  }
  ~InterruptGuard() {
    ::sigaction(SIGINT, &oldInterrupt, nullptr);
    ::sigaction(SIGTERM, &oldTerminate, nullptr);
  }

private:
  struct sigaction oldInterrupt = {}, oldTerminate = {};
};

struct GenArguments {
  const char *config = nullptr;
  const char *output = nullptr;
  const char *dtype = nullptr;
  bool headersOnly = false;
  uint64_t seed = 0;
  uint64_t maxShardBytes = 5'000'000'000;
  uint64_t threads = 0;
};

} // namespace

/// Returns cli::kContinue, or an exit code.
static int parseArguments(llvm::ArrayRef<const char *> given, GenArguments &arguments) {
  using cli::OptionKind;
  const cli::Option options[] = {
      {"config", 0, OptionKind::kText, &arguments.config, "FILE", "the configuration"},
      {"output", 'o', OptionKind::kText, &arguments.output, "DIR", "where to write; must not exist, or be empty"},
      {"seed", 0, OptionKind::kCount, &arguments.seed, "N", "another seed gives other weights (0)"},
      {"dtype", 0, OptionKind::kChoice, &arguments.dtype, "TYPE",
       "how projections are stored (default: as the configuration says)", 0, 0, "bf16|f32|fp8"},
      {"headers-only", 0, OptionKind::kFlag, &arguments.headersOnly, nullptr,
       "write headers only: sparse files of the right size that take no space"},
      {"max-shard-size", 0, OptionKind::kCount, &arguments.maxShardBytes, "SIZE",
       "bytes a shard may hold, e.g. 500m, 5GB (5g)", 1},
      {"threads", 0, OptionKind::kCount, &arguments.threads, "N", "threads, 0: one for each processor (0)", 0, 1024},
  };
  cli::Command command = {
      "fathom gen", "--config=FILE -o DIR [options]", kAbout, options, std::size(options), nullptr, 0};
  int code = cli::parseOptions(command, int(given.size()), given.data(), 0, nullptr);
  if (code != cli::kContinue) {
    return code;
  }
  if (!arguments.config || !arguments.output) {
    return cli::printUsageError(command.name, arguments.config ? "-o DIR is missing" : "--config=FILE is missing");
  }
  if (!*arguments.output) {
    return cli::printUsageError(command.name, "-o: the directory's name is empty");
  }
  return cli::kContinue;
}

static GenerateOptions convert(const GenArguments &arguments) {
  GenerateOptions options;
  options.seed = arguments.seed;
  options.headersOnly = arguments.headersOnly;
  options.maxShardBytes = arguments.maxShardBytes;
  options.threads = unsigned(arguments.threads);
  options.cancelled = &interrupted;
  if (arguments.dtype) {
    options.projections = llvm::StringSwitch<std::optional<ProjectionType>>(arguments.dtype)
                              .Case("bf16", ProjectionType::Bf16)
                              .Case("f32", ProjectionType::F32)
                              .Default(ProjectionType::Fp8);
  }
  return options;
}

int runGen(llvm::ArrayRef<const char *> args) {
  GenArguments arguments;
  int code = parseArguments(args, arguments);
  if (code != cli::kContinue) {
    return code;
  }
  checkpoint::Diagnostics diagnostics;
  std::optional<std::string> text = checkpoint::readTextFile(arguments.config, arguments.config, 4u << 20, diagnostics);
  bool done = false;
  if (text) {
    InterruptGuard guard;
    ProgressLine line;
    GenerateOptions options = convert(arguments);
    if (!options.headersOnly) {
      options.progress = [&](uint64_t at, uint64_t total) { line.show("draw weights", at, total); };
    }
    done = generateCheckpoint(*text, arguments.config, arguments.output, options, diagnostics);
  }
  diagnostics.print(llvm::errs());
  if (!done) {
    return interrupted ? 128 + signalNumber : diagnostics.exitCode();
  }
  return cli::kOk;
}

} // namespace fathom::driver
