// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Tensor maps, and the boxes that TMA copies through them.

#include "runtime/device/ptxsim/tensor_map.h"

#include <algorithm>
#include <cstring>
#include <type_traits>

namespace fathom::runtime::ptxsim {

static constexpr uint32_t kMagic = 0x70616d74; // "tmap"

unsigned bytesOf(MapType type) {
  static constexpr uint8_t kBytes[] = {1, 2, 4, 4, 8, 8, 2, 4, 8, 2, 4, 4, 4};
  return kBytes[static_cast<size_t>(type)];
}

uint64_t TensorMap::boxBytes() const {
  uint64_t bytes = bytesOf(type);
  for (unsigned i = 0; i < rank; ++i) {
    bytes *= box[i];
  }
  return bytes;
}

/// What is wrong with one dimension.
static const char *checkDimension(const TensorMap &map, unsigned i) {
  if (map.sizes[i] == 0 || map.sizes[i] > uint64_t{1} << 32) {
    return "a dimension of a tensor map has 1 to 2^32 elements";
  }
  if (map.box[i] == 0 || map.box[i] > 256) {
    return "a box of a tensor map has 1 to 256 elements in each dimension";
  }
  if (i > 0 && (map.strides[i] % 16 != 0 || map.strides[i] >= uint64_t{1} << 40)) {
    return "the strides of a tensor map are multiples of 16 below 2^40";
  }
  return nullptr;
}

const char *check(const TensorMap &map) {
  if (map.rank == 0 || map.rank > kMaxRank) {
    return "a tensor map has 1 to 5 dimensions";
  }
  if (map.address % 16 != 0) {
    return "the address of a tensor map is a multiple of 16";
  }
  for (unsigned i = 0; i < map.rank; ++i) {
    if (const char *problem = checkDimension(map, i)) {
      return problem;
    }
  }
  uint32_t inner = map.box[0] * bytesOf(map.type);
  if (inner % 16 != 0) {
    return "a row of the box of a tensor map has a multiple of 16 bytes";
  }
  if (map.swizzle != Swizzle::None && inner > rowBytes(map.swizzle)) {
    return "a row of the box of a tensor map is wider than its swizzle";
  }
  return nullptr;
}

namespace {

struct EncodedMap {
  uint32_t magic;
  uint8_t type, rank, swizzle, fillsNan;
  uint64_t address;
  uint32_t lastIndices[kMaxRank];
  /// Less one, so that a byte is enough.
  uint8_t box[kMaxRank];
  uint64_t strides[kMaxRank];
};
static_assert(sizeof(EncodedMap) <= kMapBytes && std::is_trivially_copyable_v<EncodedMap>);

} // namespace

void encode(const TensorMap &map, uint8_t bytes[kMapBytes]) {
  EncodedMap encoded{};
  encoded.magic = kMagic;
  encoded.type = static_cast<uint8_t>(map.type);
  encoded.rank = map.rank;
  encoded.swizzle = static_cast<uint8_t>(map.swizzle);
  encoded.fillsNan = map.fillsNan;
  encoded.address = map.address;
  for (unsigned i = 0; i < map.rank; ++i) {
    encoded.lastIndices[i] = static_cast<uint32_t>(map.sizes[i] - 1);
    encoded.box[i] = static_cast<uint8_t>(map.box[i] - 1);
    encoded.strides[i] = map.strides[i];
  }
  std::memset(bytes, 0, kMapBytes);
  std::memcpy(bytes, &encoded, sizeof(encoded));
}

bool decode(const uint8_t bytes[kMapBytes], TensorMap &map) {
  EncodedMap encoded;
  std::memcpy(&encoded, bytes, sizeof(encoded));
  if (encoded.magic != kMagic || encoded.type > static_cast<uint8_t>(MapType::TF32Ftz) ||
      encoded.swizzle > static_cast<uint8_t>(Swizzle::Bytes128) || encoded.rank > kMaxRank) {
    return false;
  }
  map = {static_cast<MapType>(encoded.type), encoded.rank, static_cast<Swizzle>(encoded.swizzle), encoded.fillsNan != 0,
         encoded.address};
  for (unsigned i = 0; i < map.rank; ++i) {
    map.sizes[i] = uint64_t{encoded.lastIndices[i]} + 1;
    map.box[i] = uint32_t{encoded.box[i]} + 1;
    map.strides[i] = encoded.strides[i];
  }
  return check(map) == nullptr;
}

/// Splits a row of the box where shared memory is swizzled, and where the tensor begins and ends.
static void visitRow(const TensorMap &map, int64_t first, bool isInside, uint64_t global, uint32_t shared,
                     const std::function<void(const BoxPart &)> &visit) {
  int64_t size = bytesOf(map.type);
  // Bytes of the row before which, and from which on, it is out of bounds.
  int64_t begin = isInside ? std::clamp<int64_t>(-first, 0, map.box[0]) * size : 0;
  int64_t end = isInside ? std::clamp<int64_t>(static_cast<int64_t>(map.sizes[0]) - first, 0, map.box[0]) * size : 0;
  int64_t bytes = map.box[0] * size;
  for (int64_t at = 0; at < bytes;) {
    int64_t next = std::min(bytes, (at / 16 + 1) * 16);
    bool inside = at >= begin && at < end;
    next = std::min(next, at < begin ? begin : at < end ? end : next);
    visit({global + static_cast<uint64_t>(at), swizzled(shared + static_cast<uint32_t>(at), map.swizzle),
           static_cast<uint32_t>(next - at), inside});
    at = next;
  }
}

void forEachPart(const TensorMap &map, std::span<const int32_t> coordinates, uint32_t shared,
                 const std::function<void(const BoxPart &)> &visit) {
  uint64_t rows = map.boxBytes() / (map.box[0] * bytesOf(map.type));
  for (uint64_t row = 0; row < rows; ++row) {
    // Unsigned, as addresses before the tensor are never used.
    uint64_t global = map.address + static_cast<uint64_t>(int64_t{coordinates[0]} * bytesOf(map.type));
    bool isInside = true;
    uint64_t rest = row;
    for (unsigned i = 1; i < map.rank; ++i) {
      int64_t index = int64_t{coordinates[i]} + static_cast<int64_t>(rest % map.box[i]);
      rest /= map.box[i];
      isInside &= index >= 0 && index < static_cast<int64_t>(map.sizes[i]);
      global += static_cast<uint64_t>(index) * map.strides[i];
    }
    visitRow(map, coordinates[0], isInside, global, shared, visit);
    shared += map.box[0] * bytesOf(map.type);
  }
}

} // namespace fathom::runtime::ptxsim
