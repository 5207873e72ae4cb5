// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Normalisation form C.

#include "runtime/src/tokenizer/unicode.h"
#include <gtest/gtest.h>

#include <string>

using namespace fathom::tokenizer;

namespace {

std::string nfc(std::string_view text) {
  Buffer<char> out;
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

TEST(NfcTest, LeavesPlainTextAlone) { EXPECT_EQ(nfc("abc \u00E9\n"), "abc \u00E9\n"); }

} // namespace
