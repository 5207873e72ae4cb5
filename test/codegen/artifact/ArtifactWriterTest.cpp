// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Whole artifacts read back: header, hashes, metadata, segments; alone and in executables.

#include "codegen/artifact/ArtifactWriter.h"

#include "dialects/support/Hash.h"
#include "fathom/artifact_abi.h"
#include "test/codegen/artifact/Support.h"

#include <cmath>
#include <cstring>
#include <fcntl.h>
#include <mutex>
#include <sys/stat.h>
#include <unistd.h>

namespace fathom::codegen::test {

namespace {

/// An artifact as a reader sees it.
struct ReadArtifact {
  explicit ReadArtifact(llvm::StringRef file) : bytes(file) {
    memcpy(&header, bytes.data(), sizeof(header));
    metadata = bytes.substr(sizeof(header), header.metadata_size);
    contents = fathom::artifact::GetArtifact(metadata.data());
    program = contents->variants()->Get(0);
  }

  llvm::StringRef segment(uint32_t index) const {
    const fathom::artifact::Segment *segment = contents->segments()->Get(index);
    return bytes.substr(segment->offset(), segment->size());
  }

  llvm::StringRef slice(uint32_t index) const {
    const fathom::artifact::WeightSlice *slice = program->weight_slices()->Get(index);
    return segment(slice->segment()).substr(slice->offset(), slice->size());
  }

  void expectValid() const {
    EXPECT_EQ(memcmp(header.magic, FATHOM_ARTIFACT_MAGIC, 8), 0);
    EXPECT_EQ(header.version_major, FATHOM_ARTIFACT_VERSION_MAJOR);
    EXPECT_EQ(header.total_size, bytes.size());
    EXPECT_EQ(header.header_hash, hashBytes(bytes.take_front(offsetof(fathom_artifact_header_t, header_hash))));
    EXPECT_EQ(header.metadata_hash, hashBytes(metadata));
    flatbuffers::Verifier verifier(metadata.bytes_begin(), metadata.size());
    EXPECT_TRUE(fathom::artifact::VerifyArtifactBuffer(verifier));
    for (uint32_t i = 0; i < contents->segments()->size(); ++i) {
      const fathom::artifact::Segment *place = contents->segments()->Get(i);
      if (!place->external()) {
        EXPECT_EQ(place->offset() % FATHOM_SEGMENT_ALIGNMENT, 0u);
        EXPECT_EQ(place->hash(), hashBytes(segment(i))) << i;
      }
    }
  }

  llvm::StringRef bytes;
  llvm::StringRef metadata;
  fathom_artifact_header_t header;
  const fathom::artifact::Artifact *contents;
  const fathom::artifact::Program *program;
};

struct WriterFixture {
  WriterFixture() {
    sources = {shard.add(33, 70, ElementType::BF16, 1), shard.add(40, 33, ElementType::BF16, 2)};
    contents = makeSmallContents(shard.save(directory.path("shard")), sources, code);
  }

  std::string write(const std::string &name) {
    auto report = writeArtifact(contents, directory.path(name), options);
    EXPECT_TRUE(static_cast<bool>(report)) << (report ? "" : llvm::toString(report.takeError()));
    std::string bytes = readFile(directory.path(name));
    EXPECT_EQ(report->fileBytes, bytes.size());
    warnings = report->warnings;
    return bytes;
  }

  ProgramContents &program() { return contents.variants.front(); }

  TemporaryDirectory directory;
  ShardBuilder shard;
  std::vector<Source> sources;
  std::string code = std::string(5000, '\x90');
  ArtifactContents contents;
  WriteOptions options;
  std::vector<std::string> warnings;
};

} // namespace

TEST(ArtifactWriter, WritesWhatAReaderVerifies) {
  WriterFixture fixture;
  std::string bytes = fixture.write("model.fathom");
  ReadArtifact artifact(bytes);
  artifact.expectValid();
  EXPECT_EQ(artifact.segment(0), fixture.code);
  ASSERT_EQ(artifact.program->weight_slices()->size(), 3u);
  for (uint32_t i = 0; i < 3; ++i) {
    EXPECT_EQ(artifact.program->weight_slices()->Get(i)->offset() % 64, 0u);
    const auto &recipe = std::get<SliceRecipe>(fixture.program().weights[i].slices[0]);
    EXPECT_TRUE(artifact.slice(i) == packNaively(recipe, fixture.shard.bytes)) << i;
  }
}

TEST(ArtifactWriter, PutsExpertsOneAfterTheOtherInASlice) {
  WriterFixture fixture;
  // Of a size that the alignment does not divide.
  auto one = std::get<SliceRecipe>(fixture.program().weights[0].slices[0]);
  fixture.program().weights[0].slices.assign(6, one);
  fixture.program().weights[0].experts = 3;
  std::string bytes = fixture.write("model.fathom"), expert = packNaively(one, fixture.shard.bytes);
  ReadArtifact artifact(bytes);
  artifact.expectValid();
  ASSERT_NE(expert.size() % 64, 0u);
  EXPECT_EQ(artifact.program->weights()->Get(0)->slice_count(), 2u);
  EXPECT_EQ(artifact.program->weights()->Get(1)->first_slice(), 2u);
  EXPECT_TRUE(artifact.slice(0) == expert + expert + expert);
  EXPECT_TRUE(artifact.slice(1) == artifact.slice(0));
  EXPECT_EQ(artifact.program->weight_slices()->Get(1)->offset() % 64, 0u);
}

TEST(ArtifactWriter, KeepsEveryFact) {
  WriterFixture fixture;
  std::string bytes = fixture.write("model.fathom");
  ReadArtifact artifact(bytes);
  const auto &contents = *artifact.contents;
  const auto &program = *artifact.program;
  EXPECT_EQ(program.target()->triple()->str(), "x86_64-unknown-linux-gnu");
  EXPECT_EQ(program.target()->cpu()->str(), "x86-64-v3");
  EXPECT_EQ(program.target()->features()->Get(0)->str(), "avx512f");
  EXPECT_EQ(contents.model()->family()->str(), "deepseek_v3");
  EXPECT_EQ(contents.model()->vocabulary(), 256u);
  EXPECT_EQ(contents.model()->max_context(), 128u);
  EXPECT_EQ(contents.model()->bos_token(), 0);
  EXPECT_EQ(contents.model()->eos_tokens()->Get(1), 2);
  EXPECT_EQ(contents.model()->top_p(), 0.9f);
  EXPECT_EQ(contents.cache()->stores()->Get(0)->width(), 48u);
  EXPECT_EQ(contents.cache()->page_bytes(), 24576u);
  EXPECT_EQ(program.code()->segment(), 0u);
  EXPECT_EQ(program.code()->scratch_bytes(), 4096u);
  EXPECT_EQ(program.entry_points()->Get(1)->name()->str(), "decode");
  EXPECT_EQ(program.entry_points()->Get(1)->form(), artifact::Form::absorbed);
  EXPECT_EQ(program.entry_points()->Get(1)->function(), 1u);
  EXPECT_EQ(program.entry_points()->Get(1)->max_rows(), 8u);
  EXPECT_EQ(program.weights()->Get(1)->first_slice(), 1u);
  EXPECT_EQ(program.weights()->Get(1)->shape()->Get(1), 33);
  EXPECT_EQ(program.weights()->Get(1)->layout()->str(), "panels");
  EXPECT_EQ(program.kernels()->Get(0)->dispatches(), 14u);
  EXPECT_EQ(program.kernels()->Get(0)->items(), 128u);
  EXPECT_EQ(program.functions()->Get(1)->commands()->Get(0)->operands()->Get(2)->size(), 256u);
  EXPECT_EQ(program.buffers()->Get(0)->size(), 4096u);
  EXPECT_EQ(contents.build()->llvm_version()->str(), "22.1.8");
  EXPECT_EQ(contents.tokenizer(), nullptr);
}

TEST(ArtifactWriter, WritesTheSameBytesAtAnyPathWithAnyNumberOfThreads) {
  WriterFixture fixture;
  std::string first = fixture.write("model.fathom");
  fixture.options.pack.threads = 1;
  EXPECT_TRUE(fixture.write("another") == first);
  // The checkpoint may lie elsewhere as well.
  fixture.contents.shards = {fixture.shard.save(fixture.directory.path("moved"))};
  fixture.options.pack.pieceBytes = 1 << 12;
  EXPECT_TRUE(fixture.write("third") == first);
  EXPECT_EQ(first.find(fixture.directory.getRoot()), std::string::npos);
}

TEST(ArtifactWriter, StoresWeightsOnceThatVariantsMakeAlike) {
  WriterFixture fixture;
  std::string before = fixture.write("alone.fathom");
  uint64_t alone = ReadArtifact(before).contents->segments()->Get(1)->size();
  ArtifactContents other = makeSmallContents(fixture.contents.shards[0], fixture.sources, "other code");
  SliceRecipe unlike = makeRecipe({fixture.sources[0]}, {PackPanels{32}});
  other.variants[0].weights[0].slices[0] = unlike;
  fixture.contents.variants.push_back(std::move(other.variants[0]));
  std::string bytes = fixture.write("both.fathom");
  ReadArtifact artifact(bytes);
  artifact.expectValid();
  const auto &first = *artifact.program->weight_slices();
  const auto &second = *artifact.contents->variants()->Get(1)->weight_slices();
  EXPECT_EQ(artifact.contents->variants()->Get(1)->code()->segment(), 1u);
  EXPECT_EQ(artifact.segment(1), "other code");
  EXPECT_EQ(second.Get(1)->offset(), first.Get(1)->offset());
  EXPECT_EQ(second.Get(2)->offset(), first.Get(2)->offset());
  EXPECT_EQ(second.Get(0)->offset(), alone);
  EXPECT_TRUE(artifact.segment(2).substr(alone, second.Get(0)->size()) == packNaively(unlike, fixture.shard.bytes));
}

TEST(ArtifactWriter, PointsIntoShardsThatStayWhereTheyAre) {
  WriterFixture fixture;
  fixture.contents.externalShards = {
      {{}, "model.safetensors", "../checkpoint", /*external=*/true, 0, fixture.shard.bytes.size(), 77}};
  fixture.program().weights[0].slices[0] = ExternalSlice{0, fixture.sources[0].offset, 4620};
  std::string bytes = fixture.write("model.fathom");
  ReadArtifact artifact(bytes);
  artifact.expectValid();
  const auto *shard = artifact.contents->segments()->Get(2);
  EXPECT_TRUE(shard->external());
  EXPECT_EQ(shard->name()->str(), "model.safetensors");
  EXPECT_EQ(shard->directory()->str(), "../checkpoint");
  EXPECT_EQ(shard->size(), fixture.shard.bytes.size());
  EXPECT_EQ(shard->hash(), 77u);
  EXPECT_EQ(artifact.program->weight_slices()->Get(0)->segment(), 2u);
  EXPECT_EQ(artifact.program->weight_slices()->Get(0)->offset(), fixture.sources[0].offset);
  EXPECT_EQ(artifact.program->weight_slices()->Get(1)->segment(), 1u);
}

TEST(ArtifactWriter, RefusesExternalSlicesBeyondTheirShard) {
  WriterFixture fixture;
  fixture.contents.externalShards = {{{}, "model.safetensors", "", /*external=*/true, 0, 100, 77}};
  for (ExternalSlice slice : {ExternalSlice{0, 90, 11}, ExternalSlice{0, UINT64_MAX, 2}, ExternalSlice{0, 101, 0}}) {
    fixture.program().weights[0].slices[0] = slice;
    EXPECT_EQ(exitCode(writeArtifact(fixture.contents, fixture.directory.path("m"), {})), 3);
  }
  fixture.program().weights[0].slices[0] = ExternalSlice{1, 0, 1};
  EXPECT_EQ(exitCode(writeArtifact(fixture.contents, fixture.directory.path("m"), {})), 70);
}

TEST(ArtifactWriter, ReportsEveryBadRecipeByTheWeightsName) {
  WriterFixture fixture;
  std::get<SliceRecipe>(fixture.program().weights[0].slices[0]).sources[0].offset = 1 << 30;
  std::get<SliceRecipe>(fixture.program().weights[1].slices[0]).sources[0].offset = 1 << 30;
  auto report = writeArtifact(fixture.contents, fixture.directory.path("m"), {});
  ExitStatus status = takeExitStatus(report.takeError());
  EXPECT_EQ(status.code, 3);
  EXPECT_NE(status.message.find("layers.0.q_proj"), std::string::npos);
  EXPECT_NE(status.message.find("layers.1.q_proj"), std::string::npos);
}

TEST(ArtifactWriter, WarnsAboutOddValuesByTheModelPart) {
  WriterFixture fixture;
  float odd = NAN;
  uint16_t bits;
  memcpy(&bits, reinterpret_cast<char *>(&odd) + 2, 2);
  memcpy(&fixture.shard.bytes[fixture.sources[1].offset], &bits, 2);
  fixture.shard.save(fixture.directory.path("shard"));
  fixture.program().weights[1].sliceName = [](uint32_t slice, auto) { return "part " + std::to_string(slice); };
  fixture.write("model.fathom");
  ASSERT_EQ(fixture.warnings.size(), 1u);
  EXPECT_EQ(fixture.warnings[0], "1 value is NaN or infinite, the first in part 0");
}

TEST(ArtifactWriter, RefusesOddValuesThatNoAnswerWouldShow) {
  WriterFixture fixture;
  const uint16_t infinity = 0x7f80;
  memcpy(&fixture.shard.bytes[fixture.sources[1].offset], &infinity, 2);
  fixture.shard.save(fixture.directory.path("shard"));
  fixture.program().weights[1].sliceName = [](uint32_t, auto) { return "layers.0.self_attn.indexer.wk.weight"; };
  auto report = writeArtifact(fixture.contents, fixture.directory.path("m"), {});
  ExitStatus status = takeExitStatus(report.takeError());
  EXPECT_EQ(status.code, 3);
  EXPECT_EQ(status.message, "layers.0.self_attn.indexer.wk.weight: is NaN or infinite at [0, 0], where no answer would "
                            "show it, the first of 1 such values");
}

/// A tokenizer's table with `size` bytes of text and nothing else.
static flatbuffers::Offset<fathom::artifact::Tokenizer> buildTokenizer(flatbuffers::FlatBufferBuilder &builder,
                                                                       size_t size) {
  std::vector<uint8_t> text(size);
  std::vector<uint32_t> numbers(1);
  std::vector<fathom::artifact::MergeSlot> merges(1);
  std::vector<fathom::artifact::AddedToken> tokens;
  std::vector<flatbuffers::Offset<fathom::artifact::Split>> splits;
  auto added = fathom::artifact::CreateAddedTokensDirect(builder, &tokens, &numbers);
  return fathom::artifact::CreateTokenizerDirect(builder, &text, &numbers, &numbers, &merges, nullptr, added, added,
                                                 &numbers, &splits);
}

TEST(ArtifactWriter, EmbedsTheTokenizer) {
  WriterFixture fixture;
  fixture.contents.tokenizer = [](flatbuffers::FlatBufferBuilder &builder) { return buildTokenizer(builder, 100); };
  std::string bytes = fixture.write("model.fathom");
  ReadArtifact artifact(bytes);
  artifact.expectValid();
  EXPECT_NE(artifact.contents->tokenizer(), nullptr);
}

TEST(ArtifactWriter, RefusesATokenizerThatChangesItsSize) {
  WriterFixture fixture;
  size_t size = 100;
  fixture.contents.tokenizer = [&](flatbuffers::FlatBufferBuilder &builder) {
    return buildTokenizer(builder, size += 100);
  };
  EXPECT_EQ(exitCode(writeArtifact(fixture.contents, fixture.directory.path("m"), {})), 70);
}

TEST(ArtifactWriter, AppendsTheArtifactToTheRuntimesExecutable) {
  WriterFixture fixture;
  std::string alone = fixture.write("model.fathom");
  std::string stub(5000, 's');
  std::string path = fixture.directory.path("program");
  auto report = writeExecutable(fixture.contents, llvm::MemoryBufferRef(stub, "stub"), path, {});
  ASSERT_TRUE(static_cast<bool>(report));
  std::string bytes = readFile(path);
  EXPECT_EQ(report->fileBytes, bytes.size());
  EXPECT_EQ(bytes.substr(0, 5000), stub);
  fathom_artifact_trailer_t trailer;
  memcpy(&trailer, bytes.data() + bytes.size() - sizeof(trailer), sizeof(trailer));
  EXPECT_EQ(memcmp(trailer.magic, FATHOM_ARTIFACT_MAGIC, 8), 0);
  EXPECT_EQ(trailer.artifact_offset, 8192u);
  EXPECT_TRUE(bytes.substr(8192, bytes.size() - 8192 - sizeof(trailer)) == alone);
  EXPECT_EQ(access(path.c_str(), X_OK), 0);
}

namespace {

/// Forgets everything that is written except the first and the last bytes.
class ForgetfulFileSystem : public FileSystem {
public:
  int allocate(int, uint64_t size) override {
    reserved = size;
    return 0;
  }
  ssize_t writeAt(int file, const void *bytes, size_t size, uint64_t offset) override {
    std::lock_guard<std::mutex> lock(mutex);
    written += size;
    if (offset < 1 << 16) {
      return FileSystem::writeAt(file, bytes, size, offset);
    }
    if (offset + size == reserved) {
      last.assign(static_cast<const char *>(bytes), size);
    }
    return static_cast<ssize_t>(size);
  }

  uint64_t reserved = 0;
  uint64_t written = 0;
  std::string last;

private:
  std::mutex mutex;
};

} // namespace

TEST(ArtifactWriter, PlacesWeightsBeyondFourGibibytes) {
  WriterFixture fixture;
  constexpr int64_t columns = int64_t(1) << 20;
  constexpr uint64_t shardBytes = 4300ull << 20;
  std::string path = fixture.directory.path("big");
  int descriptor = open(path.c_str(), O_CREAT | O_WRONLY, 0600);
  ASSERT_EQ(ftruncate(descriptor, shardBytes), 0);
  close(descriptor);
  fixture.contents.shards.push_back({path, shardBytes});
  SliceRecipe big;
  big.sources = {Source{1, 0, 4300, columns, ElementType::F8E4M3}};
  WeightContents weight = {{{}, "big", "f8e4m3", {4300, columns}, "rows"}, {big}, {}};
  fixture.program().weights.insert(fixture.program().weights.begin(), weight);
  ForgetfulFileSystem fileSystem;
  fixture.options.fileSystem = &fileSystem;
  auto report = writeExecutable(fixture.contents, llvm::MemoryBufferRef("stub", "stub"),
                                fixture.directory.path("program"), fixture.options);
  ASSERT_TRUE(static_cast<bool>(report));
  EXPECT_EQ(report->fileBytes, fileSystem.reserved);
  EXPECT_GT(fileSystem.written, shardBytes);
  fathom_artifact_trailer_t trailer;
  ASSERT_EQ(fileSystem.last.size(), sizeof(trailer));
  memcpy(&trailer, fileSystem.last.data(), sizeof(trailer));
  EXPECT_EQ(trailer.artifact_offset, 4096u);
  std::string front = readFile(fixture.directory.path("program"));
  ReadArtifact artifact(llvm::StringRef(front).drop_front(4096));
  EXPECT_EQ(artifact.header.total_size, fileSystem.reserved - 4096 - sizeof(trailer));
  EXPECT_EQ(artifact.program->weight_slices()->Get(1)->offset(), shardBytes);
}

} // namespace fathom::codegen::test
