// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Boxes of tensor maps are those of plain indexing, and swizzled as TMA and ldmatrix expect.

#include "runtime/device/ptxsim/tensor_map.h"

#include <cstring>
#include <gtest/gtest.h>
#include <map>
#include <numeric>
#include <vector>

namespace fathom::runtime::ptxsim {
namespace {

/// A dense tensor of 16-bit elements.
TensorMap dense(std::vector<uint64_t> sizes, std::vector<uint32_t> box, Swizzle swizzle = Swizzle::None) {
  TensorMap map;
  map.type = MapType::BF16;
  map.rank = static_cast<uint8_t>(sizes.size());
  map.swizzle = swizzle;
  map.address = 4096;
  uint64_t stride = 2;
  for (size_t i = 0; i < sizes.size(); ++i) {
    map.sizes[i] = sizes[i];
    map.box[i] = box[i];
    map.strides[i] = stride;
    stride *= sizes[i];
  }
  return map;
}

TEST(TensorMapTest, IsReadAsItWasWritten) {
  TensorMap map = dense({8, 16, 24, 32, 40}, {8, 2, 3, 4, 256}, Swizzle::Bytes64), read;
  map.fillsNan = true;
  map.sizes[4] = uint64_t{1} << 32;
  uint8_t bytes[kMapBytes];
  encode(map, bytes);
  ASSERT_TRUE(decode(bytes, read));
  EXPECT_EQ(read.type, map.type);
  EXPECT_EQ(read.rank, map.rank);
  EXPECT_EQ(read.swizzle, map.swizzle);
  EXPECT_TRUE(read.fillsNan);
  EXPECT_EQ(read.address, map.address);
  for (unsigned i = 0; i < kMaxRank; ++i) {
    EXPECT_EQ(read.sizes[i], map.sizes[i]);
    EXPECT_EQ(read.strides[i], map.strides[i]);
    EXPECT_EQ(read.box[i], map.box[i]);
  }
  EXPECT_EQ(read.boxBytes(), 2u * 8 * 2 * 3 * 4 * 256);
}

TEST(TensorMapTest, OtherBytesAreNotAMap) {
  uint8_t bytes[kMapBytes] = {};
  TensorMap read;
  EXPECT_FALSE(decode(bytes, read));
  encode(dense({64, 8}, {64, 8}), bytes);
  bytes[5] = 9; // the rank
  EXPECT_FALSE(decode(bytes, read));
}

TEST(TensorMapTest, RulesOfTheDriverAreChecked) {
  auto expect = [](const char *problem, auto change) {
    TensorMap map = dense({64, 32}, {64, 8}, Swizzle::Bytes128);
    EXPECT_EQ(check(map), nullptr);
    change(map);
    EXPECT_STREQ(check(map), problem);
  };
  expect("a tensor map has 1 to 5 dimensions", [](TensorMap &map) { map.rank = 0; });
  expect("the address of a tensor map is a multiple of 16", [](TensorMap &map) { map.address += 8; });
  expect("a dimension of a tensor map has 1 to 2^32 elements", [](TensorMap &map) { map.sizes[1] = 0; });
  expect("a box of a tensor map has 1 to 256 elements in each dimension", [](TensorMap &map) { map.box[1] = 257; });
  expect("the strides of a tensor map are multiples of 16 below 2^40", [](TensorMap &map) { map.strides[1] = 136; });
  expect("a row of the box of a tensor map has a multiple of 16 bytes", [](TensorMap &map) { map.box[0] = 4; });
  expect("a row of the box of a tensor map is wider than its swizzle",
         [](TensorMap &map) { map.swizzle = Swizzle::Bytes64; });
}

class BoxTest : public testing::Test {
protected:
  /// By address in shared memory, where each byte comes from; -1: out of bounds.
  std::map<uint32_t, int64_t> copied;

  void copy(const TensorMap &map, std::vector<int32_t> coordinates, uint32_t shared = 0) {
    forEachPart(map, coordinates, shared, [&](const BoxPart &part) {
      for (uint32_t i = 0; i < part.bytes; ++i) {
        int64_t from = part.isInside ? static_cast<int64_t>(part.global - map.address + i) : -1;
        EXPECT_TRUE(copied.emplace(part.shared + i, from).second) << "twice: " << part.shared + i;
      }
    });
    EXPECT_EQ(copied.size(), map.boxBytes());
  }
};

TEST_F(BoxTest, LiesRowAfterRow) {
  copy(dense({100, 50}, {16, 4}), {8, 40}, 512);
  for (unsigned row = 0; row < 4; ++row) {
    for (unsigned byte = 0; byte < 32; ++byte) {
      EXPECT_EQ(copied[512 + row * 32 + byte], (40 + row) * 200 + 16 + byte);
    }
  }
}

TEST_F(BoxTest, HasUpToFiveDimensions) {
  std::vector<uint64_t> sizes = {16, 5, 6, 7, 8};
  copy(dense(sizes, {8, 2, 2, 2, 2}), {8, 3, 1, 0, 5});
  for (unsigned row = 0; row < 16; ++row) {
    unsigned index = 5 + row / 8;
    index = index * 7 + row / 4 % 2;
    index = index * 6 + 1 + row / 2 % 2;
    index = index * 5 + 3 + row % 2;
    EXPECT_EQ(copied[row * 16], (index * 16 + 8) * 2) << row;
  }
}

TEST_F(BoxTest, IsSwizzledByAbsoluteAddresses) {
  for (Swizzle swizzle : {Swizzle::Bytes32, Swizzle::Bytes64, Swizzle::Bytes128}) {
    copied.clear();
    unsigned width = rowBytes(swizzle);
    copy(dense({64, 64}, {width / 2, 16}, swizzle), {0, 0}, 1024);
    for (unsigned row = 0; row < 16; ++row) {
      for (unsigned chunk = 0; chunk < width / 16; ++chunk) {
        // nvptx.md: c ^ (r & 7) for rows of 128 bytes, c ^ (r / 2 & 3) for 64, c ^ (r / 4 & 1) for 32.
        unsigned moved = chunk ^ (row / (128 / width) & (width / 16 - 1));
        EXPECT_EQ(copied[1024 + row * width + moved * 16], row * 128 + chunk * 16) << width;
      }
    }
  }
}

TEST_F(BoxTest, OutOfBoundsElementsAreFilled) {
  copy(dense({20, 3}, {16, 4}), {-3, 1});
  for (int row = 0; row < 4; ++row) {
    for (int column = 0; column < 16; ++column) {
      bool inside = row < 2 && column >= 3;
      EXPECT_EQ(copied[row * 32 + column * 2], inside ? (1 + row) * 40 + (column - 3) * 2 : -1) << row << " " << column;
    }
  }
  copied.clear();
  copy(dense({20, 3}, {16, 4}), {8, -1});
  EXPECT_EQ(copied[0], -1);
  EXPECT_EQ(copied[32 + 22], 38);
  EXPECT_EQ(copied[32 + 24], -1);
}

} // namespace
} // namespace fathom::runtime::ptxsim
