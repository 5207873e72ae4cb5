// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Inputs and outputs of functions that are memory by now.

#include "tools/driver/FunctionFacts.h"

#include "dialects/onnx/Onnx.h"
#include "dialects/support/Escape.h"
#include "dialects/support/ExitError.h"
#include "fathom/artifact_abi.h"
#include "passes/functions/Passes.h"

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

/// Adds what attributes of an argument or a result say.
static llvm::Error addTensor(DictionaryAttr facts, std::vector<std::unique_ptr<artifact::TensorTypeT>> &tensors) {
  auto name = facts.getAs<StringAttr>(onnx::kNameAttr);
  auto type = facts.getAs<TypeAttr>(kTensorTypeAttr);
  artifact::TensorTypeT &table = *tensors.emplace_back(std::make_unique<artifact::TensorTypeT>());
  table.name = name ? name.str() : "";
  auto tensor = type ? dyn_cast<RankedTensorType>(type.getValue()) : nullptr;
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
  return llvm::Error::success();
}

llvm::Expected<std::vector<artifact::NamedFunctionT>> listNamedFunctions(ModuleOp decomposed) {
  std::vector<artifact::NamedFunctionT> functions;
  for (auto function : decomposed.getOps<func::FuncOp>()) {
    artifact::NamedFunctionT &table = functions.emplace_back();
    table.name = function.getName().str();
    for (unsigned i = 0; i < function.getNumArguments(); ++i) {
      if (llvm::Error error = addTensor(function.getArgAttrDict(i), table.inputs)) {
        return std::move(error);
      }
    }
    for (unsigned i = 0; i < function.getNumResults(); ++i) {
      if (llvm::Error error = addTensor(function.getResultAttrDict(i), table.outputs)) {
        return std::move(error);
      }
    }
  }
  return functions;
}

} // namespace fathom::driver
