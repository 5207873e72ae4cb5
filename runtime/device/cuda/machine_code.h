// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Machine code of a GPU, before a driver reads it.

#ifndef FATHOM_RUNTIME_DEVICE_CUDA_MACHINE_CODE_H
#define FATHOM_RUNTIME_DEVICE_CUDA_MACHINE_CODE_H

#include <stdint.h>

namespace fathom::runtime::cuda {

/// Whether |code| is an ELF file all of whose headers, segments and sections end within its |size| bytes. A driver is
/// not told how many those are: it believes the headers.
bool isWholeMachineCode(const unsigned char *code, uint64_t size);

} // namespace fathom::runtime::cuda

#endif // FATHOM_RUNTIME_DEVICE_CUDA_MACHINE_CODE_H
