// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Products of matrices, whatever operator they are written by, are MatMuls.

#include "passes/raise/SimplifyRows.h"

using namespace mlir;

namespace fathom::raise {

using onnx::NodeOp;

/// A · B + C; a transposed B stays a Transpose, which weights like.
static LogicalResult simplifyGemm(NodeOp node, PatternRewriter &rewriter) {
  Value a = node.getInputs()[0], b = node.getInputs()[1], bias = node.getInput(2);
  if (node.getInteger("transA", 0) != 0 || node.getReal("alpha", 1) != 1 || (bias && node.getReal("beta", 1) != 1)) {
    return rewriter.notifyMatchFailure(node, "transposes or scales its input");
  }
  Location loc = node.getLoc();
  if (node.getInteger("transB", 0) != 0) {
    b = createTranspose(rewriter, loc, b, {1, 0});
  }
  Value product = createNode(rewriter, loc, "MatMul", node.getOutputs()[0].getType(), ValueRange{a, b});
  rewriter.replaceOp(node, bias ? createSum(rewriter, loc, product, bias) : product);
  return success();
}

/// Exchanges the last two dimensions.
static Value turn(OpBuilder &builder, Location loc, Value matrices) {
  SmallVector<int64_t> order = llvm::to_vector(llvm::seq<int64_t>(0, getRank(matrices)));
  std::swap(order.end()[-1], order.end()[-2]);
  return createTranspose(builder, loc, matrices, order);
}

/// alpha · A · B, each transposed or not.
static LogicalResult simplifyFusedMatMul(NodeOp node, PatternRewriter &rewriter) {
  Value a = node.getInputs()[0], b = node.getInputs()[1];
  auto type = dyn_cast<RankedTensorType>(node.getOutputs()[0].getType());
  bool inFront = node.getInteger("transBatchA", 0) == 0 && node.getInteger("transBatchB", 0) == 0;
  if (!type || getRank(a) < 2 || getRank(b) < 2 || !inFront) {
    return rewriter.notifyMatchFailure(node, "has rows in front of its batch");
  }
  Location loc = node.getLoc();
  a = node.getInteger("transA", 0) != 0 ? turn(rewriter, loc, a) : a;
  b = node.getInteger("transB", 0) != 0 ? turn(rewriter, loc, b) : b;
  Value product = createNode(rewriter, loc, "MatMul", type, ValueRange{a, b});
  if (double alpha = node.getReal("alpha", 1); alpha != 1) {
    Type element = type.getElementType();
    Value factor = createConstant(
        rewriter, loc,
        DenseElementsAttr::get(RankedTensorType::get({}, element), rewriter.getFloatAttr(element, alpha)));
    product = createNode(rewriter, loc, "Mul", type, ValueRange{product, factor});
  }
  rewriter.replaceOp(node, product);
  return success();
}

namespace {
/// An operand of an equation: a letter for each of its dimensions.
struct Term {
  Value value;
  std::string labels;

  bool has(char label) const { return labels.find(label) != std::string::npos; }
  Size size(char label) const { return getSizes(cast<RankedTensorType>(value.getType()))[labels.find(label)]; }
};

/// Terms, and which of their letters the result has.
struct Equation {
  SmallVector<Term, 3> terms;
  std::string result;

  /// The letters of a product of two or more terms, the first, that the result or a term behind them has.
  std::string keep(size_t terms) const;
};

/// What letters of a product of two terms count: letters of both and of the result are `batch`, those that are summed
/// `depth`. Of what one term alone has, the last is `row` or `column`, and others belong to the batch, too.
struct Roles {
  std::string batch, depth;
  char row = 0, column = 0;
};
} // namespace

static bool hasTwice(StringRef labels) {
  return llvm::any_of(labels, [&](char label) { return labels.count(label) > 1; });
}

static std::optional<Equation> readEquation(NodeOp node) {
  auto attribute = node.getNodeAttr<StringAttr>("equation");
  std::string text = attribute ? attribute.str() : "";
  llvm::erase(text, ' ');
  auto [from, to] = StringRef(text).split("->");
  SmallVector<StringRef> labels;
  from.split(labels, ',');
  // "..." and results that are not written are what no exporter of models writes.
  if (!StringRef(text).contains("->") || text.find('.') != std::string::npos ||
      labels.size() != node.getInputs().size() || hasTwice(to)) {
    return std::nullopt;
  }
  Equation equation = {{}, to.str()};
  for (auto [input, own] : llvm::zip_equal(node.getInputs(), labels)) {
    if (getRank(input) != int64_t(own.size()) || hasTwice(own)) {
      return std::nullopt;
    }
    equation.terms.push_back({input, own.str()});
  }
  return equation;
}

/// Sums what neither the result nor the other term has.
static void sumAlone(OpBuilder &builder, Location loc, Term &term, StringRef others) {
  SmallVector<int64_t> axes;
  SmallVector<Size> sizes;
  std::string left;
  for (char label : term.labels) {
    if (others.contains(label)) {
      sizes.push_back(term.size(label));
      left.push_back(label);
    } else {
      axes.push_back(int64_t(term.labels.find(label)));
    }
  }
  if (!axes.empty()) {
    Type element = cast<RankedTensorType>(term.value.getType()).getElementType();
    Value inputs[] = {term.value, createIntegers(builder, loc, axes)};
    term = {createNode(builder, loc, "ReduceSum", getTensor(builder.getContext(), sizes, element), inputs,
                       builder.getNamedAttr("keepdims", builder.getI64IntegerAttr(0))),
            left};
  }
}

/// The dimensions of a term in the order of `labels`, which has them all.
static Value order(OpBuilder &builder, Location loc, const Term &term, StringRef labels) {
  return createTranspose(builder, loc, term.value,
                         llvm::map_to_vector(labels, [&](char label) { return int64_t(term.labels.find(label)); }));
}

static Roles getRoles(const Term &a, const Term &b, StringRef result) {
  Roles roles;
  for (char label : result) {
    bool isShared = a.has(label) && b.has(label);
    char &own = a.has(label) ? roles.row : roles.column;
    if (!isShared) {
      std::swap(own, label);
    }
    label ? roles.batch.push_back(label) : void();
  }
  llvm::copy_if(a.labels, std::back_inserter(roles.depth), [&](char label) { return !result.contains(label); });
  return roles;
}

/// A term as matrices, of `rows` by `columns`: one behind the other as the letters of the batch say, as many as it has
/// any of. A group of no letters is one element.
static Value createMatrices(OpBuilder &builder, Location loc, const Term &term, StringRef batch, StringRef rows,
                            StringRef columns) {
  // Two that differ in which group comes first are one, and its transposition.
  bool isTurned = !rows.empty() && !columns.empty() && term.labels.find(columns[0]) < term.labels.find(rows[0]);
  if (isTurned) {
    return turn(builder, loc, createMatrices(builder, loc, term, batch, columns, rows));
  }
  std::string labels;
  SmallVector<Size> sizes;
  for (char label : batch) {
    bool isOwn = term.has(label);
    if (isOwn || !sizes.empty()) {
      sizes.push_back(isOwn ? term.size(label) : Size{1});
    }
    isOwn ? labels.push_back(label) : void();
  }
  for (StringRef group : {rows, columns}) {
    Size size = {1};
    for (char label : group) {
      size = size == Size{1} ? term.size(label) : Size{size.number * term.size(label).number};
    }
    sizes.push_back(size);
    labels += group;
  }
  return createReshape(builder, loc, sizes, order(builder, loc, term, labels));
}

std::string Equation::keep(size_t count) const {
  if (count == terms.size()) {
    return result;
  }
  std::string rest = result, kept;
  for (const Term &term : ArrayRef(terms).drop_front(count)) {
    rest += term.labels;
  }
  for (const Term &term : ArrayRef(terms).take_front(count)) {
    llvm::copy_if(term.labels, std::back_inserter(kept), [&](char label) {
      return rest.find(label) != std::string::npos && kept.find(label) == std::string::npos;
    });
  }
  return kept;
}

/// Whether what terms share has one size, and a sum of two letters or more a number of elements.
static bool fits(const Equation &equation) {
  for (size_t i = 1; i < equation.terms.size(); ++i) {
    const Term &term = equation.terms[i];
    std::string kept = equation.keep(i + 1);
    int64_t summed = 0, unknown = 0;
    for (char label : term.labels) {
      auto other = llvm::find_if(ArrayRef(equation.terms).take_front(i), [&](const Term &t) { return t.has(label); });
      bool isShared = other != equation.terms.begin() + i, isSummed = isShared && kept.find(label) == std::string::npos;
      if (isShared && other->size(label) != term.size(label)) {
        return false;
      }
      summed += isSummed;
      unknown += isSummed && ShapedType::isDynamic(term.size(label).number);
    }
    if (summed > 1 && unknown > 0) {
      return false;
    }
  }
  return true;
}

/// The product of two terms, whose letters are then those of the batch, a row and a column.
static Term multiply(OpBuilder &builder, Location loc, Term a, Term b, StringRef result) {
  Roles roles = getRoles(a, b, result);
  // A term without letters of its own is a row.
  if (roles.row && !roles.column) {
    std::swap(a, b);
    std::swap(roles.row, roles.column);
  }
  std::string row(roles.row ? 1 : 0, roles.row), column(roles.column ? 1 : 0, roles.column);
  Value product = createMatMul(builder, loc, createMatrices(builder, loc, a, roles.batch, row, roles.depth),
                               createMatrices(builder, loc, b, roles.batch, roles.depth, column));
  Term term = {product, roles.batch + row + column};
  SmallVector<Size> sizes;
  for (char label : term.labels) {
    sizes.push_back(a.has(label) ? a.size(label) : b.size(label));
  }
  term.value = createReshape(builder, loc, sizes, product);
  return term;
}

/// Sums, transpositions and products of matrices, from the left to the right; each term has each letter once.
static LogicalResult simplifyEinsum(NodeOp node, PatternRewriter &rewriter) {
  std::optional<Equation> equation = readEquation(node);
  auto type = dyn_cast<RankedTensorType>(node.getOutputs()[0].getType());
  if (!equation || !type || !fits(*equation)) {
    return rewriter.notifyMatchFailure(node, "has an equation of another form, or what is not known to fit it");
  }
  Location loc = node.getLoc();
  Term product = equation->terms.front();
  sumAlone(rewriter, loc, product, equation->keep(1));
  for (size_t i = 1; i < equation->terms.size(); ++i) {
    Term term = equation->terms[i];
    std::string kept = equation->keep(i + 1);
    sumAlone(rewriter, loc, product, kept + term.labels);
    sumAlone(rewriter, loc, term, kept + product.labels);
    product = multiply(rewriter, loc, product, term, kept);
  }
  Value value = order(rewriter, loc, product, equation->result);
  rewriter.replaceOp(node, value.getType() == type ? value : createReshape(rewriter, loc, type, value));
  return success();
}

llvm::ArrayRef<SimplifyRow> productRows() {
  static constexpr SimplifyRow kRows[] = {
      {"", "Einsum", simplifyEinsum},
      {"", "Gemm", simplifyGemm},
      {"com.microsoft", "FusedMatMul", simplifyFusedMatMul},
  };
  return kRows;
}

} // namespace fathom::raise
