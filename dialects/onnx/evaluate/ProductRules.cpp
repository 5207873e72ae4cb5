// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Products of matrices.

#include "dialects/onnx/evaluate/NodeValues.h"

#include <map>

using namespace mlir;

namespace fathom::onnx {

namespace {
/// A tensor as matrices: extents of the two last axes, as they are multiplied, and strides.
struct Matrices {
  Extents batch, strides;
  int64_t rows, columns, row, column;
};
} // namespace

static Matrices matricesOf(const Array &in, bool turn = false) {
  Extents strides = stridesOf(in.shape);
  size_t rank = in.shape.size();
  Matrices m = {Extents(ArrayRef(in.shape).drop_back(2)),
                {},
                in.shape[rank - 2],
                in.shape[rank - 1],
                strides[rank - 2],
                strides[rank - 1]};
  if (turn) {
    std::swap(m.rows, m.columns);
    std::swap(m.row, m.column);
  }
  return m;
}

/// Adds the products of matrices `a` and `b` to `out`, row by row; numbers are computed as `Number`.
template <typename Number, typename Entry>
static void multiply(const std::vector<Entry> &left, const Matrices &a, const std::vector<Entry> &right,
                     const Matrices &b, ArrayRef<int64_t> batch, std::vector<Entry> &out) {
  int64_t at = 0;
  forEachPlace(batch, [&](ArrayRef<int64_t> place) {
    int64_t fromA = elementAt(place, a.strides), fromB = elementAt(place, b.strides);
    for (int64_t i = 0; i < a.rows; ++i) {
      for (int64_t j = 0; j < b.columns; ++j) {
        Number sum = 0;
        for (int64_t k = 0; k < a.columns; ++k) {
          sum += Number(left[fromA + i * a.row + k * a.column]) * Number(right[fromB + k * b.row + j * b.column]);
        }
        out[at++] = static_cast<Entry>(sum);
      }
    }
  });
}

/// Strides of matrices where their batch is broadcast.
static void spreadBatch(Matrices &m, ArrayRef<int64_t> batch) {
  m.strides = stridesIn(m.batch, batch);
  for (int64_t &stride : m.strides) {
    stride *= m.rows * m.columns;
  }
}

/// Vectors are matrices of a row, or of a column, which the result lacks.
static bool giveProduct(NodeValues &node, Array left, Array right, Type element, bool turnA = false,
                        bool turnB = false) {
  if (left.element != right.element || left.rank() == 0 || right.rank() == 0 || !(left.isReal() || left.isInteger())) {
    return node.fail("wants matrices of one type");
  }
  bool isRow = left.rank() == 1, isColumn = right.rank() == 1;
  isRow ? void(left.shape.insert(left.shape.begin(), 1)) : void();
  isColumn ? right.shape.push_back(1) : void();
  Matrices a = matricesOf(left, turnA), b = matricesOf(right, turnB);
  std::optional<Extents> batch = broadcast(a.batch, b.batch);
  if (!batch || a.columns != b.rows) {
    return node.fail("multiplies " + Twine(a.columns) + " numbers by " + Twine(b.rows));
  }
  spreadBatch(a, *batch);
  spreadBatch(b, *batch);
  Extents shape = *batch;
  isRow ? void() : shape.push_back(a.rows);
  isColumn ? void() : shape.push_back(b.columns);
  Array *out = node.make(0, element, shape);
  if (out && left.isReal()) {
    multiply<double>(left.reals, a, right.reals, b, *batch, out->reals);
  } else if (out) {
    multiply<uint64_t>(left.integers, a, right.integers, b, *batch, out->integers);
  }
  return out != nullptr;
}

static bool matMul(NodeValues &node) { return giveProduct(node, node.in(0), node.in(1), node.in(0).element); }

/// Subtracts a zero point: one number, or one for each row of `a` or column of `b`, which `axis` tells.
static bool center(NodeValues &node, Array &in, size_t zero, int64_t axis) {
  const Array &point = node.in(zero);
  if (!in.isInteger() || in.rank() == 0 || (node.has(zero) && point.element != in.element)) {
    return node.fail("wants integers, and zero points of their type");
  }
  Rows rows(in.shape, in.rank() == 1 ? 0 : in.rank() + axis);
  bool single = point.size() == 1;
  if (node.has(zero) && !single && (point.rank() > 1 || point.size() != rows.length)) {
    return node.fail("has zero points that do not fit");
  }
  for (int64_t i = 0; node.has(zero) && i < in.size(); ++i) {
    in.integers[i] -= point.integers[single ? 0 : i / rows.inner % rows.length];
  }
  // A difference may be beyond the type.
  in.element = IntegerType::get(node.op().getContext(), 64);
  return true;
}

static bool matMulInteger(NodeValues &node) {
  Array left = node.in(0), right = node.in(1);
  return center(node, left, 2, -2) && center(node, right, 3, -1) &&
         giveProduct(node, std::move(left), std::move(right), IntegerType::get(node.op().getContext(), 32));
}

/// Multiplies what output 0 is by a number.
static bool scale(Array &out, double by) {
  for (double &value : out.reals) {
    value *= by;
  }
  for (int64_t &value : out.integers) {
    value = by == 1 ? value : truncate(static_cast<double>(value) * by);
  }
  return true;
}

static bool gemm(NodeValues &node) {
  bool turnA = node.integer("transA", 0) != 0, turnB = node.integer("transB", 0) != 0;
  const Array &c = node.in(2);
  if (!node.expectRank(0, 2) || !node.expectRank(1, 2) ||
      !giveProduct(node, node.in(0), node.in(1), node.in(0).element, turnA, turnB)) {
    return false;
  }
  Array &out = node.made(0);
  scale(out, node.real("alpha", 1));
  if (!node.has(2)) {
    return true;
  }
  if (broadcast(c.shape, out.shape) != out.shape || c.element != out.element) {
    return node.fail("adds a matrix that does not fit");
  }
  Extents strides = stridesIn(c.shape, out.shape);
  double beta = node.real("beta", 1);
  int64_t at = 0;
  forEachPlace(out.shape, [&](ArrayRef<int64_t> place) {
    int64_t from = elementAt(place, strides);
    out.isReal() ? void(out.reals[at] += beta * c.reals[from])
                 : void(out.integers[at] += truncate(beta * static_cast<double>(c.integers[from])));
    ++at;
  });
  return true;
}

static bool fusedMatMul(NodeValues &node) {
  bool turnA = node.integer("transA", 0) != 0, turnB = node.integer("transB", 0) != 0;
  if (node.in(0).rank() < 2 || node.in(1).rank() < 2 || node.integer("transBatchA", 0) ||
      node.integer("transBatchB", 0)) {
    return node.fail("wants matrices, with their batch in front");
  }
  return giveProduct(node, node.in(0), node.in(1), node.in(0).element, turnA, turnB) &&
         scale(node.made(0), node.real("alpha", 1));
}

namespace {
/// Terms of an equation; what "..." stands for are labels of their own, counted from the back.
struct Equation {
  using Labels = std::vector<int>;
  std::vector<Labels> inputs;
  Labels output;
  bool isWritten = false;
};
} // namespace

/// Behind all letters.
static constexpr int kFirstDot = 1000;

/// The labels of a term of a tensor of `rank` dimensions; of the output, as many as `rank` says "..." to be.
static Equation::Labels readTerm(StringRef text, int64_t dots) {
  Equation::Labels labels;
  for (; !text.empty(); text = text.drop_front()) {
    if (text.consume_front("...")) {
      for (int64_t i = dots; i > 0; --i) {
        labels.push_back(kFirstDot + static_cast<int>(i));
      }
    }
    if (!text.empty() && text.front() != ' ') {
      labels.push_back(static_cast<unsigned char>(text.front()));
    }
    if (text.empty()) {
      break;
    }
  }
  return labels;
}

static std::optional<Equation> readEquation(NodeValues &node) {
  std::string text = node.string("equation", "");
  llvm::erase(text, ' ');
  auto [from, to] = StringRef(text).split("->");
  SmallVector<StringRef> terms;
  from.split(terms, ',');
  Equation equation;
  int64_t mostDots = 0;
  for (size_t i = 0; i < terms.size() && terms.size() == node.inputCount(); ++i) {
    int64_t dots = node.in(i).rank() - static_cast<int64_t>(readTerm(terms[i], 0).size());
    equation.inputs.push_back(readTerm(terms[i], terms[i].contains("...") ? dots : 0));
    mostDots = std::max(mostDots, terms[i].contains("...") ? dots : 0);
    if (static_cast<int64_t>(equation.inputs.back().size()) != node.in(i).rank()) {
      equation.inputs.clear();
      break;
    }
  }
  if (equation.inputs.empty()) {
    node.fail("has other inputs than '" + Twine(text).str() + "' says");
    return std::nullopt;
  }
  equation.output = readTerm(to, mostDots);
  if (StringRef(text).contains("->")) {
    return equation;
  }
  // What is not written is what occurs once, in the order of letters, behind "...".
  equation.output = readTerm("...", mostDots);
  std::map<int, int> counts;
  for (const Equation::Labels &labels : equation.inputs) {
    llvm::for_each(labels, [&](int label) { ++counts[label]; });
  }
  for (auto [label, count] : counts) {
    count == 1 && label < kFirstDot ? equation.output.push_back(label) : void();
  }
  return equation;
}

/// The extents of all labels; nothing after a finding.
static std::optional<std::map<int, int64_t>> extentsOf(NodeValues &node, const Equation &equation) {
  std::map<int, int64_t> extents;
  for (auto [number, labels] : llvm::enumerate(equation.inputs)) {
    for (auto [label, extent] : llvm::zip_equal(labels, node.in(number).shape)) {
      int64_t &known = extents.try_emplace(label, extent).first->second;
      if (known != extent && known != 1 && extent != 1) {
        node.fail("multiplies " + Twine(known) + " numbers by " + Twine(extent));
        return std::nullopt;
      }
      known = known == 1 ? extent : known;
    }
  }
  bool given = llvm::all_of(equation.output, [&](int label) { return extents.count(label) != 0; });
  return given || node.fail("gives what no input has") ? std::optional(extents) : std::nullopt;
}

static bool einsum(NodeValues &node) {
  std::optional<Equation> equation = readEquation(node);
  std::optional<std::map<int, int64_t>> extents = equation ? extentsOf(node, *equation) : std::nullopt;
  if (!extents) {
    return false;
  }
  // Places count the output's labels first, and those that are added last.
  Equation::Labels order = equation->output;
  for (auto [label, extent] : *extents) {
    llvm::is_contained(order, label) ? void() : order.push_back(label);
  }
  Extents shape = llvm::map_to_vector(order, [&](int label) { return extents->at(label); });
  Extents outShape(ArrayRef(shape).take_front(equation->output.size()));
  SmallVector<Extents> strides;
  for (auto [number, labels] : llvm::enumerate(equation->inputs)) {
    Extents own = stridesOf(node.in(number).shape), &spread = strides.emplace_back(shape.size(), 0);
    for (auto [label, stride, extent] : llvm::zip_equal(labels, own, node.in(number).shape)) {
      spread[llvm::find(order, label) - order.begin()] += extent == 1 ? 0 : stride;
    }
    if (!node.in(number).isReal()) {
      return node.fail("wants floats");
    }
  }
  Array *out = countElements(shape) ? node.make(0, node.in(0).element, outShape) : nullptr;
  int64_t summed = product(ArrayRef(shape).drop_front(outShape.size())), at = 0;
  out ? forEachPlace(shape,
                     [&](ArrayRef<int64_t> place) {
                       double value = 1;
                       for (auto [number, own] : llvm::enumerate(strides)) {
                         value *= node.in(number).reals[elementAt(place, own)];
                       }
                       out->reals[at++ / summed] += value;
                     })
      : void();
  return out || node.fail("is too large to be evaluated");
}

llvm::ArrayRef<EvaluateRow> productRows() {
  static const EvaluateRow rows[] = {
      {"", "Einsum", einsum},
      {"", "Gemm", gemm, 2},
      {"", "MatMul", matMul, 2},
      {"", "MatMulInteger", matMulInteger, 2},
      {"com.microsoft", "FusedMatMul", fusedMatMul, 2},
  };
  return rows;
}

} // namespace fathom::onnx
