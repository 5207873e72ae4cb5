// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The verb `compile`: options, progress, findings.

#include "tools/driver/Compile.h"
#include "tools/driver/CompileModel.h"

#include "llvm/ADT/StringSwitch.h"
#include "llvm/Support/Format.h"
#include "llvm/Support/raw_ostream.h"

#include <unistd.h>

using llvm::StringRef;

namespace fathom::driver {

namespace {

constexpr StringRef kUsage = R"(usage: fathom compile CHECKPOINT -o OUT [options]

Compiles a checkpoint directory ahead of time.

  -o FILE                where the result goes; - is stdout, for IR
  --emit=KIND            artifact (default), exe (a program), obj (an object and a header),
                         or IR after a phase: deepseek model fuse plan lower llvm asm
  --mcpu=CPU             native (default), x86-64-v3, x86-64-v4 or a processor's name
  --weights=pack         copy weights, laid out for the target (default)
  --weights=reference    leave weights in the checkpoint's own files
  --max-context=N        positions to serve (default: as many as the model has)
  --max-batch=N          most sequences in one decode step (default 16)
  --prefill-rows=N       most prompt tokens in one step (default 256)
  --no-kernels           generate every loop instead of using hand-written kernels
  --from=PHASE           the input is IR of that phase: deepseek, model or fuse
  --checkpoint=DIR       with --from: where the weights are
  --threads=N            threads that pack weights (default 2)

examples:
  fathom compile DeepSeek-V2-Lite -o chat --emit=exe && ./chat -p "Once upon a time"
  fathom compile DeepSeek-V2-Lite -o - --emit=fuse
)";

int usageError(const llvm::Twine &message) {
  llvm::errs() << "fathom: error: " << message << "\nfathom: note: see `fathom compile --help`\n";
  return 2;
}

std::optional<Emit> parseEmit(StringRef name) {
  return llvm::StringSwitch<std::optional<Emit>>(name)
      .Case("deepseek", Emit::DeepSeek)
      .Case("model", Emit::Model)
      .Case("fuse", Emit::Fuse)
      .Case("plan", Emit::Plan)
      .Case("lower", Emit::Lower)
      .Case("llvm", Emit::LLVM)
      .Case("asm", Emit::Asm)
      .Case("artifact", Emit::Artifact)
      .Case("exe", Emit::Exe)
      .Case("obj", Emit::Obj)
      .Default(std::nullopt);
}

/// Options as they are read from the command line.
class Parser {
public:
  explicit Parser(CompileOptions &options) : options(options) {}

  /// Returns an exit code, or nothing where all is well.
  std::optional<int> parse(llvm::ArrayRef<const char *> arguments) {
    for (size_t i = 0; i < arguments.size(); ++i) {
      StringRef argument = arguments[i];
      if (argument == "--help" || argument == "-h") {
        llvm::outs() << kUsage;
        return 0;
      }
      if (!argument.starts_with("-") || argument == "-") {
        if (!options.input.empty()) {
          return usageError("one input at a time, but got '" + argument + "' after '" + options.input + "'");
        }
        options.input = argument.str();
        continue;
      }
      auto [name, value] = argument.split('=');
      if (takesValue(name) && !argument.contains('=')) {
        if (++i == arguments.size()) {
          return usageError(name + " needs a value");
        }
        value = arguments[i];
      }
      if (std::optional<int> code = set(name, value)) {
        return code;
      }
    }
    if (options.input.empty() || options.output.empty()) {
      return usageError(options.input.empty() ? "no checkpoint given" : "-o FILE is missing");
    }
    return std::nullopt;
  }

private:
  static bool takesValue(StringRef name) { return name != "--no-kernels"; }

  std::optional<int> set(StringRef name, StringRef value) {
    if (name == "-o" || name == "--output") {
      options.output = value.str();
      return std::nullopt;
    }
    if (name == "--mcpu") {
      options.mcpu = value.str();
      return std::nullopt;
    }
    if (name == "--checkpoint") {
      options.checkpoint = value.str();
      return std::nullopt;
    }
    if (name == "--no-kernels") {
      options.kernels = false;
      return std::nullopt;
    }
    if (name == "--emit" || name == "--from") {
      std::optional<Emit> emit = parseEmit(value);
      if (!emit || (name == "--from" && *emit > Emit::Fuse)) {
        return usageError(name + "=" + value + " is not known");
      }
      (name == "--emit" ? options.emit : options.from.emplace()) = *emit;
      return std::nullopt;
    }
    if (name == "--weights") {
      if (value != "pack" && value != "reference") {
        return usageError("--weights=" + value + ": expected pack or reference");
      }
      options.weights = value == "pack" ? codegen::WeightStorage::Pack : codegen::WeightStorage::Reference;
      return std::nullopt;
    }
    return setNumber(name, value);
  }

  std::optional<int> setNumber(StringRef name, StringRef value) {
    int64_t number = 0;
    bool valid = !value.getAsInteger(10, number) && number >= 1;
    int64_t most = llvm::StringSwitch<int64_t>(name)
                       .Case("--max-context", int64_t(1) << 30)
                       .Case("--max-batch", 4096)
                       .Case("--prefill-rows", 65536)
                       .Case("--threads", 1024)
                       .Default(0);
    if (most == 0) {
      return usageError("unknown option " + name);
    }
    if (!valid || number > most) {
      return usageError(name + "=" + value + ": expected a number from 1 to " + llvm::Twine(most));
    }
    if (name == "--max-context") {
      options.maxContext = number;
    } else if (name == "--max-batch") {
      options.maxBatch = number;
    } else if (name == "--prefill-rows") {
      options.prefillRows = number;
    } else {
      options.threads = unsigned(number);
    }
    return std::nullopt;
  }

  CompileOptions &options;
};

/// One line on a terminal that is overwritten as work goes on.
class ProgressLine {
public:
  void show(StringRef step, uint64_t done, uint64_t total) {
    llvm::errs() << "\r\033[K" << step;
    if (total > 0) {
      llvm::errs() << llvm::format("  %3u %%  %.1f / %.1f GB", unsigned(100.0 * double(done) / double(total)),
                                   double(done) / 1e9, double(total) / 1e9);
    }
    shown = true;
  }
  ~ProgressLine() {
    if (shown) {
      llvm::errs() << "\r\033[K";
    }
  }

private:
  bool shown = false;
};

} // namespace

int runCompile(llvm::ArrayRef<const char *> arguments) {
  CompileOptions options;
  if (std::optional<int> code = Parser(options).parse(arguments)) {
    return *code;
  }
  checkpoint::Diagnostics diagnostics;
  int code;
  {
    ProgressLine line;
    if (isatty(STDERR_FILENO)) {
      options.progress = [&](StringRef step, uint64_t done, uint64_t total) { line.show(step, done, total); };
    }
    code = compileModel(options, diagnostics);
  }
  diagnostics.print(llvm::errs());
  return code;
}

} // namespace fathom::driver
