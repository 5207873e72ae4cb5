// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Instructions of integers and bits against host arithmetic, at the edges.

#include "test/runtime/ptxsim/simulator.h"

#include <bit>
#include <functional>
#include <gtest/gtest.h>

namespace {

using namespace fathom::runtime::ptxsim;
using test::compute;

const std::vector<uint64_t> kLeft = {0, 1, 2, 0x7fffffff, 0x80000000, 0xffffffff, 0x8000, 0xffff, 12345678, 0xdeadbeef};
const std::vector<uint64_t> kRight = {1, 0xffffffff, 0, 2, 0xffffffff, 0x80000000, 31, 32, 7, 0x12345};

using Reference = std::function<uint32_t(uint32_t, uint32_t)>;

/// `text` with %a32 and %b32 into %d32, for all pairs of the edges.
void expectBinary(const std::string &text, const Reference &reference) {
  for (uint64_t right : kRight) {
    std::vector<uint64_t> results = compute(text + " cvt.u64.u32 %d, %d32;", kLeft, std::vector<uint64_t>(32, right));
    ASSERT_EQ(results.size(), kLeft.size()) << lastReport();
    for (size_t i = 0; i < kLeft.size(); ++i) {
      EXPECT_EQ(results[i], reference(static_cast<uint32_t>(kLeft[i]), static_cast<uint32_t>(right)))
          << text << " of " << kLeft[i] << ", " << right;
    }
  }
}

int32_t signedOf(uint32_t value) { return static_cast<int32_t>(value); }

TEST(PtxIntegerTest, SumsAndProductsWrap) {
  expectBinary("add.s32 %d32, %a32, %b32;", [](uint32_t a, uint32_t b) { return a + b; });
  expectBinary("sub.u32 %d32, %a32, %b32;", [](uint32_t a, uint32_t b) { return a - b; });
  expectBinary("mul.lo.s32 %d32, %a32, %b32;", [](uint32_t a, uint32_t b) { return a * b; });
  expectBinary("mad.lo.s32 %d32, %a32, %b32, 5;", [](uint32_t a, uint32_t b) { return a * b + 5; });
}

TEST(PtxIntegerTest, HighHalvesHaveTheSign) {
  expectBinary("mul.hi.u32 %d32, %a32, %b32;",
               [](uint32_t a, uint32_t b) { return static_cast<uint32_t>(uint64_t{a} * b >> 32); });
  expectBinary("mul.hi.s32 %d32, %a32, %b32;",
               [](uint32_t a, uint32_t b) { return static_cast<uint32_t>(int64_t{signedOf(a)} * signedOf(b) >> 32); });
}

TEST(PtxIntegerTest, SaturatingSumClamps) {
  expectBinary("add.sat.s32 %d32, %a32, %b32;", [](uint32_t a, uint32_t b) {
    int64_t sum = int64_t{signedOf(a)} + signedOf(b);
    return static_cast<uint32_t>(std::min<int64_t>(std::max<int64_t>(sum, INT32_MIN), INT32_MAX));
  });
}

TEST(PtxIntegerTest, DivisionByZeroAndOverflowDoNotTrap) {
  expectBinary("div.s32 %d32, %a32, %b32;", [](uint32_t a, uint32_t b) {
    return b == 0 ? UINT32_MAX : b == UINT32_MAX ? 0 - a : static_cast<uint32_t>(signedOf(a) / signedOf(b));
  });
  expectBinary("rem.u32 %d32, %a32, %b32;", [](uint32_t a, uint32_t b) { return b == 0 ? a : a % b; });
}

TEST(PtxIntegerTest, ComparisonsOfSignedAndUnsigned) {
  expectBinary("min.s32 %d32, %a32, %b32;", [](uint32_t a, uint32_t b) { return signedOf(a) < signedOf(b) ? a : b; });
  expectBinary("setp.lo.s32 %p, %a32, %b32; selp.b32 %d32, 1, 0, %p;", [](uint32_t a, uint32_t b) { return a < b; });
  expectBinary("setp.lt.s32 %p, %a32, %b32; selp.b32 %d32, 1, 0, %p;",
               [](uint32_t a, uint32_t b) { return signedOf(a) < signedOf(b); });
  expectBinary("setp.gt.or.u32 %p|%q, %a32, %b32, 0; selp.b32 %d32, 1, 0, !%q;",
               [](uint32_t a, uint32_t b) { return a > b; });
}

TEST(PtxIntegerTest, ShiftsClampAtTheWidth) {
  expectBinary("shl.b32 %d32, %a32, %b32;", [](uint32_t a, uint32_t b) { return b >= 32 ? 0 : a << b; });
  expectBinary("shr.u32 %d32, %a32, %b32;", [](uint32_t a, uint32_t b) { return b >= 32 ? 0 : a >> b; });
  expectBinary("shr.s32 %d32, %a32, %b32;",
               [](uint32_t a, uint32_t b) { return static_cast<uint32_t>(signedOf(a) >> std::min(b, 31u)); });
}

TEST(PtxIntegerTest, FunnelShiftsClampOrWrap) {
  expectBinary("shf.l.wrap.b32 %d32, %a32, %a32, %b32;", [](uint32_t a, uint32_t b) { return std::rotl(a, b & 31); });
  expectBinary("shf.r.clamp.b32 %d32, %a32, 7, %b32;", [](uint32_t a, uint32_t b) {
    return static_cast<uint32_t>((uint64_t{7} << 32 | a) >> std::min(b, 32u));
  });
}

TEST(PtxIntegerTest, BitsAreCountedAndReversed) {
  expectBinary("popc.b32 %d32, %a32;", [](uint32_t a, uint32_t) { return std::popcount(a); });
  expectBinary("clz.b32 %d32, %a32;", [](uint32_t a, uint32_t) { return std::countl_zero(a); });
  expectBinary("bfind.s32 %d32, %a32;", [](uint32_t a, uint32_t) {
    uint32_t value = signedOf(a) < 0 ? ~a : a;
    return value == 0 ? UINT32_MAX : 31 - static_cast<uint32_t>(std::countl_zero(value));
  });
  EXPECT_EQ(compute("brev.b64 %d, %a;", {1, 0x8000000000000001})[1], 0x8000000000000001);
}

TEST(PtxIntegerTest, FieldsAreExtractedAndInserted) {
  expectBinary("bfe.u32 %d32, %a32, 4, 8;", [](uint32_t a, uint32_t) { return a >> 4 & 0xff; });
  expectBinary("bfe.s32 %d32, %a32, 28, 8;",
               [](uint32_t a, uint32_t) { return static_cast<uint32_t>(signedOf(a) >> 28); });
  expectBinary("bfi.b32 %d32, %a32, %b32, 8, 4;",
               [](uint32_t a, uint32_t b) { return (b & ~0xf00u) | (a << 8 & 0xf00); });
  expectBinary("bfe.u32 %d32, %a32, 0, 32;", [](uint32_t a, uint32_t) { return a; });
}

TEST(PtxIntegerTest, BytesArePermuted) {
  expectBinary("prmt.b32 %d32, %a32, %b32, 0x7610;",
               [](uint32_t a, uint32_t b) { return (a & 0xffff) | (b & 0xffff0000); });
  expectBinary("prmt.b32 %d32, %a32, 0, 0xbbbb;",
               [](uint32_t a, uint32_t) { return (a & 0x80000000) != 0 ? UINT32_MAX : 0; });
}

TEST(PtxIntegerTest, TablesOfThreeBits) {
  expectBinary("lop3.b32 %d32, %a32, %b32, 0x0f0f0f0f, 0xe8;",
               [](uint32_t a, uint32_t b) { return (a & b) | (a & 0x0f0f0f0f) | (b & 0x0f0f0f0f); });
}

TEST(PtxIntegerTest, DotProductsOfBytes) {
  expectBinary("dp4a.s32.u32 %d32, %a32, %b32, 3;", [](uint32_t a, uint32_t b) {
    uint32_t sum = 3;
    for (int i = 0; i < 32; i += 8) {
      sum += static_cast<uint32_t>(static_cast<int8_t>(a >> i) * static_cast<int>(b >> i & 0xff));
    }
    return sum;
  });
}

TEST(PtxIntegerTest, WideProductsAreExact) {
  std::vector<uint64_t> results = compute("mul.wide.s32 %d, %a32, %b32;", {0xffffffff, 0x80000000}, {2, 0x80000000});
  EXPECT_EQ(results, (std::vector<uint64_t>{0xfffffffffffffffe, uint64_t{1} << 62}));
  EXPECT_EQ(compute("mul.hi.u64 %d, %a, %b;", {UINT64_MAX}, {UINT64_MAX})[0], UINT64_MAX - 1);
}

TEST(PtxIntegerTest, ConversionsCutExtendAndSaturate) {
  EXPECT_EQ(compute("cvt.s64.s8 %d, %a32;", {0x80, 0x17f}), (std::vector<uint64_t>{0xffffffffffffff80, 0x7f}));
  EXPECT_EQ(compute("cvt.u64.u16 %d, %a16;", {0x1ffff})[0], 0xffffu);
  EXPECT_EQ(compute("cvt.sat.u8.s32 %d32, %a32; cvt.u64.u32 %d, %d32;", {300, 0xffffffff, 7}),
            (std::vector<uint64_t>{255, 0, 7}));
}

TEST(PtxIntegerTest, RegistersArePackedAndUnpacked) {
  EXPECT_EQ(compute("mov.b64 %d, {%a32, %b32};", {1}, {2})[0], uint64_t{2} << 32 | 1);
  EXPECT_EQ(compute("mov.b64 {%a32, _}, %b; cvt.u64.u32 %d, %a32;", {0}, {uint64_t{5} << 32 | 9})[0], 9u);
  EXPECT_EQ(compute("{ .reg .b128 %w; mov.b128 %w, {%a, %b}; mov.b128 {%c, %d}, %w; }", {3}, {4})[0], 4u);
}

} // namespace
