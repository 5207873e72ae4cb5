// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Units from LLVM IR in text.

#include "test/codegen/llvm/Support.h"

#include "llvm/AsmParser/Parser.h"
#include "llvm/Bitcode/BitcodeWriter.h"
#include "llvm/Support/SourceMgr.h"

namespace fathom::codegen::test {

const X86Target &getTarget() {
  static const X86Target target = llvm::cantFail(findX86Target("x86-64-v3"));
  return target;
}

std::unique_ptr<llvm::Module> parse(llvm::StringRef ir, llvm::LLVMContext &context) {
  llvm::SMDiagnostic problem;
  std::unique_ptr<llvm::Module> module = llvm::parseAssemblyString(ir, problem, context);
  if (!module) {
    llvm::report_fatal_error(problem.getMessage());
  }
  std::unique_ptr<llvm::TargetMachine> machine = getTarget().createMachine();
  module->setTargetTriple(machine->getTargetTriple());
  module->setDataLayout(machine->createDataLayout());
  return module;
}

ModelCode makeCode(llvm::StringRef ir, std::vector<std::string> exports, std::vector<KernelInstance> kernels) {
  llvm::LLVMContext context;
  ModelCode code;
  llvm::raw_svector_ostream stream(code.functions);
  llvm::WriteBitcodeToFile(*parse(ir, context), stream);
  code.exports = std::move(exports);
  code.kernels = std::move(kernels);
  return code;
}

KernelInstance makeSelectRows(int64_t width) {
  return {"select", "x86_f32_select_rows", {width, /*x_element=*/0}, /*hasEpilogue=*/false};
}

} // namespace fathom::codegen::test
