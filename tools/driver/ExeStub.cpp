// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Embeds runtime/demo's executables (the build defines their paths).

#include "tools/driver/ExeStub.h"

#define FATHOM_EMBED(name, path)                                                                                       \
  __asm__(".section .rodata\n"                                                                                         \
          ".balign 4096\n" #name "_begin:\n"                                                                           \
          ".incbin \"" path "\"\n" #name "_end:\n"                                                                     \
          ".text\n");                                                                                                  \
  extern "C" const char name##_begin[];                                                                                \
  extern "C" const char name##_end[]

FATHOM_EMBED(fathom_exe_stub, FATHOM_EXE_STUB);
FATHOM_EMBED(fathom_dynamic_exe_stub, FATHOM_DYNAMIC_EXE_STUB);

namespace fathom::driver {

llvm::MemoryBufferRef getExeStub(bool dynamic) {
  const char *begin = dynamic ? fathom_dynamic_exe_stub_begin : fathom_exe_stub_begin;
  const char *end = dynamic ? fathom_dynamic_exe_stub_end : fathom_exe_stub_end;
  return {llvm::StringRef(begin, end - begin), "exe stub"};
}

} // namespace fathom::driver
