// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// From --mcpu to a target machine.

#include "codegen/x86/Target.h"

#include "dialects/support/ExitError.h"

#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/MC/MCSubtargetInfo.h"
#include "llvm/MC/TargetRegistry.h"
#include "llvm/Support/TargetSelect.h"
#include "llvm/TargetParser/Triple.h"

using namespace llvm;

namespace fathom::codegen {

/// What kernels take for granted.
static constexpr StringLiteral kBaselineFeatures[] = {"avx2", "fma", "f16c", "bmi2"};

static const Target *initializeBackend() {
  InitializeAllTargetInfos();
  LLVMInitializeX86Target();
  LLVMInitializeX86TargetMC();
  LLVMInitializeX86AsmPrinter();
  LLVMInitializeX86AsmParser();
  std::string error;
  return TargetRegistry::lookupTarget(Triple(X86Target::kTriple), error);
}

/// Once: threads that compile ask for it.
static const Target *findBackend() {
  static const Target *backend = initializeBackend();
  return backend;
}

/// The best level of a processor that has certain features.
static const kernels::Arch &findArch(function_ref<bool(StringRef)> has) {
  return *find_if(kernels::archs(),
                  [&](const kernels::Arch &arch) { return arch.device->name == "cpu" && all_of(arch.features, has); });
}

/// A feature that /proc/cpuinfo calls `name`, as LLVM calls it.
static std::string getFeature(StringRef name) {
  std::string feature = (name.consume_front("avx512_") ? "avx512" : "") + name.str();
  llvm::replace(feature, '_', '-');
  return feature;
}

StringRef findProcessor(function_ref<bool(const char *)> hasFeature) {
  return findArch([&](StringRef feature) { return hasFeature(feature.str().c_str()); }).processor;
}

std::string X86Target::getFeatures() const {
  return join(map_range(arch->features, [](StringRef feature) { return "+" + getFeature(feature); }), ",");
}

std::unique_ptr<TargetMachine> X86Target::createMachine() const {
  TargetOptions options;
  return std::unique_ptr<TargetMachine>(findBackend()->createTargetMachine(
      Triple(kTriple), kBaseline, getFeatures(), options, Reloc::PIC_, CodeModel::Small, CodeGenOptLevel::Aggressive));
}

/// 64-byte vectors stay whole where the processor has them.
void X86Target::setAttributes(Function &function) const {
  std::string width = std::to_string(arch->vectorBits);
  function.addFnAttr("target-cpu", kBaseline);
  function.addFnAttr("target-features", getFeatures());
  function.addFnAttr("tune-cpu", tune);
  function.addFnAttr("prefer-vector-width", width);
  function.addFnAttr("min-legal-vector-width", width);
}

void X86Target::narrow(function_ref<bool(StringRef arch)> isUsed) {
  const kernels::Arch *next = kernels::findArch(arch->fallback);
  while (next && next->vectorBits == arch->vectorBits && !isUsed(arch->name)) {
    tune = tune == arch->processor ? std::string(next->processor) : tune;
    arch = next;
    next = kernels::findArch(arch->fallback);
  }
}

static bool isProcessor(const Target &backend, StringRef name) {
  std::unique_ptr<MCSubtargetInfo> known(backend.createMCSubtargetInfo(Triple(X86Target::kTriple), "", ""));
  return known->isCPUStringValid(name);
}

Expected<X86Target> findX86Target(StringRef mcpu) {
  const Target *backend = findBackend();
  if (!backend) {
    return makeError(ExitCode::Unsupported, "this build of LLVM has no x86 backend");
  }
  X86Target target;
  target.tune = mcpu.str();
  if (!isProcessor(*backend, mcpu)) {
    return makeError(ExitCode::Usage,
                     "--mcpu: unknown processor " + quotePath(mcpu) + ": try native, x86-64-v3 or x86-64-v4");
  }
  std::unique_ptr<MCSubtargetInfo> info(backend->createMCSubtargetInfo(Triple(X86Target::kTriple), target.tune, ""));
  auto has = [&](StringRef feature) { return info->checkFeatures("+" + getFeature(feature)); };
  if (!all_of(kBaselineFeatures, has)) {
    return makeError(ExitCode::Unsupported,
                     "processor '" + mcpu + "' lacks AVX2, FMA, F16C or BMI2: Fathom needs x86-64-v3");
  }
  target.arch = &findArch(has);
  return target;
}

Expected<X86Target> getX86Target(deepseek::TargetAttr attribute) {
  X86Target target;
  target.arch = kernels::findArch(attribute.getArch());
  target.tune = attribute.getTune().str();
  const Target *backend = findBackend();
  bool known = target.arch && target.arch->device->name == "cpu" && attribute.getTriple() == X86Target::kTriple;
  if (!known || !backend || !isProcessor(*backend, target.tune)) {
    std::string text;
    raw_string_ostream(text) << attribute;
    return makeError(ExitCode::Unsupported, "no code can be generated for " + text);
  }
  return target;
}

} // namespace fathom::codegen
