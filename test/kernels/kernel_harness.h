// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What kernel tests share: calling a kernel of the catalog by name, random weights in every type and layout, and
// comparisons.

#ifndef FATHOM_TEST_KERNELS_KERNEL_HARNESS_H
#define FATHOM_TEST_KERNELS_KERNEL_HARNESS_H

#include "fathom/kernel_abi.h"
#include "kernels/Catalog.h"
#include "kernels/ref/ref.h"

#include <cstdint>
#include <gtest/gtest.h>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace fathom::test {

using kernels::Kernel;
using Floats = std::vector<float>;
using Ints = std::vector<int32_t>;
using Widths = std::vector<int64_t>;
using RowFormats = std::vector<ref::RowFormat>;

/// Values of constants by name; reals are given as such. Activations are f32 unless something else is said.
using Constants = std::map<std::string, double>;

bool is_of_gpu(const kernels::Arch &arch);
bool is_of_gpu(const Kernel &kernel);

/// Kernels of one operation that this machine can run, for INSTANTIATE_TEST_SUITE_P.
std::vector<const Kernel *> kernels_of(std::string_view op);
std::string kernel_name(const testing::TestParamInfo<const Kernel *> &info);

/// Stores of rows of the given widths, one for each head, for some sequences, in pages that lie in memory in another
/// order than in the sequences; unwritten cells are NaN.
struct Cache {
  Cache(RowFormats formats, int64_t tokens, int64_t layers, int64_t sequences = 1, int64_t heads = 1);
  /// Of f32.
  Cache(int64_t tokens, int64_t layers, const Widths &widths, int64_t sequences = 1, int64_t heads = 1);
  float *row(int64_t layer, int64_t position, int64_t sequence = 0, size_t store = 0, int64_t head = 0) {
    return reinterpret_cast<float *>(bytes(layer, position, sequence, store, head));
  }
  uint8_t *bytes(int64_t layer, int64_t position, int64_t sequence = 0, size_t store = 0, int64_t head = 0);
  /// Fills rows [0, tokens) of `layer` and returns what they hold, rounded, [tokens, heads, width].
  Floats fill(int64_t layer, int64_t tokens, uint32_t seed, int64_t sequence = 0, size_t store = 0);
  /// The cache for a call whose rows are of these sequences; good until the next.
  fathom_cache_t of(const std::vector<int64_t> &sequences);

  RowFormats formats;
  int64_t heads;
  /// Where pages hold the stores, and their end, in bytes.
  std::vector<int64_t> offsets = {0};
  Floats memory;
  std::vector<Ints> page_tables; ///< one a sequence
  std::vector<const int32_t *> tables;
};

/// A cache of f32 with the numbers that rows [0, tokens) of `layer` hold.
Cache decode(Cache &cache, int64_t tokens, int64_t layers, int64_t layer);

struct Call {
  const Kernel *kernel;
  Constants constants;
  std::vector<const void *> operands;
  int64_t rows = 1;
  int64_t layer = 0;
  Ints positions = {};
  Cache *cache = nullptr;
  std::vector<int64_t> sequences = {}; ///< one a row; none: all are of the first
};

/// Runs every item, or every block of a grid, last first, items with fresh scratch memory of exactly the catalog's
/// size; a write behind it, and a constant or operand that the catalog does not know, fails the test. Grids are for a
/// device where device_launch.h finds one.
void run(const Call &call);

/// What fathom_epilogue adds while this lives: extra[row * stride + column + i].
struct EpilogueScope {
  /// `extra` outlives it.
  EpilogueScope(const Floats &extra, int64_t stride);
  ~EpilogueScope();
};

/// While this lives, `run` runs a call again with activations of bf16, and with some of bf16 where they may differ:
/// results must be those of f32 on the same numbers, rounded, or near them where a tolerance says how near: products of
/// bf16 and bf16 have an order of their own.
struct RoundingScope {
  explicit RoundingScope(double tolerance = 0);
  ~RoundingScope();
};

/// The numbers as bf16, and what these are as f32.
std::vector<uint16_t> encode(const Floats &numbers);
Floats round_numbers(const Floats &numbers);

/// Rows of numbers as 1, 0, 3, 2, … and the one that is left.
Floats swap_pairs(const Floats &numbers, int64_t columns);

/// Uniform in [-1, 1).
Floats random_floats(size_t count, uint32_t seed);

/// How far results may be off where a kernel multiplies bf16 and bf16 numbers of size 1, some hundreds of them; on a
/// GPU weights of FP8 are bf16 by then.
inline double order_tolerance(const Kernel &kernel) {
  return kernel.weightType == "bf16" || (is_of_gpu(kernel) && kernel.weightType == "f8e4m3") ? 5e-5 : 0;
}

/// A random weight [rows, columns] of a catalog type.
struct Weight {
  Weight(std::string_view type, int64_t rows, int64_t columns, uint32_t seed);
  /// The same with the columns 1, 0, 3, 2, ….
  Weight swap_pairs() const;
  /// data[ceil(N/32)][K][32], padded with zeros; scales alike.
  std::vector<uint8_t> panels() const;
  std::vector<uint8_t> panel_scales() const;

  bool quantized;
  int64_t rows, columns, element;
  int64_t scale_rows, scale_columns; ///< what one scale covers
  std::vector<uint8_t> data;         ///< row by row
  std::vector<uint8_t> scales;       ///< f32 or, of integers, f16, row by row
  Floats decoded;                    ///< row by row

private:
  void quantize(uint32_t seed);
  int64_t scale_bytes() const { return scale_rows == 1 ? 2 : 4; }
};

/// Panels of `gate` and `up` by turns; `panel_bytes` is the size of one.
template <class T>
std::vector<T> alternate(const std::vector<T> &gate, const std::vector<T> &up, size_t panel_size) {
  std::vector<T> both;
  for (size_t i = 0; i < gate.size(); i += panel_size) {
    both.insert(both.end(), gate.begin() + i, gate.begin() + i + panel_size);
    both.insert(both.end(), up.begin() + i, up.begin() + i + panel_size);
  }
  return both;
}

/// Gates and ups as a kernel takes them: in panels by turns.
struct Gated {
  Gated(Weight gate, Weight up);
  Weight gate, up;
  std::vector<uint8_t> data, scales;
};

/// Fails when any |got - want| > absolute + relative * |want|, or got is NaN; names the worst.
void expect_near(const Floats &got, const Floats &want, double absolute, double relative = 0);
/// Fails when any bit differs.
void expect_same_bits(const Floats &got, const Floats &want);

/// A table f32 [positions][d / 2][2] of cosines and sines.
Floats rope_table(int64_t positions, int64_t d);
/// first, first + 1, ...
Ints consecutive(int64_t count, int32_t first = 0);

} // namespace fathom::test

#endif // FATHOM_TEST_KERNELS_KERNEL_HARNESS_H
