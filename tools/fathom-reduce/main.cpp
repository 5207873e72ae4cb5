// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// fathom-reduce: shrinks a module that shows a mistake of a pass.

#include "dialects/RegisterDialects.h"
#include "passes/RegisterPasses.h"

#include "mlir/IR/Diagnostics.h"
#include "mlir/IR/MLIRContext.h"
#include "mlir/InitAllPasses.h"
#include "mlir/Tools/mlir-reduce/MlirReduceMain.h"
#include "llvm/Support/raw_ostream.h"

int main(int argc, char **argv) {
  mlir::registerAllPasses();
  fathom::registerPasses();
  mlir::DialectRegistry registry;
  fathom::registerDialects(registry);
  mlir::MLIRContext context(registry);
  // The reducer says so in a warning, and nobody prints warnings here.
  context.getDiagEngine().registerHandler([](mlir::Diagnostic &diagnostic) {
    bool uninteresting = llvm::StringRef(diagnostic.str()).contains("uninterested module");
    if (uninteresting) {
      llvm::errs()
          << "error: the test does not find the input interesting: it must exit with 1 where the mistake shows\n";
    }
    return mlir::success(uninteresting);
  });
  return mlir::failed(mlir::mlirReduceMain(argc, argv, context));
}
