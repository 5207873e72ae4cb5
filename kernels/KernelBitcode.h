// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The kernels' LLVM bitcode, embedded in the compiler.

#ifndef FATHOM_KERNELS_KERNELBITCODE_H
#define FATHOM_KERNELS_KERNELBITCODE_H

#include <cstddef>
#include <string_view>

namespace fathom::kernels {

/// Bytes of one bitcode module. Lives as long as the program; 16-byte aligned.
struct KernelBitcode {
  const unsigned char *data;
  size_t size;
};

/// The module that defines a kernel of the catalog: the symbol, its `_items` function, inline helpers, and a
/// declaration of `fathom_epilogue`. Or one that others call: "generated_calls" for generated code, or "memory", which
/// defines memcpy, memmove and memset. `data` is null when there is none of that name.
KernelBitcode findKernelBitcode(std::string_view symbol);

} // namespace fathom::kernels

#endif // FATHOM_KERNELS_KERNELBITCODE_H
