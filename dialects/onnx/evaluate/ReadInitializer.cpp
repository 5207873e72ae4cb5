// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Reads one tensor of a file.

#include "dialects/onnx/evaluate/ReadInitializer.h"

#include "llvm/Support/MathExtras.h"
#include "llvm/Support/MemoryBuffer.h"

namespace fathom::onnx {

/// The bytes that the numbers of a type take in a file; nothing where they are too many.
static std::optional<uint64_t> bytesOf(mlir::RankedTensorType type) {
  std::optional<int64_t> count = countElements(type.getShape());
  mlir::Type element = type.getElementType();
  if (!count || !isHeld(element) || llvm::isa<StringType>(element)) {
    return std::nullopt;
  }
  auto complex = llvm::dyn_cast<mlir::ComplexType>(element);
  unsigned bits = complex                ? 2 * complex.getElementType().getIntOrFloatBitWidth()
                  : element.isInteger(1) ? 8
                                         : element.getIntOrFloatBitWidth();
  return llvm::divideCeil(static_cast<uint64_t>(*count) * bits, 8);
}

llvm::Expected<Array> readInitializer(InitializerOp initializer, llvm::StringRef path) {
  std::optional<uint64_t> bytes = bytesOf(initializer.getTensorType());
  if (!bytes) {
    return llvm::createStringError("'" + initializer.getSymName() +
                                   "' is too large, or of a type that is not evaluated");
  }
  auto buffer = llvm::MemoryBuffer::getFileSlice(path, *bytes, initializer.getOffset());
  if (!buffer || (*buffer)->getBufferSize() != *bytes) {
    return llvm::createStringError("cannot read '" + initializer.getSymName() + "' from '" + path + "'");
  }
  return readBytes(initializer.getTensorType(), llvm::ArrayRef((*buffer)->getBufferStart(), *bytes));
}

} // namespace fathom::onnx
