// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Thoughts and answers of a stream of text, however it is cut.

#include "runtime/cli/reasoning.h"

#include <gtest/gtest.h>
#include <string>

using fathom::cli::endsInThought;
using fathom::cli::ReasoningSplitter;

namespace {

struct Parts {
  std::string answer, thought;
  bool operator==(const Parts &other) const { return answer == other.answer && thought == other.thought; }
};

std::ostream &operator<<(std::ostream &out, const Parts &parts) {
  return out << "answer '" << parts.answer << "', thought '" << parts.thought << "'";
}

/// What a text says, in pieces of `size` bytes.
Parts split(const std::string &text, size_t size, bool promptThinks = false) {
  Parts parts;
  ReasoningSplitter splitter(
      [](void *user, bool isThought, std::string_view piece) {
        (isThought ? static_cast<Parts *>(user)->thought : static_cast<Parts *>(user)->answer) += piece;
        return true;
      },
      &parts);
  splitter.begin(promptThinks);
  for (size_t at = 0; at < text.size(); at += size) {
    EXPECT_TRUE(splitter.feed(std::string_view(text).substr(at, size)));
  }
  EXPECT_TRUE(splitter.finish());
  return parts;
}

void expectParts(const std::string &text, const Parts &parts, bool promptThinks = false) {
  for (size_t size = 1; size <= text.size() + 1; ++size) {
    EXPECT_EQ(split(text, size, promptThinks), parts) << text << " in pieces of " << size;
  }
}

TEST(ReasoningTest, AThoughtStandsBeforeTheAnswer) {
  expectParts("<think>\nhm, so\n</think>\n\nyes", {"yes", "hm, so"});
  expectParts("\n <think>a\n\nb </think>c\n", {"c\n", "a\n\nb"});
  expectParts("<think>\n\n</think>\n\nyes", {"yes", ""});
}

TEST(ReasoningTest, APromptMayHaveBegunIt) {
  expectParts("hm\n</think>\n\nyes", {"yes", "hm"}, true);
  expectParts("<think>\nhm</think>yes", {"yes", "hm"}, true);
  expectParts("</think>yes", {"yes", ""}, true);
  EXPECT_TRUE(endsInThought("<A><think>\n"));
  EXPECT_FALSE(endsInThought("<think></think>"));
  EXPECT_FALSE(endsInThought("think>"));
}

TEST(ReasoningTest, WhatOnlyLooksLikeAMarkIsText) {
  expectParts("<thin", {"<thin", ""});
  expectParts("<thing> </think> x", {"<thing> </think> x", ""});
  expectParts("so: <think>a</think>", {"so: <think>a</think>", ""});
  expectParts("<think>a < b </thin c </thi</think></think>d", {"</think>d", "a < b </thin c </thi"});
}

TEST(ReasoningTest, WhatEndsEarlyIsGiven) {
  expectParts("<think>a\n</thi", {"", "a\n</thi"});
  expectParts("<think>a \n", {"", "a"});
  expectParts(" \n", {" \n", ""});
  expectParts("", {"", ""});
  expectParts("<thi", {"", "<thi"}, true);
}

TEST(ReasoningTest, NothingIsHeldBackForLong) {
  std::string seen;
  ReasoningSplitter splitter(
      [](void *user, bool, std::string_view piece) {
        *static_cast<std::string *>(user) += piece;
        return true;
      },
      &seen);
  splitter.begin(false);
  splitter.feed("<think>abc");
  EXPECT_EQ(seen, "abc");
  splitter.feed(" </");
  EXPECT_EQ(seen, "abc");
  splitter.feed("x");
  EXPECT_EQ(seen, "abc </x");
  splitter.feed("</think>yes");
  EXPECT_EQ(seen, "abc </xyes");
}

TEST(ReasoningTest, TheReaderMayStopIt) {
  ReasoningSplitter splitter([](void *, bool, std::string_view) { return false; }, nullptr);
  splitter.begin(false);
  EXPECT_TRUE(splitter.feed("<think>"));
  EXPECT_FALSE(splitter.feed("a"));
}

} // namespace
