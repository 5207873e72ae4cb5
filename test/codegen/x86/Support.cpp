// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Images in memory, as the runtime maps them.

#include "test/codegen/x86/Support.h"

#include "llvm/IR/LegacyPassManager.h"

namespace fathom::codegen::test {

llvm::SmallString<0> compileObject(llvm::StringRef ir) {
  llvm::LLVMContext context;
  std::unique_ptr<llvm::Module> module = parse(ir, context);
  llvm::SmallString<0> object;
  llvm::raw_svector_ostream stream(object);
  llvm::legacy::PassManager passes;
  std::unique_ptr<llvm::TargetMachine> machine = getTarget().createMachine();
  EXPECT_FALSE(machine->addPassesToEmitFile(passes, stream, nullptr, llvm::CodeGenFileType::ObjectFile));
  passes.run(*module);
  return object;
}

LoadedImage::LoadedImage(CodeImage linked) : linked(std::move(linked)) {
  const auto *bytes = reinterpret_cast<const unsigned char *>(this->linked.bytes.data());
  EXPECT_EQ(image.load(bytes, this->linked.bytes.size()), FATHOM_STATUS_OK);
}

} // namespace fathom::codegen::test
