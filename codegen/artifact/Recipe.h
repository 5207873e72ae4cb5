// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Recipes: how the bytes of a weight come from the tensors of a checkpoint. Plain data, made from IR by the
// compiler and run by the packer.

#ifndef FATHOM_CODEGEN_ARTIFACT_RECIPE_H
#define FATHOM_CODEGEN_ARTIFACT_RECIPE_H

#include "dialects/support/FileView.h"
#include "fathom/kernel_abi.h"

#include "llvm/ADT/SmallVector.h"

#include <cstdint>
#include <memory>
#include <string>
#include <tuple>
#include <variant>
#include <vector>

namespace fathom::codegen {

/// `Byte`: of numbers that are packed, or integers of 8 bits.
enum class ElementType : uint8_t { BF16, F16, F32, F8E4M3, Byte };

/// Bytes of one element.
constexpr uint64_t byteWidth(ElementType type) {
  return type == ElementType::F32 ? 4 : type == ElementType::F8E4M3 || type == ElementType::Byte ? 1 : 2;
}

/// A file that sources read from.
struct ShardFile {
  std::string path;
  /// The size its header was checked against; packing fails when the file has another one by then.
  uint64_t size = 0;
  /// What is read in its place, of that size; null: the file itself.
  std::shared_ptr<const FileView> view = nullptr;
};

/// A matrix in a checkpoint, [rows, columns], row-major and dense. A vector is a matrix of one column.
struct Source {
  uint32_t shard = 0;
  /// In bytes from the start of the file.
  uint64_t offset = 0;
  int64_t rows = 0;
  int64_t columns = 0;
  ElementType type = ElementType::BF16;
  /// Scales of another weight, f32: a negative one is as odd as NaN.
  bool scale = false;
};

// The steps. Each makes a matrix from those of its inputs, row by row.

/// f32 [positions, 2 * pairs] without inputs: (magnitude * cos(p * frequencies[i]), magnitude * sin(p *
/// frequencies[i])), the rotation of position p by pair i, computed in f64 and rounded once.
struct RopeTable {
  int64_t positions = 0;
  std::vector<double> frequencies;
  double magnitude = 1.0;
};

/// The elements as f32, exactly.
struct ToF32 {};

/// The elements as bf16, rounded to the nearest, of two the even one.
struct ToBF16 {};

/// The numbers of `bits`, a divisor of 8, that bytes have from their lowest bits up, as f32.
struct Unpack {
  unsigned bits = 8;
  /// What each pattern of bits stands for.
  std::vector<float> values;
};

/// (numbers - zeros) * scales of three inputs, f32, or of two with the same zero for all: the first `columns` of
/// numbers, `blockRows` times `blockColumns` of which share a scale. Rounded once, to bf16 where that is the type.
struct Dequantize {
  int64_t columns = 0;
  int64_t blockRows = 0;
  int64_t blockColumns = 0;
  float zero = 0;
  ElementType type = ElementType::F32;
};

/// The elements as integers of 8 bits or as FP8, and the scales that groups of so many in a row share then, as f16 or
/// f32: see the ops deepseek.quantize and deepseek.quantize_scales.
struct Quantize {
  int64_t group = 0;
  ElementType type = ElementType::Byte;
};
struct QuantizeScales {
  int64_t group = 0;
  ElementType quantized = ElementType::Byte;
};

/// Of scales, where numbers become such.
constexpr ElementType getScaleType(ElementType quantized) {
  return quantized == ElementType::F8E4M3 ? ElementType::F32 : ElementType::F16;
}

/// Row n is the input's column n.
struct Transpose {};

/// Numbers that the compiler has itself, without inputs; row-major and dense.
struct Constant {
  int64_t rows = 0;
  int64_t columns = 0;
  ElementType type = ElementType::F32;
  std::string bytes;
};

/// Row n is the input's row begin + n * step.
struct SliceRows {
  int64_t begin = 0;
  int64_t step = 1;
  int64_t rows = 0;
};

/// Row n is the input's row n / block.
struct RepeatRows {
  int64_t block = 0;
  int64_t rows = 0;
};

/// All rows of the first input, then all of the second, and so on.
struct ConcatRows {};

/// The halves of the input's rows, each padded with zero rows to a multiple of `block`, in turns: so many rows of the
/// first, as many of the second, the next of the first, and so on.
struct InterleaveRows {
  int64_t block = 0;
};

/// [N, K] as [ceil(N / w), K * w]: row p has element (w * p + j, k) at k * w + j, and zeros where N ends.
struct PackPanels {
  int64_t width = 0;
};

using StepAction = std::variant<RopeTable, Constant, ToF32, ToBF16, Unpack, Dequantize, Quantize, QuantizeScales,
                                Transpose, SliceRows, RepeatRows, ConcatRows, InterleaveRows, PackPanels>;

inline bool operator==(const RopeTable &a, const RopeTable &b) {
  return std::tie(a.positions, a.frequencies, a.magnitude) == std::tie(b.positions, b.frequencies, b.magnitude);
}
inline bool operator==(const Constant &a, const Constant &b) {
  return std::tie(a.rows, a.columns, a.type, a.bytes) == std::tie(b.rows, b.columns, b.type, b.bytes);
}
inline bool operator==(const ToF32 &, const ToF32 &) { return true; }
inline bool operator==(const ToBF16 &, const ToBF16 &) { return true; }
inline bool operator==(const Unpack &a, const Unpack &b) {
  return std::tie(a.bits, a.values) == std::tie(b.bits, b.values);
}
inline bool operator==(const Dequantize &a, const Dequantize &b) {
  auto list = [](const Dequantize &d) { return std::tie(d.columns, d.blockRows, d.blockColumns, d.zero, d.type); };
  return list(a) == list(b);
}
inline bool operator==(const Quantize &a, const Quantize &b) {
  return std::tie(a.group, a.type) == std::tie(b.group, b.type);
}
inline bool operator==(const QuantizeScales &a, const QuantizeScales &b) {
  return std::tie(a.group, a.quantized) == std::tie(b.group, b.quantized);
}
inline bool operator==(const Transpose &, const Transpose &) { return true; }
inline bool operator==(const SliceRows &a, const SliceRows &b) {
  return std::tie(a.begin, a.step, a.rows) == std::tie(b.begin, b.step, b.rows);
}
inline bool operator==(const RepeatRows &a, const RepeatRows &b) {
  return std::tie(a.block, a.rows) == std::tie(b.block, b.rows);
}
inline bool operator==(const ConcatRows &, const ConcatRows &) { return true; }
inline bool operator==(const InterleaveRows &a, const InterleaveRows &b) { return a.block == b.block; }
inline bool operator==(const PackPanels &a, const PackPanels &b) { return a.width == b.width; }

struct Step {
  StepAction action;
  /// Which matrices it reads. The sources of a recipe are numbered first, then what its steps make.
  llvm::SmallVector<uint32_t, 2> inputs;
};

/// How one weight slice is made: what the last step makes, or the source where there are no steps.
struct SliceRecipe {
  std::vector<Source> sources;
  std::vector<Step> steps;
};

inline bool operator==(const Source &a, const Source &b) {
  auto list = [](const Source &s) { return std::tie(s.shard, s.offset, s.rows, s.columns, s.type, s.scale); };
  return list(a) == list(b);
}
inline bool operator==(const Step &a, const Step &b) { return a.action == b.action && a.inputs == b.inputs; }
inline bool operator==(const SliceRecipe &a, const SliceRecipe &b) {
  return a.sources == b.sources && a.steps == b.steps;
}

} // namespace fathom::codegen

#endif // FATHOM_CODEGEN_ARTIFACT_RECIPE_H
