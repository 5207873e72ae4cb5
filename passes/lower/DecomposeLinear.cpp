// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Linear maps. A block of outputs is summed side by side, each in the order of its inputs, while the block's weights
// stay in the cache for all rows.

#include "passes/lower/Decompose.h"

#include "dialects/plan/Plan.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/IRMapping.h"

#include <numeric>

using namespace mlir;

namespace fathom {

using namespace deepseek;

/// Sums that run side by side, one in each lane of a vector. Divides a panel's width, so that the outputs of a block
/// are neighbors in the weight.
static constexpr int64_t kSums = 8;
/// Rows that share what is read of a weight.
static constexpr int64_t kRows = 4;

namespace {
/// Sums a block of outputs for some rows.
class BlockSums {
public:
  BlockSums(StructuredBuilder &b, const Product &product, Value first, int64_t count)
      : b(b), product(product), first(first), inputs(product.weight.getInputs()) {
    for (auto part : product.parts) {
      Value base = part(first);
      for (int64_t j = 0; j < count; ++j) {
        outputs.push_back(b.add(base, j));
      }
    }
  }

  bool hasVectors() const { return outputs.size() == kSums && product.weight.hasVectors(kSums); }

  /// The sums of each row in turn, part by part.
  SmallVector<Value> sum(ValueRange rows);

private:
  SmallVector<Value> addVectors(ValueRange rows);
  SmallVector<Value> readColumns(Value k);

  StructuredBuilder &b;
  const Product &product;
  Value first;
  int64_t inputs;
  SmallVector<Value> outputs;
};
} // namespace

/// The elements of kSums outputs for the inputs from k on, an input a vector. Rows of elements are read and transposed
/// in squares of 4, 2 and 1, each of which changes places with its counterpart.
SmallVector<Value> BlockSums::readColumns(Value k) {
  SmallVector<Value> vectors =
      llvm::map_to_vector(outputs, [&](Value output) { return product.weight.read(output, k, kSums); });
  for (int64_t apart = kSums / 2; apart > 0; apart /= 2) {
    SmallVector<int64_t> low, high;
    for (int64_t lane = 0; lane < kSums; ++lane) {
      bool isSecond = lane & apart;
      low.push_back(isSecond ? kSums + lane - apart : lane);
      high.push_back(isSecond ? kSums + lane : lane + apart);
    }
    for (int64_t i = 0; i < kSums; ++i) {
      if (i & apart) {
        continue;
      }
      Value a = vectors[i], c = vectors[i + apart];
      vectors[i] = vector::ShuffleOp::create(b.builder, b.loc, a, c, low);
      vectors[i + apart] = vector::ShuffleOp::create(b.builder, b.loc, a, c, high);
    }
  }
  return vectors;
}

/// What the inputs in whole vectors add up to.
SmallVector<Value> BlockSums::addVectors(ValueRange rows) {
  auto type = VectorType::get({kSums}, b.builder.getF32Type());
  Value zero = arith::ConstantOp::create(b.builder, b.loc, b.builder.getZeroAttr(type));
  auto vectors = b.loop(
      b.index(0), b.index(inputs - inputs % kSums), SmallVector<Value>(rows.size(), zero),
      [&](Value k, ValueRange carried) {
        SmallVector<Value> sums(carried);
        for (auto [i, column] : llvm::enumerate(readColumns(k))) {
          for (auto [row, sum] : llvm::zip(rows, sums)) {
            sum = b.fma(product.input(row, first, b.add(k, int64_t(i))), column, sum);
          }
        }
        return sums;
      },
      kSums);
  SmallVector<Value> sums;
  for (Value vector : vectors) {
    for (int64_t lane = 0; lane < kSums; ++lane) {
      sums.push_back(vector::ExtractOp::create(b.builder, b.loc, vector, lane));
    }
  }
  return sums;
}

SmallVector<Value> BlockSums::sum(ValueRange rows) {
  int64_t begin = hasVectors() ? inputs - inputs % kSums : 0;
  SmallVector<Value> sums =
      begin > 0 ? addVectors(rows) : SmallVector<Value>(rows.size() * outputs.size(), b.real(0.0));
  if (begin == inputs) {
    return sums;
  }
  return b.loop(b.index(begin), b.index(inputs), sums, [&](Value k, ValueRange carried) {
    SmallVector<Value> next(carried);
    auto xs = llvm::map_to_vector(rows, [&](Value row) { return product.input(row, first, k); });
    for (auto [j, output] : llvm::enumerate(outputs)) {
      Value weight = product.weight.read(output, k);
      for (auto [r, x] : llvm::enumerate(xs)) {
        Value &sum = next[r * outputs.size() + j];
        sum = b.fma(x, weight, sum);
      }
    }
    return next;
  });
}

/// Puts the results of a block for one row, whose sums are `sums`.
static Value finishRow(StructuredBuilder &b, const Product &product, Value row, Value first, ValueRange sums,
                       Value target) {
  int64_t count = sums.size() / product.parts.size();
  for (int64_t j = 0; j < count; ++j) {
    SmallVector<Value> own;
    for (size_t part = 0; part < product.parts.size(); ++part) {
      own.push_back(sums[part * count + j]);
    }
    Value output = b.add(first, j);
    target = b.put(product.finish(row, output, own), target, {row, output});
  }
  return target;
}

/// Rows of one block of outputs.
static Value multiplyBlock(StructuredBuilder &b, const Product &product, Value target, Value first, int64_t count) {
  BlockSums block(b, product, first, count);
  auto multiplyAll = [&](Value from, Value to, int64_t rows) {
    target = b.loop(
        from, to, target,
        [&](Value row, Value carried) {
          SmallVector<Value> own, inputRows;
          for (int64_t r = 0; r < rows; ++r) {
            own.push_back(b.add(row, r));
            inputRows.push_back(product.inputRow(own.back()));
          }
          SmallVector<Value> sums = block.sum(inputRows);
          for (auto [r, one] : llvm::enumerate(own)) {
            carried = finishRow(b, product, one, first,
                                ArrayRef(sums).slice(r * sums.size() / rows, sums.size() / rows), carried);
          }
          return carried;
        },
        rows);
  };
  Value whole = product.from;
  if (block.hasVectors()) {
    whole = b.add(whole, b.multiply(b.divide(b.subtract(product.to, whole), kRows), kRows));
    multiplyAll(product.from, whole, kRows);
  }
  multiplyAll(whole, product.to, 1);
  return target;
}

Value multiplyRows(StructuredBuilder &b, const Product &product, Value target) {
  static_assert(kOutputsPerItem % kSums == 0, "an item begins with a block");
  int64_t block = std::gcd(kSums / int64_t(product.parts.size()), product.group), rest = product.outputs % block;
  Value from = b.index(0), to = b.index(product.outputs), whole = b.index(product.outputs - rest);
  if (product.item) {
    from = b.multiply(product.item, kOutputsPerItem);
    to = b.smaller(b.add(from, kOutputsPerItem), to);
  }
  auto multiplyBlocks = [&](Value begin, Value end, int64_t count) {
    target = b.loop(
        begin, end, target,
        [&](Value first, Value carried) { return multiplyBlock(b, product, carried, first, count); }, count);
  };
  if (rest < product.outputs) {
    multiplyBlocks(from, b.smaller(to, whole), block);
  }
  if (rest > 0 && product.item) {
    multiplyBlocks(b.larger(from, whole), to, rest); // One block, or none.
  } else if (rest > 0) {
    target = multiplyBlock(b, product, target, whole, rest);
  }
  return target;
}

Value getItem(Operation *op) {
  auto function = op->getParentOfType<func::FuncOp>();
  return function && function->hasAttr(plan::kItemsAttr) ? function.getArgument(1) : Value();
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
  Product product = {b.index(0), rows, sameRow, input, weight, parts, getWidth(type), /*group=*/0, getItem(op), finish};
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
