// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Artifacts whose weights are in other files (--weights=reference).

#include "test/runtime/toy_artifact.h"

#include <cstring>
#include <sys/stat.h>
#include <unistd.h>
#include <xxhash.h>

namespace fathom::test {
namespace {

class ExternalWeightsTest : public testing::Test {
protected:
  void SetUp() override {
    folder = writeTemporary("shards", "") + ".d/";
    ASSERT_EQ(mkdir(folder.c_str(), 0777), 0);
    std::string header = "{\"table\":{\"dtype\":\"F32\",\"shape\":[4],\"data_offsets\":[0,16]}}";
    uint64_t length = header.size();
    shard.assign(reinterpret_cast<const char *>(&length), 8);
    shard += header;
    headerSize = shard.size();
    float table[] = {0, 1, 2, 3};
    shard.append(reinterpret_cast<const char *>(table), sizeof(table));
    write("model.safetensors", shard);
  }

  void TearDown() override {
    unlink((folder + "model.safetensors").c_str());
    unlink((folder + "toy.fathom").c_str());
    rmdir(folder.c_str());
  }

  void write(const std::string &name, const std::string &bytes) {
    FILE *file = fopen((folder + name).c_str(), "wb");
    ASSERT_NE(file, nullptr);
    fwrite(bytes.data(), 1, bytes.size(), file);
    fclose(file);
  }

  fathom_status_t load(const std::string &recorded, const char *override, fathom_verify_t verify = FATHOM_VERIFY_AUTO) {
    write("toy.fathom", makeToy([&](ToyContents &c) {
            c.segments[1] = {
                "model.safetensors", recorded, true, 0, headerSize + 16, XXH3_64bits(shard.data(), headerSize),
                contentsHash};
            c.slices = {{headerSize, 16, 1}};
          }));
    fathom_model_options_t options;
    fathom_model_options_initialize(&options);
    options.weights_directory = override;
    options.verify_weights = verify;
    fathom_model_t *model = nullptr;
    fathom_status_t status = fathom_model_load_file((folder + "toy.fathom").c_str(), &options, &model);
    if (status == FATHOM_STATUS_OK) {
      ToySession session(model);
      std::vector<float> logits = session.prefill(session.sequence(), {4, 5, 6});
      EXPECT_EQ(logits[2 * kToyVocabulary + toyNext({4, 5, 6})], 0);
      fathom_model_release(model);
    }
    return status;
  }

  std::string folder, shard;
  size_t headerSize = 0;
  /// What the compiler recorded.
  flatbuffers::Optional<uint64_t> contentsHash = flatbuffers::nullopt;
};

TEST_F(ExternalWeightsTest, AreFoundWhereTheArtifactSays) { EXPECT_OK(load(folder, nullptr)); }

TEST_F(ExternalWeightsTest, AreFoundBesideTheArtifact) { EXPECT_OK(load("/nonexistent", nullptr)); }

TEST_F(ExternalWeightsTest, AreFoundWhereTheCallerSays) { EXPECT_OK(load("", folder.c_str())); }

TEST_F(ExternalWeightsTest, MissingFilesAreNamed) {
  EXPECT_EQ(load("", "/nonexistent"), FATHOM_STATUS_IO);
  EXPECT_NE(strstr(fathom_status_message(), "'model.safetensors' is not in '/nonexistent'"), nullptr);
  // Somebody who says where weights are wants no others.
  EXPECT_EQ(load(folder, "/nonexistent"), FATHOM_STATUS_IO);
}

TEST_F(ExternalWeightsTest, ShortFilesAreRefused) {
  write("model.safetensors", shard.substr(0, shard.size() - 1));
  EXPECT_EQ(load(folder, nullptr), FATHOM_STATUS_MISMATCH);
  write("model.safetensors", "");
  EXPECT_EQ(load(folder, nullptr), FATHOM_STATUS_MISMATCH);
}

TEST_F(ExternalWeightsTest, ACheckThatCannotBeMadeIsRefused) {
  EXPECT_EQ(load(folder, nullptr, FATHOM_VERIFY_ALWAYS), FATHOM_STATUS_UNSUPPORTED);
  EXPECT_NE(strstr(fathom_status_message(), "'model.safetensors': the artifact has no hash"), nullptr);
  EXPECT_OK(load(folder, nullptr, FATHOM_VERIFY_NEVER));
}

TEST_F(ExternalWeightsTest, WeightsAreComparedWithTheHashOfTheirFile) {
  contentsHash = XXH3_64bits(shard.data(), shard.size());
  EXPECT_OK(load(folder, nullptr, FATHOM_VERIFY_ALWAYS));
  std::string other = shard;
  other.back() ^= 1;
  write("model.safetensors", other);
  EXPECT_EQ(load(folder, nullptr, FATHOM_VERIFY_ALWAYS), FATHOM_STATUS_MISMATCH);
  EXPECT_NE(strstr(fathom_status_message(), "weight file 'model.safetensors'"), nullptr);
  // Few enough to be compared unasked.
  EXPECT_EQ(load(folder, nullptr), FATHOM_STATUS_MISMATCH);
  EXPECT_OK(load(folder, nullptr, FATHOM_VERIFY_NEVER));
}

TEST_F(ExternalWeightsTest, FilesWithAnotherHeaderAreRefused) {
  std::string other = shard;
  other[12] ^= 1;
  write("model.safetensors", other);
  EXPECT_EQ(load(folder, nullptr), FATHOM_STATUS_MISMATCH);
  other = shard;
  other[7] = '\x7f';
  write("model.safetensors", other);
  EXPECT_EQ(load(folder, nullptr), FATHOM_STATUS_MISMATCH);
}

} // namespace
} // namespace fathom::test
