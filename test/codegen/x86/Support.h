// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Images in memory, as the runtime maps them.

#ifndef FATHOM_TEST_CODEGEN_X86_SUPPORT_H
#define FATHOM_TEST_CODEGEN_X86_SUPPORT_H

#include "codegen/x86/Image.h"
#include "runtime/device/cpu/code_image.h"
#include "test/codegen/llvm/Support.h"

namespace fathom::codegen::test {

/// The ELF object of a module, as it is: neither optimized nor linked with anything.
llvm::SmallString<0> compileObject(llvm::StringRef ir);

/// An image, mapped.
class LoadedImage {
public:
  explicit LoadedImage(CodeImage linked);

  /// The entry point of that name; null when it is not in executable bytes.
  template <typename Function>
  Function *find(llvm::StringRef name) const {
    return reinterpret_cast<Function *>(const_cast<void *>(image.function(linked.addresses.lookup(name))));
  }

private:
  CodeImage linked;
  runtime::CodeImage image;
};

} // namespace fathom::codegen::test

#endif // FATHOM_TEST_CODEGEN_X86_SUPPORT_H
