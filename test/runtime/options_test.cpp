// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The option parser.

#include "runtime/cli/options.h"

#include <algorithm>
#include <gtest/gtest.h>
#include <vector>

namespace fathom::cli {
namespace {

class OptionsTest : public testing::Test {
protected:
  int parse(std::vector<const char *> words) {
    words.insert(words.begin(), "tool");
    const Option options[] = {
        {nullptr, 0, OptionKind::kFlag, nullptr, nullptr, "things"},
        {"temperature", 0, OptionKind::kNumber, &temperature, "T", "heat"},
        {"prompt", 'p', OptionKind::kText, &prompt, "TEXT", "what to say"},
        {"max-tokens", 'n', OptionKind::kCount, &count, "N", "how many", 0, 1u << 20},
        {"stats", 0, OptionKind::kFlag, &flag, nullptr, "numbers", 0, 0, nullptr, &given},
        {"output", 0, OptionKind::kChoice, &output, "FORMAT", "how", 0, 0, "text|json"},
        {"bos", 0, OptionKind::kFlag, &bos, nullptr, "a first token"},
    };
    Command command = {"tool", "[options]", "Does things.", options, 7, positionals, 1, "say -p"};
    testing::internal::CaptureStderr();
    testing::internal::CaptureStdout();
    int code = parseOptions(command, static_cast<int>(words.size()), words.data(), 1, &found);
    errors = testing::internal::GetCapturedStderr();
    help = testing::internal::GetCapturedStdout();
    return code;
  }

  double temperature = 0;
  const char *prompt = nullptr, *output = "text", *positionals[1] = {};
  uint64_t count = 7;
  bool flag = false, given = false, bos = true;
  size_t found = 0;
  std::string errors, help;
};

TEST_F(OptionsTest, TakesValuesInEveryForm) {
  EXPECT_EQ(parse({"--temperature=0.5", "--max-tokens", "2k", "-p", "hi", "in.fathom"}), kContinue);
  EXPECT_EQ(temperature, 0.5);
  EXPECT_EQ(count, 2000u);
  EXPECT_STREQ(prompt, "hi");
  EXPECT_EQ(found, 1u);
  EXPECT_STREQ(positionals[0], "in.fathom");
  EXPECT_EQ(parse({"-n20", "-p=x"}), kContinue);
  EXPECT_EQ(count, 20u);
  EXPECT_STREQ(prompt, "x");
}

TEST_F(OptionsTest, ValuesMayLookLikeOptions) {
  EXPECT_EQ(parse({"-p", "--stats"}), kContinue);
  EXPECT_STREQ(prompt, "--stats");
  EXPECT_FALSE(flag);
  EXPECT_EQ(parse({"--", "--stats"}), kContinue);
  EXPECT_STREQ(positionals[0], "--stats");
}

TEST_F(OptionsTest, FlagsHaveANegation) {
  EXPECT_EQ(parse({"--stats"}), kContinue);
  EXPECT_TRUE(flag && given);
  EXPECT_EQ(parse({"--no-stats"}), kContinue);
  EXPECT_FALSE(flag);
  EXPECT_EQ(parse({"--stats=false"}), 2);
  EXPECT_NE(errors.find("takes no value"), std::string::npos);
}

TEST_F(OptionsTest, SuggestsTheNearestName) {
  EXPECT_EQ(parse({"--temprature=1"}), 2);
  EXPECT_NE(errors.find("did you mean '--temperature'?"), std::string::npos) << errors;
  EXPECT_EQ(parse({"--zzzzzzzz"}), 2);
  EXPECT_EQ(errors.find("did you mean"), std::string::npos) << errors;
}

TEST_F(OptionsTest, ReportsAllErrors) {
  EXPECT_EQ(parse({"--nope", "--max-tokens=x", "a", "b"}), 2);
  EXPECT_EQ(std::count(errors.begin(), errors.end(), '\n'), 3 + 1) << errors;
}

TEST_F(OptionsTest, RefusesBadValues) {
  for (const char *word :
       {"--max-tokens=-1", "--max-tokens=", "--max-tokens=1x", "--max-tokens=2M", "--max-tokens",
        "--max-tokens=18446744073709551616", "--max-tokens=99999999999999999G", "--temperature=warm",
        "--temperature=nan", "--temperature=", "--output=xml", "--output=", "--output=text|json", "-x"}) {
    EXPECT_EQ(parse({word}), 2) << word;
  }
}

TEST_F(OptionsTest, RefusesAnOptionTwice) { EXPECT_EQ(parse({"-n1", "--max-tokens=2"}), 2); }

TEST_F(OptionsTest, HelpListsTheTable) {
  EXPECT_EQ(parse({"--help"}), 0);
  for (const char *part : {"usage: tool [options]", "things:", "-p, --prompt=TEXT", "--output=text|json", "--stats"}) {
    EXPECT_NE(help.find(part), std::string::npos) << part << "\n" << help;
  }
}

TEST_F(OptionsTest, HelpSaysWhichFlagsAreOn) {
  EXPECT_EQ(parse({"--no-bos", "--stats", "--help"}), 0);
  EXPECT_NE(help.find(" --[no-]bos "), std::string::npos) << help;
  EXPECT_NE(help.find(" --stats "), std::string::npos) << help;
}

TEST_F(OptionsTest, AnArgumentTooManyHasAHint) {
  EXPECT_EQ(parse({"a", "hello"}), 2);
  EXPECT_NE(errors.find("unexpected argument 'hello'; say -p"), std::string::npos) << errors;
}

TEST_F(OptionsTest, CountsHaveSuffixes) {
  uint64_t value = 0;
  EXPECT_TRUE(parseCount("3K", &value) && value == 3072);
  EXPECT_TRUE(parseCount("3m", &value) && value == 3000000);
  EXPECT_TRUE(parseCount("2G", &value) && value == uint64_t(2) << 30);
  EXPECT_TRUE(parseCount("3KB", &value) && value == 3072);
  EXPECT_TRUE(parseCount("3KiB", &value) && value == 3072);
  EXPECT_TRUE(parseCount("3kB", &value) && value == 3000);
  EXPECT_FALSE(parseCount("3kiB", &value));
  EXPECT_FALSE(parseCount("3KBs", &value));
  EXPECT_FALSE(parseCount(" 3", &value));
}

} // namespace
} // namespace fathom::cli
