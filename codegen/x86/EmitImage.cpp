// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Machine code to an ELF image.

#include "codegen/llvm/Units.h"
#include "codegen/x86/Image.h"
#include "kernels/KernelBitcode.h"

using namespace llvm;

namespace fathom::codegen {

std::vector<CodeUnit> X86Target::listUnits(const ModelCode &code) const {
  std::vector<CodeUnit> units;
  // Only the backend calls functions on memory, in any unit, for what the optimizer leaves as intrinsics.
  units.push_back({"", code.functions.size(), [&](LLVMContext &context) { return readFunctions(code, context); },
                   linkMemoryFunctions});
  for (const KernelInstance &kernel : code.kernels) {
    units.push_back({kernel.symbol, kernels::findKernelBitcode(kernel.kernel).size,
                     [&](LLVMContext &context) { return specializeKernel(code, kernel, context); }, nullptr});
  }
  return units;
}

Expected<ProgramCode> X86Target::emit(const ModelCode &code, const EmitOptions &options,
                                      std::vector<artifact::KernelT> &kernels) const {
  Expected<CodeImage> image = emitImage(code, *this, options.threads, options.cache);
  if (!image) {
    return image.takeError();
  }
  for (artifact::KernelT &kernel : kernels) {
    kernel.task = image->addresses.lookup(getTaskName(kernel.name));
    kernel.items = image->addresses.lookup(getItemsName(kernel.name));
  }
  return ProgramCode{std::move(image->bytes), {}, {}, std::move(image->addresses)};
}

Expected<CodeImage> emitImage(const ModelCode &code, const X86Target &target, unsigned threads,
                              const UnitCache *cache) {
  auto objects = emitUnits(code, target, CodeGenFileType::ObjectFile, threads, cache);
  return objects ? linkImage(*objects, code.exports) : objects.takeError();
}

} // namespace fathom::codegen
