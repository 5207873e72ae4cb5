// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Seeded numbers, the cache's made-up past, and comparison of values.

#include "codegen/reference/Datum.h"

#include "kernels/ref/ref.h"

#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/Twine.h"
#include "llvm/Support/raw_ostream.h"
#include "llvm/Support/xxhash.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace fathom::reference {

SeededNumbers::SeededNumbers(llvm::StringRef name) : seed(llvm::xxh3_64bits(name)) {}

/// SplitMix64 (Steele, Lea and Flood, OOPSLA 2014).
uint64_t SeededNumbers::bits(uint64_t index) const {
  uint64_t z = seed + (index + 1) * 0x9E3779B97F4A7C15;
  z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9;
  z = (z ^ (z >> 27)) * 0x94D049BB133111EB;
  return z ^ (z >> 31);
}

double SeededNumbers::uniform(uint64_t index) const { return double(bits(index) >> 11) * 0x1p-52 - 1.0; }

std::vector<float> Cache::read(const Key &key) const {
  auto found = written.find(key);
  if (found != written.end()) {
    return found->second;
  }
  const auto &[store, sequence, layer, position] = key;
  int64_t width = widths.at(store);
  SeededNumbers numbers("cache " + store);
  std::vector<float> row(width);
  uint64_t first = ((uint64_t(sequence) * 4096 + uint64_t(layer)) * 4096 + uint64_t(position)) * uint64_t(width);
  for (int64_t i = 0; i < width; ++i) {
    row[i] = float(numbers.uniform(first + uint64_t(i)));
  }
  return row;
}

void roundToBF16(llvm::MutableArrayRef<float> numbers) {
  for (float &number : numbers) {
    number = ref::bf16_to_f32(ref::f32_to_bf16(number));
  }
}

static Difference somethingElse(const llvm::Twine &what) {
  Difference difference;
  difference.differs = true;
  difference.largest = std::numeric_limits<double>::infinity();
  difference.place = what.str();
  return difference;
}

/// `index` of an array of `shape`, as [i, j].
static std::string printIndex(int64_t index, llvm::ArrayRef<int64_t> shape) {
  llvm::SmallVector<int64_t> parts;
  for (int64_t size : llvm::reverse(shape)) {
    parts.push_back(index % size);
    index /= size;
  }
  std::string text;
  llvm::raw_string_ostream stream(text);
  stream << '[';
  llvm::interleaveComma(llvm::reverse(parts), stream);
  stream << ']';
  return text;
}

static double distance(float before, float after) {
  if (std::isnan(before) || std::isnan(after)) {
    return std::isnan(before) == std::isnan(after) ? 0.0 : std::numeric_limits<double>::infinity();
  }
  return before == after ? 0.0 : std::fabs(double(before) - double(after));
}

static Difference compareNumbers(llvm::ArrayRef<float> before, llvm::ArrayRef<float> after,
                                 llvm::ArrayRef<int64_t> shape, double tolerance) {
  Difference result;
  int64_t worst = 0;
  for (size_t i = 0; i < before.size(); ++i) {
    // What one infinity is apart from others says nothing of the rest.
    if (std::isfinite(before[i])) {
      result.magnitude = std::max(result.magnitude, std::fabs(double(before[i])));
    }
    double apart = distance(before[i], after[i]);
    if (apart > result.largest) {
      result.largest = apart;
      worst = int64_t(i);
    }
  }
  result.differs = result.largest > tolerance * result.magnitude;
  if (result.differs) {
    result.place = printIndex(worst, shape);
  }
  return result;
}

static Difference compareTensors(const Tensor &before, const Tensor &after, double tolerance) {
  if (before.shape != after.shape || before.reals.size() != after.reals.size()) {
    return somethingElse("the shape");
  }
  for (size_t i = 0; i < before.ids.size(); ++i) {
    if (before.ids[i] != after.ids[i]) {
      Difference result = somethingElse(printIndex(int64_t(i), before.shape));
      result.largest = std::fabs(double(before.ids[i]) - after.ids[i]);
      return result;
    }
  }
  return compareNumbers(before.reals, after.reals, before.shape, tolerance);
}

static Difference compareCaches(const Cache &before, const Cache &after, double tolerance) {
  auto sameKey = [](const auto &a, const auto &b) { return a.first == b.first; };
  if (before.widths != after.widths || before.written.size() != after.written.size() ||
      !std::equal(before.written.begin(), before.written.end(), after.written.begin(), sameKey)) {
    return somethingElse("which rows of the cache are written");
  }
  Difference worst;
  for (const auto &[key, row] : before.written) {
    Difference difference = compareNumbers(row, after.written.at(key), {int64_t(row.size())}, tolerance);
    if (difference.differs && (!worst.differs || difference.largest > worst.largest)) {
      const auto &[store, sequence, layer, position] = key;
      worst = difference;
      worst.place += (" of the row of store '" + store + "', sequence " + llvm::Twine(sequence) + ", layer " +
                      llvm::Twine(layer) + ", position " + llvm::Twine(position))
                         .str();
    }
  }
  return worst;
}

Difference compare(const Datum &before, const Datum &after, double tolerance) {
  if (before.index() != after.index()) {
    return somethingElse("the type");
  }
  if (const TensorPtr *tensor = std::get_if<TensorPtr>(&before)) {
    return compareTensors(**tensor, *std::get<TensorPtr>(after), tolerance);
  }
  if (const CachePtr *cache = std::get_if<CachePtr>(&before)) {
    return compareCaches(**cache, *std::get<CachePtr>(after), tolerance);
  }
  if (const float *scalar = std::get_if<float>(&before)) {
    return compareNumbers(*scalar, std::get<float>(after), {}, tolerance);
  }
  return before == after ? Difference() : somethingElse("the value");
}

} // namespace fathom::reference
