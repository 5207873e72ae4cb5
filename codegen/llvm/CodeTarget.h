// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What differs between the processors that LLVM compiles units for.

#ifndef FATHOM_CODEGEN_LLVM_CODETARGET_H
#define FATHOM_CODEGEN_LLVM_CODETARGET_H

#include "llvm/IR/Function.h"
#include "llvm/Target/TargetMachine.h"

#include <memory>

namespace fathom::codegen {

/// Threads may use one at once.
class CodeTarget {
public:
  virtual ~CodeTarget() = default;

  virtual std::unique_ptr<llvm::TargetMachine> createMachine() const = 0;
  /// Gives a function the attributes that decide which instructions it becomes. All functions of a model need the same:
  /// LLVM inlines none into one of others.
  virtual void setAttributes(llvm::Function &function) const = 0;
};

} // namespace fathom::codegen

#endif // FATHOM_CODEGEN_LLVM_CODETARGET_H
