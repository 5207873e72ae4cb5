// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The machine that code is generated for, and what differs between machines.

#ifndef FATHOM_CODEGEN_LLVM_CODETARGET_H
#define FATHOM_CODEGEN_LLVM_CODETARGET_H

#include "fathom/artifact_generated.h"
#include "kernels/Catalog.h"

#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/StringMap.h"
#include "llvm/IR/Module.h"
#include "llvm/Target/TargetMachine.h"

#include <functional>
#include <memory>

namespace fathom::codegen {

struct ModelCode;

/// A part of a model's code that is optimized and compiled without the others.
struct CodeUnit {
  /// The kernel's. It goes before names of the unit that count kernels of a plan; empty: it has no such names.
  std::string symbol;
  /// How long it takes, in any unit of time.
  size_t cost;
  /// Its code, not optimized. Threads may read units at once, each in a context of its own.
  std::function<llvm::Expected<std::unique_ptr<llvm::Module>>(llvm::LLVMContext &)> read;
  /// Adds what only optimized code calls; may be empty.
  std::function<llvm::Error(llvm::Module &)> complete;
};

class UnitCache;

/// How a program's code is made: on up to `threads` threads, or found in a cache. Its bytes depend on neither.
struct EmitOptions {
  unsigned threads = 1;
  const UnitCache *cache = nullptr;
  /// The ptxas that makes a GPU's machine code; empty: its driver does.
  std::string assembler = "";
  /// Told of bytes of PTX that are assembled, by one thread at a time; may be empty.
  std::function<void(uint64_t done, uint64_t total)> progress = nullptr;
};

/// The code of a program.
struct ProgramCode {
  /// Those of the code segment.
  std::string bytes;
  /// What a GPU's driver loads of them.
  std::vector<artifact::ModuleT> modules;
  /// About kernels that are slower than they are meant to be.
  std::vector<std::string> warnings = {};
  /// Of a CPU, where exports are.
  llvm::StringMap<uint64_t> addresses = {};
};

/// A machine as --mcpu or --sm name it, reduced to what Fathom distinguishes. Threads may use one at once.
class CodeTarget {
public:
  virtual ~CodeTarget() = default;

  /// The level whose instructions code may use: all that kernels distinguish.
  const kernels::Arch *arch = nullptr;
  /// The processor whose speeds decide among the level's instructions.
  std::string tune;

  /// Leaves the level for a lower one where nothing of its own is used and nobody asked for it: more machines run what
  /// comes out.
  virtual void narrow(llvm::function_ref<bool(llvm::StringRef arch)>) {}
  /// The machine as an artifact says it.
  virtual artifact::TargetT describe() const;

  /// What LLVM calls this kind of machine.
  virtual llvm::StringRef getTriple() const = 0;
  virtual std::unique_ptr<llvm::TargetMachine> createMachine() const = 0;
  /// Gives a function the attributes that decide which instructions it becomes. All functions of a model need the same:
  /// LLVM inlines none into one of others.
  virtual void setAttributes(llvm::Function &function) const = 0;
  /// The units of `code`, which outlives them.
  virtual std::vector<CodeUnit> listUnits(const ModelCode &code) const = 0;
  /// Compiles `code`, and says in each of `kernels`, which are those of `code`, where it is.
  virtual llvm::Expected<ProgramCode> emit(const ModelCode &code, const EmitOptions &options,
                                           std::vector<artifact::KernelT> &kernels) const = 0;
};

} // namespace fathom::codegen

#endif // FATHOM_CODEGEN_LLVM_CODETARGET_H
