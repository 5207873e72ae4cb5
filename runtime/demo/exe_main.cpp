// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The main of executables that `fathom compile --emit=exe` makes: a runtime with a model appended to it.

#include "fathom/artifact_abi.h"
#include "fathom/fathom.h"
#include "runtime/cli/cli.h"
#include "runtime/cli/messages.h"
#include "runtime/cli/output.h"

#include <stdio.h>
#include <string.h>
#include <sys/auxv.h>
#include <unistd.h>

// As `fathom --version`, but for the compiler's LLVM.
static int printVersion(const char *program) {
  printf("fathom %s\nartifact format %d.%d\n", fathom_version(), FATHOM_ARTIFACT_VERSION_MAJOR,
         FATHOM_ARTIFACT_VERSION_MINOR);
  return fathom::cli::flushStandardOutput(program);
}

// Where the kernel's link to this file leads is a name that users know, beside which weight files may lie. The link
// itself is right even if the file is gone; the name it was started by needs no /proc.
static const char *findThisProgram() {
  static char path[4096];
  const char *link = "/proc/self/exe";
  ssize_t length = readlink(link, path, sizeof(path) - 1);
  if (length > 0 && access(path, R_OK) == 0) {
    return path;
  }
  const char *name = reinterpret_cast<const char *>(getauxval(AT_EXECFN));
  return access(link, R_OK) == 0 || !name ? link : name;
}

int main(int argc, char **argv) {
  fathom::cli::secureStandardStreams();
  fathom::cli::ModelSource source;
  source.path = findThisProgram();
  const char *slash = argc > 0 ? strrchr(argv[0], '/') : nullptr;
  source.program = slash ? slash + 1 : argc > 0 ? argv[0] : "fathom-exe";
  if (argc == 2 && !strcmp(argv[1], "--version")) {
    return printVersion(source.program);
  }
  fathom_status_t status = fathom_model_find_embedded(source.path, &source.offset);
  if (status != FATHOM_STATUS_OK) {
    if (status == FATHOM_STATUS_UNSUPPORTED) {
      return fathom::cli::printError(
          source.program, FATHOM_STATUS_MISMATCH,
          "this program has lost the model at its end: it was truncated or stripped; copy it again, "
          "or make it again with 'fathom compile --emit=exe'");
    }
    return fathom::cli::printError(source.program, fathom_status_exit_code(status), "%s", fathom_status_message());
  }
  bool chat = argc > 1 && !strcmp(argv[1], "chat");
  bool run = argc > 1 && !strcmp(argv[1], "run");
  return chat ? fathom::cli::chatMain(source, argc, argv, 2) : fathom::cli::runMain(source, argc, argv, run ? 2 : 1);
}
