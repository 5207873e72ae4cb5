// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Extents of dimensions, and other integers that shapes are computed from: polynomials in what callers choose.

#ifndef FATHOM_FRONTEND_ONNX_EXTENT_H
#define FATHOM_FRONTEND_ONNX_EXTENT_H

#include "frontend/checkpoint/StringIndex.h"
#include "llvm/ADT/ArrayRef.h"
#include "llvm/ADT/SmallVector.h"
#include "llvm/ADT/StringRef.h"

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace fathom::onnx {

/// Names of the sizes that a caller chooses, e.g. "batch".
class Symbols {
public:
  /// The symbol of a name, which has to live as long as this.
  uint32_t find(llvm::StringRef name);
  /// One that no other is equal to.
  uint32_t fresh();
  llvm::StringRef name(uint32_t symbol) const { return names[symbol]; }

private:
  std::vector<std::string> names;
  checkpoint::StringIndex given;
  /// Of those that were given, in their order.
  std::vector<uint32_t> symbols;
};

/// A polynomial with integer coefficients, e.g. batch · (past + sequence). Two are equal where their terms are.
class Extent {
public:
  Extent(int64_t constant = 0);
  static Extent symbol(uint32_t symbol);

  /// Nothing where a coefficient overflows, or the polynomial is too long to be of use.
  static std::optional<Extent> add(const Extent &a, const Extent &b);
  static std::optional<Extent> multiply(const Extent &a, const Extent &b);
  /// Nothing where the quotient is not a polynomial.
  static std::optional<Extent> divide(const Extent &a, const Extent &b);
  /// Whether the two differ whatever callers choose: sizes are not negative.
  static bool differ(const Extent &a, const Extent &b);

  std::optional<int64_t> constant() const;
  bool is(int64_t value) const { return constant() == value; }
  bool operator==(const Extent &other) const { return terms == other.terms; }
  bool operator!=(const Extent &other) const { return terms != other.terms; }
  /// "2*batch*past + 1".
  std::string str(const Symbols &symbols) const;

private:
  struct Term {
    /// Ascending; a square is there twice.
    llvm::SmallVector<uint32_t, 2> symbols;
    int64_t factor;
    bool operator==(const Term &other) const { return symbols == other.symbols && factor == other.factor; }
  };
  bool addTerm(const Term &term);
  static std::optional<Term> divideTerm(const Term &a, const Term &b);

  /// By their number of symbols, then by these, ascending; none has the factor 0.
  llvm::SmallVector<Term, 1> terms;
};

/// The product, e.g. the number of elements; nothing where it overflows.
std::optional<Extent> multiplyAll(llvm::ArrayRef<Extent> extents);

} // namespace fathom::onnx

#endif // FATHOM_FRONTEND_ONNX_EXTENT_H
