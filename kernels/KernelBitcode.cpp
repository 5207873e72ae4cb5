// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Embeds <FATHOM_BITCODE_DIR>/<name>.bc for every kernel and for what kernels and generated loops call.

#include "kernels/KernelBitcode.h"

#define FATHOM_EMBED(name)                                                                                             \
  __asm__(".section .rodata.fathom_bitcode,\"a\",@progbits\n"                                                          \
          ".balign 16\n"                                                                                               \
          "fathom_bitcode_" #name ":\n"                                                                                \
          ".incbin \"" FATHOM_BITCODE_DIR "/" #name ".bc\"\n"                                                          \
          "fathom_bitcode_end_" #name ":\n"                                                                            \
          ".globl fathom_bitcode_" #name "\n.hidden fathom_bitcode_" #name "\n"                                        \
          ".globl fathom_bitcode_end_" #name "\n.hidden fathom_bitcode_end_" #name "\n"                                \
          ".text\n");                                                                                                  \
  extern "C" __attribute__((visibility("hidden"))) const unsigned char fathom_bitcode_##name[];                        \
  extern "C" __attribute__((visibility("hidden"))) const unsigned char fathom_bitcode_end_##name[];

#define FATHOM_KERNEL(symbol, ...) FATHOM_EMBED(symbol)
FATHOM_KERNEL(generated_calls)
FATHOM_KERNEL(memory)

#include "kernels/cpu/kernels.inc"
#include "kernels/nvptx/kernels.inc"
#undef FATHOM_KERNEL

namespace fathom::kernels {

KernelBitcode findKernelBitcode(std::string_view symbol) {
#define FATHOM_KERNEL(name, ...)                                                                                       \
  if (symbol == #name) {                                                                                               \
    return {fathom_bitcode_##name, static_cast<size_t>(fathom_bitcode_end_##name - fathom_bitcode_##name)};            \
  }
  FATHOM_KERNEL(generated_calls)
  FATHOM_KERNEL(memory)

#include "kernels/cpu/kernels.inc"
#include "kernels/nvptx/kernels.inc"
#undef FATHOM_KERNEL
  return {nullptr, 0};
}

} // namespace fathom::kernels
