// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What the writer wrote, as `fathom inspect` reads it.

#include "tools/driver/Inspect.h"

#include "codegen/artifact/ArtifactWriter.h"
#include "test/codegen/artifact/Support.h"

#include "llvm/Support/JSON.h"

namespace fathom::codegen::test {

namespace {

struct InspectFixture {
  InspectFixture() {
    std::vector<Source> sources = {shard.add(33, 70, ElementType::BF16, 1), shard.add(40, 33, ElementType::BF16, 2)};
    contents = makeSmallContents(shard.save(directory.path("shard")), sources, "code");
  }

  /// Runs the verb; `out` and `err` receive what it printed.
  int run(std::vector<const char *> arguments) {
    testing::internal::CaptureStdout();
    testing::internal::CaptureStderr();
    int code = driver::runInspect(static_cast<int>(arguments.size()), arguments.data());
    out = testing::internal::GetCapturedStdout();
    err = testing::internal::GetCapturedStderr();
    return code;
  }

  llvm::json::Object runJson(const std::string &path) {
    EXPECT_EQ(run({path.c_str(), "--json"}), 0) << err;
    llvm::Expected<llvm::json::Value> value = llvm::json::parse(out);
    return value && value->getAsObject() ? *value->getAsObject() : llvm::json::Object();
  }

  TemporaryDirectory directory;
  std::string path = directory.path("model.fathom");
  ShardBuilder shard;
  ArtifactContents contents;
  std::string out;
  std::string err;
};

} // namespace

TEST(Inspect, ReportsTheFactsOfAnArtifact) {
  InspectFixture fixture;
  ASSERT_EQ(exitCode(writeArtifact(fixture.contents, fixture.path, {})), 0);
  llvm::json::Object report = fixture.runJson(fixture.path);
  ASSERT_NE(report.getObject("model"), nullptr);
  EXPECT_EQ(report.getObject("artifact")->getString("kind"), "artifact");
  EXPECT_EQ(report.getObject("model")->getString("family"), "deepseek_v3");
  EXPECT_EQ(report.getObject("cache")->getInteger("token_bytes"), 384);
  EXPECT_EQ((*report.getArray("stores"))[0].getAsObject()->getInteger("token_bytes"), 384);
  EXPECT_EQ(report.getObject("target")->getString("cpu"), "x86-64-v3");
  EXPECT_EQ(report.getArray("entry_points")->size(), 2u);
  EXPECT_EQ((*report.getArray("kernels"))[0].getAsObject()->getInteger("dispatches"), 14);
  const llvm::json::Object &weight = *(*report.getArray("weights"))[1].getAsObject();
  EXPECT_EQ(weight.getString("layout"), "panels");
  EXPECT_EQ(weight.getInteger("size_bytes"), 2 * 64 * 33);
  EXPECT_EQ(fixture.run({fixture.path.c_str()}), 0);
  EXPECT_NE(fixture.out.find("layers.1.q_proj  bf16  [40,33]    panels"), std::string::npos) << fixture.out;
}

TEST(Inspect, ListsCommandsWithWhatTheyWaitFor) {
  InspectFixture fixture;
  ASSERT_EQ(exitCode(writeArtifact(fixture.contents, fixture.path, {})), 0);
  ASSERT_EQ(fixture.run({fixture.path.c_str(), "--commands", "--json"}), 0) << fixture.err;
  llvm::json::Value report = llvm::cantFail(llvm::json::parse(fixture.out));
  const llvm::json::Array &commands = *report.getAsObject()->getArray("commands");
  ASSERT_EQ(commands.size(), 4u);
  const llvm::json::Object &first = *commands[2].getAsObject(), &second = *commands[3].getAsObject();
  EXPECT_EQ(first.getString("function"), "decode");
  EXPECT_EQ(first.getString("target"), "avx2_bf16_gemm");
  EXPECT_EQ(first.getString("reads"), "tokens, layers.0.q_proj[0]");
  EXPECT_EQ(first.getString("writes"), "arena[0..256]");
  EXPECT_EQ(first.getString("after"), "");
  EXPECT_EQ(second.getString("reads"), "arena[0..256], layers.0.q_proj[0]");
  EXPECT_EQ(second.getString("writes"), "logits");
  EXPECT_EQ(second.getString("after"), "0");
}

TEST(Inspect, FindsTheArtifactInAnExecutable) {
  InspectFixture fixture;
  llvm::MemoryBufferRef stub("stub", "stub");
  ASSERT_EQ(exitCode(writeExecutable(fixture.contents, stub, fixture.path, {})), 0);
  llvm::json::Object report = fixture.runJson(fixture.path);
  ASSERT_NE(report.getObject("artifact"), nullptr);
  EXPECT_EQ(report.getObject("artifact")->getString("kind"), "executable");
}

TEST(Inspect, RefusesADamagedArtifactAndWritesNothingToStdout) {
  InspectFixture fixture;
  ASSERT_EQ(exitCode(writeArtifact(fixture.contents, fixture.path, {})), 0);
  std::string bytes = readFile(fixture.path);
  bytes[100] ^= 1;
  writeFile(fixture.path, bytes);
  EXPECT_EQ(fixture.run({fixture.path.c_str(), "--json"}), 7);
  EXPECT_EQ(fixture.out, "");
  EXPECT_NE(fixture.err.find("damaged"), std::string::npos) << fixture.err;
}

TEST(Inspect, EscapesWhatAFileNamesItsParts) {
  InspectFixture fixture;
  fixture.contents.variants[0].weights[0].name = "evil\x1b[2J\xff";
  ASSERT_EQ(exitCode(writeArtifact(fixture.contents, fixture.path, {})), 0);
  EXPECT_EQ(fixture.run({fixture.path.c_str()}), 0);
  EXPECT_EQ(fixture.out.find('\x1b'), std::string::npos);
  EXPECT_NE(fixture.out.find("evil\\x1b"), std::string::npos) << fixture.out;
  fixture.runJson(fixture.path);
}

TEST(Inspect, ReportsACheckpointsConfigurationAndWeights) {
  InspectFixture fixture;
  llvm::json::Object report = fixture.runJson(FATHOM_TEST_MODELS "/v3-tiny-fp8");
  ASSERT_NE(report.getObject("model"), nullptr);
  EXPECT_EQ(report.getObject("checkpoint")->getInteger("tensors"), 169);
  EXPECT_EQ(report.getObject("model")->getInteger("n_routed_experts"), 8);
  EXPECT_EQ(report.getArray("shards")->size(), 1u);
  // 85 parts, without the draft layer's copies of the embedding and the head: nobody reads those.
  EXPECT_EQ(report.getArray("weights")->size(), 83u);
}

TEST(Inspect, ReportsFindingsOfADirectoryThatIsNoCheckpoint) {
  InspectFixture fixture;
  EXPECT_EQ(fixture.run({fixture.directory.getRoot().c_str()}), 5);
  EXPECT_NE(fixture.err.find("config.json"), std::string::npos) << fixture.err;
}

TEST(Inspect, RefusesWrongArguments) {
  InspectFixture fixture;
  EXPECT_EQ(fixture.run({}), 2);
  EXPECT_EQ(fixture.run({"--bogus"}), 2);
  EXPECT_EQ(fixture.run({"a", "b"}), 2);
  EXPECT_EQ(fixture.run({"/nonexistent/model"}), 5);
  EXPECT_EQ(fixture.run({"--help"}), 0);
}

} // namespace fathom::codegen::test
