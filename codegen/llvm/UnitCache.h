// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Machine code of units, kept in a folder for compilations to come.

#ifndef FATHOM_CODEGEN_LLVM_UNITCACHE_H
#define FATHOM_CODEGEN_LLVM_UNITCACHE_H

#include "codegen/llvm/CodeTarget.h"

#include "llvm/IR/Module.h"
#include "llvm/Support/CodeGen.h"

#include <string>

namespace fathom::codegen {

/// Files of the folder `directory`, one a unit, which any number of processes and threads share. A unit that cannot be
/// read, or is not what was written, is not found; one that cannot be written is not kept: neither is an error.
class UnitCache {
public:
  /// `compiler` is part of every key: what else decides, beside a unit and its target, which bytes a unit becomes.
  /// Removes files that nobody has read for a week.
  UnitCache(std::string directory, std::string compiler);

  /// What a unit that is not optimized yet is kept under.
  std::string computeKey(const llvm::Module &unit, const CodeTarget &target, llvm::CodeGenFileType type) const;
  /// The same of what else is made of text, such as what an assembler makes.
  std::string computeKey(llvm::ArrayRef<llvm::StringRef> parts) const;
  /// Whether `bytes` are now those of the last write of `key`.
  bool read(llvm::StringRef key, llvm::SmallVectorImpl<char> &bytes) const;
  void write(llvm::StringRef key, llvm::StringRef bytes) const;

private:
  std::string getPath(llvm::StringRef key) const;

  std::string directory;
  std::string compiler;
};

} // namespace fathom::codegen

#endif // FATHOM_CODEGEN_LLVM_UNITCACHE_H
