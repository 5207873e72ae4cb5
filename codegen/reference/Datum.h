// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What values of the IR are while they are evaluated.

#ifndef FATHOM_CODEGEN_REFERENCE_DATUM_H
#define FATHOM_CODEGEN_REFERENCE_DATUM_H

#include "llvm/ADT/ArrayRef.h"
#include "llvm/ADT/SmallVector.h"
#include "llvm/ADT/StringRef.h"

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <tuple>
#include <variant>
#include <vector>

namespace fathom::reference {

/// A tensor of numbers or of ids; row-major. Numbers of any stored type are held as f32, which is exact.
struct Tensor {
  llvm::SmallVector<int64_t> shape;
  std::vector<float> reals;
  std::vector<int32_t> ids;

  int64_t size() const { return int64_t(reals.empty() ? ids.size() : reals.size()); }
  int64_t rows() const { return shape.empty() ? 1 : shape.front(); }
  int64_t width() const { return shape.empty() ? 1 : shape.back(); }
};

/// To the nearest numbers of bf16, ties to even ones.
void roundToBF16(llvm::MutableArrayRef<float> numbers);

/// Rows of a cache by store, sequence, layer and position.
struct Cache {
  using Key = std::tuple<std::string, int64_t, int64_t, int64_t>;
  /// Numbers of a row of each store.
  std::map<std::string, int64_t> widths;
  /// What the program wrote, rounded to what its store keeps. Positions before the call's own hold seeded values that
  /// `read` makes up.
  std::map<Key, std::vector<float>> written;

  std::vector<float> read(const Key &key) const;
};

/// Values are shared and never changed once made.
using TensorPtr = std::shared_ptr<const Tensor>;
using CachePtr = std::shared_ptr<const Cache>;
/// A tensor, the cache, an index or integer, or a scalar of an epilogue.
using Datum = std::variant<std::monostate, TensorPtr, CachePtr, int64_t, float>;

/// The `index`th number of the stream called `name`, uniform in [-1, 1); depends on nothing else.
class SeededNumbers {
public:
  explicit SeededNumbers(llvm::StringRef name);
  uint64_t bits(uint64_t index) const;
  double uniform(uint64_t index) const;

private:
  uint64_t seed;
};

/// How far two values are apart.
struct Difference {
  bool differs = false;
  double largest = 0.0;   // of |before - after|
  double magnitude = 0.0; // of the largest number before
  std::string place;      // of `largest`
};

/// Compares numbers within `tolerance` times the largest of `before`; ids, indices, shapes and which cache rows are
/// written exactly.
Difference compare(const Datum &before, const Datum &after, double tolerance);

} // namespace fathom::reference

#endif // FATHOM_CODEGEN_REFERENCE_DATUM_H
