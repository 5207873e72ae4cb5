// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The table of verbs.

#include "tools/driver/Verbs.h"

#include "runtime/cli/messages.h"
#include "runtime/cli/options.h"
#include "tools/driver/ArtifactTokenizer.h"
#include "tools/driver/Bench.h"
#include "tools/driver/Compile.h"
#include "tools/driver/Gen.h"
#include "tools/driver/Inspect.h"
#include "tools/driver/Lint.h"
#include "tools/driver/ResolveModel.h"
#include "tools/driver/Targets.h"
#include "tools/driver/Terminal.h"
#include "tools/driver/Tokenize.h"
#include "tools/driver/Version.h"

#include "llvm/Support/raw_ostream.h"

#include <algorithm>
#include <cstring>

namespace fathom::driver {

namespace {
/// A verb and what runs it; arguments are those after the verb.
struct Verb {
  const char *name;
  const char *summary;
  int (*run)(int argc, char **argv);
};
} // namespace

static constexpr Verb kVerbs[] = {
    {"compile", "compile a checkpoint to an artifact, a program or an object",
     [](int argc, char **argv) { return runCompile({argv, size_t(argc)}); }},
    {"run", "answer a prompt",
     [](int argc, char **argv) { return cli::runMain(getModelSource("fathom run"), argc, argv, 0); }},
    {"chat", "hold a conversation in the model's own prompt format",
     [](int argc, char **argv) { return cli::chatMain(getModelSource("fathom chat"), argc, argv, 0); }},
    {"tokenize", "convert text to token ids and back",
     [](int argc, char **argv) { return runTokenize(argc, argv, openArtifactTokenizer); }},
    {"bench", "measure a model's speed beside the machine's limits",
     [](int argc, char **argv) { return runBench(getModelSource("fathom bench"), argc, argv, 0); }},
    {"inspect", "show what is inside an artifact or a checkpoint",
     [](int argc, char **argv) { return runInspect(argc, argv); }},
    {"lint", "say what keeps a checkpoint or a graph from being compiled",
     [](int argc, char **argv) { return runLint({argv, size_t(argc)}); }},
    {"gen", "write a checkpoint with random weights",
     [](int argc, char **argv) { return runGen({argv, size_t(argc)}); }},
    {"targets", "list processors to compile for, their kernels, and this machine",
     [](int argc, char **argv) { return runTargets({argv, size_t(argc)}); }},
};

static void printUsage() {
  llvm::raw_ostream &stream = llvm::outs();
  stream << "usage: fathom VERB ...\n\n"
            "  fathom compile DeepSeek-V2-Lite -o chat --emit=exe && ./chat -p \"Once upon a time\"\n\n";
  for (const Verb &verb : kVerbs) {
    stream << "  " << verb.name << std::string(12 - std::strlen(verb.name), ' ') << verb.summary << '\n';
  }
  stream << "\n'fathom VERB --help' explains a verb; 'fathom --version' shows the version.\n";
}

static const Verb *findVerb(const char *name) {
  for (const Verb &verb : kVerbs) {
    if (!std::strcmp(name, verb.name)) {
      return &verb;
    }
  }
  return nullptr;
}

static int failUnknown(const char *name) {
  const char *names[std::size(kVerbs)];
  std::transform(std::begin(kVerbs), std::end(kVerbs), names, [](const Verb &verb) { return verb.name; });
  bool option = name[0] == '-';
  const char *near = cli::suggest(name, names, std::size(names));
  return near ? cli::printUsageError("fathom", "unknown verb '%s'; did you mean '%s'?", name, near)
              : cli::printUsageError("fathom", "unknown %s '%s'", option ? "option" : "verb", name);
}

static int printHelpOn(const char *name) {
  const Verb *verb = findVerb(name);
  char option[] = "--help";
  char *arguments[] = {option, nullptr};
  return verb ? verb->run(1, arguments) : failUnknown(name);
}

int runVerb(int argc, char **argv) {
  const char *name = argc > 1 ? argv[1] : "";
  if (const Verb *verb = findVerb(name)) {
    return verb->run(argc - 2, argv + 2);
  }
  bool help = !std::strcmp(name, "help") || !std::strcmp(name, "--help") || !std::strcmp(name, "-h");
  bool helpOnVerb = help && argc > 2;
  bool version = !std::strcmp(name, "--version");
  if (!help && !version) {
    return *name ? failUnknown(name) : cli::printUsageError("fathom", "no verb given");
  }
  int expected = helpOnVerb ? 3 : 2;
  if (argc > expected) {
    return cli::printUsageError("fathom", "unexpected argument '%s'", argv[expected]);
  }
  if (helpOnVerb) {
    return printHelpOn(argv[2]);
  }
  if (help) {
    printUsage();
  } else {
    llvm::outs() << getVersionText();
  }
  return flushOutput(cli::kOk);
}

} // namespace fathom::driver
