// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Types and constants of an ONNX model as those of MLIR. Internal to the importer.

#ifndef FATHOM_FRONTEND_ONNX_IMPORT_IMPORTTYPES_H
#define FATHOM_FRONTEND_ONNX_IMPORT_IMPORTTYPES_H

#include "dialects/onnx/Onnx.h"
#include "frontend/onnx/InferShapes.h"

#include "mlir/IR/Builders.h"

namespace fathom::onnx {

/// The type of elements with a number of TensorProto.DataType; null for one that IR has no type for.
mlir::Type convertElement(mlir::Builder &builder, int32_t element);

/// The type of a value; `none` where not even its element is known.
mlir::Type convertType(mlir::Builder &builder, const Value &value, const Symbols &symbols);

/// The shape of `dims`, of elements of the type of `tensor`.
mlir::RankedTensorType convertType(mlir::Builder &builder, const proto::TensorProto &tensor);

/// The numbers that the message has, as raw data or by elements; the tensor was checked. Null for types that IR has
/// none for.
mlir::ElementsAttr convertTensor(mlir::Builder &builder, const proto::TensorProto &tensor);

/// The same of numbers that lie in `raw` as raw data of the format do.
mlir::ElementsAttr convertRaw(mlir::RankedTensorType type, llvm::StringRef raw);

/// The attribute of a node; null for graphs, which IR has as regions, and for what IR has no attribute for.
mlir::Attribute convertAttribute(mlir::Builder &builder, const proto::AttributeProto &attribute);

} // namespace fathom::onnx

#endif // FATHOM_FRONTEND_ONNX_IMPORT_IMPORTTYPES_H
