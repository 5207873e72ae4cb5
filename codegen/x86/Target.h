// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The processor that code is generated for.

#ifndef FATHOM_CODEGEN_X86_TARGET_H
#define FATHOM_CODEGEN_X86_TARGET_H

#include "codegen/llvm/CodeTarget.h"
#include "dialects/deepseek/DeepSeek.h"

#include "llvm/ADT/STLFunctionalExtras.h"
#include "llvm/ADT/StringRef.h"
#include "llvm/Support/Error.h"

#include <string>

namespace fathom::codegen {

/// A processor as --mcpu names it: `tune` is as given, or the level for "native".
struct X86Target final : CodeTarget {
  static constexpr llvm::StringLiteral kTriple = "x86_64-unknown-linux-gnu";
  /// The processor whose instructions all code may use.
  static constexpr llvm::StringLiteral kBaseline = "x86-64-v3";

  /// What the level has beyond the baseline, as LLVM lists features: "+avx512f,+avx512bw".
  std::string getFeatures() const;
  llvm::StringRef getTriple() const override { return kTriple; }
  std::unique_ptr<llvm::TargetMachine> createMachine() const override;
  void setAttributes(llvm::Function &function) const override;
  /// To a level with as wide vectors.
  void narrow(llvm::function_ref<bool(llvm::StringRef arch)> isUsed) override;
  /// The model's functions are the first unit, its kernels follow.
  std::vector<CodeUnit> listUnits(const ModelCode &code) const override;
  llvm::Expected<ProgramCode> emit(const ModelCode &code, const EmitOptions &options,
                                   std::vector<artifact::KernelT> &kernels) const override;
};

/// Looks `mcpu` up: a level ("x86-64-v3"), or a processor LLVM knows. Fails for an unknown one, and for one without
/// AVX2, FMA and F16C.
llvm::Expected<X86Target> findX86Target(llvm::StringRef mcpu);

/// The level of a machine, by the features, as /proc/cpuinfo names them, that its programs may use: nothing more than
/// that, so that artifacts stay portable.
llvm::StringRef findProcessor(llvm::function_ref<bool(const char *)> hasFeature);

/// The target that passes compiled for. Fails where that is not x86, or of no level or processor that is known.
llvm::Expected<X86Target> getX86Target(deepseek::TargetAttr attribute);

} // namespace fathom::codegen

#endif // FATHOM_CODEGEN_X86_TARGET_H
