// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Units of a model's code, optimized.

#ifndef CODEGEN_X86_BUILDMODULE_H
#define CODEGEN_X86_BUILDMODULE_H

#include "codegen/x86/Image.h"

namespace fathom::codegen {

/// The model's functions are unit 0, its kernels follow.
inline size_t countUnits(const ModelCode &code) { return 1 + code.kernels.size(); }

/// A unit, optimized for `target`. Threads may build units at once, each in a context of its own.
llvm::Expected<std::unique_ptr<llvm::Module>> buildUnit(const ModelCode &code, size_t unit, const X86Target &target,
                                                        llvm::LLVMContext &context);

} // namespace fathom::codegen

#endif // CODEGEN_X86_BUILDMODULE_H
