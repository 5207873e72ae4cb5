// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Tensor maps: what cuTensorMapEncodeTiled writes and TMA reads. NVIDIA keeps the 128 bytes secret; these are our own.

#ifndef FATHOM_RUNTIME_DEVICE_PTXSIM_TENSOR_MAP_H
#define FATHOM_RUNTIME_DEVICE_PTXSIM_TENSOR_MAP_H

#include <cstdint>
#include <functional>
#include <span>

namespace fathom::runtime::ptxsim {

inline constexpr unsigned kMaxRank = 5;

/// How rows of 32, 64 or 128 bytes lie in shared memory, for TMA and wgmma alike.
enum class Swizzle : uint8_t { None, Bytes32, Bytes64, Bytes128 };

/// The width of a swizzled row; 16, the unit, without.
constexpr uint32_t rowBytes(Swizzle swizzle) { return 16u << static_cast<unsigned>(swizzle); }
/// Where the byte at `address` lies: bits from 4 on are xored with bits from 7 on.
constexpr uint32_t swizzled(uint32_t address, Swizzle swizzle) {
  return address ^ (address >> 3 & (rowBytes(swizzle) - 16));
}

/// CUtensorMapDataType has its types in this order.
enum class MapType : uint8_t { U8, U16, U32, S32, U64, S64, F16, F32, F64, BF16, F32Ftz, TF32, TF32Ftz };
unsigned bytesOf(MapType type);

struct TensorMap {
  MapType type = MapType::U8;
  uint8_t rank = 0;
  Swizzle swizzle = Swizzle::None;
  /// What is out of bounds reads as NaN and not as zero.
  bool fillsNan = false;
  uint64_t address = 0;
  /// Elements by dimension, the innermost first.
  uint64_t sizes[kMaxRank] = {};
  /// Bytes between neighbors; that of the innermost dimension is an element's.
  uint64_t strides[kMaxRank] = {};
  uint32_t box[kMaxRank] = {};

  /// Up to 2^43.
  uint64_t boxBytes() const;
};

inline constexpr unsigned kMapBytes = 128;

/// What is wrong with a map by the rules of cuTensorMapEncodeTiled, or null.
const char *check(const TensorMap &map);
void encode(const TensorMap &map, uint8_t bytes[kMapBytes]);
/// False if the bytes are not a map.
bool decode(const uint8_t bytes[kMapBytes], TensorMap &map);

/// A part of a box whose bytes lie side by side on both sides.
struct BoxPart {
  uint64_t global;
  uint32_t shared;
  uint32_t bytes;
  /// Else it is out of bounds, and `global` is not an address.
  bool isInside;
};
/// Visits the parts of the box at `coordinates`, in shared memory from `shared` on.
void forEachPart(const TensorMap &map, std::span<const int32_t> coordinates, uint32_t shared,
                 const std::function<void(const BoxPart &)> &visit);

} // namespace fathom::runtime::ptxsim

#endif // FATHOM_RUNTIME_DEVICE_PTXSIM_TENSOR_MAP_H
