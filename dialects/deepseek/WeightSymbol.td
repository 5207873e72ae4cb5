// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What weights and recipes have in common.

#ifndef FATHOM_DIALECTS_DEEPSEEK_WEIGHTSYMBOL_TD
#define FATHOM_DIALECTS_DEEPSEEK_WEIGHTSYMBOL_TD

include "mlir/IR/OpBase.td"

def DeepSeek_WeightSymbol : OpInterface<"WeightSymbol"> {
  let cppNamespace = "::fathom::deepseek";
  let description = [{
    A symbol that `get_weight` reads: tensors of one shape, one for each of some layers, or for each layer and expert,
    layer-major. Slices are what the weight table has of them: one for each, or one for all experts of a layer.
  }];
  let methods = [
    InterfaceMethod<"", "::llvm::StringRef", "getSymName">,
    InterfaceMethod<"What a layer has: the tensors of all its experts together.",
      "::mlir::RankedTensorType", "getTensorType", (ins), [{}],
      [{ return ::mlir::cast<::mlir::RankedTensorType>($_op.getType()); }]>,
    InterfaceMethod<"Whether the first dimension is that of experts.", "bool", "getExperts">,
    InterfaceMethod<"The layers that have it, ascending; none where all share it.",
      "std::optional<::llvm::ArrayRef<int64_t>>", "getLayers">,
    InterfaceMethod<"", "::mlir::DenseI64ArrayAttr", "getLayersAttr">,
  ];
  let extraClassDeclaration = [{
    /// Whether each expert of a layer is a slice. That is so where weights stay row by row, since a checkpoint has them
    /// anywhere; where the module's target has a layout, a packer makes one stack of them.
    bool hasExpertTable();
    /// Slices of a layer in the weight table.
    int64_t getSlicesPerLayer() { return hasExpertTable() ? this->getTensorsPerLayer() : 1; }
  }];
  let extraSharedClassDeclaration = [{
    int64_t getLayerCount() { return $_op.getLayers() ? $_op.getLayers()->size() : 1; }
    int64_t getTensorsPerLayer() { return $_op.getExperts() ? $_op.getTensorType().getDimSize(0) : 1; }
    int64_t getTensorCount() { return $_op.getLayerCount() * $_op.getTensorsPerLayer(); }
  }];
}

#endif // FATHOM_DIALECTS_DEEPSEEK_WEIGHTSYMBOL_TD
