// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Embedding, norms, SwiGLU, rotary embedding, and what moves rows about.

#include "passes/lower/Decompose.h"

#include <cmath>

using namespace mlir;

namespace fathom {

using namespace deepseek;

/// (u·c − v·s) in the first half of a pair, (u·s + v·c) in the second.
Value rotate(StructuredBuilder &b, const Rotation &rotation, Value position, Value i, function_ref<Value(Value)> read) {
  bool interleaved = rotation.layout == RopeLayout::interleaved;
  Value pair = interleaved ? b.divide(i, 2) : b.remainder(i, rotation.half);
  Value second = interleaved ? b.remainder(i, 2) : b.divide(i, rotation.half);
  Value first = interleaved ? b.multiply(pair, 2) : pair;
  Value u = read(first);
  Value v = read(b.add(first, interleaved ? 1 : rotation.half));
  Value cosine = rotation.table.read({position, pair, b.index(0)});
  Value sine = rotation.table.read({position, pair, b.index(1)});
  Value turnedFirst = b.subtract(b.multiply(u, cosine), b.multiply(v, sine));
  Value turnedSecond = b.add(b.multiply(u, sine), b.multiply(v, cosine));
  return b.select(b.isEqual(second, b.index(0)), turnedFirst, turnedSecond);
}

static Decomposed decompose(EmbeddingOp op, StructuredBuilder &b) {
  WeightReader table(b, op.getTable());
  return SmallVector<Value>{b.mapRows(cast<RankedTensorType>(op.getType()).getShape(), b.size(op.getTokens(), 0),
                                      [&](ValueRange i) { return table.read({b.idAt(op.getTokens(), i[0]), i[1]}); })};
}

static Decomposed decompose(SelectRowsOp op, StructuredBuilder &b) {
  return SmallVector<Value>{
      b.mapRows(cast<RankedTensorType>(op.getType()).getShape(), b.size(op.getRows(), 0),
                [&](ValueRange i) { return b.at(op.getInput(), {b.idAt(op.getRows(), i[0]), i[1]}); })};
}

/// x - x is 0 for a number and NaN for anything else, and stays NaN in a sum.
static Decomposed decompose(ArgmaxOp op, StructuredBuilder &b) {
  Value rows = b.size(op.getInput(), 0), width = b.index(getWidth(op.getInput().getType()));
  bool dynamic = op.getType().isDynamicDim(0);
  return SmallVector<Value>{b.map(op.getType(), dynamic ? ValueRange(rows) : ValueRange(), [&](ValueRange t) {
    auto take = [&](Value i, ValueRange found) -> StructuredBuilder::Values {
      Value x = b.at(op.getInput(), {t[0], i}), more = b.isGreater(x, found[0]);
      return {b.select(more, x, found[0]), b.select(more, b.toId(i), found[1]), b.add(found[2], b.subtract(x, x))};
    };
    Value first = b.at(op.getInput(), {t[0], b.index(0)});
    auto found = b.loop(b.index(0), width, {first, b.integer(0), b.real(0.0)}, take);
    return b.select(b.isEqual(found[2], b.real(0.0)), found[1], b.integer(-1));
  })};
}

/// Groups of as many columns as the weight has numbers, each alone.
static Value normalize(StructuredBuilder &b, Value input, Value weight, double eps) {
  auto type = cast<RankedTensorType>(input.getType());
  int64_t group = getWidth(weight.getType());
  Value rows = b.size(input, 0);
  Value factors = b.mapRows({type.getDimSize(0), getWidth(type) / group}, rows, [&](ValueRange at) {
    Value first = b.multiply(at[1], group);
    Value squares = b.sum(group, [&](Value i) {
      Value x = b.at(input, {at[0], b.add(first, i)});
      return b.multiply(x, x);
    });
    return b.reciprocalRoot(b.add(b.divide(squares, b.real(double(group))), b.real(eps)));
  });
  WeightReader reader(b, weight);
  return b.mapRows(type.getShape(), rows, [&](ValueRange i) {
    Value x = b.at(input, i);
    Value normalized = b.multiply(x, b.at(factors, {i[0], b.divide(i[1], group)}));
    return b.multiply(normalized, reader.read(ValueRange(b.remainder(i[1], group))));
  });
}

static Decomposed decompose(RmsNormOp op, StructuredBuilder &b) {
  return SmallVector<Value>{normalize(b, op.getInput(), op.getWeight(), op.getEps().convertToDouble())};
}

static Decomposed decompose(AddRmsNormOp op, StructuredBuilder &b) {
  auto type = cast<RankedTensorType>(op.getInput().getType());
  Value sum = b.mapRows(type.getShape(), b.size(op.getInput(), 0),
                        [&](ValueRange i) { return b.add(b.at(op.getInput(), i), b.at(op.getResidual(), i)); });
  sum = b.convertRows(sum, type.getElementType()); // What the norm reads.
  return SmallVector<Value>{sum, normalize(b, sum, op.getWeight(), op.getEps().convertToDouble())};
}

static Decomposed decompose(LayerNormOp op, StructuredBuilder &b) {
  auto type = cast<RankedTensorType>(op.getType());
  Value input = op.getInput(), rows = b.size(input, 0), count = b.real(double(getWidth(type)));
  auto average = [&](function_ref<Value(Value, Value)> term) {
    return b.mapRows(type.getDimSize(0), rows, [&](ValueRange t) {
      return b.divide(b.sum(getWidth(type), [&](Value i) { return term(t[0], i); }), count);
    });
  };
  Value means = average([&](Value t, Value i) { return b.at(input, {t, i}); });
  auto centered = [&](Value t, Value i) { return b.subtract(b.at(input, {t, i}), b.at(means, t)); };
  Value variances = average([&](Value t, Value i) {
    Value x = centered(t, i);
    return b.multiply(x, x);
  });
  WeightReader weight(b, op.getWeight()), bias(b, op.getBias());
  Value eps = b.real(op.getEps().convertToDouble());
  return SmallVector<Value>{b.mapRows(type.getShape(), rows, [&](ValueRange i) {
    Value factor = b.reciprocalRoot(b.add(b.at(variances, i[0]), eps));
    Value normalized = b.multiply(centered(i[0], i[1]), factor);
    return b.add(b.multiply(normalized, weight.read(ValueRange(i[1]))), bias.read(ValueRange(i[1])));
  })};
}

/// Of groups of a row's columns: max(|x|) / 127, and NaN where one is not finite.
static Value findScales(StructuredBuilder &b, Value input, int64_t width, Value rows) {
  int64_t groups = llvm::divideCeil(width, kScaleGroup);
  return b.mapRows({ShapedType::kDynamic, groups}, rows, [&](ValueRange at) {
    Value first = b.multiply(at[1], kScaleGroup), end = b.smaller(b.add(first, kScaleGroup), b.index(width));
    Value zero = b.real(0.0);
    auto found = b.loop(first, end, {zero, zero}, [&](Value i, ValueRange so) -> StructuredBuilder::Values {
      Value x = b.at(input, {at[0], i});
      return {b.larger(so[0], b.larger(x, b.subtract(zero, x))), b.add(so[1], b.subtract(x, x))};
    });
    return b.add(b.divide(found[0], b.real(127.0)), found[1]);
  });
}

/// Rows of integers have kernels to make and read them, or nothing.
static Decomposed decompose(QuantizeRowsOp op, StructuredBuilder &b) {
  RankedTensorType type = op.getType();
  if (!type.getElementType().isF32()) {
    return failure();
  }
  Value rows = b.size(op.getInput(), 0), scales = findScales(b, op.getInput(), getWidth(type), rows);
  return SmallVector<Value>{b.mapRows(type.getShape(), rows, [&](ValueRange at) {
    Value scale = b.at(scales, {at[0], b.divide(at[1], kScaleGroup)}), zero = b.real(0.0);
    Value quotient = b.divide(b.at(op.getInput(), at), scale);
    // The nearest integer, of two the even one, is what this sum can hold. A scale that is subnormal may be far off.
    Value most = b.real(127.0), shift = b.real(0x1.8p23);
    Value integer = b.subtract(b.add(b.smaller(b.larger(quotient, b.real(-127.0)), most), shift), shift);
    return b.select(b.isEqual(scale, zero), zero, b.multiply(integer, scale));
  })};
}

static Decomposed decompose(SwiGluOp op, StructuredBuilder &b) {
  auto type = cast<RankedTensorType>(op.getType());
  return SmallVector<Value>{b.mapRows(type.getShape(), b.size(op.getGate(), 0), [&](ValueRange i) {
    return b.multiply(b.silu(b.at(op.getGate(), i)), b.at(op.getUp(), i));
  })};
}

static Decomposed decompose(RopeOp op, StructuredBuilder &b) {
  auto type = cast<RankedTensorType>(op.getType());
  int64_t width = op.getHeadWidth(), turned = op.getTurnedWidth();
  Rotation rotation = {op.getLayout(), turned / 2, WeightReader(b, op.getTable())};
  return SmallVector<Value>{b.mapRows(type.getShape(), b.size(op.getInput(), 0), [&](ValueRange i) {
    Value head = b.multiply(b.divide(i[1], width), width), column = b.remainder(i[1], width);
    auto read = [&](Value number) { return b.at(op.getInput(), {i[0], b.add(head, number)}); };
    Value position = b.idAt(op.getPositions(), i[0]);
    if (turned == width) {
      return rotate(b, rotation, position, column, read);
    }
    // Of numbers that stay, too, some number is turned: there are no angles to read behind those of a head.
    Value rotated = rotate(b, rotation, position, b.remainder(column, turned), read);
    return b.select(b.isGreater(b.index(turned), column), rotated, b.at(op.getInput(), i));
  })};
}

/// The fast transform: sums and differences of numbers 1, 2, 4, … apart.
static Decomposed decompose(HadamardOp op, StructuredBuilder &b) {
  auto type = cast<RankedTensorType>(op.getType());
  int64_t headDim = op.getHeadDim();
  Value rows = b.size(op.getInput(), 0), numbers = op.getInput();
  for (int64_t apart = 1; apart < headDim; apart *= 2) {
    numbers = b.mapRows(type.getShape(), rows, [&](ValueRange i) {
      Value isFirst = b.isEqual(b.remainder(b.divide(i[1], apart), 2), b.index(0));
      Value other = b.select(isFirst, b.add(i[1], apart), b.subtract(i[1], b.index(apart)));
      Value x = b.at(numbers, i), y = b.at(numbers, {i[0], other});
      return b.select(isFirst, b.add(x, y), b.subtract(y, x));
    });
  }
  Value factor = b.real(1.0 / std::sqrt(double(headDim)));
  return SmallVector<Value>{
      b.mapRows(type.getShape(), rows, [&](ValueRange i) { return b.multiply(b.at(numbers, i), factor); })};
}

static Decomposed decompose(RopeTableOp op, StructuredBuilder &b) {
  auto type = cast<RankedTensorType>(op.getType());
  RopeAttr rope = op.getRope();
  SmallVector<float> numbers;
  for (int64_t position = 0; position < type.getDimSize(0); ++position) {
    for (double frequency : rope.getFrequencies()) {
      double angle = double(position) * frequency;
      numbers.push_back(static_cast<float>(rope.getMagnitude() * std::cos(angle)));
      numbers.push_back(static_cast<float>(rope.getMagnitude() * std::sin(angle)));
    }
  }
  auto table = DenseElementsAttr::get(type, ArrayRef<float>(numbers));
  return SmallVector<Value>{arith::ConstantOp::create(b.builder, b.loc, table)};
}

/// Columns side by side, as many of each.
static Decomposed decompose(tensor::ConcatOp op, StructuredBuilder &b) {
  Type part = op.getInputs().front().getType();
  bool alike = op.getDim() == 1 && isRows(part) && llvm::all_equal(op.getInputs().getTypes());
  if (!alike) {
    return failure();
  }
  int64_t width = getWidth(part);
  return SmallVector<Value>{b.mapRows(op.getType().getShape(), b.size(op.getInputs().front(), 0), [&](ValueRange i) {
    Value number = b.divide(i[1], width), column = b.remainder(i[1], width), element;
    for (auto [place, input] : llvm::enumerate(op.getInputs())) {
      Value read = b.at(input, {i[0], column});
      element = element ? b.select(b.isEqual(number, b.index(place)), read, element) : read;
    }
    return element;
  })};
}

/// Rows of bf16 that someone wants as f32.
static Decomposed decompose(arith::ExtFOp op, StructuredBuilder &b) {
  if (!isa<RankedTensorType>(op.getType()) || !isRows(op.getType()) || !getElementTypeOrSelf(op.getType()).isF32()) {
    return failure();
  }
  return SmallVector<Value>{b.toF32(op.getIn())};
}

void populateBasicDecompositions(RewritePatternSet &patterns) {
  addDecompositions<EmbeddingOp, SelectRowsOp, ArgmaxOp, RmsNormOp, AddRmsNormOp, LayerNormOp, QuantizeRowsOp, SwiGluOp,
                    RopeOp, HadamardOp, RopeTableOp, tensor::ConcatOp, arith::ExtFOp>(patterns);
}

} // namespace fathom
