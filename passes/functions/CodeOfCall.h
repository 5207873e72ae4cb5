// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What code of a call is made of: fields of its table, memory and messages. Internal to passes/functions.

#ifndef FATHOM_PASSES_FUNCTIONS_CODEOFCALL_H
#define FATHOM_PASSES_FUNCTIONS_CODEOFCALL_H

#include "passes/functions/Passes.h"

#include "mlir/Conversion/LLVMCommon/TypeConverter.h"

#include "llvm/ADT/StringMap.h"

namespace fathom {

/// Builds what a function, whose body is blocks, does with pointers. It returns a message, or null. What is memory
/// keeps its type: descriptors of it are cast.
class CodeOfCall {
protected:
  using Value = mlir::Value;

  CodeOfCall(mlir::func::FuncOp function, const mlir::LLVMTypeConverter &converter);

  /// Returns the message of `op` where it fails.
  void check(mlir::cf::AssertOp op);
  /// Goes to a block that returns `message` where `condition` is false, and on behind `op`, which is erased.
  void leaveUnless(Value condition, mlir::Operation *op, llvm::StringRef message);
  /// Returns `message` where it is not null.
  void leaveWith(Value message, mlir::Operation *op);

  /// Dense memory, row by row; `sizes` are all of them, as i64.
  Value makeMemory(Value pointer, mlir::MemRefType type, mlir::ValueRange sizes);
  Value toDescriptor(Value memory);
  Value fromDescriptor(Value descriptor, mlir::MemRefType type);
  /// A value that a nest takes, in places of 8 bytes from number `next` on.
  void storeCaptured(Value area, int64_t &next, Value value);
  Value loadCaptured(Value area, int64_t &next, mlir::Type type);

  Value loadField(Value table, int64_t offset, mlir::Type type);
  Value loadElement(mlir::Type type, Value array, int64_t index);
  Value address(mlir::Type type, Value array, int64_t index);
  Value number(int64_t value);
  Value none();

  mlir::func::FuncOp function;
  const mlir::LLVMTypeConverter &converter;
  mlir::OpBuilder builder;
  mlir::Location loc;
  mlir::Type pointer, i64;

private:
  Value messageText(llvm::StringRef message);
  Value loadMemory(Value area, int64_t &next, mlir::MemRefType type);
  void leaveFor(Value condition, mlir::Operation *op, mlir::Block *target, mlir::ValueRange arguments);

  llvm::StringMap<mlir::Block *> leaving;
};

} // namespace fathom

#endif // FATHOM_PASSES_FUNCTIONS_CODEOFCALL_H
