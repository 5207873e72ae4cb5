// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Initializers of graphs, slice by slice.

#include "codegen/weights/LowerInitializers.h"

#include "dialects/onnx/Onnx.h"

#include "llvm/Support/MathExtras.h"

using namespace mlir;

namespace fathom::codegen {

static int64_t countBytes(RankedTensorType type) {
  auto complex = dyn_cast<ComplexType>(type.getElementType());
  unsigned bits = complex                              ? 2 * complex.getElementType().getIntOrFloatBitWidth()
                  : type.getElementType().isInteger(1) ? 8
                                                       : type.getElementType().getIntOrFloatBitWidth();
  return llvm::divideCeil(type.getNumElements() * bits, 8);
}

/// As a matrix whose rows are those of the first axis where they are whole bytes. What has no elements is a byte.
static SliceContents takeBytes(onnx::InitializerOp op, WeightStorage storage) {
  RankedTensorType type = op.getTensorType();
  int64_t bytes = countBytes(type), rows = type.getRank() > 0 ? type.getDimSize(0) : 1;
  if (bytes == 0) {
    return SliceRecipe{{}, {{Constant{1, 1, ElementType::Byte, std::string(1, '\0')}, {}}}};
  }
  if (storage == WeightStorage::Reference) {
    return ExternalSlice{uint32_t(op.getFile()), uint64_t(op.getOffset()), uint64_t(bytes)};
  }
  rows = bytes % rows == 0 ? rows : 1;
  return SliceRecipe{{{uint32_t(op.getFile()), uint64_t(op.getOffset()), rows, bytes / rows, ElementType::Byte}}, {}};
}

std::vector<WeightContents> lowerInitializers(ModuleOp graph, WeightStorage storage) {
  std::vector<WeightContents> weights;
  for (auto op : graph.getOps<onnx::InitializerOp>()) {
    WeightContents &weight = weights.emplace_back();
    weight.name = op.getSymName().str();
    llvm::raw_string_ostream(weight.element_type) << op.getTensorType().getElementType();
    weight.shape = op.getTensorType().getShape().vec();
    weight.layout = "rows";
    weight.slices.push_back(takeBytes(op, storage));
  }
  return weights;
}

} // namespace fathom::codegen
