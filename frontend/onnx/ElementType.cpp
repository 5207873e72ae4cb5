// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The table of element types.

#include "frontend/onnx/ElementType.h"

#include <iterator>

namespace fathom::onnx {

/// By number, from 1 on.
static constexpr ElementType kTypes[] = {
    {"float", 32, TypedField::Float},
    {"uint8", 8, TypedField::Int32},
    {"int8", 8, TypedField::Int32},
    {"uint16", 16, TypedField::Int32},
    {"int16", 16, TypedField::Int32},
    {"int32", 32, TypedField::Int32},
    {"int64", 64, TypedField::Int64},
    {"string", 0, TypedField::String},
    {"bool", 8, TypedField::Int32},
    {"float16", 16, TypedField::Int32},
    {"double", 64, TypedField::Double},
    {"uint32", 32, TypedField::UInt64},
    {"uint64", 64, TypedField::UInt64},
    {"complex64", 64, TypedField::Float, 2},
    {"complex128", 128, TypedField::Double, 2},
    {"bfloat16", 16, TypedField::Int32},
    {"float8e4m3fn", 8, TypedField::Int32},
    {"float8e4m3fnuz", 8, TypedField::Int32},
    {"float8e5m2", 8, TypedField::Int32},
    {"float8e5m2fnuz", 8, TypedField::Int32},
    {"uint4", 4, TypedField::Int32},
    {"int4", 4, TypedField::Int32},
    {"float4e2m1", 4, TypedField::Int32},
    {"float8e8m0", 8, TypedField::Int32},
    {"uint2", 2, TypedField::Int32},
    {"int2", 2, TypedField::Int32},
};

const ElementType *findElementType(int32_t number) {
  bool known = number >= 1 && number <= static_cast<int32_t>(std::size(kTypes));
  return known ? &kTypes[number - 1] : nullptr;
}

} // namespace fathom::onnx
