// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The driver: one program, a verb for each thing a user does.

#include "tools/driver/Compile.h"
#include "tools/driver/Gen.h"
#include "tools/driver/Targets.h"
#include "tools/driver/Tokenize.h"
#include "tools/driver/Version.h"

#include "llvm/ADT/STLExtras.h"
#include "llvm/Support/raw_ostream.h"

using llvm::StringRef;

static constexpr StringRef kUsage = R"(usage: fathom VERB ...

  compile    a checkpoint to an artifact, a program or an object
  tokenize   text to token ids and back
  gen        a checkpoint with random weights
  targets    processors to compile for, kernels, and what this machine is

  fathom VERB --help tells more; fathom --version says which this is.
)";

int main(int argc, char **argv) {
  llvm::ArrayRef<const char *> arguments(argv + 1, argc - 1);
  StringRef verb = arguments.empty() ? "" : arguments.front();
  if (verb == "compile") {
    return fathom::driver::runCompile(arguments.drop_front());
  }
  if (verb == "gen") {
    return fathom::driver::runGen(arguments.drop_front());
  }
  if (verb == "tokenize") {
    return fathom::driver::runTokenize(argc - 2, argv + 2);
  }
  if (verb == "targets") {
    return fathom::driver::runTargets(arguments.drop_front());
  }
  if (verb == "--version") {
    llvm::outs() << fathom::driver::getVersionText();
    return 0;
  }
  bool help = verb == "--help" || verb == "-h" || verb == "help";
  (help ? llvm::outs() : llvm::errs()) << kUsage;
  return help ? 0 : 2;
}
