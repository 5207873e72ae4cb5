// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Arithmetic of polynomials.

#include "frontend/onnx/Extent.h"

#include "llvm/ADT/STLExtras.h"
#include "llvm/Support/CheckedArithmetic.h"

namespace fathom::onnx {

/// What a hostile model makes longer is taken for unknown.
static constexpr size_t kMostTerms = 16, kMostFactors = 8;

uint32_t Symbols::find(llvm::StringRef name) {
  auto [number, isNew] = given.insert(name);
  if (isNew) {
    symbols.push_back(static_cast<uint32_t>(names.size()));
    names.push_back(name.str());
  }
  return symbols[number];
}

uint32_t Symbols::fresh() {
  names.push_back("?" + std::to_string(names.size()));
  return static_cast<uint32_t>(names.size() - 1);
}

Extent::Extent(int64_t constant) {
  if (constant != 0) {
    terms.push_back({{}, constant});
  }
}

Extent Extent::symbol(uint32_t symbol) {
  Extent extent;
  extent.terms.push_back({{symbol}, 1});
  return extent;
}

bool Extent::addTerm(const Term &term) {
  Term *at = llvm::lower_bound(terms, term, [](const Term &a, const Term &b) {
    return std::pair(a.symbols.size(), llvm::ArrayRef(a.symbols)) <
           std::pair(b.symbols.size(), llvm::ArrayRef(b.symbols));
  });
  if (at == terms.end() || at->symbols != term.symbols) {
    terms.insert(at, term);
    return terms.size() <= kMostTerms;
  }
  std::optional<int64_t> sum = llvm::checkedAdd(at->factor, term.factor);
  if (sum && *sum != 0) {
    at->factor = *sum;
  } else if (sum) {
    terms.erase(at);
  }
  return sum.has_value();
}

std::optional<Extent> Extent::add(const Extent &a, const Extent &b) {
  Extent sum = a;
  bool good = llvm::all_of(b.terms, [&](const Term &term) { return sum.addTerm(term); });
  return good ? std::optional(sum) : std::nullopt;
}

std::optional<Extent> Extent::multiply(const Extent &a, const Extent &b) {
  Extent product;
  for (const Term &left : a.terms) {
    for (const Term &right : b.terms) {
      std::optional<int64_t> factor = llvm::checkedMul(left.factor, right.factor);
      Term term = {left.symbols, factor.value_or(0)};
      term.symbols.append(right.symbols);
      llvm::sort(term.symbols);
      if (!factor || term.symbols.size() > kMostFactors || !product.addTerm(term)) {
        return std::nullopt;
      }
    }
  }
  return product;
}

std::optional<Extent::Term> Extent::divideTerm(const Term &a, const Term &b) {
  Term quotient = a;
  for (uint32_t symbol : b.symbols) {
    uint32_t *found = llvm::find(quotient.symbols, symbol);
    if (found == quotient.symbols.end()) {
      return std::nullopt;
    }
    quotient.symbols.erase(found);
  }
  // The one quotient that overflows.
  if (b.factor == -1 ? a.factor == INT64_MIN : a.factor % b.factor != 0) {
    return std::nullopt;
  }
  quotient.factor /= b.factor;
  return quotient;
}

// As on paper: the highest terms give a term of the quotient, of which the divisor's multiple is taken away.
std::optional<Extent> Extent::divide(const Extent &a, const Extent &b) {
  Extent quotient;
  std::optional<Extent> rest = a;
  while (rest && !rest->terms.empty() && !b.terms.empty()) {
    std::optional<Term> next = divideTerm(rest->terms.back(), b.terms.back());
    if (!next || !quotient.addTerm(*next)) {
      return std::nullopt;
    }
    Extent part;
    part.terms.push_back(*next);
    std::optional<Extent> taken = multiply(b, part);
    std::optional<Extent> negative = taken ? multiply(*taken, -1) : std::nullopt;
    rest = negative ? add(*rest, *negative) : std::nullopt;
  }
  return rest && !b.terms.empty() ? std::optional(quotient) : std::nullopt;
}

bool Extent::differ(const Extent &a, const Extent &b) {
  std::optional<Extent> negative = multiply(b, -1), rest = negative ? add(a, *negative) : std::nullopt;
  if (!rest || rest->terms.empty() || !rest->terms.front().symbols.empty()) {
    return false;
  }
  bool up = rest->terms.front().factor > 0;
  return llvm::all_of(rest->terms, [&](const Term &term) { return (term.factor > 0) == up; });
}

std::optional<int64_t> Extent::constant() const {
  if (terms.empty()) {
    return 0;
  }
  return terms.size() == 1 && terms.front().symbols.empty() ? std::optional(terms.front().factor) : std::nullopt;
}

std::string Extent::str(const Symbols &symbols) const {
  std::string text;
  for (const Term &term : llvm::reverse(terms)) {
    text += text.empty() ? "" : " + ";
    bool shown = term.symbols.empty() || term.factor != 1;
    text += shown ? std::to_string(term.factor) : "";
    for (uint32_t symbol : term.symbols) {
      text += shown ? "*" : "";
      text += symbols.name(symbol);
      shown = true;
    }
  }
  return text.empty() ? "0" : text;
}

std::optional<Extent> multiplyAll(llvm::ArrayRef<Extent> extents) {
  std::optional<Extent> product = Extent(1);
  for (const Extent &extent : extents) {
    product = product ? Extent::multiply(*product, extent) : std::nullopt;
  }
  return product;
}

} // namespace fathom::onnx
