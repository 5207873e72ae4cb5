// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// out[rows, N] = x[rows, K] * W^T, by tiles, of weights in any layout, gated or not.
//
// Two forms, of which constants choose. Where activations are f32, or weights are, or where it is asked for, a sum is
// one chain of multiply-adds over k in ascending order (exact_product.h); where both are narrow it is a chain of the
// instruction that multiplies matrices of bf16, sixteen steps of k at a time (matrix_product.h, of weights in panels on
// sm_90a warpgroup_product.h). Weights of FP8 are exact as bf16; the chain restarts every 128 steps and adds partial *
// scale to the sum, in block order. In both forms the order depends on k alone: one row and five hundred get the same
// bits.

#ifndef FATHOM_KERNELS_NVPTX_PRODUCTS_H
#define FATHOM_KERNELS_NVPTX_PRODUCTS_H

#include "kernels/nvptx/exact_product.h"
#include "kernels/nvptx/matrix_product.h"
#include "kernels/nvptx/warpgroup_product.h"

namespace fathom::nv {

/// What is done with the sums of an output and a row: SwiGLU where there are two, then the epilogue.
template <bool Gated>
struct Finish {
  const fathom_dispatch_t *dispatch;
  Numbers out;
  int64_t stride;
  int64_t row0; ///< row of the output that is row 0 of the product

  FATHOM_INLINE void operator()(int64_t row, int64_t column, float first, float second) const {
    float value = Gated ? silu(first) * second : first;
    out.set((row0 + row) * stride + column, fathom_epilogue_scalar(dispatch, row0 + row, column, value));
  }
};

/// Tiles of a product of `rows` rows, of which this block takes every blocks()th, from number `first` on.
template <class Product, class Matrix, class Finish, class Turns>
FATHOM_INLINE void multiply_tiles(const Matrix &weights, const Tokens &x, int64_t rows, int64_t first,
                                  const Finish &finish, Turns &ring) {
  int64_t across = ceil_div(weights.outputs, Product::kOutputs);
  for (int64_t tile = first; tile < across * ceil_div(rows, Product::kRows); tile += blocks()) {
    Product::multiply(weights, x, rows, tile % across * Product::kOutputs, tile / across * Product::kRows, finish,
                      ring);
  }
}

/// Whether the product is a chain of multiply-adds.
template <class Weight>
FATHOM_INLINE bool is_exact(const Tokens &x) {
  return x.exact || x.data.isF32() || Weight::kElement == FATHOM_ROW_F32;
}

/// How `Arch` multiplies where activations and weights are narrow, by rows.
template <class Arch, class Matrix>
struct NarrowProducts {
  template <class Use>
  static FATHOM_INLINE void begin(const Use &use) {
    Ring ring;
    use(ring);
  }
  template <class Use>
  static FATHOM_INLINE auto choose(int64_t rows, const Use &use) {
    using Few = MatrixProduct<Matrix, true>;
    return rows <= Few::kRows ? use(Few()) : use(MatrixProduct<Matrix, false>());
  }
};
template <class Weight, bool Gated>
struct NarrowProducts<Warpgroups, PanelMatrix<Weight, Gated>> {
  template <class Use>
  static FATHOM_INLINE void begin(const Use &use) {
    share_ring(use);
  }
  template <class Use>
  static FATHOM_INLINE auto choose(int64_t rows, const Use &use) {
    using Matrix = PanelMatrix<Weight, Gated>;
    using Few = WarpgroupProduct<Matrix, 8>;
    using Some = WarpgroupProduct<Matrix, 32>;
    return rows <= Few::kRows ? use(Few()) : rows <= Some::kRows ? use(Some()) : use(WarpgroupProduct<Matrix, 128>());
  }
};

/// use(product), of the form for `rows` rows.
template <class Matrix, class Use>
FATHOM_INLINE auto choose_product(const Tokens &x, int64_t rows, const Use &use) {
  if constexpr (Matrix::Weight::kElement != FATHOM_ROW_F32) {
    if (!is_exact<typename Matrix::Weight>(x)) {
      return NarrowProducts<Tile, Matrix>::choose(rows, use);
    }
  }
  return use(ExactProduct<Matrix, false>());
}

/// multiply(ring) for all products of a kernel with such weights.
template <class Matrix, class Multiply>
FATHOM_INLINE void begin_products_of(const Tokens &x, const Multiply &multiply) {
  if (is_exact<typename Matrix::Weight>(x)) {
    Ring ring;
    return multiply(ring);
  }
  NarrowProducts<Tile, Matrix>::begin(multiply);
}

/// How many tiles a product of `rows` rows has.
template <class Matrix>
FATHOM_INLINE int64_t count_tiles_of(const Tokens &x, int64_t outputs, int64_t rows) {
  return choose_product<Matrix>(x, rows, [&](auto product) FATHOM_INLINED {
    return ceil_div(outputs, product.kOutputs) * ceil_div(rows, product.kRows);
  });
}

/// run(product, tile) for the tiles of several products that are this block's: of each product from one on, every
/// blocks()th of them. count(product) says how many it has.
template <class Count, class Run>
FATHOM_INLINE void take_turns(int64_t products, const Count &count, const Run &run) {
  int64_t tile = block(); // counted from the first of the product
  for (int64_t product = 0; product < products; ++product) {
    int64_t tiles = count(product);
    if (tile < tiles) {
      run(product, tile);
      tile += ceil_div(tiles - tile, blocks()) * blocks();
    }
    tile -= tiles;
  }
}

/// The tiles of a product that are this block's, where tile `first` is.
template <class Matrix, class Finish, class Turns>
FATHOM_INLINE void multiply_rows(const Matrix &weights, const Tokens &x, int64_t rows, int64_t first,
                                 const Finish &finish, Turns &ring) {
  choose_product<Matrix>(x, rows, [&](auto product) FATHOM_INLINED {
    multiply_tiles<decltype(product)>(weights, x, rows, first, finish, ring);
  });
}

} // namespace fathom::nv

#endif // FATHOM_KERNELS_NVPTX_PRODUCTS_H
