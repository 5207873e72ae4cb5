// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Linear maps. A block of outputs is summed side by side, each in the order of its inputs, while the block's weights
// stay in the cache for all rows.

#include "passes/lower/Decompose.h"

#include "mlir/IR/IRMapping.h"

#include <numeric>

using namespace mlir;

namespace fathom {

using namespace deepseek;

/// Sums that run side by side. Divides a panel's width, so that the outputs of a block are neighbors in the weight.
static constexpr int64_t kSums = 8;

/// The sums of outputs [first, first + count) of the result for one row, part by part.
static SmallVector<Value> sumBlock(StructuredBuilder &b, const Product &product, Value row, Value first,
                                   int64_t count) {
  SmallVector<Value> outputs;
  for (auto part : product.parts) {
    Value base = part(first);
    for (int64_t j = 0; j < count; ++j) {
      outputs.push_back(b.add(base, j));
    }
  }
  SmallVector<Value> zeros(outputs.size(), b.real(0.0));
  return b.loop(b.index(0), b.index(product.weight.getInputs()), zeros, [&](Value k, ValueRange sums) {
    Value x = product.input(row, first, k);
    SmallVector<Value> next;
    for (auto [output, sum] : llvm::zip(outputs, sums)) {
      next.push_back(b.fma(x, product.weight.read(output, k), sum));
    }
    return next;
  });
}

/// Rows of one block of outputs.
static Value multiplyBlock(StructuredBuilder &b, const Product &product, Value target, Value first, int64_t count) {
  return b.loop(product.from, product.to, target, [&](Value row, Value carried) {
    SmallVector<Value> sums = sumBlock(b, product, product.inputRow(row), first, count);
    for (int64_t j = 0; j < count; ++j) {
      SmallVector<Value> own;
      for (size_t part = 0; part < product.parts.size(); ++part) {
        own.push_back(sums[part * count + j]);
      }
      Value output = b.add(first, j);
      carried = b.put(product.finish(row, output, own), carried, {row, output});
    }
    return carried;
  });
}

Value multiplyRows(StructuredBuilder &b, const Product &product, Value target) {
  int64_t block = std::gcd(kSums / int64_t(product.parts.size()), product.group);
  int64_t whole = product.outputs - product.outputs % block;
  if (whole > 0) {
    target = b.loop(
        b.index(0), b.index(whole), target,
        [&](Value first, Value carried) { return multiplyBlock(b, product, carried, first, block); }, block);
  }
  if (whole < product.outputs) {
    target = multiplyBlock(b, product, target, b.index(whole), product.outputs - whole);
  }
  return target;
}

Value emptyRows(StructuredBuilder &b, Type type, Value rows) {
  return b.empty(type, cast<RankedTensorType>(type).hasStaticShape() ? ValueRange() : ValueRange(rows));
}

Value applyEpilogue(StructuredBuilder &b, Region &epilogue, Value value, ValueRange extras, Value row, Value column) {
  if (epilogue.empty()) {
    return value;
  }
  Block &body = epilogue.front();
  IRMapping mapping;
  mapping.map(body.getArgument(0), value);
  for (auto [argument, extra] : llvm::zip(body.getArguments().drop_front(), extras)) {
    bool vector = cast<RankedTensorType>(extra.getType()).getRank() == 1;
    mapping.map(argument, vector ? WeightReader(b, extra).read(ValueRange(column)) : b.at(extra, {row, column}));
  }
  for (Operation &op : body.without_terminator()) {
    b.builder.clone(op, mapping);
  }
  return mapping.lookupOrDefault(body.getTerminator()->getOperand(0));
}

/// A dense product; `combine` makes one number of an output and its sums, before the epilogue.
template <typename Op>
static Decomposed multiply(Op op, StructuredBuilder &b, ArrayRef<function_ref<Value(Value)>> parts,
                           function_ref<Value(Value, ValueRange)> combine) {
  WeightReader weight(b, op.getWeight(), op.getScale(), op.getBlockAttr());
  Value rows = b.size(op.getInput(), 0);
  auto type = cast<RankedTensorType>(op.getType());
  auto finish = [&](Value row, Value output, ValueRange sums) {
    return applyEpilogue(b, op.getEpilogue(), combine(output, sums), op.getExtras(), row, output);
  };
  auto sameRow = [](Value row) { return row; };
  auto input = [&](Value row, Value, Value k) { return b.at(op.getInput(), {row, k}); };
  Product product = {b.index(0), rows, sameRow, input, weight, parts, getWidth(type), /*group=*/0, finish};
  Value target = emptyRows(b, type, rows);
  return SmallVector<Value>{multiplyRows(b, product, target)};
}

static Decomposed decompose(LinearOp op, StructuredBuilder &b) {
  return multiply(op, b, {[](Value output) { return output; }}, [&](Value output, ValueRange sums) {
    Value bias = op.getBias();
    return bias ? b.add(sums[0], WeightReader(b, bias).read(ValueRange(output))) : sums[0];
  });
}

static Decomposed decompose(LinearSwiGluOp op, StructuredBuilder &b) {
  auto gate = [](Value output) { return output; };
  auto up = [&](Value output) { return b.add(output, getWidth(op.getType())); };
  return multiply(op, b, {gate, up}, [&](Value, ValueRange sums) { return b.multiply(b.silu(sums[0]), sums[1]); });
}

void populateLinearDecompositions(RewritePatternSet &patterns) {
  addDecompositions<LinearOp, LinearSwiGluOp>(patterns);
}

} // namespace fathom
