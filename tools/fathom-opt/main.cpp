// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// fathom-opt: passes and pipelines by name, for people who write them.

#include "dialects/RegisterDialects.h"
#include "passes/RegisterPasses.h"
#include "tools/fathom-opt/DebugOnly.h"
#include "tools/fathom-opt/Plugins.h"
#include "tools/fathom-opt/VerifyEach.h"
#ifdef FATHOM_TEST_PASSES
#include "test/lib/TestPasses.h"
#endif

#include "mlir/InitAllPasses.h"
#include "mlir/Support/FileUtilities.h"
#include "mlir/Tools/mlir-opt/MlirOptMain.h"
#include "llvm/Support/MemoryBuffer.h"

using namespace mlir;

/// Says what MlirOptMain would say of a file it cannot read, in the form of the other tools' errors.
static bool canRead(StringRef path) {
  std::string problem;
  if (path == "-" || openInputFile(path, &problem)) {
    return true;
  }
  llvm::errs() << "fathom-opt: error: " << problem << "\n";
  return false;
}

int main(int argc, char **argv) {
  DialectRegistry registry;
  fathom::registerDialects(registry);
  registerAllPasses();
  fathom::registerPasses();
#ifdef FATHOM_TEST_PASSES
  fathom::test::registerTestPasses();
#endif
  fathom::loadPassPlugins(argc, argv);
  auto [input, output] = registerAndParseCLIOptions(argc, argv, "fathom-opt: runs passes\n", registry);
  fathom::applyDebugOnly();
  if (!canRead(input)) {
    return EXIT_FAILURE;
  }
  return asMainReturnCode(fathom::shouldVerifyNumerics() ? fathom::runVerified(input, output, registry)
                                                         : MlirOptMain(argc, argv, input, output, registry));
}
