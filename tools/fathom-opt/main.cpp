// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// fathom-opt: passes and pipelines by name, for people who write them.

#include "codegen/reference/VerifyNumerics.h"
#include "dialects/RegisterDialects.h"
#include "passes/RegisterPasses.h"
#include "tools/fathom-opt/DebugOnly.h"
#ifdef FATHOM_TEST_PASSES
#include "test/lib/TestPasses.h"
#endif

#include "mlir/InitAllPasses.h"
#include "mlir/Support/FileUtilities.h"
#include "mlir/Tools/mlir-opt/MlirOptMain.h"
#include "llvm/Support/CommandLine.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/ToolOutputFile.h"

using namespace mlir;

static llvm::cl::opt<bool> verifyNumerics("verify-numerics-each",
                                          llvm::cl::desc("evaluate the module before and after each pass; name the "
                                                         "first pass, function and op that break its numbers"));

/// MlirOptMain with an instrumentation, for which it has no option.
static LogicalResult verifyEach(StringRef input, StringRef output, DialectRegistry &registry) {
  std::string problem;
  std::unique_ptr<llvm::MemoryBuffer> buffer = openInputFile(input, &problem);
  std::unique_ptr<llvm::ToolOutputFile> file = buffer ? openOutputFile(output, &problem) : nullptr;
  if (!file) {
    llvm::errs() << "error: " << problem << "\n";
    return failure();
  }
  MlirOptMainConfig parsed = MlirOptMainConfig::createFromCLOptions(), config = parsed;
  config.setPassPipelineSetupFn([&parsed](PassManager &manager) {
    fathom::reference::addVerifyNumerics(manager);
    return parsed.setupPassPipeline(manager);
  });
  LogicalResult result = MlirOptMain(file->os(), std::move(buffer), registry, config);
  if (succeeded(result)) {
    file->keep();
  }
  return result;
}

int main(int argc, char **argv) {
  DialectRegistry registry;
  fathom::registerDialects(registry);
  registerAllPasses();
  fathom::registerPasses();
#ifdef FATHOM_TEST_PASSES
  fathom::test::registerTestPasses();
#endif
  auto [input, output] = registerAndParseCLIOptions(argc, argv, "fathom-opt: runs passes\n", registry);
  fathom::applyDebugOnly();
  return asMainReturnCode(verifyNumerics ? verifyEach(input, output, registry)
                                         : MlirOptMain(argc, argv, input, output, registry));
}
