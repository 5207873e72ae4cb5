// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Inputs and outputs of @main.

#include "tools/driver/FunctionFacts.h"

#include "dialects/onnx/Onnx.h"
#include "dialects/support/Escape.h"
#include "dialects/support/ExitError.h"
#include "fathom/artifact_abi.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"

using namespace mlir;

namespace fathom::driver {

static std::optional<artifact::TensorElement> convertElement(Type element) {
  using Element = artifact::TensorElement;
  if (auto real = dyn_cast<FloatType>(element)) {
    return real.isF32()    ? std::optional(Element::f32)
           : real.isF64()  ? std::optional(Element::f64)
           : real.isF16()  ? std::optional(Element::f16)
           : real.isBF16() ? std::optional(Element::bf16)
                           : std::nullopt;
  }
  auto integer = dyn_cast<IntegerType>(element);
  bool isNatural = integer && integer.isUnsigned();
  switch (integer ? integer.getWidth() : 0) {
  case 1:
    return Element::bool_;
  case 8:
    return isNatural ? Element::u8 : Element::i8;
  case 16:
    return isNatural ? Element::u16 : Element::i16;
  case 32:
    return isNatural ? Element::u32 : Element::i32;
  case 64:
    return isNatural ? Element::u64 : Element::i64;
  default:
    return std::nullopt;
  }
}

/// What an extent is called; empty where that depends on data.
static std::string getSymbol(StringRef extent) { return extent.contains('?') ? "" : extent.str(); }

static llvm::Expected<artifact::TensorTypeT> describeTensor(StringAttr name, Type type) {
  artifact::TensorTypeT table;
  table.name = name ? name.str() : "";
  auto tensor = dyn_cast<RankedTensorType>(type);
  std::optional<artifact::TensorElement> element = tensor ? convertElement(tensor.getElementType()) : std::nullopt;
  if (!element || tensor.getRank() > FATHOM_MOST_AXES) {
    std::string text;
    llvm::raw_string_ostream(text) << type;
    return makeError(ExitCode::Unsupported,
                     "'" + escape(table.name, 80) + "' is of type " + text + ", which calls cannot take or give");
  }
  table.element = *element;
  auto names = dyn_cast_or_null<onnx::ShapeAttr>(tensor.getEncoding());
  size_t next = 0;
  for (int64_t size : tensor.getShape()) {
    bool isOpen = ShapedType::isDynamic(size), isNamed = isOpen && names && next < names.getExtents().size();
    table.sizes.push_back(isOpen ? -1 : size);
    table.symbols.push_back(isNamed ? getSymbol(names.getExtents()[next++].getValue()) : "");
  }
  return table;
}

llvm::Expected<std::vector<artifact::NamedFunctionT>> listNamedFunctions(ModuleOp graph) {
  auto main = graph.lookupSymbol<func::FuncOp>(onnx::kMainFunction);
  std::vector<artifact::NamedFunctionT> functions(1);
  functions[0].name = onnx::kMainFunction.str();
  for (unsigned i = 0; i < main.getNumArguments(); ++i) {
    auto table = describeTensor(main.getArgAttrOfType<StringAttr>(i, onnx::kNameAttr), main.getArgument(i).getType());
    if (!table) {
      return table.takeError();
    }
    functions[0].inputs.push_back(std::make_unique<artifact::TensorTypeT>(std::move(*table)));
  }
  for (unsigned i = 0; i < main.getNumResults(); ++i) {
    auto table = describeTensor(main.getResultAttrOfType<StringAttr>(i, onnx::kNameAttr), main.getResultTypes()[i]);
    if (!table) {
      return table.takeError();
    }
    functions[0].outputs.push_back(std::make_unique<artifact::TensorTypeT>(std::move(*table)));
  }
  return functions;
}

} // namespace fathom::driver
