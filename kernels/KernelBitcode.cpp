// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Embeds <FATHOM_BITCODE_DIR>/<symbol>.bc for every row of the catalog.

#include "kernels/KernelBitcode.h"

#define FATHOM_KERNEL(symbol, ...)                                                                                     \
  __asm__(".section .rodata.fathom_bitcode,\"a\",@progbits\n"                                                          \
          ".balign 16\n"                                                                                               \
          "fathom_bitcode_" #symbol ":\n"                                                                              \
          ".incbin \"" FATHOM_BITCODE_DIR "/" #symbol ".bc\"\n"                                                        \
          "fathom_bitcode_end_" #symbol ":\n"                                                                          \
          ".globl fathom_bitcode_" #symbol "\n.hidden fathom_bitcode_" #symbol "\n"                                    \
          ".globl fathom_bitcode_end_" #symbol "\n.hidden fathom_bitcode_end_" #symbol "\n"                            \
          ".text\n");                                                                                                  \
  extern "C" __attribute__((visibility("hidden"))) const unsigned char fathom_bitcode_##symbol[];                      \
  extern "C" __attribute__((visibility("hidden"))) const unsigned char fathom_bitcode_end_##symbol[];
#include "kernels/catalog.def"
#undef FATHOM_KERNEL

namespace fathom::kernels {

KernelBitcode findKernelBitcode(std::string_view symbol) {
#define FATHOM_KERNEL(name, ...)                                                                                       \
  if (symbol == #name) {                                                                                               \
    return {fathom_bitcode_##name, static_cast<size_t>(fathom_bitcode_end_##name - fathom_bitcode_##name)};            \
  }
#include "kernels/catalog.def"
#undef FATHOM_KERNEL
  return {nullptr, 0};
}

} // namespace fathom::kernels
