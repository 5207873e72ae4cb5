// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Reads one tensor of a file.

#include "frontend/onnx/import/ReadInitializer.h"

#include "frontend/checkpoint/Files.h"

namespace fathom::onnx {

using checkpoint::Diagnostics;
using checkpoint::Problem;

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
  return (static_cast<uint64_t>(*count) * bits + 7) / 8;
}

llvm::Expected<Array> readInitializer(llvm::ArrayRef<DataFile> files, InitializerOp initializer) {
  auto number = static_cast<uint64_t>(initializer.getFile());
  std::optional<uint64_t> count = bytesOf(initializer.getTensorType());
  if (number >= files.size() || !count) {
    return llvm::createStringError("is of no file, or too large");
  }
  std::string bytes(*count, '\0');
  Diagnostics diagnostics;
  std::optional<File> file =
      checkpoint::openFile(files[number].path, files[number].path, Problem::InputOutput, diagnostics);
  if (!file || !file->read(bytes.data(), bytes.size(), initializer.getOffset())) {
    return llvm::createStringError("cannot read " + files[number].name);
  }
  return readBytes(initializer.getTensorType(), llvm::ArrayRef(bytes.data(), bytes.size()));
}

} // namespace fathom::onnx
