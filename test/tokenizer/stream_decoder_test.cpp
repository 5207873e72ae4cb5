// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Decoding as a stream.

#include "test/tokenizer/support.h"
#include <gtest/gtest.h>

using namespace fathom;
using namespace fathom::test;
using tokenizer::Status;

namespace {

TEST(StreamDecoderTest, HoldsBackUntilACharacterIsWhole) {
  Table table(tinyModel());
  tokenizer::StreamDecoder decoder(table.view());
  Buffer<char> out;
  for (uint8_t byte : {0xF0, 0x9F, 0x98}) {
    ASSERT_EQ(decoder.feed(byte, out), Status::Ok);
    EXPECT_EQ(out.size(), 0u);
  }
  ASSERT_EQ(decoder.feed(0x80, out), Status::Ok);
  EXPECT_EQ(view(out), "\U0001F600");
}

TEST(StreamDecoderTest, ReplacesOnceAtTheEnd) {
  Table table(tinyModel());
  EXPECT_EQ(decode(table, {'a', 0xF0, 0x9F, 0x98}), "a\uFFFD");
}

TEST(StreamDecoderTest, ReplacesWhatCannotBecomeACharacter) {
  Table table(tinyModel());
  EXPECT_EQ(decode(table, {0xE4, 0xB8, 'x'}), "\uFFFDx");
  EXPECT_EQ(decode(table, {0xED, 0xA0, 0x80}), "\uFFFD\uFFFD\uFFFD");
  EXPECT_EQ(decode(table, {0xC3, 0xC3, 0xA9}), "\uFFFD\u00E9");
}

TEST(StreamDecoderTest, CanStartAnew) {
  Table table(tinyModel());
  tokenizer::StreamDecoder decoder(table.view());
  Buffer<char> out;
  ASSERT_EQ(decoder.feed(0xC3, out), Status::Ok);
  ASSERT_EQ(decoder.finish(out), Status::Ok);
  ASSERT_EQ(decoder.feed('a', out), Status::Ok);
  ASSERT_EQ(decoder.finish(out), Status::Ok);
  EXPECT_EQ(view(out), "\uFFFD"
                       "a");
}

TEST(StreamDecoderTest, RefusesIdsOutOfRange) {
  Table table(tinyModel());
  tokenizer::StreamDecoder decoder(table.view());
  Buffer<char> out;
  EXPECT_EQ(decoder.feed(256, out), Status::UnknownToken);
  EXPECT_EQ(decoder.feed(-1, out), Status::UnknownToken);
  EXPECT_EQ(decoder.feed(INT32_MAX, out), Status::UnknownToken);
}

TEST(StreamDecoderTest, LeavesSpecialTokensOutWhenAsked) {
  frontend::TokenizerModel model = tinyModel();
  addToken(model, "<s>").special = true;
  addToken(model, "<t>");
  Table table(model);
  EXPECT_EQ(decode(table, {'a', 256, 257}, true), "a<t>");
  EXPECT_EQ(decode(table, {'a', 256, 257}, false), "a<s><t>");
}

} // namespace
