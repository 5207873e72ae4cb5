// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Ops of the `onnx` dialect.

#ifndef FATHOM_DIALECTS_ONNX_ONNXOPS_TD
#define FATHOM_DIALECTS_ONNX_ONNXOPS_TD

include "dialects/onnx/OnnxDialect.td"
include "mlir/IR/BuiltinAttributeInterfaces.td"
include "mlir/IR/SymbolInterfaces.td"
include "mlir/Interfaces/InferTypeOpInterface.td"
include "mlir/Interfaces/SideEffectInterfaces.td"

def Onnx_NodeOp : Onnx_Op<"node", [Pure]> {
  let summary = "a node of a graph";
  let description = [{
    The operator `op_type` of `domain` (ONNX's own without one) as the version `opset` of the domain has it. An
    input that the node leaves out is `onnx.none`; outputs at the end that nobody reads may be missing, one between others has
    the type `none`. Attributes are those of the node, by name: f32 and i64, strings, tensors, and arrays of them. Graphs are
    regions, `graph_names` says of which attributes; they see what is around them.

    Constraints: (C1) there are as many regions as `graph_names`; (C2) each ends with `onnx.yield`.

    Example:
    ```mlir
    %y = onnx.node "Softmax" opset 18 (%x) {axis = -1 : i64}
        : (tensor<?x8xf32, #onnx.shape<"n">>) -> tensor<?x8xf32, #onnx.shape<"n">>
    ```
  }];
  let arguments = (ins StrAttr:$op_type, OptionalAttr<StrAttr>:$domain, I64Attr:$opset, Variadic<Onnx_Value>:$inputs,
                       DefaultValuedAttr<DictionaryAttr, "{}">:$node_attributes,
                       OptionalAttr<StrArrayAttr>:$graph_names);
  let regions = (region VariadicRegion<MaxSizedRegion<1>>:$graphs);
  let results = (outs Variadic<Onnx_Value>:$outputs);
  let assemblyFormat = [{
    $op_type (`of` $domain^)? `opset` $opset `(` $inputs `)` ($node_attributes^)?
    (`graphs` $graph_names^ $graphs)? attr-dict `:` functional-type($inputs, $outputs)
  }];
  let hasVerifier = 1;
  let extraClassDeclaration = [{
    /// Whether it is ONNX's own operator of that name.
    bool is(llvm::StringRef name) { return !getDomain() && getOpType() == name; }
    /// Whether it is an operator of onnxruntime's of that name.
    bool isMicrosoft(llvm::StringRef name) { return getDomain() == "com.microsoft" && getOpType() == name; }
    /// An input; null where it is left out.
    mlir::Value getInput(unsigned number);
    /// An attribute of the node; null where it has none.
    template <typename Attr = mlir::Attribute>
    Attr getNodeAttr(llvm::StringRef name) { return getNodeAttributes().getAs<Attr>(name); }
    int64_t getInteger(llvm::StringRef name, int64_t other);
    double getReal(llvm::StringRef name, double other);
  }];
}

def Onnx_YieldOp : Onnx_Op<"yield", [Pure, Terminator, HasParent<"NodeOp">]> {
  let summary = "ends a graph of a node with its outputs";
  let description = [{ Example: `onnx.yield %a, %b : tensor<i1>, tensor<?xf32>`. }];
  let arguments = (ins Variadic<Onnx_Value>:$outputs);
  let assemblyFormat = "($outputs^ `:` type($outputs))? attr-dict";
}

def Onnx_NoneOp : Onnx_Op<"none", [Pure]> {
  let summary = "an input that is left out";
  let description = [{ Example: `%none = onnx.none`. }];
  let results = (outs NoneType:$result);
  let assemblyFormat = "attr-dict";
}

def Onnx_ConstantOp : Onnx_Op<"constant", [Pure, ConstantLike, AllTypesMatch<["value", "result"]>]> {
  let summary = "a tensor that the model has in its message, or that follows from shapes";
  let description = [{ Example: `%c = onnx.constant dense<1.0> : tensor<f32>`. }];
  let arguments = (ins ElementsAttr:$value);
  let results = (outs AnyTensor:$result);
  let assemblyFormat = "attr-dict $value";
  let hasFolder = 1;
}

def Onnx_ExtentsOp : Onnx_Op<"extents", [Pure]> {
  let summary = "integers that follow from what a caller chooses";
  let description = [{
    The numbers of a small tensor, row by row: constants, or polynomials as in `#onnx.shape`.

    Constraints: (C1) there is a number for each element; (C2) elements are integers.

    Example: `%s = onnx.extents <"batch", "sequence", "64"> : tensor<3xi64>`.
  }];
  let arguments = (ins Onnx_ShapeAttr:$numbers);
  let results = (outs AnyStaticShapeTensor:$result);
  let assemblyFormat = "$numbers attr-dict `:` type($result)";
  let hasVerifier = 1;
}

def Onnx_InitializerOp : Onnx_Op<"initializer", [Symbol]> {
  let summary = "a tensor whose numbers stay in a file";
  let description = [{
    Little-endian and row by row, from the byte `offset` of the file `file` on, which is a number in the module's
    `deepseek.shards`; elements of less than a byte are packed from the lowest bits up.

    Constraints: (C1) file and offset are 0 or more; (C2) the shape is static.

    Example: `onnx.initializer @"embed.weight" : tensor<512x64xbf16> file 0 offset 4096`.
  }];
  let arguments = (ins SymbolNameAttr:$sym_name, TypeAttrOf<AnyStaticShapeTensor>:$type,
                       ConfinedAttr<I64Attr, [IntNonNegative]>:$file, ConfinedAttr<I64Attr, [IntNonNegative]>:$offset);
  let assemblyFormat = "$sym_name `:` $type `file` $file `offset` $offset attr-dict";
  let extraClassDeclaration = [{
    mlir::RankedTensorType getTensorType() { return mlir::cast<mlir::RankedTensorType>(getType()); }
  }];
}

def Onnx_GetInitializerOp
    : Onnx_Op<"get_initializer", [Pure, DeclareOpInterfaceMethods<SymbolUserOpInterface>]> {
  let summary = "the value of an initializer";
  let description = [{
    Constraints: (C1) `initializer` names one of the result's type.

    Example: `%w = onnx.get_initializer @"embed.weight" : tensor<512x64xbf16>`.
  }];
  let arguments = (ins FlatSymbolRefAttr:$initializer);
  let results = (outs AnyStaticShapeTensor:$result);
  let assemblyFormat = "$initializer attr-dict `:` type($result)";
}

#endif // FATHOM_DIALECTS_ONNX_ONNXOPS_TD
