// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Machine code to an ELF image.

#include "codegen/llvm/Units.h"
#include "codegen/x86/Image.h"

using namespace llvm;

namespace fathom::codegen {

Expected<CodeImage> emitImage(const ModelCode &code, const X86Target &target, unsigned threads,
                              const UnitCache *cache) {
  auto objects = emitUnits(code, target, CodeGenFileType::ObjectFile, threads, cache);
  return objects ? linkImage(*objects, code.exports) : objects.takeError();
}

} // namespace fathom::codegen
