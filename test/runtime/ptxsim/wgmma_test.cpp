// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Products of a warpgroup, with matrices laid out as nvptx.md and the ISA's canonical layouts say, are those of plain
// matrices.

#include "runtime/device/ptxsim/wgmma.h"

#include "runtime/device/ptxsim/numbers.h"
#include "test/runtime/ptxsim/plain_numbers.h"

#include <bit>
#include <cstring>
#include <gtest/gtest.h>
#include <random>

namespace fathom::runtime::ptxsim {
namespace {

struct Case {
  const char *name;
  WgmmaKind kind;
  Swizzle swizzle;
};
void PrintTo(const Case &test, std::ostream *out) { *out << test.name; }

uint64_t descriptor(uint32_t start, uint32_t leading, uint32_t stride, Swizzle swizzle) {
  uint64_t modes[] = {0, 3, 2, 1};
  return (start & 0x3ffff) >> 4 | uint64_t{leading >> 4} << 16 | uint64_t{stride >> 4} << 32 |
         modes[static_cast<int>(swizzle)] << 62;
}

class WgmmaTest : public testing::TestWithParam<Case> {
protected:
  const WgmmaKind &kind = GetParam().kind;
  Swizzle swizzle = GetParam().swizzle;
  unsigned bytes = elementBits(kind.a) / 8;
  std::mt19937 random{7};
  std::vector<uint8_t> shared = std::vector<uint8_t>(128 * 1024, 0xff);
  std::vector<uint32_t> a, b;

  uint32_t anyElement(Element element) {
    float x = std::uniform_real_distribution<float>(-2, 2)(random);
    switch (element) {
    case Element::Bf16:
      return convertPair(0, x, kBf16);
    case Element::F16:
      return convertPair(0, x, kF16);
    case Element::E4m3:
      return convertPair(0, x, kE4m3);
    case Element::E5m2:
      return convertPair(0, x, kE5m2);
    case Element::Tf32:
      return std::bit_cast<uint32_t>(x);
    default:
      return random() & 0xff;
    }
  }
  std::vector<uint32_t> anyMatrix(unsigned rows, Element element) {
    std::vector<uint32_t> matrix(rows * kind.k);
    for (uint32_t &x : matrix) {
      x = anyElement(element);
    }
    return matrix;
  }

  /// Puts a matrix, [row][k], at `start` and gives its descriptor.
  uint64_t place(const std::vector<uint32_t> &matrix, unsigned rows, uint32_t start, bool transposed) {
    unsigned width = rowBytes(swizzle);
    for (unsigned row = 0; row < rows; ++row) {
      for (unsigned k = 0; k < kind.k; ++k) {
        put(start, offsetOf(rows, row, k, width, transposed), matrix[row * kind.k + k]);
      }
    }
    if (swizzle == Swizzle::None) {
      // Core matrices of 128 bytes side by side: along k first, then along rows.
      return descriptor(start, 128 * rows / 8, 128, swizzle);
    }
    return transposed ? descriptor(start, kind.k * width, 8 * width, swizzle)
                      : descriptor(start, 0, 8 * width, swizzle);
  }
  /// Of an element before the swizzle.
  unsigned offsetOf(unsigned rows, unsigned row, unsigned k, unsigned width, bool transposed) const {
    if (swizzle == Swizzle::None && !transposed) {
      return k * bytes / 16 * (rows / 8 * 128) + row / 8 * 128 + row % 8 * 16 + k * bytes % 16;
    }
    if (swizzle == Swizzle::None) {
      return k / 8 * (rows / 8 * 128) + row / 8 * 128 + k % 8 * 16 + row % 8 * 2;
    }
    // Boxes of `width` bytes along rows, each with all k.
    return transposed ? row * 2 / width * (kind.k * width) + k * width + row * 2 % width : row * width + k * bytes;
  }
  void put(uint32_t start, unsigned offset, uint32_t element) {
    unsigned width = rowBytes(swizzle);
    unsigned line = offset / width, chunk = offset % width / 16;
    if (swizzle != Swizzle::None) {
      chunk ^= line / (128 / width) & (width / 16 - 1);
    }
    std::memcpy(shared.data() + start + line * width + chunk * 16 + offset % 16, &element, bytes);
  }
  double product(unsigned row, unsigned column, double start) const {
    double sum = start;
    for (unsigned k = 0; k < kind.k; ++k) {
      double x = test::plainValue(a[row * kind.k + k], kind.a) * (kind.negatesA ? -1 : 1);
      sum += x * (test::plainValue(b[column * kind.k + k], kind.b) * (kind.negatesB ? -1 : 1));
    }
    return sum;
  }
  ReadShared reader() {
    return [this](uint32_t address, unsigned count, uint8_t *to) {
      ASSERT_LE(address + count, shared.size());
      std::memcpy(to, shared.data() + address, count);
    };
  }
  void check(unsigned quarter, const WgmmaOperands &operands, bool adds) {
    WgmmaSums d(kind.sumRegisters());
    for (auto &reg : d) {
      for (uint32_t &x : reg) {
        x = kind.sum == Element::S32 ? random() % 1000 : anyElement(Element::Tf32);
      }
    }
    WgmmaSums before = d;
    multiply(kind, operands, adds, d);
    for (unsigned lane = 0; lane < 32; ++lane) {
      for (unsigned i = 0; i < kind.sumRegisters(); ++i) {
        // nvptx.md: d[4i], d[4i+1] = row g, columns 8i + 2t, +1; d[4i+2], d[4i+3] = row g + 8.
        unsigned row = quarter * 16 + lane / 4 + (i & 2 ? 8 : 0), column = i / 4 * 8 + lane % 4 * 2 + (i & 1);
        double start = adds ? test::plainValue(before[i][lane], kind.sum) : 0;
        ASSERT_EQ(d[i][lane], test::plainSum(product(row, column, start), kind.sum)) << row << " " << column;
      }
    }
  }
};

TEST_P(WgmmaTest, MultipliesMatricesOfSharedMemory) {
  ASSERT_TRUE(kind.isValid());
  a = anyMatrix(64, kind.a);
  b = anyMatrix(kind.n, kind.b);
  uint64_t aDescriptor = place(a, 64, 0, kind.transposesA);
  uint64_t bDescriptor = place(b, kind.n, 64 * 1024, kind.transposesB);
  WgmmaOperands operands;
  readB(kind, bDescriptor, reader(), operands);
  for (unsigned quarter = 0; quarter < 4; ++quarter) {
    readA(kind, quarter, aDescriptor, reader(), operands);
    ASSERT_NO_FATAL_FAILURE(check(quarter, operands, quarter % 2 == 0));
  }
}

TEST_P(WgmmaTest, MultipliesFragments) {
  a = anyMatrix(64, kind.a);
  b = anyMatrix(kind.n, kind.b);
  WgmmaOperands operands;
  readB(kind, place(b, kind.n, 0, kind.transposesB), reader(), operands);
  Fragment<4> registers{};
  unsigned perRegister = 4 / bytes;
  for (unsigned lane = 0; lane < 32; ++lane) {
    for (unsigned i = 0; i < 4 * perRegister; ++i) {
      unsigned reg = i / perRegister;
      unsigned row = 16 + lane / 4 + (reg == 1 || reg == 3 ? 8 : 0);
      unsigned k = (reg >= 2 ? kind.k / 2 : 0) + lane % 4 * perRegister + i % perRegister;
      registers[lane][reg] |= a[row * kind.k + k] << (i % perRegister * bytes * 8);
    }
  }
  readA(kind, registers, operands);
  check(1, operands, true);
}

constexpr WgmmaKind bf16(uint16_t n, bool negatesA = false, bool negatesB = false, bool transposesA = false,
                         bool transposesB = false) {
  return {n, 16, Element::Bf16, Element::Bf16, Element::F32, negatesA, negatesB, transposesA, transposesB};
}
INSTANTIATE_TEST_SUITE_P(
    Kinds, WgmmaTest,
    testing::Values(Case{"bf16", bf16(128), Swizzle::Bytes128}, Case{"narrow", bf16(8), Swizzle::Bytes128},
                    Case{"wide", bf16(256), Swizzle::Bytes128}, Case{"swizzle64", bf16(64), Swizzle::Bytes64},
                    Case{"swizzle32", bf16(64), Swizzle::Bytes32}, Case{"unswizzled", bf16(64), Swizzle::None},
                    Case{"negative", bf16(16, true, false), Swizzle::Bytes128},
                    Case{"negatives", bf16(16, true, true), Swizzle::Bytes128},
                    Case{"transposedB", bf16(128, false, false, false, true), Swizzle::Bytes128},
                    Case{"transposedA", bf16(64, false, false, true, false), Swizzle::Bytes128},
                    Case{"transposed64", bf16(64, false, true, true, true), Swizzle::Bytes64},
                    Case{"transposed32", bf16(32, false, false, true, true), Swizzle::Bytes32},
                    Case{"transposedUnswizzled", bf16(32, false, false, true, true), Swizzle::None},
                    Case{"f16", {32, 16, Element::F16, Element::F16, Element::F32}, Swizzle::Bytes128},
                    Case{"tf32", {32, 8, Element::Tf32, Element::Tf32, Element::F32}, Swizzle::Bytes128},
                    Case{"e4m3", {128, 32, Element::E4m3, Element::E4m3, Element::F32}, Swizzle::Bytes128},
                    Case{"e5m2", {24, 32, Element::E5m2, Element::E4m3, Element::F32}, Swizzle::Bytes64},
                    Case{"s8", {48, 32, Element::S8, Element::U8, Element::S32}, Swizzle::Bytes128}),
    [](const auto &info) { return info.param.name; });

TEST(MatrixDescriptorTest, TheNextStepOfKIsThirtyTwoBytesOn) {
  MatrixDescriptor first(descriptor(2048, 0, 1024, Swizzle::Bytes128));
  MatrixDescriptor second(descriptor(2048, 0, 1024, Swizzle::Bytes128) + 2);
  for (unsigned row = 0; row < 64; ++row) {
    unsigned chunk = 2 ^ (row & 7);
    EXPECT_EQ(second.addressOf(row, 0, 2, false), 2048 + row * 128 + chunk * 16);
    EXPECT_EQ(second.addressOf(row, 3, 2, false), first.addressOf(row, 19, 2, false));
  }
}

TEST(WgmmaKindTest, KnowsWhatPtxHas) {
  EXPECT_FALSE(bf16(12).isValid());
  EXPECT_FALSE(bf16(264).isValid());
  EXPECT_FALSE((WgmmaKind{64, 32, Element::Bf16, Element::Bf16, Element::F32}.isValid()));
  EXPECT_FALSE((WgmmaKind{64, 32, Element::E4m3, Element::E4m3, Element::F32, false, false, false, true}.isValid()));
  EXPECT_FALSE((WgmmaKind{40, 32, Element::S8, Element::S8, Element::S32}.isValid()));
  EXPECT_FALSE((WgmmaKind{64, 32, Element::S8, Element::S8, Element::S32, true}.isValid()));
}

constexpr const char *kNoFence = "no wgmma.fence since other instructions used its registers";

class WgmmaRegistersTest : public testing::Test {
protected:
  WgmmaRegisters registers;
  std::vector<uint32_t> sums = {4, 5}, others = {6};
  void SetUp() override { registers.start(10); }
};

TEST_F(WgmmaRegistersTest, BelongToWgmmaUntilTheirGroupIsWaitedFor) {
  registers.fence();
  EXPECT_STREQ(registers.issue(sums), nullptr);
  EXPECT_STREQ(registers.touch(3), nullptr);
  EXPECT_STREQ(registers.touch(5), "uses a register of a wgmma that no wgmma.wait_group has waited for");
  registers.commit();
  EXPECT_STREQ(registers.exit(), "unfinished: the thread exits, and no wgmma.wait_group has waited for a wgmma");
  EXPECT_EQ(registers.wait(0), 1u);
  EXPECT_STREQ(registers.touch(5), nullptr);
  EXPECT_STREQ(registers.exit(), nullptr);
}

TEST_F(WgmmaRegistersTest, NeedAFenceAtFirstAndAfterOtherInstructions) {
  EXPECT_STREQ(registers.issue(sums), kNoFence);
  registers.fence();
  EXPECT_STREQ(registers.issue(sums), nullptr);
  registers.commit();
  registers.wait(0);
  EXPECT_STREQ(registers.issue(sums), nullptr) << "nothing used them";
  registers.commit();
  registers.wait(0);
  registers.touch(4);
  EXPECT_STREQ(registers.issue(sums), kNoFence);
}

TEST_F(WgmmaRegistersTest, StayWithTheLastGroupThatHasThem) {
  registers.fence();
  registers.issue(sums);
  registers.issue(others);
  registers.commit();
  registers.issue(sums);
  registers.commit();
  EXPECT_EQ(registers.wait(1), 1u);
  EXPECT_STREQ(registers.touch(6), nullptr);
  EXPECT_NE(registers.touch(4), nullptr);
}

TEST_F(WgmmaRegistersTest, AreNotReleasedByAWaitWithoutACommit) {
  registers.fence();
  registers.issue(sums);
  registers.wait(0);
  EXPECT_NE(registers.touch(4), nullptr);
}

} // namespace
} // namespace fathom::runtime::ptxsim
