// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The `onnx` dialect: graphs as exporters wrote them.

#ifndef FATHOM_DIALECTS_ONNX_ONNXDIALECT_TD
#define FATHOM_DIALECTS_ONNX_ONNXDIALECT_TD

include "mlir/IR/AttrTypeBase.td"
include "mlir/IR/OpBase.td"

def Onnx_Dialect : Dialect {
  let name = "onnx";
  let summary = "graphs as exporters wrote them";
  let description = [{
    What `frontend/onnx` leaves of a model: a function `@main` of `onnx.node`s, one for each node that computes something,
    whatever its operator is. Functions of the model are inlined, branches that are decided are taken, and what computes
    shapes is gone: types say extents (`#onnx.shape`), and values that follow from them are `onnx.constant` or
    `onnx.extents`. Idioms are recognized on these by `passes/raise`, whose output has none of this dialect.

    An argument or result of `@main` has its name in the model as `onnx.name`. Initializers are symbols that say where
    in which file their numbers lie; `deepseek.shards` lists the files.

    A type of integers is signless where the format's is signed, and unsigned where that is; bool is i1.

    `fathom compile MODEL.onnx -o - --emit=onnx` prints the module of a model.
  }];
  let cppNamespace = "::fathom::onnx";
  let useDefaultTypePrinterParser = 1;
  let useDefaultAttributePrinterParser = 1;
}

class Onnx_Op<string mnemonic, list<Trait> traits = []> : Op<Onnx_Dialect, mnemonic, traits>;

def Onnx_ShapeAttr : AttrDef<Onnx_Dialect, "Shape"> {
  let mnemonic = "shape";
  let summary = "extents that follow from what a caller chooses";
  let description = [{
    The encoding of a tensor's type: for each dynamic dimension, in their order, a polynomial in the names that inputs of
    the model have. Two that are written alike are equal; one that begins with "?" depends on data.

    Example: `tensor<?x?x64xf32, #onnx.shape<"batch", "past + sequence">>`.
  }];
  let parameters = (ins ArrayRefParameter<"mlir::StringAttr">:$extents);
  let assemblyFormat = "`<` $extents `>`";
}

def Onnx_StringType : TypeDef<Onnx_Dialect, "String"> {
  let mnemonic = "string";
  let summary = "an element that is a string";
  let description = [{ Example: `tensor<?x!onnx.string>`. }];
}

def Onnx_SequenceType : TypeDef<Onnx_Dialect, "Sequence"> {
  let mnemonic = "sequence";
  let summary = "a list of tensors";
  let description = [{ Example: `!onnx.sequence<tensor<?x64xf32>>`. }];
  let parameters = (ins "mlir::TensorType":$element);
  let assemblyFormat = "`<` $element `>`";
}

/// What a node takes and gives; `none` where it is left out.
def Onnx_Value : AnyTypeOf<[AnyTensor, Onnx_SequenceType, NoneType]>;

#endif // FATHOM_DIALECTS_ONNX_ONNXDIALECT_TD
