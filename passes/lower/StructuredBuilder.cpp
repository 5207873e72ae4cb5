// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Scalars, loops and maps on tensors.

#include "passes/lower/StructuredBuilder.h"

#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"

using namespace mlir;

namespace fathom {

/// Chains of a sum: enough to hide the latency of an addition, and a vector on x86-64-v3.
static constexpr int64_t kChains = 8;

Value StructuredBuilder::index(int64_t value) { return arith::ConstantIndexOp::create(builder, loc, value); }

Value StructuredBuilder::integer(int32_t value) {
  return arith::ConstantOp::create(builder, loc, builder.getI32IntegerAttr(value));
}

Value StructuredBuilder::real(double value) {
  return arith::ConstantOp::create(builder, loc, builder.getF32FloatAttr(static_cast<float>(value)));
}

template <typename Real, typename Integer>
static Value create(StructuredBuilder &b, Value x, Value y) {
  return isa<FloatType>(x.getType()) ? b.builder.createOrFold<Real>(b.loc, x, y)
                                     : b.builder.createOrFold<Integer>(b.loc, x, y);
}

Value StructuredBuilder::add(Value a, Value b) { return create<arith::AddFOp, arith::AddIOp>(*this, a, b); }
Value StructuredBuilder::subtract(Value a, Value b) { return create<arith::SubFOp, arith::SubIOp>(*this, a, b); }
Value StructuredBuilder::multiply(Value a, Value b) { return create<arith::MulFOp, arith::MulIOp>(*this, a, b); }
Value StructuredBuilder::divide(Value a, Value b) { return create<arith::DivFOp, arith::DivUIOp>(*this, a, b); }
Value StructuredBuilder::remainder(Value a, Value b) { return create<arith::RemFOp, arith::RemUIOp>(*this, a, b); }

Value StructuredBuilder::fma(Value a, Value b, Value c) { return math::FmaOp::create(builder, loc, a, b, c); }

Value StructuredBuilder::exp(Value a) { return math::ExpOp::create(builder, loc, a); }

Value StructuredBuilder::reciprocalRoot(Value a) { return divide(real(1.0), math::SqrtOp::create(builder, loc, a)); }

static Value onePlusExpOfMinus(StructuredBuilder &b, Value a) {
  return b.add(b.real(1.0), b.exp(arith::NegFOp::create(b.builder, b.loc, a)));
}

Value StructuredBuilder::sigmoid(Value a) { return divide(real(1.0), onePlusExpOfMinus(*this, a)); }

Value StructuredBuilder::silu(Value a) { return divide(a, onePlusExpOfMinus(*this, a)); }

static Value compare(StructuredBuilder &b, arith::CmpFPredicate real, arith::CmpIPredicate integer, Value x, Value y) {
  if (isa<FloatType>(x.getType())) {
    return arith::CmpFOp::create(b.builder, b.loc, real, x, y);
  }
  return arith::CmpIOp::create(b.builder, b.loc, integer, x, y);
}

Value StructuredBuilder::isGreater(Value a, Value b) {
  return compare(*this, arith::CmpFPredicate::OGT, arith::CmpIPredicate::sgt, a, b);
}

Value StructuredBuilder::isEqual(Value a, Value b) {
  return compare(*this, arith::CmpFPredicate::OEQ, arith::CmpIPredicate::eq, a, b);
}

Value StructuredBuilder::both(Value a, Value b) { return arith::AndIOp::create(builder, loc, a, b); }

Value StructuredBuilder::either(Value a, Value b) { return arith::OrIOp::create(builder, loc, a, b); }

Value StructuredBuilder::select(Value condition, Value a, Value b) {
  return arith::SelectOp::create(builder, loc, condition, a, b);
}

Value StructuredBuilder::toIndex(Value id) {
  return arith::IndexCastOp::create(builder, loc, builder.getIndexType(), id);
}

Value StructuredBuilder::toId(Value index) {
  return arith::IndexCastOp::create(builder, loc, builder.getI32Type(), index);
}

Value StructuredBuilder::size(Value tensor, int64_t dimension) {
  return builder.createOrFold<tensor::DimOp>(loc, tensor, dimension);
}

Value StructuredBuilder::at(Value tensor, ValueRange indices) {
  return tensor::ExtractOp::create(builder, loc, tensor, indices);
}

Value StructuredBuilder::put(Value value, Value tensor, ValueRange indices) {
  return tensor::InsertOp::create(builder, loc, value, tensor, indices);
}

Value StructuredBuilder::empty(Type type, ValueRange dynamicSizes) {
  return tensor::EmptyOp::create(builder, loc, cast<RankedTensorType>(type), dynamicSizes);
}

Value StructuredBuilder::map(Type type, ValueRange dynamicSizes, function_ref<Value(ValueRange)> element) {
  int64_t rank = cast<RankedTensorType>(type).getRank();
  SmallVector<AffineMap> maps = {builder.getMultiDimIdentityMap(rank)};
  SmallVector<utils::IteratorType> iterators(rank, utils::IteratorType::parallel);
  auto generic = linalg::GenericOp::create(builder, loc, type, ValueRange(), ValueRange{empty(type, dynamicSizes)},
                                           maps, iterators, [&](OpBuilder &, Location, ValueRange) {
                                             Values indices;
                                             for (int64_t i = 0; i < rank; ++i) {
                                               indices.push_back(linalg::IndexOp::create(builder, loc, i));
                                             }
                                             linalg::YieldOp::create(builder, loc, element(indices));
                                           });
  return generic.getResult(0);
}

Value StructuredBuilder::mapRows(ArrayRef<int64_t> shape, Value rows, function_ref<Value(ValueRange)> element) {
  auto type = RankedTensorType::get(shape, builder.getF32Type());
  return map(type, type.hasStaticShape() ? ValueRange() : ValueRange(rows), element);
}

StructuredBuilder::Values StructuredBuilder::loop(Value from, Value to, ValueRange carried,
                                                  function_ref<Values(Value, ValueRange)> body, int64_t step) {
  auto loop = scf::ForOp::create(
      builder, loc, from, to, index(step), carried,
      [&](OpBuilder &, Location, Value i, ValueRange values) { scf::YieldOp::create(builder, loc, body(i, values)); });
  return loop.getResults();
}

Value StructuredBuilder::loop(Value from, Value to, Value carried, function_ref<Value(Value, Value)> body,
                              int64_t step) {
  return loop(
      from, to, ValueRange(carried), [&](Value i, ValueRange values) { return Values{body(i, values[0])}; }, step)[0];
}

void StructuredBuilder::loop(Value from, Value to, function_ref<void(Value)> body) {
  loop(from, to, ValueRange(), [&](Value i, ValueRange) {
    body(i);
    return Values();
  });
}

Value StructuredBuilder::sum(int64_t count, function_ref<Value(Value)> term) {
  int64_t whole = count - count % kChains;
  Value total = real(0.0);
  if (whole > 0) {
    Values chains(kChains, total);
    chains = loop(
        index(0), index(whole), chains,
        [&](Value i, ValueRange sums) {
          Values next;
          for (auto [j, partial] : llvm::enumerate(sums)) {
            next.push_back(add(partial, term(add(i, j))));
          }
          return next;
        },
        kChains);
    for (int64_t width = kChains / 2; width > 0; width /= 2) {
      for (int64_t j = 0; j < width; ++j) {
        chains[j] = add(chains[j], chains[j + width]);
      }
    }
    total = chains[0];
  }
  return loop(index(whole), index(count), total, [&](Value i, Value partial) { return add(partial, term(i)); });
}

} // namespace fathom
