// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Fragments lie as the tables of the PTX ISA say, element by element, and products are those of plain matrices.

#include "runtime/device/ptxsim/matrix.h"

#include "runtime/device/ptxsim/numbers.h"
#include "test/runtime/ptxsim/plain_numbers.h"

#include <bit>
#include <cmath>
#include <cstring>
#include <gtest/gtest.h>
#include <limits>
#include <random>
#include <vector>

namespace fathom::runtime::ptxsim {
namespace {

struct Place {
  unsigned row, column;
};

/// Where element i of a lane's A lies, for 16-, 8- and 32-bit elements.
Place placeInA(unsigned bits, unsigned lane, unsigned i) {
  unsigned group = lane / 4, thread = lane % 4;
  if (bits == 16) {
    return {(i / 2) % 2 == 0 ? group : group + 8, thread * 2 + (i & 1) + (i >= 4 ? 8 : 0)};
  }
  if (bits == 8) {
    return {(i / 4) % 2 == 0 ? group : group + 8, thread * 4 + (i & 3) + (i >= 8 ? 16 : 0)};
  }
  return {i % 2 == 0 ? group : group + 8, i < 2 ? thread : thread + 4};
}

Place placeInB(unsigned bits, unsigned lane, unsigned i) {
  unsigned group = lane / 4, thread = lane % 4;
  if (bits == 16) {
    return {thread * 2 + (i & 1) + (i >= 2 ? 8 : 0), group};
  }
  if (bits == 8) {
    return {thread * 4 + (i & 3) + (i >= 4 ? 16 : 0), group};
  }
  return {thread + (i >= 1 ? 4 : 0), group};
}

Place placeInC(unsigned lane, unsigned i) { return {lane / 4 + (i < 2 ? 0 : 8), lane % 4 * 2 + (i & 1)}; }

template <size_t N>
void put(Fragment<N> &fragment, unsigned lane, unsigned i, unsigned bits, uint32_t element) {
  unsigned perRegister = 32 / bits;
  fragment[lane][i / perRegister] |= element << (i % perRegister * bits);
}

class MmaTest : public testing::TestWithParam<MmaKind> {
protected:
  std::mt19937 random{1};
  Fragment<4> a{}, c{}, d{};
  Fragment<2> b{};
  uint32_t aBits[16][32], bBits[32][8], cBits[16][8];

  uint32_t anyElement(Element element) {
    float x = std::uniform_real_distribution<float>(-4, 4)(random);
    switch (element) {
    case Element::F16:
    case Element::Bf16:
      return convertPair(0, x, element == Element::F16 ? kF16 : kBf16);
    case Element::E4m3:
    case Element::E5m2:
      return convertPair(0, x, element == Element::E4m3 ? kE4m3 : kE5m2);
    case Element::S8:
    case Element::U8:
      return random() & 0xff;
    case Element::Tf32: // With lowest bits that do not count.
    case Element::F32:
      return std::bit_cast<uint32_t>(x);
    case Element::S32:
      return random();
    }
    return 0;
  }
  void fill() {
    const MmaKind &kind = GetParam();
    unsigned bits = elementBits(kind.a), perLane = kind.k * 16 / 32;
    for (unsigned lane = 0; lane < 32; ++lane) {
      for (unsigned i = 0; i < perLane; ++i) {
        Place at = placeInA(bits, lane, i);
        put(a, lane, i, bits, aBits[at.row][at.column] = anyElement(kind.a));
      }
      for (unsigned i = 0; i < perLane / 2; ++i) {
        Place at = placeInB(bits, lane, i);
        put(b, lane, i, bits, bBits[at.row][at.column] = anyElement(kind.b));
      }
      for (unsigned i = 0; i < 4; ++i) {
        Place at = placeInC(lane, i);
        put(c, lane, i, elementBits(kind.sum), cBits[at.row][at.column] = anyElement(kind.sum));
      }
    }
  }
  uint32_t expected(unsigned row, unsigned column) const {
    const MmaKind &kind = GetParam();
    double sum = test::plainValue(cBits[row][column], kind.sum);
    for (unsigned k = 0; k < kind.k; ++k) {
      sum += test::plainValue(aBits[row][k], kind.a) * test::plainValue(bBits[k][column], kind.b);
    }
    if (kind.satfinite) {
      sum = std::fmin(std::fmax(sum, -0x1p31), 0x1p31 - 1);
    }
    return test::plainSum(sum, kind.sum);
  }
};

TEST_P(MmaTest, IsTheProductOfTheMatrices) {
  const MmaKind &kind = GetParam();
  ASSERT_TRUE(kind.isValid());
  fill();
  multiply(kind, a, b, c, d);
  unsigned bits = elementBits(kind.sum), perRegister = 32 / bits;
  for (unsigned lane = 0; lane < 32; ++lane) {
    for (unsigned i = 0; i < 4; ++i) {
      Place at = placeInC(lane, i);
      uint32_t mask = bits == 32 ? ~0u : 0xffffu;
      EXPECT_EQ(d[lane][i / perRegister] >> (i % perRegister * bits) & mask, expected(at.row, at.column)) << lane;
    }
  }
}

TEST_P(MmaTest, MayWriteWhatItAdds) {
  fill();
  multiply(GetParam(), a, b, c, d);
  multiply(GetParam(), a, b, c, c);
  EXPECT_EQ(c, d);
}

constexpr MmaKind kKinds[] = {
    {8, Element::F16, Element::F16, Element::F32},     {16, Element::F16, Element::F16, Element::F32},
    {8, Element::F16, Element::F16, Element::F16},     {16, Element::F16, Element::F16, Element::F16},
    {8, Element::Bf16, Element::Bf16, Element::F32},   {16, Element::Bf16, Element::Bf16, Element::F32},
    {4, Element::Tf32, Element::Tf32, Element::F32},   {8, Element::Tf32, Element::Tf32, Element::F32},
    {16, Element::E4m3, Element::E4m3, Element::F32},  {32, Element::E4m3, Element::E4m3, Element::F32},
    {32, Element::E4m3, Element::E5m2, Element::F32},  {32, Element::E5m2, Element::E5m2, Element::F16},
    {16, Element::S8, Element::S8, Element::S32},      {32, Element::S8, Element::S8, Element::S32},
    {32, Element::S8, Element::U8, Element::S32},      {32, Element::U8, Element::U8, Element::S32},
    {32, Element::S8, Element::S8, Element::S32, true}};
INSTANTIATE_TEST_SUITE_P(Kinds, MmaTest, testing::ValuesIn(kKinds));

TEST(MmaKindTest, KnowsWhatPtxHas) {
  EXPECT_FALSE((MmaKind{16, Element::Tf32, Element::Tf32, Element::F32}.isValid()));
  EXPECT_FALSE((MmaKind{16, Element::Bf16, Element::F16, Element::F32}.isValid()));
  EXPECT_FALSE((MmaKind{16, Element::Bf16, Element::Bf16, Element::F16}.isValid()));
  EXPECT_FALSE((MmaKind{16, Element::Bf16, Element::Bf16, Element::F32, true}.isValid()));
  EXPECT_FALSE((MmaKind{16, Element::S8, Element::S8, Element::F32}.isValid()));
  EXPECT_EQ(elementNamed("e4m3"), Element::E4m3);
  EXPECT_EQ(elementNamed("f64"), std::nullopt);
}

TEST(PlainNumbersTest, AreThoseOfTheFormats) {
  const struct {
    Element element;
    uint32_t bits;
    double value;
  } rows[] = {{Element::F16, 0x3c01, 1 + 0x1p-10},
              {Element::F16, 0xc000, -2},
              {Element::F16, 0x0001, 0x1p-24},
              {Element::F16, 0x7bff, 65504},
              {Element::Bf16, 0x3f81, 1 + 0x1p-7},
              {Element::Bf16, 0xc2f7, -123.5},
              {Element::Tf32, 0x3f803fff, 1 + 0x1p-10},
              {Element::E4m3, 0x7e, 448},
              {Element::E4m3, 0x01, 0x1p-9},
              {Element::E4m3, 0xb8, -1},
              {Element::E5m2, 0x7b, 57344},
              {Element::E5m2, 0x01, 0x1p-16},
              {Element::E5m2, 0x3d, 1.25},
              {Element::S8, 0x80, -128},
              {Element::U8, 0x80, 128}};
  for (const auto &row : rows) {
    EXPECT_EQ(test::plainValue(row.bits, row.element), row.value) << row.bits;
    EXPECT_EQ(elementValue(row.bits, row.element), row.value) << row.bits;
  }
  EXPECT_EQ(test::plainHalf(1 + 0x1p-11), 0x3c00u);
  EXPECT_EQ(test::plainHalf(1 + 0x3p-11), 0x3c02u);
  EXPECT_EQ(test::plainHalf(-2047.75), 0xe800u);
  EXPECT_EQ(test::plainHalf(0x1.8p-24), 0x0002u);
  EXPECT_EQ(test::plainHalf(65520), 0x7c00u);
}

TEST(MultiplyTest, RoundsOnceAndGivesTheCanonicalNaN) {
  MmaKind kind{16, Element::Bf16, Element::Bf16, Element::F32};
  Fragment<4> a{}, c{}, d;
  Fragment<2> b{};
  // Row 0: 2^-25 twice beside 1 in one instruction counts; each alone would be rounded away.
  a[0][0] = 0x3300'3300;
  b[0][0] = 0x3f80'3f80;
  c[0][0] = std::bit_cast<uint32_t>(1.0f);
  multiply(kind, a, b, c, d);
  EXPECT_EQ(d[0][0], std::bit_cast<uint32_t>(1.0f)); // 2^-24 is a tie, which goes to even
  c[0][0] += 1;
  multiply(kind, a, b, c, d);
  EXPECT_EQ(d[0][0], std::bit_cast<uint32_t>(1.0f) + 2);
  c[0][0] = 0xffc0'1234;
  multiply(kind, a, b, c, d);
  EXPECT_EQ(d[0][0], 0x7fff'ffffu);
}

class MatrixMovesTest : public testing::TestWithParam<unsigned> {
protected:
  static uint16_t element(unsigned matrix, unsigned row, unsigned column) {
    return static_cast<uint16_t>(matrix << 8 | row << 4 | column);
  }
  static uint32_t pair(unsigned matrix, unsigned lane, bool transposed) {
    auto at = [&](unsigned i) {
      unsigned row = lane / 4, column = lane % 4 * 2 + i;
      return transposed ? element(matrix, column, row) : element(matrix, row, column);
    };
    return uint32_t{at(1)} << 16 | at(0);
  }
};

TEST_P(MatrixMovesTest, LoadsRowsThatLanesName) {
  for (bool transposed : {false, true}) {
    Fragment<4> to{};
    loadMatrices(
        GetParam(), transposed,
        [](unsigned lane, uint8_t *row) {
          for (unsigned i = 0; i < 8; ++i) {
            uint16_t value = element(lane / 8, lane % 8, i);
            std::memcpy(row + 2 * i, &value, 2);
          }
        },
        to);
    for (unsigned lane = 0; lane < 32; ++lane) {
      for (unsigned i = 0; i < 4; ++i) {
        EXPECT_EQ(to[lane][i], i < GetParam() ? pair(i, lane, transposed) : 0);
      }
    }
  }
}

TEST_P(MatrixMovesTest, StoresWhatItLoads) {
  for (bool transposed : {false, true}) {
    Fragment<4> from{};
    for (unsigned lane = 0; lane < 32; ++lane) {
      for (unsigned i = 0; i < GetParam(); ++i) {
        from[lane][i] = pair(i, lane, transposed);
      }
    }
    unsigned rows = 0;
    storeMatrices(GetParam(), transposed, from, [&](unsigned lane, const uint8_t *row) {
      ++rows;
      for (unsigned i = 0; i < 8; ++i) {
        uint16_t value;
        std::memcpy(&value, row + 2 * i, 2);
        EXPECT_EQ(value, element(lane / 8, lane % 8, i));
      }
    });
    EXPECT_EQ(rows, GetParam() * 8);
  }
}

TEST_P(MatrixMovesTest, TransposesInRegisters) {
  std::array<uint32_t, 32> from, to;
  for (unsigned lane = 0; lane < 32; ++lane) {
    from[lane] = pair(0, lane, false);
  }
  transpose(from, to);
  for (unsigned lane = 0; lane < 32; ++lane) {
    EXPECT_EQ(to[lane], pair(0, lane, true));
  }
}

INSTANTIATE_TEST_SUITE_P(Counts, MatrixMovesTest, testing::Values(1u, 2u, 4u));

} // namespace
} // namespace fathom::runtime::ptxsim
