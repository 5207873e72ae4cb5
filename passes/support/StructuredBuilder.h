// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Scalars, loops and maps on tensors: the words that decompositions are written in.

#ifndef FATHOM_PASSES_SUPPORT_STRUCTUREDBUILDER_H
#define FATHOM_PASSES_SUPPORT_STRUCTUREDBUILDER_H

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "mlir/IR/Builders.h"
#include "mlir/IR/TypeUtilities.h"

namespace fathom {

namespace arith = mlir::arith;
namespace math = mlir::math;
namespace tensor = mlir::tensor;

/// Builds ops at the insertion point of `builder`. Arithmetic is of the operands' type: a float, or integers and
/// indices, which are signed, or vectors of those; a number beside a vector is one for each of its lanes.
class StructuredBuilder {
public:
  using Value = mlir::Value;
  using ValueRange = mlir::ValueRange;
  using Values = llvm::SmallVector<Value>;

  StructuredBuilder(mlir::OpBuilder &builder, mlir::Location loc) : builder(builder), loc(loc) {}

  Value index(int64_t value) { return create<arith::ConstantIndexOp>(value); }
  Value integer(int32_t value) { return create<arith::ConstantOp>(builder.getI32IntegerAttr(value)); }
  Value real(double value) { return create<arith::ConstantOp>(builder.getF32FloatAttr(float(value))); }

  Value add(Value a, Value b) { return combine<arith::AddFOp, arith::AddIOp>(a, b); }
  Value subtract(Value a, Value b) { return combine<arith::SubFOp, arith::SubIOp>(a, b); }
  Value multiply(Value a, Value b) { return combine<arith::MulFOp, arith::MulIOp>(a, b); }
  Value divide(Value a, Value b) { return combine<arith::DivFOp, arith::DivUIOp>(a, b); }
  Value remainder(Value a, Value b) { return combine<arith::RemFOp, arith::RemUIOp>(a, b); }
  Value add(Value a, int64_t b) { return add(a, index(b)); }
  Value multiply(Value a, int64_t b) { return multiply(a, index(b)); }
  Value divide(Value a, int64_t b) { return divide(a, index(b)); }
  Value remainder(Value a, int64_t b) { return remainder(a, index(b)); }
  Value shiftLeft(Value a, int32_t count) { return create<arith::ShLIOp>(a, spread(integer(count), a)); }
  /// a · b + c, rounded once.
  Value fma(Value a, Value b, Value c) { return create<math::FmaOp>(spread(a, b), b, c); }
  Value exp(Value a) { return create<math::ExpOp>(a); }
  /// 1 / sqrt(a), both rounded.
  Value reciprocalRoot(Value a) { return divide(real(1.0), create<math::SqrtOp>(a)); }
  /// 1 / (1 + exp(−a)).
  Value sigmoid(Value a) { return divide(real(1.0), onePlusExpOfMinus(a)); }
  /// a / (1 + exp(−a)).
  Value silu(Value a) { return divide(a, onePlusExpOfMinus(a)); }

  /// NaN is neither greater nor equal.
  Value isGreater(Value a, Value b) { return compare(arith::CmpFPredicate::OGT, arith::CmpIPredicate::sgt, a, b); }
  Value isEqual(Value a, Value b) { return compare(arith::CmpFPredicate::OEQ, arith::CmpIPredicate::eq, a, b); }
  Value both(Value a, Value b) { return create<arith::AndIOp>(a, spread(b, a)); }
  Value either(Value a, Value b) { return create<arith::OrIOp>(a, spread(b, a)); }
  Value select(Value condition, Value a, Value b) {
    return create<arith::SelectOp>(condition, spread(a, condition), spread(b, condition));
  }
  /// `a`, or `b` where it is greater.
  Value larger(Value a, Value b) { return select(isGreater(b, a), b, a); }
  Value smaller(Value a, Value b) { return select(isGreater(a, b), b, a); }

  Value toIndex(Value id) { return create<arith::IndexCastOp>(builder.getIndexType(), id); }
  /// The same bits as numbers of type `element`, and the same number, widened.
  Value bitcast(Value a, mlir::Type element) { return create<arith::BitcastOp>(withElement(a, element), a); }
  Value widen(Value a, mlir::Type element) {
    return mlir::isa<mlir::FloatType>(element) ? Value(create<arith::ExtFOp>(withElement(a, element), a))
                                               : Value(create<arith::ExtUIOp>(withElement(a, element), a));
  }
  /// A bf16 is the upper half of an f32. As bits, since LLVM 22 has no good code for vectors of bf16 that cross blocks,
  /// and calls a library to round to them: to nearest even, with a NaN that stays one.
  Value widenBF16(Value a);
  Value roundToBF16(Value a);
  Value toReal(Value a) { return create<arith::UIToFPOp>(withElement(a, builder.getF32Type()), a); }
  Value signedToReal(Value a) { return create<arith::SIToFPOp>(withElement(a, builder.getF32Type()), a); }
  Value toId(Value index) { return create<arith::IndexCastOp>(builder.getI32Type(), index); }

  /// The size of a dimension, a constant where it is known.
  Value size(Value tensor, int64_t dimension) { return builder.createOrFold<tensor::DimOp>(loc, tensor, dimension); }
  /// A number of bf16 or f16 as f32.
  Value at(Value tensor, ValueRange indices) {
    Value number = builder.createOrFold<tensor::ExtractOp>(loc, tensor, indices);
    bool isF16 = number.getType().isF16();
    return number.getType().isBF16() ? widenBF16(number) : isF16 ? widen(number, builder.getF32Type()) : number;
  }
  /// An id at `indices`, as an index.
  Value idAt(Value tensor, ValueRange indices) { return toIndex(at(tensor, indices)); }
  /// Rounded, where numbers of `tensor` are.
  Value put(Value value, Value tensor, ValueRange indices) {
    return create<tensor::InsertOp>(asElementOf(tensor.getType(), value), tensor, indices);
  }
  /// Uninitialized; `dynamicSizes` of the unknown dimensions of `type`, in order.
  Value empty(mlir::Type type, ValueRange dynamicSizes) {
    return create<tensor::EmptyOp>(mlir::cast<mlir::RankedTensorType>(type), dynamicSizes);
  }

  /// Elements computed from their indices, in any order, and rounded where those of `type` are: a linalg.generic.
  Value map(mlir::Type type, ValueRange dynamicSizes, llvm::function_ref<Value(ValueRange)> element);
  /// The same with `rows` as the only unknown size, if there is one.
  Value mapRows(llvm::ArrayRef<int64_t> shape, Value rows, llvm::function_ref<Value(ValueRange)> element);

  /// `rows` with numbers of type `element`, f32 or bf16.
  Value convertRows(Value rows, mlir::Type element);
  Value toF32(Value rows) { return convertRows(rows, builder.getF32Type()); }

  /// for (i = from; i < to; i += step) carried = body(i, carried).
  Values loop(Value from, Value to, ValueRange carried, llvm::function_ref<Values(Value, ValueRange)> body,
              int64_t step = 1);
  /// The same with one carried value.
  Value loop(Value from, Value to, Value carried, llvm::function_ref<Value(Value, Value)> body, int64_t step = 1);
  /// For effects only.
  void loop(Value from, Value to, llvm::function_ref<void(Value)> body);
  /// Σ term(i) over [0, count), in chains that run side by side.
  Value sum(int64_t count, llvm::function_ref<Value(Value)> term);

  /// Any other op.
  template <typename Op, typename... Arguments>
  Value create(Arguments &&...arguments) {
    return Op::create(builder, loc, std::forward<Arguments>(arguments)...);
  }

  mlir::OpBuilder &builder;
  mlir::Location loc;

private:
  template <typename Real, typename Integer>
  Value combine(Value a, Value b) {
    a = spread(a, b), b = spread(b, a);
    return isReal(a) ? builder.createOrFold<Real>(loc, a, b) : builder.createOrFold<Integer>(loc, a, b);
  }
  Value compare(arith::CmpFPredicate real, arith::CmpIPredicate integer, Value a, Value b) {
    a = spread(a, b), b = spread(b, a);
    return isReal(a) ? create<arith::CmpFOp>(real, a, b) : create<arith::CmpIOp>(integer, a, b);
  }
  static bool isReal(Value a) { return mlir::isa<mlir::FloatType>(mlir::getElementTypeOrSelf(a)); }
  static mlir::Type withElement(Value a, mlir::Type element) {
    auto vector = mlir::dyn_cast<mlir::VectorType>(a.getType());
    return vector ? mlir::Type(vector.clone(element)) : element;
  }
  /// A number for each lane that `like` has.
  Value spread(Value a, Value like) {
    mlir::Type type = withElement(like, a.getType());
    bool same = mlir::isa<mlir::VectorType>(a.getType()) || type == a.getType();
    return same ? a : create<mlir::vector::BroadcastOp>(type, a);
  }
  Value asElementOf(mlir::Type type, Value value) {
    mlir::Type element = mlir::getElementTypeOrSelf(type);
    if (!value.getType().isF32() || element.isF32()) {
      return value;
    }
    return element.isF16()    ? Value(create<arith::TruncFOp>(element, value))
           : element.isBF16() ? roundToBF16(value)
                              : value;
  }
  Value onePlusExpOfMinus(Value a) { return add(real(1.0), exp(create<arith::NegFOp>(a))); }
};

} // namespace fathom

#endif // FATHOM_PASSES_SUPPORT_STRUCTUREDBUILDER_H
