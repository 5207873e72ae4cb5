// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Types and constants of an ONNX model as those of MLIR.

#include "frontend/onnx/import/ImportTypes.h"

#include "mlir/IR/BuiltinAttributes.h"

using namespace mlir;

namespace fathom::onnx {

Type convertElement(Builder &builder, int32_t element) {
  MLIRContext *context = builder.getContext();
  auto isUnsigned = IntegerType::Unsigned;
  switch (element) {
  case proto::TensorProto::FLOAT:
    return builder.getF32Type();
  case proto::TensorProto::UINT8:
    return IntegerType::get(context, 8, isUnsigned);
  case proto::TensorProto::INT8:
    return builder.getIntegerType(8);
  case proto::TensorProto::UINT16:
    return IntegerType::get(context, 16, isUnsigned);
  case proto::TensorProto::INT16:
    return builder.getIntegerType(16);
  case proto::TensorProto::INT32:
    return builder.getIntegerType(32);
  case proto::TensorProto::INT64:
    return builder.getIntegerType(64);
  case proto::TensorProto::STRING:
    return StringType::get(context);
  case proto::TensorProto::BOOL:
    return builder.getI1Type();
  case proto::TensorProto::FLOAT16:
    return builder.getF16Type();
  case proto::TensorProto::DOUBLE:
    return builder.getF64Type();
  case proto::TensorProto::UINT32:
    return IntegerType::get(context, 32, isUnsigned);
  case proto::TensorProto::UINT64:
    return IntegerType::get(context, 64, isUnsigned);
  case proto::TensorProto::COMPLEX64:
    return ComplexType::get(builder.getF32Type());
  case proto::TensorProto::COMPLEX128:
    return ComplexType::get(builder.getF64Type());
  case proto::TensorProto::BFLOAT16:
    return builder.getBF16Type();
  default:
    break;
  }
  // Numbers that libonnx may be too old to have a name for; ElementType.cpp lists them.
  switch (element) {
  case 17:
    return Float8E4M3FNType::get(context);
  case 18:
    return Float8E4M3FNUZType::get(context);
  case 19:
    return Float8E5M2Type::get(context);
  case 20:
    return Float8E5M2FNUZType::get(context);
  case 21:
    return IntegerType::get(context, 4, isUnsigned);
  case 22:
    return builder.getIntegerType(4);
  case 23:
    return Float4E2M1FNType::get(context);
  case 24:
    return Float8E8M0FNUType::get(context);
  case 25:
    return IntegerType::get(context, 2, isUnsigned);
  case 26:
    return builder.getIntegerType(2);
  default:
    return {};
  }
}

Type convertType(Builder &builder, const Value &value, const Symbols &symbols) {
  Type element = convertElement(builder, value.element);
  if (!element) {
    return builder.getNoneType();
  }
  TensorType tensor = UnrankedTensorType::get(element);
  if (value.shape) {
    SmallVector<int64_t> shape;
    SmallVector<StringAttr> names;
    for (const Extent &extent : *value.shape) {
      shape.push_back(extent.constant().value_or(ShapedType::kDynamic));
      if (!extent.constant()) {
        names.push_back(builder.getStringAttr(extent.str(symbols)));
      }
    }
    Attribute encoding = names.empty() ? Attribute() : ShapeAttr::get(builder.getContext(), names);
    tensor = RankedTensorType::get(shape, element, encoding);
  }
  return value.isSequence ? Type(SequenceType::get(builder.getContext(), tensor)) : tensor;
}

RankedTensorType convertType(Builder &builder, const proto::TensorProto &tensor) {
  Type element = convertElement(builder, tensor.data_type());
  return element ? RankedTensorType::get(llvm::to_vector(tensor.dims()), element) : RankedTensorType();
}

/// Numbers of less than a byte one to a byte, as attributes have them.
static SmallVector<char> unpack(StringRef raw, unsigned bits, int64_t count) {
  SmallVector<char> bytes;
  for (int64_t i = 0; i < count; ++i) {
    bytes.push_back(static_cast<char>((raw[i * bits / 8] >> (i * bits % 8)) & ((1 << bits) - 1)));
  }
  return bytes;
}

ElementsAttr convertRaw(RankedTensorType type, StringRef raw) {
  Type element = type.getElementType();
  if (element.isInteger(1)) {
    SmallVector<bool> values = llvm::map_to_vector(raw, [](char c) { return c != 0; });
    return DenseElementsAttr::get(type, values);
  }
  unsigned bits = isa<ComplexType>(element) ? 8 : element.getIntOrFloatBitWidth();
  if (bits < 8) {
    return DenseElementsAttr::getFromRawBuffer(type, unpack(raw, bits, type.getNumElements()));
  }
  return DenseElementsAttr::getFromRawBuffer(type, ArrayRef(raw.data(), raw.size()));
}

/// The entries of a field as raw data, each as a number of `Stored`.
template <typename Stored, typename Entries>
static std::string toRaw(const Entries &entries) {
  std::string raw;
  raw.reserve(entries.size() * sizeof(Stored));
  for (auto entry : entries) {
    auto number = static_cast<Stored>(entry);
    raw.append(reinterpret_cast<const char *>(&number), sizeof(number));
  }
  return raw;
}

static std::string collectRaw(const proto::TensorProto &tensor, const ElementType &type) {
  switch (type.field) {
  case TypedField::Float:
    return toRaw<float>(tensor.float_data());
  case TypedField::Double:
    return toRaw<double>(tensor.double_data());
  case TypedField::Int64:
    return toRaw<int64_t>(tensor.int64_data());
  case TypedField::UInt64:
    return type.bits == 32 ? toRaw<uint32_t>(tensor.uint64_data()) : toRaw<uint64_t>(tensor.uint64_data());
  case TypedField::Int32:
    return type.bits == 32   ? toRaw<int32_t>(tensor.int32_data())
           : type.bits == 16 ? toRaw<uint16_t>(tensor.int32_data())
                             : toRaw<uint8_t>(tensor.int32_data());
  case TypedField::String:
    break;
  }
  llvm_unreachable("strings are not raw");
}

ElementsAttr convertTensor(Builder &builder, const proto::TensorProto &tensor) {
  RankedTensorType type = convertType(builder, tensor);
  if (!type || tensor.data_location() == proto::TensorProto::EXTERNAL) {
    return {};
  }
  if (isa<StringType>(type.getElementType())) {
    SmallVector<StringRef> strings(tensor.string_data().begin(), tensor.string_data().end());
    return DenseStringElementsAttr::get(type, strings);
  }
  return convertRaw(type, tensor.has_raw_data() ? tensor.raw_data()
                                                : collectRaw(tensor, *findElementType(tensor.data_type())));
}

Attribute convertAttribute(Builder &builder, const proto::AttributeProto &attribute) {
  switch (attribute.type()) {
  case proto::AttributeProto::FLOAT:
    return builder.getF32FloatAttr(attribute.f());
  case proto::AttributeProto::INT:
    return builder.getI64IntegerAttr(attribute.i());
  case proto::AttributeProto::STRING:
    return builder.getStringAttr(attribute.s());
  case proto::AttributeProto::TENSOR:
    return convertTensor(builder, attribute.t());
  case proto::AttributeProto::FLOATS:
    return builder.getDenseF32ArrayAttr(llvm::to_vector(attribute.floats()));
  case proto::AttributeProto::INTS:
    return builder.getDenseI64ArrayAttr(llvm::to_vector(attribute.ints()));
  case proto::AttributeProto::STRINGS:
    return builder.getStrArrayAttr(SmallVector<StringRef>(attribute.strings().begin(), attribute.strings().end()));
  default:
    return {};
  }
}

} // namespace fathom::onnx
