// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Passes with the evaluator before and after each.

#include "tools/fathom-opt/VerifyEach.h"

#include "codegen/reference/VerifyNumerics.h"
#include "passes/RegisterPasses.h"

#include "mlir/Support/FileUtilities.h"
#include "mlir/Tools/mlir-opt/MlirOptMain.h"
#include "llvm/Support/CommandLine.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/ToolOutputFile.h"

using namespace mlir;

static llvm::cl::opt<bool> verifyNumerics("verify-numerics-each",
                                          llvm::cl::desc("evaluate the module before and after each pass; name the "
                                                         "first pass, function and op that break its numbers"));

static llvm::cl::opt<std::string> verifyFolder("verify-numerics-folder",
                                               llvm::cl::desc("with --verify-numerics-each: where the files of a graph "
                                                              "are, of which tables and masks are read"));

namespace fathom {

bool shouldVerifyNumerics() { return verifyNumerics; }

LogicalResult runVerified(StringRef input, StringRef output, DialectRegistry &registry) {
  std::string problem;
  std::unique_ptr<llvm::MemoryBuffer> buffer = openInputFile(input, &problem);
  std::unique_ptr<llvm::ToolOutputFile> file = buffer ? openOutputFile(output, &problem) : nullptr;
  if (!file) {
    llvm::errs() << "fathom-opt: error: " << problem << "\n";
    return failure();
  }
  MlirOptMainConfig parsed = MlirOptMainConfig::createFromCLOptions(), config = parsed;
  config.setPassPipelineSetupFn([&parsed](PassManager &manager) {
    reference::addVerifyNumerics(manager, getNumericContract, verifyFolder);
    return parsed.setupPassPipeline(manager);
  });
  LogicalResult result = MlirOptMain(file->os(), std::move(buffer), registry, config);
  if (succeeded(result)) {
    file->keep();
  }
  return result;
}

} // namespace fathom
