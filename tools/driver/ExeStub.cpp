// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Embeds runtime/demo's executable (the build defines FATHOM_EXE_STUB, its path).

#include "tools/driver/ExeStub.h"

__asm__(".section .rodata\n"
        ".balign 4096\n"
        "fathom_exe_stub_begin:\n"
        ".incbin \"" FATHOM_EXE_STUB "\"\n"
        "fathom_exe_stub_end:\n"
        ".text\n");

extern "C" const char fathom_exe_stub_begin[];
extern "C" const char fathom_exe_stub_end[];

namespace fathom::driver {

llvm::MemoryBufferRef getExeStub() {
  return {llvm::StringRef(fathom_exe_stub_begin, fathom_exe_stub_end - fathom_exe_stub_begin), "exe stub"};
}

} // namespace fathom::driver
