// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What a function does with its call: inputs, outputs, weights, memory and errors. Internal to passes/functions.

#ifndef FATHOM_PASSES_FUNCTIONS_CALLLOWERING_H
#define FATHOM_PASSES_FUNCTIONS_CALLLOWERING_H

#include "passes/functions/Passes.h"

#include "mlir/Conversion/LLVMCommon/TypeConverter.h"

#include "llvm/ADT/StringMap.h"

namespace fathom {

/// Rewrites a function whose body is blocks, and on memory, into one that takes a fathom_function_call and returns a
/// message, or null. What is memory keeps its type: descriptors of it are cast.
class CallLowering {
public:
  CallLowering(mlir::func::FuncOp function, const mlir::LLVMTypeConverter &converter);

  void run();

private:
  using Value = mlir::Value;

  void takeInputs();
  void takeWeights();
  void allocate(mlir::memref::AllocOp op);
  void check(mlir::cf::AssertOp op);
  void giveOutputs(mlir::func::ReturnOp op);

  /// Goes to a block that returns `message` where `condition` is false, and on behind `op`, which is erased.
  void leaveUnless(Value condition, mlir::Operation *op, llvm::StringRef message);
  Value makeMemory(Value pointer, mlir::MemRefType type, mlir::ValueRange sizes);
  Value loadField(int64_t offset, mlir::Type type);
  Value loadElement(mlir::Type type, Value array, int64_t index);
  Value address(mlir::Type type, Value array, int64_t index);
  Value number(int64_t value);
  Value messageText(llvm::StringRef message);

  mlir::func::FuncOp function;
  const mlir::LLVMTypeConverter &converter;
  mlir::OpBuilder builder;
  mlir::Location loc;
  mlir::Type pointer, i64;
  Value call;
  llvm::StringMap<mlir::Block *> leaving;
};

} // namespace fathom

#endif // FATHOM_PASSES_FUNCTIONS_CALLLOWERING_H
