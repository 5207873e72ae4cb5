// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Checkpoint directories: indexes that lie, shards that are not there, links and special files.

#include "frontend/checkpoint/Checkpoint.h"

#include "test/frontend/Support.h"

#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

namespace fathom::checkpoint {
namespace {

using test::makeSafetensors;
using test::TempDirectory;

const std::string indexName = "model.safetensors.index.json";

std::string index(const std::string &map, const std::string &metadata = "{}") {
  return "{\"metadata\":" + metadata + ",\"weight_map\":{" + map + "}}";
}

/// Opens a directory; the printed findings go to `text`.
std::unique_ptr<Checkpoint> open(const std::string &path, int expectedCode, std::string &text) {
  Diagnostics diagnostics;
  auto checkpoint = Checkpoint::open(path, diagnostics);
  text = test::printed(diagnostics);
  EXPECT_EQ(diagnostics.exitCode(), expectedCode) << text;
  EXPECT_EQ(checkpoint == nullptr, expectedCode != 0);
  return checkpoint;
}

void expectFinding(const std::string &path, int code, const std::string &message) {
  std::string text;
  open(path, code, text);
  EXPECT_NE(text.find(message), std::string::npos) << text;
}

/// Two shards with tensors a and b, and their index.
void writeTwoShards(const TempDirectory &directory) {
  directory.write("m-1.safetensors", makeSafetensors({{"a", DType::F32, {2}}}));
  directory.write("m-2.safetensors", makeSafetensors({{"b", DType::U8, {3}}}));
  directory.write(indexName, index("\"b\":\"m-2.safetensors\",\"a\":\"m-1.safetensors\"", "{\"total_size\":11}"));
}

TEST(CheckpointTest, OpensShardsInTheOrderOfTheirNames) {
  TempDirectory directory;
  writeTwoShards(directory);
  std::string text;
  auto checkpoint = open(directory.path() + "/", 0, text);
  ASSERT_NE(checkpoint, nullptr);
  EXPECT_EQ(text, "");
  ASSERT_EQ(checkpoint->shards().size(), 2u);
  EXPECT_EQ(checkpoint->shards()[0].name, "m-1.safetensors");
  EXPECT_EQ(checkpoint->shards()[0].path, directory.path("m-1.safetensors"));
  ASSERT_TRUE(checkpoint->find("b"));
  EXPECT_EQ(checkpoint->allTensors()[*checkpoint->find("b")].shard, 1u);
  EXPECT_FALSE(checkpoint->find("c"));
}

TEST(CheckpointTest, OpensASingleFileWithoutIndex) {
  TempDirectory directory;
  directory.write("model.safetensors", makeSafetensors({{"a", DType::F32, {2}}}));
  std::string text;
  auto checkpoint = open(directory.path(), 0, text);
  ASSERT_NE(checkpoint, nullptr);
  EXPECT_EQ(checkpoint->tensorCount(), 1u);
}

TEST(CheckpointTest, RealCheckpointsOpen) {
  for (const char *name : {"v2-lite-tiny", "v2-tiny", "v3-tiny", "v3-tiny-fp8", "demo"}) {
    std::string text;
    EXPECT_NE(open(test::modelPath(name), 0, text), nullptr) << name;
    EXPECT_EQ(text, "") << name;
  }
}

TEST(CheckpointTest, C1NamesAllMissingShards) {
  TempDirectory directory;
  directory.write(indexName, index("\"a\":\"m-1.safetensors\",\"b\":\"m-2.safetensors\""));
  std::string text;
  open(directory.path(), 3, text);
  EXPECT_NE(text.find("m-1.safetensors: the index lists this shard, but it does not exist"), std::string::npos);
  EXPECT_NE(text.find("m-2.safetensors: the index lists this shard"), std::string::npos) << text;
}

TEST(CheckpointTest, C2ComparesIndexAndShards) {
  TempDirectory directory;
  writeTwoShards(directory);
  directory.write(indexName, index("\"b\":\"m-1.safetensors\",\"c\":\"m-2.safetensors\""));
  std::string text;
  open(directory.path(), 3, text);
  EXPECT_NE(text.find("m-1.safetensors: a: the index does not list this tensor"), std::string::npos) << text;
  EXPECT_NE(text.find("m-2.safetensors: b: the index says this tensor is in m-1.safetensors"), std::string::npos);
  EXPECT_NE(text.find("m-2.safetensors: c: the index lists this tensor, but the shard does not"), std::string::npos);
}

TEST(CheckpointTest, C2TensorInTwoShards) {
  TempDirectory directory;
  writeTwoShards(directory);
  directory.write("m-2.safetensors", makeSafetensors({{"b", DType::U8, {3}}, {"a", DType::F32, {2}}}));
  expectFinding(directory.path(), 3, "m-2.safetensors: a: this tensor is also in m-1.safetensors");
}

TEST(CheckpointTest, C3ShardNamesStayInTheDirectory) {
  struct Case {
    std::string name, fault;
  };
  for (const Case &c :
       {Case{"../../etc/passwd", "leads out of the checkpoint directory"},
        Case{"/etc/passwd", "leads out of the checkpoint directory"},
        Case{"a/../b.safetensors", "leads out of the checkpoint directory"},
        Case{"sub/m.safetensors", "names a directory"}, Case{"C:\\\\x.safetensors", "names a directory"},
        Case{"", "is empty"}, Case{".", "is not a file"}, Case{"..", "is not a file"},
        Case{std::string(256, 'x'), "is longer than 255 bytes"}, Case{"a\\u0000.safetensors", "has control characters"},
        Case{"a\\n.safetensors", "has control characters"}}) {
    TempDirectory directory;
    directory.write(indexName, index("\"a\":\"" + c.name + "\""));
    expectFinding(directory.path(), 3, c.fault + ", expected the plain name of a file");
  }
}

TEST(CheckpointTest, C4LinksInsideTheDirectoryAreFollowed) {
  TempDirectory directory;
  writeTwoShards(directory);
  std::filesystem::rename(directory.path("m-2.safetensors"), directory.path("real"));
  std::filesystem::create_symlink("real", directory.path("m-2.safetensors"));
  std::string text;
  EXPECT_NE(open(directory.path(), 0, text), nullptr);
}

TEST(CheckpointTest, C4HuggingFaceCacheLayoutIsFollowed) {
  TempDirectory directory;
  directory.write("models--x/blobs/abc", makeSafetensors({{"a", DType::F32, {2}}}));
  directory.write("models--x/snapshots/rev/config.json", "{}");
  std::filesystem::create_symlink("../../blobs/abc", directory.path("models--x/snapshots/rev/model.safetensors"));
  std::string text;
  EXPECT_NE(open(directory.path("models--x/snapshots/rev"), 0, text), nullptr) << text;
  // The user's own path may be any link.
  std::filesystem::create_symlink("models--x/snapshots/rev", directory.path("mine"));
  EXPECT_NE(open(directory.path("mine"), 0, text), nullptr) << text;
}

TEST(CheckpointTest, C4AFolderOfLinksIntoTheCacheIsFollowed) {
  TempDirectory directory;
  for (const std::string &hash : {std::string(64, 'a'), std::string(40, '7')}) {
    directory.write("hub/models--x--y/blobs/" + hash, makeSafetensors({{"a", DType::F32, {2}}}));
    std::filesystem::create_directories(directory.path("local"));
    std::filesystem::create_symlink("../hub/models--x--y/blobs/" + hash, directory.path("local/model.safetensors"));
    std::string text;
    EXPECT_NE(open(directory.path("local"), 0, text), nullptr) << text;
    std::filesystem::remove_all(directory.path("local"));
  }
}

TEST(CheckpointTest, C4WhatOnlyResemblesTheCacheIsRefused) {
  std::string hash(64, 'a');
  for (const std::string &target :
       {"hub/models--x--y/blobs/" + hash.substr(1), "hub/models--x--y/blobs/x" + hash.substr(1),
        "hub/models--x--y/refs/" + hash, "hub/datasets--x--y/blobs/" + hash, "hub/x/blobs/" + hash, "blobs/" + hash}) {
    TempDirectory directory;
    directory.write(target, makeSafetensors({{"a", DType::F32, {2}}}));
    std::filesystem::create_directories(directory.path("local"));
    std::filesystem::create_symlink("../" + target, directory.path("local/model.safetensors"));
    expectFinding(directory.path("local"), 3, "is a link out of the checkpoint directory");
  }
}

TEST(CheckpointTest, C4OtherLinksAreRefused) {
  TempDirectory directory;
  directory.write("outside.safetensors", makeSafetensors({{"a", DType::F32, {2}}}));
  directory.write("model-evil/secret", makeSafetensors({{"a", DType::F32, {2}}}));
  struct Case {
    const char *target, *message;
  };
  for (const Case &c : {Case{"/etc/passwd", "is a link out of the checkpoint directory, to /etc/passwd"},
                        Case{"../outside.safetensors", "is a link out of the checkpoint directory"},
                        Case{"../model-evil/secret", "is a link out of the checkpoint directory"},
                        Case{"nowhere", "is a link to a file that does not exist"},
                        Case{"model.safetensors", "Too many levels of symbolic links"},
                        Case{"/dev/zero", "is a device, expected a regular file"},
                        Case{"folder", "is a directory, expected a regular file"}}) {
    std::filesystem::create_directories(directory.path("model/folder"));
    std::filesystem::create_symlink(c.target, directory.path("model/model.safetensors"));
    expectFinding(directory.path("model"), 3, c.message);
    std::filesystem::remove_all(directory.path("model"));
  }
}

TEST(CheckpointTest, C5SpecialFilesAreRefusedWithoutHanging) {
  TempDirectory directory;
  ASSERT_EQ(::mkfifo(directory.path("model.safetensors").c_str(), 0600), 0);
  expectFinding(directory.path(), 3, "is a named pipe, expected a regular file");
}

TEST(CheckpointTest, C4TheIndexIsNoLinkOut) {
  TempDirectory directory;
  directory.write("outside.json", index("\"a\":\"m-1.safetensors\""));
  directory.write("model/m-1.safetensors", makeSafetensors({{"a", DType::F32, {2}}}));
  std::filesystem::create_symlink("../outside.json", directory.path("model/" + indexName));
  expectFinding(directory.path("model"), 3, "model.safetensors.index.json: is a link out of the checkpoint directory");
}

TEST(CheckpointTest, C6WrongTotalSizeIsAWarning) {
  TempDirectory directory;
  writeTwoShards(directory);
  directory.write(indexName, index("\"b\":\"m-2.safetensors\",\"a\":\"m-1.safetensors\"", "{\"total_size\":12}"));
  expectFinding(directory.path(), 0, "warning: " + directory.path(indexName) + ": metadata.total_size: says 12");
}

TEST(CheckpointTest, C6TotalSizesThatAreNoneAreAWarning) {
  TempDirectory directory;
  writeTwoShards(directory);
  for (const char *size : {"-1", "1e30", "\"x\"", "null"}) {
    directory.write(indexName, index("\"b\":\"m-2.safetensors\",\"a\":\"m-1.safetensors\"",
                                     std::string("{\"total_size\":") + size + "}"));
    expectFinding(directory.path(), 0, "metadata.total_size: is ");
  }
}

TEST(CheckpointTest, HugeIndexesAreRefused) {
  TempDirectory directory;
  std::string map;
  for (int i = 0; i <= 4096; ++i) {
    map += (i ? ",\"" : "\"") + std::to_string(i) + "\":\"" + std::to_string(i) + ".safetensors\"";
  }
  directory.write(indexName, index(map));
  expectFinding(directory.path(), 6, "the index lists more than 4096 shards");
  std::filesystem::resize_file(directory.path(indexName), (64u << 20) + 1);
  expectFinding(directory.path(), 6, "more than the limit of 67108864");
}

TEST(CheckpointTest, C9LfsPointersAreNamed) {
  TempDirectory directory;
  writeTwoShards(directory);
  directory.write("m-1.safetensors", "version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 5\n");
  expectFinding(directory.path(), 3, "this is a Git LFS pointer");
  directory.write(indexName, "version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 5\n");
  expectFinding(directory.path(), 3, "this is a Git LFS pointer");
}

TEST(CheckpointTest, C10FewFileDescriptorsAreEnough) {
  TempDirectory directory;
  std::string map;
  for (int i = 0; i < 100; ++i) {
    std::string name = "m-" + std::to_string(i) + ".safetensors", tensor = "t" + std::to_string(i);
    directory.write(name, makeSafetensors({{tensor, DType::U8, {1}}}));
    map += (i ? ",\"" : "\"") + tensor + "\":\"" + name + "\"";
  }
  directory.write(indexName, index(map));
  struct rlimit old;
  ASSERT_EQ(::getrlimit(RLIMIT_NOFILE, &old), 0);
  struct rlimit few = {32, old.rlim_max};
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &few), 0);
  std::string text;
  auto checkpoint = open(directory.path(), 0, text);
  ::setrlimit(RLIMIT_NOFILE, &old);
  ASSERT_NE(checkpoint, nullptr);
  EXPECT_EQ(checkpoint->shards().size(), 100u);
}

TEST(CheckpointTest, C12PicklesAreRefused) {
  TempDirectory directory;
  directory.write("pytorch_model.bin", "PK");
  expectFinding(directory.path(), 4, "pickled weights, which are refused");
}

TEST(CheckpointTest, C12PicklesInTheIndexAreRefused) {
  TempDirectory directory;
  directory.write("pytorch_model.bin", "PK");
  directory.write(indexName, index("\"a\":\"pytorch_model.bin\""));
  expectFinding(directory.path(), 4, "is not a .safetensors file");
}

TEST(CheckpointTest, OnlyGgufWeightsAreRefused) {
  TempDirectory directory;
  directory.write("model-q4.gguf", "GGUF");
  expectFinding(directory.path(), 4, "has GGUF files and no whole model in safetensors files");
}

TEST(CheckpointTest, MissingWeightsAreExplained) {
  TempDirectory directory;
  expectFinding(directory.path(), 3, "has neither model.safetensors nor model.safetensors.index.json");
  directory.write("model-00001-of-00002.safetensors", "");
  expectFinding(directory.path(), 3, "download the index as well");
  expectFinding(directory.path("absent"), 5, "cannot open: No such file or directory");
  expectFinding(directory.path("model-00001-of-00002.safetensors"), 5, "not a directory");
}

TEST(CheckpointTest, BadIndexesAreNamedWithPosition) {
  TempDirectory directory;
  struct Case {
    const char *text, *message;
  };
  for (const Case &c : {Case{"{", "1:2: expected a key"}, Case{"[]", "expected an object \"weight_map\""},
                        Case{"{\"weight_map\":[]}", "1:15: expected an object \"weight_map\""},
                        Case{"{\"weight_map\":{}}", "\"weight_map\" is empty"},
                        Case{"{\"weight_map\":{\"a\":1}}", "a: maps to a number, expected the name of a shard"},
                        Case{"{\"weight_map\":{\"a\":\"m.safetensors\",\"a\":\"m.safetensors\"}}", "duplicate key"}}) {
    directory.write(indexName, c.text);
    expectFinding(directory.path(), 3, c.message);
  }
}

TEST(CheckpointTest, EveryTruncationOfTheIndexIsRefused) {
  TempDirectory directory;
  writeTwoShards(directory);
  std::string whole = test::readFile(directory.path(indexName));
  for (size_t length = 0; length < whole.size(); ++length) {
    directory.write(indexName, whole.substr(0, length));
    std::string text;
    open(directory.path(), 3, text);
  }
}

TEST(CheckpointTest, EscapedTensorNamesMatch) {
  TempDirectory directory;
  directory.write("m.safetensors", makeSafetensors({{"caf\xc3\xa9", DType::U8, {1}}}));
  directory.write(indexName, index("\"caf\\u00e9\":\"m.safetensors\""));
  std::string text;
  EXPECT_NE(open(directory.path(), 0, text), nullptr) << text;
}

} // namespace
} // namespace fathom::checkpoint
