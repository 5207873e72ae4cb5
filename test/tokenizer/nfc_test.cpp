// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Normalization form C.

#include "frontend/tokenizer/Normalization.h"
#include "runtime/src/tokenizer/unicode.h"
#include <gtest/gtest.h>

#include <iterator>
#include <random>
#include <string>

using namespace fathom::tokenizer;

namespace {

std::string nfc(std::string_view text) {
  fathom::Buffer<char> out;
  EXPECT_TRUE(normalizeNfc(text, out));
  return {out.begin(), out.end()};
}

TEST(NfcTest, Composes) {
  EXPECT_EQ(nfc("e\u0301 n\u0303"), "\u00E9 \u00F1");
  EXPECT_EQ(nfc("\u1112\u1161\u11AB"), "\uD55C");
}

TEST(NfcTest, ReplacesSingletons) {
  EXPECT_EQ(nfc("\u212B"), "\u00C5");
  EXPECT_EQ(nfc("\u2126"), "\u03A9");
}

TEST(NfcTest, KeepsCompositionExclusions) { EXPECT_EQ(nfc("\u0958"), "\u0915\u093C"); }

TEST(NfcTest, OrdersMarksStably) {
  EXPECT_EQ(nfc("q\u0307\u0323"), "q\u0323\u0307");
  EXPECT_EQ(nfc("q\u0301\u0300"), "q\u0301\u0300");
  EXPECT_EQ(nfc("a\u0323\u0302"), "\u1EAD");
}

TEST(NfcTest, InvalidBytesStayAndSeparate) {
  EXPECT_EQ(nfc("e\xFF\u0301"), "e\xFF\u0301");
  EXPECT_EQ(nfc("\xED\xA0\x80"), "\xED\xA0\x80");
}

TEST(NfcTest, MarksYoungerThanUnicode9StayWhereTheyAre) {
  EXPECT_EQ(nfc("q\u0898\u0334"), "q\u0898\u0334");
  EXPECT_EQ(nfc("a\u0899\u0301"), "a\u0899\u0301");
}

// Which tokens can be found in normalized text is asked when a tokenizer is compiled.
TEST(NfcTest, TheFrontendAgreesOnWhatIsNormal) {
  const char *parts[] = {"a",      "q",      "\u0301", "\u0334", "\u0898", "\u0899", "\u1ACE",
                         "\u0323", "\u212B", "\u1112", "\u1161", "\u0958", "\u00E9", "\U0001E08F"};
  std::mt19937 random(3);
  for (int round = 0; round < 20000; ++round) {
    std::string text;
    for (size_t n = random() % 6; n > 0; --n) {
      text += parts[random() % std::size(parts)];
    }
    EXPECT_EQ(fathom::frontend::isNfc(text), nfc(text) == text) << text;
  }
}

TEST(NfcTest, LeavesPlainTextAlone) { EXPECT_EQ(nfc("abc \u00E9\n"), "abc \u00E9\n"); }

} // namespace
