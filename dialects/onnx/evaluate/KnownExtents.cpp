// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Polynomials, and names in them that are known.

#include "dialects/onnx/evaluate/KnownExtents.h"

#include "llvm/ADT/SmallVector.h"

#include <algorithm>

namespace fathom::onnx {

using llvm::StringRef;

/// Terms of what is reduced; longer ones are of no use.
static constexpr size_t kMostTerms = 64;

/// Sums and products wrap around.
static int64_t add(int64_t a, int64_t b) {
  return static_cast<int64_t>(static_cast<uint64_t>(a) + static_cast<uint64_t>(b));
}
static int64_t multiply(int64_t a, int64_t b) {
  return static_cast<int64_t>(static_cast<uint64_t>(a) * static_cast<uint64_t>(b));
}

KnownExtents::Polynomial KnownExtents::parse(StringRef text) {
  Polynomial polynomial;
  llvm::SmallVector<StringRef> terms, factors;
  text.split(terms, " + ");
  for (StringRef term : terms) {
    std::vector<std::string> names;
    int64_t factor = 1, number = 0;
    factors.clear();
    term.split(factors, '*');
    for (StringRef part : factors) {
      part.getAsInteger(10, number) ? names.push_back(part.str()) : void(factor = multiply(factor, number));
    }
    std::sort(names.begin(), names.end());
    int64_t &sum = polynomial[names];
    sum = add(sum, factor);
  }
  return polynomial;
}

KnownExtents::Polynomial KnownExtents::reduce(Polynomial polynomial) const {
  Polynomial reduced;
  while (!polynomial.empty() && polynomial.size() + reduced.size() < kMostTerms) {
    auto [names, factor] = std::pair<std::vector<std::string>, int64_t>(*polynomial.begin());
    polynomial.erase(polynomial.begin());
    auto name = std::find_if(names.begin(), names.end(), [&](const std::string &name) { return knows(name); });
    if (name == names.end()) {
      int64_t &sum = reduced[names];
      sum = add(sum, factor);
      sum == 0 ? void(reduced.erase(names)) : void();
      continue;
    }
    const Polynomial &value = known.find(*name)->second;
    names.erase(name);
    for (const auto &[others, by] : value) {
      std::vector<std::string> product = names;
      product.insert(product.end(), others.begin(), others.end());
      std::sort(product.begin(), product.end());
      int64_t &sum = polynomial[product];
      sum = add(sum, multiply(factor, by));
    }
  }
  reduced.insert(polynomial.begin(), polynomial.end());
  return reduced;
}

void KnownExtents::bind(StringRef polynomial, const Polynomial &value) {
  Polynomial rest = parse(polynomial);
  bool isName = rest.size() == 1 && rest.begin()->first.size() == 1 && rest.begin()->second == 1;
  rest = isName ? rest : reduce(std::move(rest));
  for (const auto &[names, factor] : Polynomial(rest)) {
    if (names.size() != 1 || (factor != 1 && factor != -1)) {
      continue;
    }
    // factor · name + rest = value
    std::string name = names.front();
    rest.erase(names);
    Polynomial is;
    for (const auto &[others, by] : rest) {
      is[others] = multiply(by, -factor);
    }
    for (const auto &[others, by] : value) {
      is[others] = add(is[others], multiply(by, factor));
    }
    known[name] = std::move(is);
    return;
  }
}

std::optional<int64_t> KnownExtents::evaluate(StringRef polynomial, std::string &unknown) const {
  Polynomial reduced = reduce(parse(polynomial));
  for (const auto &[names, factor] : reduced) {
    if (!names.empty()) {
      unknown = names.front();
      return std::nullopt;
    }
  }
  return reduced.empty() ? 0 : reduced.begin()->second;
}

} // namespace fathom::onnx
