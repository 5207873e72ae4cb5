// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// PTX to machine code, by NVIDIA's ptxas.

#ifndef FATHOM_CODEGEN_NVPTX_ASSEMBLER_H
#define FATHOM_CODEGEN_NVPTX_ASSEMBLER_H

#include "llvm/ADT/StringRef.h"
#include "llvm/Support/Error.h"

#include <chrono>
#include <string>

namespace fathom::codegen {

/// What ptxas makes of a module of one entry.
struct Assembled {
  std::string cubin;
  uint32_t registers = 0;
  /// Of a block, declared by the module.
  uint32_t sharedBytes = 0;
  /// Stores of a thread to memory that registers had no room for.
  uint32_t spillBytes = 0;
  /// Why its matrix products are slower than they are meant to be, as ptxas says it, "(C7511) …"; empty: they are not.
  std::string complaint = "";
};

/// Where ptxas is: FATHOM_PTXAS, which is empty to do without, then PATH, then where CUDA is usually installed. Empty:
/// it is not there. Fails if FATHOM_PTXAS is not a program.
llvm::Expected<std::string> findAssembler();

/// What `ptxas` says of its version.
llvm::Expected<std::string> getAssemblerVersion(llvm::StringRef ptxas);

/// The largest kernels take seconds: a ptxas that is given this much waits for something.
constexpr std::chrono::minutes kAssemblyLimit{5};

/// Assembles a module for `processor`, "sm_80". Threads may do so at once. A failure has several lines: the first says
/// what failed, the others what ptxas said, and what to do.
llvm::Expected<Assembled> assemble(llvm::StringRef ptxas, llvm::StringRef ptx, llvm::StringRef processor,
                                   std::chrono::seconds limit = kAssemblyLimit);

/// Reads what ptxas -v says of a module of one entry.
void readResources(llvm::StringRef report, Assembled &assembled);

} // namespace fathom::codegen

#endif // FATHOM_CODEGEN_NVPTX_ASSEMBLER_H
