// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What extents come to, of what is known of others.

#ifndef FATHOM_DIALECTS_ONNX_EVALUATE_KNOWNEXTENTS_H
#define FATHOM_DIALECTS_ONNX_EVALUATE_KNOWNEXTENTS_H

#include "llvm/ADT/StringMap.h"

#include <map>
#include <optional>
#include <string>
#include <vector>

namespace fathom::onnx {

/// Values of polynomials such as "2*batch*past + 1", which is how `#onnx.shape` writes them. That "past + sequence" is
/// 7 tells what "past + sequence + -1*new" is as soon as "new" is known, whatever "past" is.
class KnownExtents {
public:
  /// Names, ascending, of which a square has one twice; none of the constant. Then what they are multiplied by.
  using Polynomial = std::map<std::vector<std::string>, int64_t>;

  /// A single name has another value from now on. Of polynomials that do not tell a name by others nothing is kept.
  void bind(llvm::StringRef polynomial, int64_t value) { bind(polynomial, Polynomial{{{}, value}}); }
  /// The same of a value that is itself written in names.
  void bind(llvm::StringRef polynomial, const Polynomial &value);
  /// In names of which nothing is known.
  Polynomial reduce(llvm::StringRef polynomial) const { return reduce(parse(polynomial)); }
  /// Nothing where that depends on a name that is not known, which `unknown` becomes.
  std::optional<int64_t> evaluate(llvm::StringRef polynomial, std::string &unknown) const;
  bool knows(llvm::StringRef name) const { return known.contains(name); }

private:
  static Polynomial parse(llvm::StringRef text);
  Polynomial reduce(Polynomial polynomial) const;

  llvm::StringMap<Polynomial> known;
};

} // namespace fathom::onnx

#endif // FATHOM_DIALECTS_ONNX_EVALUATE_KNOWNEXTENTS_H
