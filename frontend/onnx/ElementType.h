// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Element types of ONNX tensors (onnx.proto3, TensorProto.DataType), those included that libonnx may be too old to
// know.

#ifndef FATHOM_FRONTEND_ONNX_ELEMENTTYPE_H
#define FATHOM_FRONTEND_ONNX_ELEMENTTYPE_H

#include "llvm/ADT/StringRef.h"

#include <cstdint>

namespace fathom::onnx {

/// Which field of a tensor has its numbers where they are not raw.
enum class TypedField : uint8_t { Float, Int32, String, Int64, Double, UInt64 };

struct ElementType {
  /// Of the textual form of ONNX, e.g. "float16".
  llvm::StringRef name;
  /// 0: of no fixed size.
  unsigned bits;
  TypedField field;
  /// Entries of the field that an element takes; elements of less than a byte are two or four to an entry.
  unsigned entries = 1;
};

/// The type with a number of the format; NULL for UNDEFINED, and for what is not known.
const ElementType *findElementType(int32_t number);

} // namespace fathom::onnx

#endif // FATHOM_FRONTEND_ONNX_ELEMENTTYPE_H
