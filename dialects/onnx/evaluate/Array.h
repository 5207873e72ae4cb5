// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Tensors while a graph is evaluated.

#ifndef FATHOM_DIALECTS_ONNX_EVALUATE_ARRAY_H
#define FATHOM_DIALECTS_ONNX_EVALUATE_ARRAY_H

#include "mlir/IR/BuiltinAttributes.h"
#include "mlir/IR/BuiltinTypes.h"
#include "llvm/Support/Error.h"

#include <optional>
#include <string>
#include <vector>

namespace fathom::onnx {

/// Of one array: hostile graphs ask for more.
constexpr int64_t kMostElements = int64_t(1) << 28;

/// A tensor, row by row, or a sequence of tensors. What it holds goes by the type of its elements: one of the lists has
/// entries.
struct Array {
  Array() = default;
  /// Zeros, or empty strings. The shape must be one that `countElements` counts.
  Array(mlir::Type element, llvm::ArrayRef<int64_t> shape);
  static Array scalar(mlir::Type element, int64_t value);
  /// Integers of 64 bits, one after the other.
  static Array list(mlir::MLIRContext *context, llvm::ArrayRef<int64_t> values);

  /// As in types of the onnx dialect; null: a sequence.
  mlir::Type element;
  llvm::SmallVector<int64_t> shape;
  /// Numbers of any type of floats, each one that the type has; of complex numbers two.
  std::vector<double> reals;
  /// Of any type of integers, bool among them as 0 and 1; of ui64 the bits.
  std::vector<int64_t> integers;
  std::vector<std::string> strings;
  /// The tensors of a sequence.
  std::vector<Array> items;

  bool isSequence() const { return !element; }
  bool isReal() const { return element && llvm::isa<mlir::FloatType>(element); }
  bool isInteger() const { return element && llvm::isa<mlir::IntegerType>(element); }
  bool isComplex() const { return element && llvm::isa<mlir::ComplexType>(element); }
  /// Whether `integers` are the bits of natural numbers of 64 bits.
  bool isNatural() const { return element && element.isUnsignedInteger(64); }
  int64_t rank() const { return static_cast<int64_t>(shape.size()); }
  int64_t size() const;
  /// A number as f64, whether it is an integer or not; not of complex numbers.
  double real(int64_t at) const;

  /// Copies an element of an array of the same type.
  void set(int64_t at, const Array &from, int64_t fromAt);
  /// Rounds what was computed in f64, or in 64 bits, to numbers that the type has.
  void round();
};

/// Whether arrays hold elements of a type.
bool isHeld(mlir::Type element);

/// The product of extents; nothing where one is negative, or it is more than `kMostElements`.
std::optional<int64_t> countElements(llvm::ArrayRef<int64_t> shape);

/// The numbers of a constant; an error where they are of a type that arrays do not hold.
llvm::Expected<Array> readAttribute(mlir::ElementsAttr value);

/// The other way; not of a sequence.
mlir::ElementsAttr makeAttribute(const Array &array);

/// Numbers that lie as those of an `onnx.initializer` do.
llvm::Expected<Array> readBytes(mlir::RankedTensorType type, llvm::ArrayRef<char> bytes);

/// What a number of f64 becomes in another type: the nearest, of two the even one.
double roundTo(mlir::Type element, double value);
/// The low bits of an integer, as the type has them.
int64_t wrapTo(mlir::Type element, int64_t value);
/// Rounded towards 0, and the nearest integer of 64 bits where it is beyond them; of NaN 0.
int64_t truncate(double value);

} // namespace fathom::onnx

#endif // FATHOM_DIALECTS_ONNX_EVALUATE_ARRAY_H
