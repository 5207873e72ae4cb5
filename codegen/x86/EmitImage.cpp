// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// LLVM IR to machine code, and machine code to an ELF image.

#include "codegen/x86/Image.h"
#include "codegen/x86/LinkImage.h"

#include "llvm/ADT/SmallString.h"
#include "llvm/IR/LegacyPassManager.h"

using namespace llvm;

namespace fathom::codegen {

namespace {

Error emit(Module &module, const X86Target &target, CodeGenFileType type, SmallVectorImpl<char> &bytes) {
  std::unique_ptr<TargetMachine> machine = target.createMachine();
  raw_svector_ostream stream(bytes);
  legacy::PassManager passes;
  if (machine->addPassesToEmitFile(passes, stream, nullptr, type)) {
    return createStringError("this build of LLVM cannot emit x86 code");
  }
  passes.run(module);
  return Error::success();
}

} // namespace

Expected<std::string> emitAssembly(Module &module, const X86Target &target) {
  SmallString<0> bytes;
  if (Error error = emit(module, target, CodeGenFileType::AssemblyFile, bytes)) {
    return std::move(error);
  }
  return bytes.str().str();
}

Expected<CodeImage> emitImage(Module &module, const X86Target &target, ArrayRef<std::string> entryPoints) {
  SmallString<0> bytes;
  if (Error error = emit(module, target, CodeGenFileType::ObjectFile, bytes)) {
    return std::move(error);
  }
  return linkImage(bytes, entryPoints);
}

} // namespace fathom::codegen
