// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Mixture of experts: the sort of slots, grouped products, the weighted sum.

#include "passes/lower/Decompose.h"
#include "passes/support/OpForms.h"

using namespace mlir;

namespace fathom {

using namespace deepseek;

/// A counting sort: how many pairs each expert has, where its slots begin, then each pair in turn to its expert's next
/// slot.
static Decomposed decompose(MoEPermuteOp op, StructuredBuilder &b) {
  int64_t topK = getWidth(op.getIds().getType());
  Value rows = b.size(op.getIds(), 0);
  Value zero = b.index(0), one = b.integer(1);
  Value end = b.index(op.getExperts());
  auto forPairs = [&](ValueRange carried, function_ref<SmallVector<Value>(ValueRange, ValueRange)> body) {
    return b.loop(zero, rows, carried, [&](Value t, ValueRange outer) {
      return b.loop(zero, b.index(topK), outer,
                    [&](Value j, ValueRange inner) { return body(ValueRange{t, j}, inner); });
    });
  };
  auto count = [&](Value counters, Value at) { return b.put(b.add(b.at(counters, at), one), counters, at); };

  Value offsets = b.map(op.getOffsets().getType(), {}, [&](ValueRange) { return b.integer(0); });
  offsets = forPairs(offsets, [&](ValueRange pair, ValueRange counts) {
    return SmallVector<Value>{count(counts[0], b.add(b.idAt(op.getIds(), pair), 1))};
  })[0];
  offsets = b.loop(zero, end, offsets, [&](Value e, Value sums) {
    Value next = b.add(e, 1);
    return b.put(b.add(b.at(sums, e), b.at(sums, next)), sums, next);
  });
  Value next = b.map(op.getOffsets().getType(), {}, [&](ValueRange e) { return b.at(offsets, e); });
  Value sources = emptyRows(b, op.getSourceRows().getType(), b.multiply(rows, topK));
  Value slots = emptyRows(b, op.getSlots().getType(), rows);
  auto sorted = forPairs({next, sources, slots}, [&](ValueRange pair, ValueRange state) {
    Value expert = b.idAt(op.getIds(), pair);
    Value slot = b.at(state[0], expert);
    return SmallVector<Value>{count(state[0], expert), b.put(b.toId(pair[0]), state[1], b.toIndex(slot)),
                              b.put(slot, state[2], pair)};
  });
  return SmallVector<Value>{offsets, sorted[1], sorted[2]};
}

/// Expert by expert, a product over its slots.
template <typename Op>
static Decomposed multiplyGroups(Op op, StructuredBuilder &b, ArrayRef<function_ref<Value(Value)>> parts,
                                 function_ref<Value(ValueRange)> combine) {
  auto type = cast<RankedTensorType>(op.getType());
  int64_t experts = cast<RankedTensorType>(op.getWeight().getType()).getDimSize(0);
  Value slots = b.size(op.getSourceRows(), 0);
  Value target = emptyRows(b, type, slots), item = getItem(op);
  auto inputRow = [&](Value slot) { return op.getGather() ? b.idAt(op.getSourceRows(), slot) : slot; };
  auto input = [&](Value row, Value, Value k) { return b.at(op.getInput(), {row, k}); };
  auto finish = [&](Value, Value, ValueRange sums) { return combine(sums); };
  target = b.loop(b.index(0), b.index(experts), target, [&](Value expert, Value carried) {
    WeightReader weight(b, op.getWeight(), op.getScale(), op.getBlockAttr(), expert);
    Value from = b.idAt(op.getOffsets(), expert);
    Value to = b.idAt(op.getOffsets(), b.add(expert, 1));
    Product product = {from, to, inputRow, input, weight, parts, getWidth(type), /*group=*/0, item, finish};
    return multiplyRows(b, product, carried);
  });
  return SmallVector<Value>{target};
}

static Decomposed decompose(MoELinearOp op, StructuredBuilder &b) {
  return multiplyGroups(op, b, {[](Value output) { return output; }}, [](ValueRange sums) { return sums[0]; });
}

static Decomposed decompose(MoELinearSwiGluOp op, StructuredBuilder &b) {
  auto gate = [](Value output) { return output; };
  auto up = [&](Value output) { return b.add(output, getWidth(op.getType())); };
  return multiplyGroups(op, b, {gate, up}, [&](ValueRange sums) { return b.multiply(b.silu(sums[0]), sums[1]); });
}

static Decomposed decompose(MoECombineOp op, StructuredBuilder &b) {
  int64_t topK = getWidth(op.getSlots().getType());
  auto type = cast<RankedTensorType>(op.getType());
  return SmallVector<Value>{b.mapRows(type.getShape(), b.size(op.getSlots(), 0), [&](ValueRange i) {
    Value sum = b.loop(b.index(0), b.index(topK), b.real(0.0), [&](Value j, Value sum) {
      Value row = b.idAt(op.getSlots(), {i[0], j});
      return b.fma(b.at(op.getWeights(), {i[0], j}), b.at(op.getInput(), {row, i[1]}), sum);
    });
    return applyEpilogue(b, op.getEpilogue(), sum, op.getExtras(), i[0], i[1]);
  })};
}

/// With gates and ups apart.
static Decomposed decompose(MoEExpertsOp op, StructuredBuilder &b) {
  op.getInputMutable().assign(b.toF32(op.getInput()));
  return SmallVector<Value>{createRoutedExperts(b.builder, op, /*fuseGateUp=*/false)};
}

void populateMoEDecompositions(RewritePatternSet &patterns) {
  addDecompositions<MoEPermuteOp, MoELinearOp, MoELinearSwiGluOp, MoECombineOp, MoEExpertsOp>(patterns);
}

} // namespace fathom
