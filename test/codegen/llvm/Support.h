// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Units from LLVM IR in text.

#ifndef FATHOM_TEST_CODEGEN_LLVM_SUPPORT_H
#define FATHOM_TEST_CODEGEN_LLVM_SUPPORT_H

#include "codegen/llvm/Units.h"
#include "codegen/x86/Target.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace fathom::codegen::test {

/// A target at hand: x86-64-v3.
const X86Target &getTarget();

std::unique_ptr<llvm::Module> parse(llvm::StringRef ir, llvm::LLVMContext &context);

/// A model whose functions are `ir`.
ModelCode makeCode(llvm::StringRef ir, std::vector<std::string> exports, std::vector<KernelInstance> kernels = {});

/// Copies row ids[i] of `width` numbers to row i.
KernelInstance makeSelectRows(int64_t width);

/// What code that dispatches @select sees of it.
constexpr llvm::StringLiteral kSelect = R"(
  declare hidden void @select.task(ptr, i64, ptr)
  declare hidden i64 @select.items(i64)
  define i64 @items(i64 %rows) {
    %items = call i64 @select.items(i64 %rows)
    ret i64 %items
  }
  define void @run(ptr %dispatch, i64 %item) {
    call void @select.task(ptr %dispatch, i64 %item, ptr null)
    ret void
  })";

/// What an error says; the empty text for success.
template <typename T>
std::string getMessage(llvm::Expected<T> expected) {
  return expected ? "" : llvm::toString(expected.takeError());
}

} // namespace fathom::codegen::test

#endif // FATHOM_TEST_CODEGEN_LLVM_SUPPORT_H
