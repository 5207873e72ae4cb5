// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Loops and maps on tensors.

#include "passes/support/StructuredBuilder.h"

#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/SCF/IR/SCF.h"

using namespace mlir;

namespace fathom {

/// Chains of a sum: enough to hide the latency of an addition, and a vector on x86-64-v3.
static constexpr int64_t kChains = 8;

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
                                             linalg::YieldOp::create(builder, loc, asElementOf(type, element(indices)));
                                           });
  return generic.getResult(0);
}

Value StructuredBuilder::widenBF16(Value a) {
  Value bits = widen(bitcast(a, builder.getI16Type()), builder.getI32Type());
  return bitcast(shiftLeft(bits, 16), builder.getF32Type());
}

Value StructuredBuilder::roundToBF16(Value a) {
  Value bits = bitcast(a, builder.getI32Type()), half = integer(16);
  Value upper = create<arith::ShRUIOp>(bits, half);
  // Half a unit less one, and one where the last place is odd: ties go to the even number.
  Value raised = add(add(bits, integer(0x7FFF)), both(upper, integer(1)));
  Value rounded = create<arith::ShRUIOp>(raised, half);
  Value code = select(isEqual(a, a), rounded, either(upper, integer(0x40)));
  return bitcast(create<arith::TruncIOp>(builder.getI16Type(), code), builder.getBF16Type());
}

Value StructuredBuilder::convertRows(Value rows, Type element) {
  auto type = cast<RankedTensorType>(rows.getType());
  if (type.getElementType() == element) {
    return rows;
  }
  ValueRange sizes = type.hasStaticShape() ? ValueRange() : ValueRange(size(rows, 0));
  return map(type.clone(element), sizes, [&](ValueRange i) { return at(rows, i); });
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
