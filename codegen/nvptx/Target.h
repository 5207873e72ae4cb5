// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The NVIDIA GPU that code is generated for.

#ifndef FATHOM_CODEGEN_NVPTX_TARGET_H
#define FATHOM_CODEGEN_NVPTX_TARGET_H

#include "codegen/llvm/CodeTarget.h"
#include "dialects/deepseek/DeepSeek.h"

#include "llvm/Support/Error.h"

namespace fathom::codegen {

/// An architecture as --sm names it: `tune` is what machine code is for, "sm_89"; PTX is for the level.
struct NvptxTarget final : CodeTarget {
  static constexpr llvm::StringLiteral kTriple = "nvptx64-nvidia-cuda";

  llvm::StringRef getTriple() const override { return kTriple; }
  /// Machines run what is for `tune`, or later where its name ends with a digit.
  artifact::TargetT describe() const override;
  std::unique_ptr<llvm::TargetMachine> createMachine() const override;
  void setAttributes(llvm::Function &function) const override;
  /// A unit for each kernel: an entry as kernel_abi.h says it, and what it calls.
  std::vector<CodeUnit> listUnits(const ModelCode &code) const override;
  llvm::Expected<ProgramCode> emit(const ModelCode &code, const EmitOptions &options,
                                   std::vector<artifact::KernelT> &kernels) const override;
};

/// Looks `sm` up: "80", "90a". Fails for what LLVM does not know, and for one before sm_80.
llvm::Expected<NvptxTarget> findNvptxTarget(llvm::StringRef sm);

/// The target that passes compiled for. Fails where that is not NVPTX, or of no level or architecture that is known.
llvm::Expected<NvptxTarget> getNvptxTarget(deepseek::TargetAttr attribute);

} // namespace fathom::codegen

#endif // FATHOM_CODEGEN_NVPTX_TARGET_H
