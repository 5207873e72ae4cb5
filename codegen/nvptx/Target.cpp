// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// From --sm to a target machine.

#include "codegen/nvptx/Target.h"

#include "dialects/support/ExitError.h"

#include "llvm/ADT/StringExtras.h"
#include "llvm/MC/MCSubtargetInfo.h"
#include "llvm/MC/TargetRegistry.h"
#include "llvm/Support/TargetSelect.h"
#include "llvm/TargetParser/Triple.h"

using namespace llvm;

namespace fathom::codegen {

static const Target *initializeBackend() {
  LLVMInitializeNVPTXTargetInfo();
  LLVMInitializeNVPTXTarget();
  LLVMInitializeNVPTXTargetMC();
  LLVMInitializeNVPTXAsmPrinter();
  std::string error;
  return TargetRegistry::lookupTarget(Triple(NvptxTarget::kTriple), error);
}

/// Once: threads that compile ask for it.
static const Target *findBackend() {
  static const Target *backend = initializeBackend();
  return backend;
}

static std::string getFeatures(const kernels::Arch &arch) {
  return join(map_range(arch.features, [](StringRef feature) { return ("+" + feature).str(); }), ",");
}

/// The best level that machines of `processor` run: its own, or the baseline, which all later ones run.
static const kernels::Arch *findLevel(StringRef processor) {
  const kernels::Arch *own = kernels::findArch(std::string_view(processor));
  return own ? own : kernels::findArch(kernels::archsOf("cuda").back()->name);
}

static bool isProcessor(const Target &backend, StringRef name) {
  std::unique_ptr<MCSubtargetInfo> known(backend.createMCSubtargetInfo(Triple(NvptxTarget::kTriple), "", ""));
  return name.starts_with("sm_") && known->isCPUStringValid(name);
}

/// 80 of "sm_80" and of "sm_80a".
static unsigned getNumber(StringRef processor) {
  unsigned number = 0;
  processor.consume_front("sm_");
  return processor.consumeInteger(10, number) ? 0 : number;
}

artifact::TargetT NvptxTarget::describe() const {
  artifact::TargetT table = CodeTarget::describe();
  table.cpu = tune;
  table.features.clear();
  return table;
}

std::unique_ptr<TargetMachine> NvptxTarget::createMachine() const {
  return std::unique_ptr<TargetMachine>(
      findBackend()->createTargetMachine(Triple(kTriple), std::string(arch->processor), getFeatures(*arch),
                                         TargetOptions(), Reloc::PIC_, std::nullopt, CodeGenOptLevel::Aggressive));
}

void NvptxTarget::setAttributes(Function &function) const {
  function.addFnAttr("target-cpu", arch->processor);
  function.addFnAttr("target-features", getFeatures(*arch));
}

Expected<NvptxTarget> findNvptxTarget(StringRef sm) {
  const Target *backend = findBackend();
  if (!backend) {
    return makeError(ExitCode::Unsupported, "this build of LLVM has no NVPTX backend");
  }
  std::string processor = "sm_" + sm.str();
  if (!isProcessor(*backend, processor)) {
    return makeError(ExitCode::Usage, "--sm: unknown architecture " + quotePath(sm) + ": try 80 or 90a");
  }
  if (getNumber(processor) < 80) {
    return makeError(ExitCode::Unsupported, "'" + processor + "' has no bf16 products: Fathom needs sm_80 or later");
  }
  NvptxTarget target;
  target.arch = findLevel(processor);
  target.tune = processor;
  return target;
}

Expected<NvptxTarget> getNvptxTarget(deepseek::TargetAttr attribute) {
  NvptxTarget target;
  target.arch = kernels::findArch(std::string_view(attribute.getArch()));
  target.tune = attribute.getTune().str();
  const Target *backend = findBackend();
  bool known = target.arch && target.arch->device->name == "cuda" && attribute.getTriple() == NvptxTarget::kTriple;
  if (!known || !backend || !isProcessor(*backend, target.tune) || getNumber(target.tune) < 80) {
    std::string text;
    raw_string_ostream(text) << attribute;
    return makeError(ExitCode::Unsupported, "no code can be generated for " + text);
  }
  return target;
}

} // namespace fathom::codegen
