// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The command line of `fathom gen`.

#include "test/frontend/huggingface/ConfigText.h"
#include "tools/driver/Gen.h"

namespace fathom::driver {
namespace {

int gen(const std::vector<std::string> &arguments) {
  std::vector<const char *> args;
  for (const std::string &argument : arguments) {
    args.push_back(argument.c_str());
  }
  return runGen(args);
}

std::string configOption() { return "--config=" + test::modelPath("v3-tiny/config.json"); }

TEST(GenVerbTest, WritesACheckpoint) {
  test::TempDirectory directory;
  EXPECT_EQ(gen({configOption(), "--seed=3", "--dtype=fp8", "--max-shard-size=200KB", "-o", directory.path("out")}), 0);
  EXPECT_TRUE(std::filesystem::exists(directory.path("out/model.safetensors.index.json")));
  EXPECT_TRUE(std::filesystem::exists(directory.path("out/config.json")));
}

TEST(GenVerbTest, UsageErrorsExitWithTwo) {
  test::TempDirectory directory;
  std::string out = directory.path("out");
  for (const std::vector<std::string> &arguments :
       std::vector<std::vector<std::string>>{{},
                                             {configOption()},
                                             {"-o", out},
                                             {configOption(), "-o"},
                                             {configOption(), "-o", out, "--seed=x"},
                                             {configOption(), "-o", out, "--dtype=int4"},
                                             {configOption(), "-o", out, "--max-shard-size=0"},
                                             {configOption(), "-o", out, "--max-shard-size=99999999999999GB"},
                                             {configOption(), "-o", out, "--threads=-1"},
                                             {configOption(), "-o", out, "--what"},
                                             {configOption(), "-o", out, "stray"}}) {
    EXPECT_EQ(gen(arguments), 2);
  }
  EXPECT_FALSE(std::filesystem::exists(out));
}

TEST(GenVerbTest, InputErrorsHaveTheirOwnCodes) {
  test::TempDirectory directory;
  directory.write("bad.json", "{");
  EXPECT_EQ(gen({"--config=" + directory.path("bad.json"), "-o", directory.path("out")}), 3);
  EXPECT_EQ(gen({"--config=" + directory.path("absent.json"), "-o", directory.path("out")}), 5);
  EXPECT_EQ(gen({configOption(), "-o", directory.path("no/such/parent")}), 5);
  EXPECT_EQ(gen({"--help"}), 0);
}

} // namespace
} // namespace fathom::driver
