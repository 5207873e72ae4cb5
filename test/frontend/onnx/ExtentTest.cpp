// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Arithmetic of extents.

#include "frontend/onnx/Extent.h"

#include "gtest/gtest.h"

namespace fathom::onnx {
namespace {

class ExtentTest : public testing::Test {
protected:
  Symbols symbols;
  Extent b = Extent::symbol(symbols.find("b")), p = Extent::symbol(symbols.find("p")),
         s = Extent::symbol(symbols.find("s"));

  Extent sum(const Extent &x, const Extent &y) { return *Extent::add(x, y); }
  Extent product(const Extent &x, const Extent &y) { return *Extent::multiply(x, y); }
  std::string quotient(const Extent &x, const Extent &y) {
    std::optional<Extent> extent = Extent::divide(x, y);
    return extent ? extent->str(symbols) : "none";
  }
};

TEST_F(ExtentTest, IsPrintedFromTheHighestTermDown) {
  EXPECT_EQ(Extent(0).str(symbols), "0");
  EXPECT_EQ(Extent(-7).str(symbols), "-7");
  EXPECT_EQ(sum(product(sum(p, s), product(b, 2)), 3).str(symbols), "2*b*s + 2*b*p + 3");
}

TEST_F(ExtentTest, AddsUp) {
  EXPECT_EQ(sum(p, s), sum(s, p));
  EXPECT_EQ(sum(sum(p, s), product(s, -1)), p);
  EXPECT_EQ(sum(p, product(p, -1)), Extent(0));
  EXPECT_FALSE(Extent::add(INT64_MAX, 1));
  EXPECT_FALSE(Extent::multiply(product(p, INT64_MAX), 2));
}

TEST_F(ExtentTest, DividesWherePolynomialsDo) {
  Extent keys = product(b, sum(p, s));
  EXPECT_EQ(quotient(product(keys, 128), product(keys, 32)), "4");
  EXPECT_EQ(quotient(product(keys, sum(b, 1)), sum(p, s)), "b*b + b");
  EXPECT_EQ(quotient(product(b, 64), b), "64");
  EXPECT_EQ(quotient(0, b), "0");
  EXPECT_EQ(quotient(p, s), "none");
  EXPECT_EQ(quotient(sum(p, 1), p), "none");
  EXPECT_EQ(quotient(product(p, 3), 2), "none");
  EXPECT_EQ(quotient(p, 0), "none");
  EXPECT_EQ(quotient(INT64_MIN, -1), "none");
}

TEST_F(ExtentTest, SizesAreNotNegative) {
  EXPECT_TRUE(Extent::differ(b, -1));
  EXPECT_TRUE(Extent::differ(sum(p, 1), 0));
  EXPECT_TRUE(Extent::differ(2, 3));
  EXPECT_FALSE(Extent::differ(b, 1));
  EXPECT_FALSE(Extent::differ(b, 0));
  EXPECT_FALSE(Extent::differ(p, s));
}

TEST_F(ExtentTest, HostilePolynomialsEnd) {
  std::optional<Extent> power = sum(b, 1), long_sum = Extent(0);
  for (int i = 0; i < 100 && power; ++i) {
    power = Extent::multiply(*power, sum(p, s));
  }
  for (int i = 0; i < 100 && long_sum; ++i) {
    long_sum = Extent::add(*long_sum, Extent::symbol(symbols.fresh()));
  }
  EXPECT_FALSE(power);
  EXPECT_FALSE(long_sum);
}

} // namespace
} // namespace fathom::onnx
