// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Tensors while a graph is evaluated: what they hold, and how numbers become those of their type.

#include "dialects/onnx/evaluate/Array.h"

#include "dialects/onnx/Onnx.h"

#include "llvm/ADT/APFloat.h"
#include "llvm/ADT/StringExtras.h"

#include <cmath>

using namespace mlir;

namespace fathom::onnx {

std::optional<int64_t> countElements(ArrayRef<int64_t> shape) {
  int64_t count = 1;
  for (int64_t extent : shape) {
    if (extent < 0 || extent > kMostElements) {
      return std::nullopt;
    }
    count *= extent;
    if (count > kMostElements) {
      return std::nullopt;
    }
  }
  return count;
}

Array::Array(Type element, ArrayRef<int64_t> shape) : element(element), shape(shape) {
  int64_t count = *countElements(shape);
  if (isReal() || isComplex()) {
    reals.resize(isComplex() ? 2 * count : count);
  } else if (isInteger()) {
    integers.resize(count);
  } else {
    strings.resize(count);
  }
}

Array Array::scalar(Type element, int64_t value) {
  Array array(element, {});
  array.isInteger() ? void(array.integers[0] = value) : void(array.reals[0] = static_cast<double>(value));
  return array;
}

Array Array::list(MLIRContext *context, ArrayRef<int64_t> values) {
  Array array(IntegerType::get(context, 64), {static_cast<int64_t>(values.size())});
  array.integers = values.vec();
  return array;
}

int64_t Array::size() const {
  return static_cast<int64_t>(isReal()      ? reals.size()
                              : isComplex() ? reals.size() / 2
                              : isInteger() ? integers.size()
                                            : strings.size());
}

double Array::real(int64_t at) const {
  if (isReal()) {
    return reals[at];
  }
  return isNatural() ? static_cast<double>(static_cast<uint64_t>(integers[at])) : static_cast<double>(integers[at]);
}

void Array::set(int64_t at, const Array &from, int64_t fromAt) {
  if (isReal()) {
    reals[at] = from.reals[fromAt];
  } else if (isComplex()) {
    reals[2 * at] = from.reals[2 * fromAt];
    reals[2 * at + 1] = from.reals[2 * fromAt + 1];
  } else if (isInteger()) {
    integers[at] = from.integers[fromAt];
  } else {
    strings[at] = from.strings[fromAt];
  }
}

void Array::round() {
  if (isSequence()) {
    return;
  }
  Type part = isComplex() ? cast<ComplexType>(element).getElementType() : element;
  if (part.isF32()) {
    llvm::for_each(reals, [](double &value) { value = static_cast<float>(value); });
  } else if (!part.isF64()) {
    llvm::for_each(reals, [part](double &value) { value = roundTo(part, value); });
  }
  for (int64_t &value : integers) {
    value = wrapTo(element, value);
  }
}

double roundTo(Type element, double value) {
  if (element.isF64()) {
    return value;
  }
  if (element.isF32()) {
    return static_cast<float>(value);
  }
  APFloat number(value);
  bool inexact = false;
  number.convert(cast<FloatType>(element).getFloatSemantics(), APFloat::rmNearestTiesToEven, &inexact);
  number.convert(APFloat::IEEEdouble(), APFloat::rmNearestTiesToEven, &inexact);
  return number.convertToDouble();
}

int64_t wrapTo(Type element, int64_t value) {
  unsigned bits = element.getIntOrFloatBitWidth();
  if (bits == 64) {
    return value;
  }
  uint64_t low = static_cast<uint64_t>(value) & ((uint64_t(1) << bits) - 1);
  bool negative = bits > 1 && !element.isUnsignedInteger() && (low >> (bits - 1)) != 0;
  return static_cast<int64_t>(negative ? low - (uint64_t(1) << bits) : low);
}

int64_t truncate(double value) {
  if (std::isnan(value)) {
    return 0;
  }
  // The largest f64 below 2^63.
  constexpr double kLargest = 9223372036854774784.0;
  return value > kLargest ? INT64_MAX : value < -kLargest ? INT64_MIN : static_cast<int64_t>(value);
}

static llvm::Error unreadable(Type type) {
  std::string text;
  llvm::raw_string_ostream(text) << "numbers of " << type << " are not read";
  return llvm::createStringError(text);
}

bool isHeld(Type element) {
  if (auto complex = dyn_cast_or_null<ComplexType>(element)) {
    element = complex.getElementType();
    return isa<FloatType>(element) && element.getIntOrFloatBitWidth() <= 64;
  }
  bool isNumber = isa_and_nonnull<FloatType, IntegerType>(element);
  return isNumber ? element.getIntOrFloatBitWidth() - 1 < 64 : isa_and_nonnull<StringType>(element);
}

static double toDouble(APFloat number) {
  bool inexact = false;
  number.convert(APFloat::IEEEdouble(), APFloat::rmNearestTiesToEven, &inexact);
  return number.convertToDouble();
}

llvm::Expected<Array> readAttribute(ElementsAttr value) {
  ShapedType type = value.getShapedType();
  Type element = type.getElementType();
  auto numbers = dyn_cast<DenseElementsAttr>(value);
  if (!countElements(type.getShape()) || !numbers || !isHeld(element)) {
    return unreadable(type);
  }
  Array array(element, type.getShape());
  if (isa<StringType>(element)) {
    auto strings = dyn_cast<DenseStringElementsAttr>(value);
    for (int64_t i = 0; strings && i < array.size(); ++i) {
      array.strings[i] = strings.getRawStringData()[strings.isSplat() ? 0 : i].str();
    }
  } else if (array.isComplex()) {
    for (auto [i, number] : llvm::enumerate(numbers.getValues<std::complex<APFloat>>())) {
      array.reals[2 * i] = toDouble(number.real());
      array.reals[2 * i + 1] = toDouble(number.imag());
    }
  } else if (array.isReal()) {
    llvm::transform(numbers.getValues<APFloat>(), array.reals.begin(), toDouble);
  } else {
    llvm::transform(numbers.getValues<APInt>(), array.integers.begin(),
                    [&](const APInt &number) { return wrapTo(element, int64_t(number.getZExtValue())); });
  }
  return array;
}

static APFloat toFloat(double value, Type element) {
  APFloat number(value);
  bool inexact = false;
  number.convert(cast<FloatType>(element).getFloatSemantics(), APFloat::rmNearestTiesToEven, &inexact);
  return number;
}

ElementsAttr makeAttribute(const Array &array) {
  auto type = RankedTensorType::get(array.shape, array.element);
  if (array.isReal()) {
    return DenseElementsAttr::get(
        type, llvm::map_to_vector(array.reals, [&](double value) { return toFloat(value, array.element); }));
  }
  if (array.isInteger()) {
    unsigned bits = array.element.getIntOrFloatBitWidth();
    return DenseElementsAttr::get(type, llvm::map_to_vector(array.integers, [&](int64_t value) {
                                    return APInt(bits, static_cast<uint64_t>(value), /*isSigned=*/true,
                                                 /*implicitTrunc=*/true);
                                  }));
  }
  if (array.isComplex()) {
    Type part = cast<ComplexType>(array.element).getElementType();
    SmallVector<std::complex<APFloat>> numbers;
    for (size_t i = 0; i < array.reals.size(); i += 2) {
      numbers.emplace_back(toFloat(array.reals[i], part), toFloat(array.reals[i + 1], part));
    }
    return DenseElementsAttr::get(type, numbers);
  }
  return DenseStringElementsAttr::get(type, SmallVector<StringRef>(array.strings.begin(), array.strings.end()));
}

/// An element of `bits`, which are a power of two up to 64.
static uint64_t bitsAt(ArrayRef<char> bytes, unsigned bits, int64_t at) {
  if (bits < 8) {
    return (static_cast<uint8_t>(bytes[at * bits / 8]) >> (at * bits % 8)) & ((1u << bits) - 1);
  }
  uint64_t value = 0;
  for (unsigned i = 0; i < bits / 8; ++i) {
    value |= static_cast<uint64_t>(static_cast<uint8_t>(bytes[at * (bits / 8) + i])) << (8 * i);
  }
  return value;
}

llvm::Expected<Array> readBytes(RankedTensorType type, ArrayRef<char> bytes) {
  Type element = type.getElementType();
  std::optional<int64_t> count = countElements(type.getShape());
  if (!count || !isHeld(element) || isa<StringType>(element)) {
    return unreadable(type);
  }
  Array array(element, type.getShape());
  Type part = array.isComplex() ? cast<ComplexType>(element).getElementType() : element;
  unsigned bits = part.isInteger(1) ? 8 : part.getIntOrFloatBitWidth();
  int64_t parts = array.isComplex() ? 2 * *count : *count;
  if (!llvm::isPowerOf2_32(bits) || bits > 64 || (parts * bits + 7) / 8 > static_cast<int64_t>(bytes.size())) {
    return unreadable(type);
  }
  for (int64_t i = 0; i < parts; ++i) {
    uint64_t raw = bitsAt(bytes, bits, i);
    if (array.isInteger()) {
      array.integers[i] = element.isInteger(1) ? raw != 0 : wrapTo(element, int64_t(raw));
    } else {
      array.reals[i] = toDouble(APFloat(cast<FloatType>(part).getFloatSemantics(), APInt(bits, raw)));
    }
  }
  return array;
}

} // namespace fathom::onnx
