// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Options of `fathom gen`, its progress bar, and cleaning up after Ctrl-C.

#include "tools/driver/Gen.h"

#include "frontend/checkpoint/Files.h"
#include "frontend/huggingface/Generate.h"
#include "llvm/ADT/StringSwitch.h"
#include "llvm/Support/Format.h"
#include "llvm/Support/raw_ostream.h"

#include <chrono>
#include <csignal>
#include <unistd.h>

namespace fathom::driver {

using huggingface::GenerateOptions;
using huggingface::WeightStorage;

static constexpr llvm::StringLiteral usage =
    R"(usage: fathom gen --config=FILE -o DIR [options]

Writes a checkpoint with random weights for the model that FILE (a config.json) describes.

  --config=FILE          the configuration, such as one in test/models/configs
  -o DIR                 where to write; must not exist, or be empty
  --seed=N               another seed gives other weights (default 0)
  --dtype=bf16|f32|fp8   what projections are stored as (default: as FILE says)
  --headers-only         headers and holes: files of the right size that take no space
  --max-shard-size=SIZE  bytes a shard may hold, e.g. 500MB, 5GB (default 5GB)
  --threads=N            threads that draw and write (default: one per processor)
)";

static std::atomic<bool> interrupted{false};

static void onInterrupt(int) { interrupted = true; }

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
  std::string config;
  std::string output;
  GenerateOptions options;
  bool help = false;
};

} // namespace

/// "500MB", "5GB", "4096": bytes, decimal units. 0 where it is none of these.
static uint64_t parseSize(llvm::StringRef text) {
  uint64_t value = 0, unit = 1;
  if (text.consumeInteger(10, value)) {
    return 0;
  }
  unit = llvm::StringSwitch<uint64_t>(text.upper())
             .Cases({"", "B"}, 1)
             .Cases({"K", "KB"}, 1000)
             .Cases({"M", "MB"}, 1000'000)
             .Cases({"G", "GB"}, 1000'000'000)
             .Default(0);
  return __builtin_mul_overflow(value, unit, &value) ? 0 : value;
}

static bool usageError(const llvm::Twine &message) {
  llvm::errs() << "fathom: error: " << checkpoint::escape(message.str()) << "\n"
               << "fathom: note: see `fathom gen --help`\n";
  return false;
}

/// Takes one `--name=value` option into `arguments`.
static bool parseOption(llvm::StringRef name, llvm::StringRef value, GenArguments &arguments) {
  GenerateOptions &options = arguments.options;
  if (name == "--config") {
    arguments.config = value.str();
    return !value.empty() || usageError("--config needs a file");
  }
  if (name == "--seed") {
    return !value.getAsInteger(10, options.seed) || usageError("--seed=" + value + ": expected a number");
  }
  if (name == "--threads") {
    bool bad = value.getAsInteger(10, options.threads) || options.threads > 1024;
    return !bad || usageError("--threads=" + value + ": expected a number up to 1024");
  }
  if (name == "--max-shard-size") {
    options.maxShardBytes = parseSize(value);
    return options.maxShardBytes > 0 || usageError("--max-shard-size=" + value + ": expected a size such as 500MB");
  }
  if (name == "--dtype") {
    options.storage = llvm::StringSwitch<std::optional<WeightStorage>>(value)
                          .Case("bf16", WeightStorage::Bf16)
                          .Case("f32", WeightStorage::F32)
                          .Case("fp8", WeightStorage::Fp8)
                          .Default(std::nullopt);
    return options.storage || usageError("--dtype=" + value + ": expected bf16, f32 or fp8");
  }
  return usageError("unknown option " + name);
}

static bool parseArguments(llvm::ArrayRef<const char *> args, GenArguments &arguments) {
  for (size_t i = 0; i < args.size(); ++i) {
    llvm::StringRef arg = args[i];
    bool takesNext = arg == "-o" || arg == "--config" || arg == "--seed" || arg == "--dtype" ||
                     arg == "--max-shard-size" || arg == "--threads";
    if (arg == "--help" || arg == "-h") {
      arguments.help = true;
      return true;
    }
    if (arg == "--headers-only") {
      arguments.options.headersOnly = true;
      continue;
    }
    if (takesNext && i + 1 == args.size()) {
      return usageError(arg + " needs a value");
    }
    auto [name, value] = takesNext ? std::pair(arg, llvm::StringRef(args[++i])) : arg.split('=');
    if (name == "-o") {
      arguments.output = value.str();
    } else if (!name.starts_with("-")) {
      return usageError("unexpected argument " + arg);
    } else if (!parseOption(name, value, arguments)) {
      return false;
    }
  }
  if (arguments.config.empty() || arguments.output.empty()) {
    return usageError(arguments.config.empty() ? "--config=FILE is missing" : "-o DIR is missing");
  }
  return true;
}

/// Redraws the bar on stderr at most ten times a second.
static void drawProgress(uint64_t done, uint64_t total) {
  using Clock = std::chrono::steady_clock;
  static Clock::time_point last;
  Clock::time_point now = Clock::now();
  if (now - last < std::chrono::milliseconds(100)) {
    return;
  }
  last = now;
  unsigned filled = total == 0 ? 30 : static_cast<unsigned>(30.0 * done / total);
  llvm::errs() << "\rgenerating [" << std::string(filled, '#') << std::string(30 - filled, ' ') << "] "
               << llvm::format("%.1f of %.1f GB", done / 1e9, total / 1e9);
  llvm::errs().flush();
}

int runGen(llvm::ArrayRef<const char *> args) {
  GenArguments arguments;
  if (!parseArguments(args, arguments)) {
    return 2;
  }
  if (arguments.help) {
    llvm::outs() << usage;
    return 0;
  }
  checkpoint::Diagnostics diagnostics;
  std::optional<std::string> text = checkpoint::readTextFile(arguments.config, arguments.config, 4u << 20, diagnostics);
  bool bar = ::isatty(STDERR_FILENO) != 0 && !arguments.options.headersOnly;
  if (bar) {
    arguments.options.progress = drawProgress;
  }
  arguments.options.cancelled = &interrupted;
  bool done = false;
  if (text) {
    InterruptGuard guard;
    done = generateCheckpoint(*text, arguments.config, arguments.output, arguments.options, diagnostics);
  }
  if (bar) {
    llvm::errs() << "\r\033[K";
  }
  diagnostics.print(llvm::errs());
  if (!done) {
    return interrupted ? 130 : diagnostics.exitCode();
  }
  llvm::outs() << "wrote " << arguments.output << "\n";
  return 0;
}

} // namespace fathom::driver
