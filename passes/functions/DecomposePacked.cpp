// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Matrices of numbers of few bits, several of which are a byte: products of them, and their rows.

#include "passes/functions/Products.h"

#include <cmath>

using namespace mlir;

namespace fathom {

using Values = NodeBuilder::Values;

/// Number `i` of those that begin at byte `first` of a line of bytes, in f32.
static Value unpack(NodeBuilder &b, Value line, Value first, Value i, int64_t bits) {
  int64_t perByte = 8 / bits;
  Value byte = b.at(line, {b.add(first, b.divide(i, perByte))});
  Value shift = b.create<arith::IndexCastOp>(byte.getType(), b.multiply(b.remainder(i, perByte), bits));
  Value mask = b.create<arith::ConstantOp>(b.builder.getI8IntegerAttr(static_cast<int8_t>((1 << bits) - 1)));
  return b.toReal(b.both(b.create<arith::ShRUIOp>(byte, shift), mask));
}

static bool isOfSize(Value tensor, int64_t count) {
  auto type = cast<RankedTensorType>(tensor.getType());
  return type.hasStaticShape() && type.getNumElements() == count;
}

bool fitsPacked(NodeBuilder &b, const PackedColumns &packed) {
  bool sound = packed.columns > 0 && packed.depth > 0 && packed.block > 0 && packed.columns < (1 << 28) &&
               packed.depth < (1 << 28) && packed.block <= (1 << 28) &&
               (packed.bits == 2 || packed.bits == 4 || packed.bits == 8) && packed.block * packed.bits % 8 == 0;
  int64_t scales = sound ? packed.columns * packed.blocks() : 0;
  bool typed = sound && b.elementOf(packed.weights).isUnsignedInteger(8) && b.isReal(packed.scales);
  size_t zero = packed.zeros;
  int64_t zeros = sound && b.has(zero) ? b.isReal(zero) ? scales : packed.columns * packed.zeroBytes() : 0;
  return (typed && (!b.has(zero) || isOfSize(b.in(zero), zeros)) && isOfSize(b.in(packed.scales), scales) &&
          isOfSize(b.in(packed.weights), packed.columns * packed.columnBytes())) ||
         b.fail("weights, scales or zero points that do not fit");
}

Value unpackColumns(NodeBuilder &b, const PackedColumns &packed) {
  auto line = [&](size_t input) { return b.reshape(b.in(input), {b.product(b.sizesOf(b.in(input)))}); };
  Value weights = line(packed.weights), scales = line(packed.scales);
  Value zeros = b.has(packed.zeros) ? line(packed.zeros) : Value();
  Value middle = b.real(std::ldexp(1, static_cast<int>(packed.bits) - 1));
  return b.make(b.builder.getF32Type(), {b.index(packed.depth), b.index(packed.columns)}, [&](ValueRange i) {
    Value block = b.divide(i[0], packed.block), scale = b.add(b.multiply(i[1], packed.blocks()), block);
    Value number = unpack(b, weights, b.multiply(i[1], packed.columnBytes()), i[0], packed.bits), zero = middle;
    if (zeros) {
      Value first = b.multiply(i[1], packed.zeroBytes());
      zero = b.isReal(packed.zeros) ? b.at(zeros, {scale}) : unpack(b, zeros, first, block, packed.bits);
    }
    return b.multiply(b.subtract(number, zero), b.at(scales, {scale}));
  });
}

static bool matMulNBits(NodeBuilder &b) {
  PackedColumns packed = {b.integer("N", 0), b.integer("K", 0), b.integer("block_size", 0), b.integer("bits", 4)};
  if (!fitsPacked(b, packed) || b.elementOf(0).isF64() || b.has(4)) {
    return b.fail("inputs of f64, or in an order of their own");
  }
  Value sums = multiplyMatrices(b, b.in(0), unpackColumns(b, packed));
  if (sums && b.has(5)) {
    b.checkEqual(b.size(b.in(5), 0), b.index(packed.columns), "has a bias that does not fit");
  }
  return sums && b.giveMade(b.elementOf(0), b.sizesOf(sums), [&](ValueRange i) {
    return b.has(5) ? b.add(b.at(sums, i), b.at(b.in(5), {i.back()})) : b.at(sums, i);
  });
}

namespace {
/// Rows of numbers in blocks, each of which has a scale and a zero point. Bytes hold several of `bits`, and are filled
/// up at the end of a row of zero points.
struct QuantizedTable {
  NodeBuilder &b;
  int64_t block, perByte;
  Value columns, blocks;

  Value numberAt(size_t input, Value row, Value column) const;
  Value at(Value row, Value column) const;
};
} // namespace

Value QuantizedTable::numberAt(size_t input, Value row, Value column) const {
  if (!b.elementOf(0).isUnsignedInteger(8)) {
    return b.convert(b.at(b.in(input), {row, column}), b.elementOf(0), b.builder.getF32Type());
  }
  Value bytes = b.size(b.in(input), 1), line = b.reshape(b.in(input), {b.product(b.sizesOf(b.in(input)))});
  return unpack(b, line, b.multiply(row, bytes), column, 8 / perByte);
}

Value QuantizedTable::at(Value row, Value column) const {
  Value group = b.divide(column, block);
  bool isBytes = b.elementOf(0).isUnsignedInteger(8);
  Value zero =
      b.has(3) ? numberAt(3, row, group) : b.real(isBytes ? std::ldexp(1, static_cast<int>(8 / perByte) - 1) : 0);
  Value number = b.subtract(numberAt(0, row, column), zero);
  return b.multiply(number, b.at(b.in(2), {row, group}));
}

/// Ends a call where there are not as many scales or zero points as blocks.
static bool checkTable(NodeBuilder &b, const QuantizedTable &table) {
  Value zeros = b.divide(b.add(table.blocks, table.perByte - 1), table.perByte);
  for (auto [input, count] : {std::pair<size_t, Value>(2, table.blocks), {3, zeros}}) {
    if (b.has(input) && b.rank(input) != 2) {
      return b.fail("scales or zero points that do not fit");
    }
    for (auto [axis, size] : llvm::enumerate(Values{b.size(b.in(0), 0), count})) {
      b.has(input) ? b.checkEqual(b.size(b.in(input), static_cast<int64_t>(axis)), size,
                                  "has scales or zero points that do not fit")
                   : void();
    }
  }
  return true;
}

/// Rows of a table whose columns are in blocks.
static bool gatherBlockQuantized(NodeBuilder &b) {
  int64_t axis = b.integer("quantize_axis", 1), gathered = b.integer("gather_axis", 0), bits = b.integer("bits", 4);
  bool isBytes = b.elementOf(0).isUnsignedInteger(8), hasZeros = b.has(3);
  QuantizedTable table = {b, b.integer("block_size", 128), isBytes && bits > 0 ? 8 / bits : 1, {}, {}};
  bool sound = b.rank(0) == 2 && table.block > 0 && (!isBytes || bits == 2 || bits == 4 || bits == 8) && b.isReal(2) &&
               !b.elementOf(2).isF64() && (!hasZeros || b.elementOf(3) == b.elementOf(0));
  if (!sound || (axis != 1 && axis != -1) || (gathered != 0 && gathered != -2)) {
    return b.fail("other than rows of numbers");
  }
  table.columns = b.multiply(b.size(b.in(0), 1), table.perByte);
  table.blocks = b.divide(b.add(table.columns, table.block - 1), table.block);
  if (!checkTable(b, table)) {
    return false;
  }
  Values sizes = b.sizesOf(b.in(1));
  sizes.push_back(table.columns);
  return b.giveMade(b.elementOf(2), sizes, [&](ValueRange i) {
    Value row = b.checkedIndex(b.toIndex(b.at(b.in(1), i.drop_back())), b.size(b.in(0), 0));
    return table.at(row, i.back());
  });
}

ArrayRef<DecomposeRow> decomposePackedRows() {
  static const DecomposeRow rows[] = {
      {"com.microsoft", "GatherBlockQuantized", gatherBlockQuantized, 3},
      {"com.microsoft", "MatMulNBits", matMulNBits, 3},
  };
  return rows;
}

} // namespace fathom
