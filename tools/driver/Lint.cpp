// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// `fathom lint`: what stands in the way of compiling a model.

#include "tools/driver/Lint.h"

#include "runtime/cli/messages.h"
#include "runtime/cli/options.h"
#include "tools/driver/CompileModel.h"
#include "tools/driver/GraphFolder.h"
#include "tools/driver/Isolate.h"

#include "llvm/Support/raw_ostream.h"

namespace fathom::driver {

static constexpr const char *kAbout =
    "Reads X, a checkpoint directory or an ONNX model, and says everything that keeps it from being compiled, and\n"
    "everything odd. Of a graph that is not recognized as a language model: which nodes, what they take, and what "
    "they\n"
    "were compared with; and whether it can be compiled as it stands, to a function of tensors. Compiles and writes\n"
    "nothing, and reads headers of weights alone.\n";

static int lint(const char *path, Raise raise) {
  checkpoint::Diagnostics diagnostics;
  CompileOptions options;
  options.input = path;
  options.raise = raise;
  int code = lintModel(options, diagnostics);
  diagnostics.print(llvm::errs());
  return code;
}

int runLint(llvm::ArrayRef<const char *> arguments) {
  const char *path = nullptr;
  const char *raise = "auto";
  bool isolate = true, givenRaise = false;
  const cli::Option options[] = {
      {"raise", 0, cli::OptionKind::kChoice, &raise, "WHEN",
       "of a graph: auto: a language model, else a function; require: only the one; none: only the other (auto)", 0, 0,
       kRaiseNames, &givenRaise},
      {"isolate", 0, cli::OptionKind::kFlag, &isolate, nullptr,
       "read in a child process, so that a crash becomes an error; --no-isolate is for debuggers"},
  };
  cli::Command command = {"fathom lint", "X [options]", kAbout, options, std::size(options), &path, 1};
  int code = cli::parseOptions(command, int(arguments.size()), arguments.data(), 0, nullptr);
  if (code != cli::kContinue) {
    return code;
  }
  if (!path) {
    return cli::printUsageError(command.name, "name a checkpoint directory or an ONNX model");
  }
  if (givenRaise && !isOnnx(path)) {
    return cli::printUsageError(command.name, "--raise has no effect: it is about graphs of ONNX");
  }
  return isolate ? runIsolated([&] { return lint(path, parseRaise(raise)); }) : lint(path, parseRaise(raise));
}

} // namespace fathom::driver
