// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Products of matrices: sums of products over labels, as Einsum writes them.

#include "passes/functions/Products.h"

#include "mlir/Dialect/Linalg/IR/Linalg.h"

#include <map>

using namespace mlir;

namespace fathom {

using Values = NodeBuilder::Values;
using Labels = Contraction::Labels;

static bool isOne(Value tensor, int64_t axis) { return cast<RankedTensorType>(tensor.getType()).getDimSize(axis) == 1; }

/// The sizes of all labels. Axes of one element serve every size where that is known while compiling.
static std::map<int, Value> sizesOfLabels(NodeBuilder &b, const Contraction &product) {
  std::map<int, Value> sizes;
  for (auto [tensor, labels] : llvm::zip_equal(product.tensors, product.labels)) {
    for (auto [axis, label] : llvm::enumerate(labels)) {
      Value size = b.size(tensor, static_cast<int64_t>(axis));
      Value &known = sizes.try_emplace(label, size).first->second;
      bool isBroadcast = getConstantIntValue(known) == 1;
      known = isBroadcast ? size : known;
      if (!isOne(tensor, static_cast<int64_t>(axis))) {
        b.checkEqual(size, known, "multiplies tensors of unlike sizes");
      }
    }
  }
  return sizes;
}

/// The order of loops: what is summed runs before the last axis of the output, so that numbers which lie side by side
/// are computed side by side, each by adding in one order.
static Labels orderLoops(const std::map<int, Value> &sizes, const Labels &output) {
  Labels order(output);
  for (const auto &[label, size] : sizes) {
    bool isSummed = !llvm::is_contained(output, label);
    isSummed ? void(order.insert(output.empty() ? order.end() : order.end() - 1, label)) : void();
  }
  return order;
}

/// Axes of one element stay where they are in loops over others that have more.
static AffineMap mapOf(NodeBuilder &b, const std::map<int, Value> &sizes, const Labels &order, const Labels &labels,
                       Value tensor) {
  SmallVector<AffineExpr> places;
  for (auto [axis, label] : llvm::enumerate(labels)) {
    auto loop = static_cast<unsigned>(llvm::find(order, label) - order.begin());
    bool isAlone = getConstantIntValue(sizes.at(label)) == 1;
    bool stays = tensor && !isAlone && isOne(tensor, static_cast<int64_t>(axis));
    places.push_back(stays ? b.builder.getAffineConstantExpr(0) : b.builder.getAffineDimExpr(loop));
  }
  return AffineMap::get(static_cast<unsigned>(order.size()), 0, places, b.builder.getContext());
}

/// `sum` plus the product of `factors`.
static Value addProduct(NodeBuilder &b, ValueRange factors, Value sum) {
  Value product = factors.front();
  for (Value factor : factors.drop_front().drop_back(factors.size() > 1)) {
    product = b.multiply(product, factor);
  }
  if (factors.size() == 1) {
    return b.add(sum, product);
  }
  bool isReal = isa<FloatType>(sum.getType());
  return isReal ? b.fma(product, factors.back(), sum) : b.add(sum, b.multiply(product, factors.back()));
}

Value contract(NodeBuilder &b, Contraction product) {
  for (Value &tensor : product.tensors) {
    tensor = b.toComputed(tensor);
  }
  std::map<int, Value> sizes = sizesOfLabels(b, product);
  bool given = llvm::all_of(product.output, [&](int label) { return sizes.count(label) != 0; });
  if (!given) {
    b.fail("an output that no input has");
    return {};
  }
  Labels order = orderLoops(sizes, product.output);
  SmallVector<AffineMap> maps;
  for (auto [tensor, labels] : llvm::zip_equal(product.tensors, product.labels)) {
    maps.push_back(mapOf(b, sizes, order, labels, tensor));
  }
  maps.push_back(mapOf(b, sizes, order, product.output, {}));
  SmallVector<utils::IteratorType> iterators = llvm::map_to_vector(order, [&](int label) {
    return llvm::is_contained(product.output, label) ? utils::IteratorType::parallel : utils::IteratorType::reduction;
  });
  Type type = getElementTypeOrSelf(product.tensors.front().getType());
  Values outSizes = llvm::map_to_vector<6>(product.output, [&](int label) { return sizes.at(label); });
  Value none = b.zero(type), zeros = b.make(type, outSizes, [&](ValueRange) { return none; });
  auto generic = linalg::GenericOp::create(b.builder, b.loc, zeros.getType(), product.tensors, zeros, maps, iterators,
                                           [&](OpBuilder &, Location, ValueRange numbers) {
                                             linalg::YieldOp::create(
                                                 b.builder, b.loc, addProduct(b, numbers.drop_back(), numbers.back()));
                                           });
  return generic.getResult(0);
}

/// `sums` as an output of the type that the node gives.
static bool giveSums(NodeBuilder &b, Value sums) {
  Type element = b.elementOf(0);
  if (!sums || b.computed(element) == element) {
    return sums && b.give(sums);
  }
  return b.giveMade(element, b.sizesOf(sums), [&](ValueRange i) { return b.at(sums, i); });
}

/// Axes of matrices, behind those of a batch that are counted from the back.
enum Axis : int { kRow = 0, kInner = 1, kColumn = 2, kBatch = 10 };

static Labels labelMatrices(int64_t rank, int first, int second) {
  Labels labels;
  for (int64_t axis = 0; axis < rank - 2; ++axis) {
    labels.push_back(kBatch + static_cast<int>(rank - 2 - axis));
  }
  labels.append({first, second});
  return labels;
}

/// Matrices with rows and columns exchanged, so that what is read one after the other lies so.
static Value turn(NodeBuilder &b, Value tensor) {
  Values sizes = b.sizesOf(tensor);
  std::swap(sizes[sizes.size() - 1], sizes[sizes.size() - 2]);
  return b.make(getElementTypeOrSelf(tensor.getType()), sizes, [&](ValueRange i) {
    Values place(i);
    std::swap(place[place.size() - 1], place[place.size() - 2]);
    return b.at(tensor, place);
  });
}

Value multiplyMatrices(NodeBuilder &b, Value left, Value right, bool turnLeft, bool turnRight) {
  int64_t leftRank = NodeBuilder::rankOf(left), rightRank = NodeBuilder::rankOf(right);
  if (leftRank == 0 || rightRank == 0 || left.getType().isInteger() ||
      ((turnLeft || leftRank == 1) && turnRight && rightRank == 1)) {
    b.fail("numbers in the place of matrices");
    return {};
  }
  Contraction product = {{left, turnRight ? turn(b, right) : right}, {}, {}};
  product.labels.push_back(leftRank == 1 ? Labels{kInner}
                           : turnLeft    ? labelMatrices(leftRank, kInner, kRow)
                                         : labelMatrices(leftRank, kRow, kInner));
  product.labels.push_back(rightRank == 1 ? Labels{kInner} : labelMatrices(rightRank, kInner, kColumn));
  const Labels &batch = leftRank > rightRank ? product.labels[0] : product.labels[1];
  llvm::copy_if(batch, std::back_inserter(product.output), [](int label) { return label > kBatch; });
  leftRank > 1 ? product.output.push_back(kRow) : void();
  rightRank > 1 ? product.output.push_back(kColumn) : void();
  return contract(b, product);
}

static bool matMul(NodeBuilder &b) { return giveSums(b, multiplyMatrices(b, b.in(0), b.in(1))); }

/// Numbers less their zero point, of which there is one, or one for each row of `a` or column of `b`: as i32.
static Value center(NodeBuilder &b, size_t input, size_t zero) {
  Type from = b.elementOf(input), to = b.builder.getI32Type();
  Value tensor = b.in(input);
  return b.make(to, b.sizesOf(tensor), [&](ValueRange i) {
    Value number = b.convert(b.at(tensor, i), from, to);
    if (!b.has(zero)) {
      return number;
    }
    Values place(b.rank(zero), b.index(0));
    bool isList = b.rank(zero) == 1 && !isOne(b.in(zero), 0);
    isList ? void(place[0] = input == 0 ? i[i.size() - 2] : i.back()) : void();
    return b.subtract(number, b.convert(b.at(b.in(zero), place), from, to));
  });
}

/// Whether a zero point is one number, or as many as `axis` has, counted from the back.
static bool checkPoint(NodeBuilder &b, size_t input, size_t zero, int64_t axis) {
  if (!b.has(zero) || (b.rank(zero) < 2 && (b.rank(zero) == 0 || isOne(b.in(zero), 0)))) {
    return true;
  }
  if (b.rank(zero) > 1 || b.rank(input) < 2) {
    return b.fail("zero points of matrices");
  }
  b.checkEqual(b.size(b.in(zero), 0), b.size(b.in(input), b.rank(input) + axis), "has zero points that do not fit");
  return true;
}

static bool matMulInteger(NodeBuilder &b) {
  if (b.isReal(0) || b.isReal(1) || !checkPoint(b, 0, 2, -2) || !checkPoint(b, 1, 3, -1)) {
    return b.fail("floats");
  }
  Value sums = multiplyMatrices(b, center(b, 0, 2), center(b, 1, 3));
  return sums && b.give(sums);
}

/// alpha · sums + beta · c, where there is a c; computed in the type of the sums.
static bool giveScaled(NodeBuilder &b, Value sums, Value c) {
  double alpha = b.number("alpha", 1), beta = b.number("beta", 1);
  if (!b.isReal(0) && (alpha != 1 || beta != 1)) {
    return b.fail("integers times floats");
  }
  if (alpha == 1 && !c) {
    return giveSums(b, sums);
  }
  Values sizes = b.sizesOf(sums);
  if (c) {
    Values all = b.broadcast({sizes, b.sizesOf(c)});
    for (auto [one, other] : llvm::zip_equal(all, sizes)) {
      b.checkEqual(one, other, "adds a matrix that does not fit");
    }
  }
  Type type = b.computed(b.elementOf(0));
  return b.giveMade(b.elementOf(0), sizes, [&](ValueRange i) {
    Value number = b.at(sums, i);
    number = alpha == 1 ? number : b.multiply(number, b.constant(type, alpha));
    if (!c) {
      return number;
    }
    Value more = b.atBroadcast(c, sizes, i);
    return b.add(number, beta == 1 ? more : b.multiply(more, b.constant(type, beta)));
  });
}

static bool gemm(NodeBuilder &b) {
  if (b.rank(0) != 2 || b.rank(1) != 2 || (b.has(2) && b.rank(2) > 2)) {
    return b.fail("tensors other than matrices");
  }
  Value sums = multiplyMatrices(b, b.in(0), b.in(1), b.integer("transA", 0) != 0, b.integer("transB", 0) != 0);
  return sums && giveScaled(b, sums, b.has(2) ? b.in(2) : Value());
}

static bool fusedMatMul(NodeBuilder &b) {
  if (b.rank(0) < 2 || b.rank(1) < 2 || b.integer("transBatchA", 0) || b.integer("transBatchB", 0)) {
    return b.fail("batches behind matrices");
  }
  Value sums = multiplyMatrices(b, b.in(0), b.in(1), b.integer("transA", 0) != 0, b.integer("transB", 0) != 0);
  return sums && giveScaled(b, sums, {});
}

/// Behind all letters; what "..." stands for is counted from the back.
static constexpr int kFirstDot = 1000;

/// The labels of a term in which "..." is `dots` axes.
static Labels readTerm(StringRef text, int64_t dots) {
  Labels labels;
  while (!text.empty()) {
    if (text.consume_front("...")) {
      for (int64_t i = dots; i > 0; --i) {
        labels.push_back(kFirstDot + static_cast<int>(i));
      }
      continue;
    }
    text.front() != ' ' ? labels.push_back(static_cast<unsigned char>(text.front())) : void();
    text = text.drop_front();
  }
  return labels;
}

/// What occurs once, in the order of letters, behind "...": the output that an equation does not write.
static Labels impliedOutput(const SmallVector<Labels> &inputs, int64_t dots) {
  Labels output = readTerm("...", dots);
  std::map<int, int> counts;
  for (const Labels &labels : inputs) {
    llvm::for_each(labels, [&](int label) { ++counts[label]; });
  }
  for (auto [label, count] : counts) {
    count == 1 && label < kFirstDot ? output.push_back(label) : void();
  }
  return output;
}

static bool einsum(NodeBuilder &b) {
  StringRef text = b.string("equation", "");
  auto [from, to] = text.split("->");
  SmallVector<StringRef> terms;
  from.split(terms, ',');
  Contraction product;
  int64_t mostDots = 0;
  for (size_t i = 0; i < terms.size() && terms.size() == b.inputCount(); ++i) {
    bool hasDots = terms[i].contains("...");
    int64_t dots = hasDots ? b.rank(i) - static_cast<int64_t>(readTerm(terms[i], 0).size()) : 0;
    mostDots = std::max(mostDots, dots);
    product.tensors.push_back(b.in(i));
    product.labels.push_back(readTerm(terms[i], dots));
    if (static_cast<int64_t>(product.labels.back().size()) != b.rank(i)) {
      return b.fail("inputs that the equation does not describe");
    }
  }
  if (product.tensors.empty() || !b.isReal(0)) {
    return b.fail("inputs that the equation does not describe");
  }
  product.output = text.contains("->") ? readTerm(to, mostDots) : impliedOutput(product.labels, mostDots);
  return giveSums(b, contract(b, std::move(product)));
}

ArrayRef<DecomposeRow> decomposeProductRows() {
  static const DecomposeRow rows[] = {
      {"", "Einsum", einsum},
      {"", "Gemm", gemm, 2},
      {"", "MatMul", matMul, 2},
      {"", "MatMulInteger", matMulInteger, 2},
      {"com.microsoft", "FusedMatMul", fusedMatMul, 2},
  };
  return rows;
}

} // namespace fathom
