// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The driver: one program, a verb for each thing a user does.

#include "tools/driver/Compile.h"
#include "tools/driver/Gen.h"
#include "tools/driver/Inspect.h"
#include "tools/driver/ResolveModel.h"
#include "tools/driver/Targets.h"
#include "tools/driver/Tokenize.h"
#include "tools/driver/Version.h"

#include "llvm/Support/raw_ostream.h"

#include <cstring>

using namespace fathom;

namespace {

/// A verb and what runs it; arguments are those after the verb.
struct Verb {
  const char *name;
  const char *summary;
  int (*run)(int argc, char **argv);
};

constexpr Verb kVerbs[] = {
    {"compile", "a checkpoint to an artifact, a program or an object",
     [](int argc, char **argv) { return driver::runCompile({argv, size_t(argc)}); }},
    {"run", "a prompt to text",
     [](int argc, char **argv) { return cli::runMain(driver::getModelSource("fathom run"), argc, argv, 0); }},
    {"chat", "a conversation, in the model's own prompt format",
     [](int argc, char **argv) { return cli::chatMain(driver::getModelSource("fathom chat"), argc, argv, 0); }},
    {"tokenize", "text to token ids and back",
     [](int argc, char **argv) { return driver::runTokenize(argc, argv); }},
    {"inspect", "what is inside an artifact or a checkpoint",
     [](int argc, char **argv) { return driver::runInspect(argc, argv); }},
    {"gen", "a checkpoint with random weights",
     [](int argc, char **argv) { return driver::runGen({argv, size_t(argc)}); }},
    {"targets", "processors to compile for, kernels, and what this machine is",
     [](int argc, char **argv) { return driver::runTargets({argv, size_t(argc)}); }},
};

void printUsage(llvm::raw_ostream &stream) {
  stream << "usage: fathom VERB ...\n\n"
            "  fathom compile DeepSeek-V2-Lite -o chat --emit=exe && ./chat -p \"Once upon a time\"\n\n";
  for (const Verb &verb : kVerbs) {
    stream << "  " << verb.name << std::string(12 - std::strlen(verb.name), ' ') << verb.summary << '\n';
  }
  stream << "\nfathom VERB --help tells more; fathom --version says which this is.\n";
}

} // namespace

int main(int argc, char **argv) {
  llvm::StringRef name = argc > 1 ? argv[1] : "";
  for (const Verb &verb : kVerbs) {
    if (name == verb.name) {
      return verb.run(argc - 2, argv + 2);
    }
  }
  if (name == "--version") {
    llvm::outs() << driver::getVersionText();
    return 0;
  }
  if (name == "--help" || name == "-h" || name == "help") {
    printUsage(llvm::outs());
    return 0;
  }
  if (!name.empty()) {
    llvm::errs() << "fathom: error: unknown verb '" << name << "'\n";
  }
  printUsage(llvm::errs());
  return 2;
}
