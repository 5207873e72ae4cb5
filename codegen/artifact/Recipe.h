// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Recipes: how the bytes of a weight come from the tensors of a checkpoint. Plain data, made from IR by the
// compiler and run by the packer.

#ifndef FATHOM_CODEGEN_ARTIFACT_RECIPE_H
#define FATHOM_CODEGEN_ARTIFACT_RECIPE_H

#include "fathom/kernel_abi.h"

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace fathom::codegen {

enum class ElementType : uint8_t { BF16, F16, F32, F8E4M3 };

/// Bytes of one element.
constexpr uint64_t byteWidth(ElementType type) {
  return type == ElementType::F32 ? 4 : type == ElementType::F8E4M3 ? 1 : 2;
}

/// A file that sources read from.
struct ShardFile {
  std::string path;
  /// The size its header was checked against; packing fails when the file has another one by then.
  uint64_t size = 0;
};

/// Where the scales of a quantized source are: f32 [ceil(rows/128)][ceil(columns/128)], row-major.
struct ScaleSource {
  uint32_t shard = 0;
  /// In bytes from the start of the file.
  uint64_t offset = 0;
};

/// A matrix in a checkpoint, [rows, columns], row-major and dense. A vector is a matrix of one row or of one column.
struct Source {
  uint32_t shard = 0;
  /// In bytes from the start of the file.
  uint64_t offset = 0;
  int64_t rows = 0;
  int64_t columns = 0;
  ElementType type = ElementType::BF16;
  std::optional<ScaleSource> scale;
};

/// How the rows of several sources become the rows of one matrix.
enum class RowMap : uint8_t {
  /// All rows of the first, then all of the second, and so on.
  Concat,
  /// Two sources of one shape, each padded with zero rows to a multiple of FATHOM_PANEL_WIDTH: 32 rows of the first,
  /// 32 of the second, the next 32 of the first, and so on.
  Interleave,
};

/// What the mapped matrix [N, K] looks like in the artifact.
enum class Layout : uint8_t {
  /// [N][K].
  Rows,
  /// [ceil(N/32)][K][32], padded with zeros.
  Panels,
  /// f32 [ceil(N/32)][ceil(K/128)][32]: the scales of the panels, one for each row; 0 for padded rows.
  PanelScales,
  /// f32 [positions][pairs][2]: made from SliceRecipe::rope, without sources.
  RopeTable,
};

/// The rotation of position p by pair i: (magnitude * cos(p * frequencies[i]), magnitude * sin(p *
/// frequencies[i])), computed in f64 and rounded once.
struct RopeTable {
  int64_t positions = 0;
  std::vector<double> frequencies;
  double magnitude = 1.0;
};

/// How one weight slice is made.
struct SliceRecipe {
  Layout layout = Layout::Rows;
  RowMap rowMap = RowMap::Concat;
  std::vector<Source> sources;
  /// Elements become f32, exactly; scales of sources are not applied. Otherwise they stay as they are.
  bool widen = false;
  RopeTable rope;
  /// Rows of f32 that are scales of another weight: a negative one is as odd as NaN.
  bool scales = false;
};

} // namespace fathom::codegen

#endif // FATHOM_CODEGEN_ARTIFACT_RECIPE_H
