// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Units from LLVM IR in text, and images in memory as the runtime maps them.

#ifndef FATHOM_TEST_CODEGEN_X86_SUPPORT_H
#define FATHOM_TEST_CODEGEN_X86_SUPPORT_H

#include "codegen/x86/Units.h"
#include "runtime/device/cpu/code_image.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace fathom::codegen::test {

/// x86-64-v3.
const X86Target &getTarget();

std::unique_ptr<llvm::Module> parse(llvm::StringRef ir, llvm::LLVMContext &context);

/// The ELF object of a module, as it is: neither optimized nor linked with anything.
llvm::SmallString<0> compileObject(llvm::StringRef ir);

/// A model whose functions are `ir`.
ModelCode makeCode(llvm::StringRef ir, std::vector<std::string> entryPoints, std::vector<KernelInstance> kernels = {});

/// What an error says; the empty text for success.
template <typename T>
std::string getMessage(llvm::Expected<T> expected) {
  return expected ? "" : llvm::toString(expected.takeError());
}

/// An image, mapped.
class LoadedImage {
public:
  explicit LoadedImage(CodeImage linked);

  /// The entry point of that name; null when it is not in executable bytes.
  template <typename Function>
  Function *find(llvm::StringRef name) const {
    return reinterpret_cast<Function *>(const_cast<void *>(image.function(linked.entryPoints.lookup(name))));
  }

private:
  CodeImage linked;
  runtime::CodeImage image;
};

} // namespace fathom::codegen::test

#endif // FATHOM_TEST_CODEGEN_X86_SUPPORT_H
