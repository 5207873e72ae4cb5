// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Artifacts that are damaged, impossible, or for somebody else: each is refused with the right status.

#include "fathom/artifact_generated.h"
#include "test/runtime/toy_artifact.h"

#include <cmath>
#include <cstring>

namespace fathom::test {
namespace {

fathom_status_t load(const std::string &bytes, const fathom_model_options_t *options = nullptr) {
  // A block of exactly this size: the sanitizer sees a read beyond it.
  std::vector<char> exact(bytes.begin(), bytes.end());
  fathom_model_t *model = nullptr;
  static const char nothing = 0;
  fathom_status_t status =
      fathom_model_load_memory(exact.empty() ? &nothing : exact.data(), exact.size(), options, &model);
  if (status == FATHOM_STATUS_OK) {
    fathom_model_release(model);
  }
  return status;
}

bool isRefusal(fathom_status_t status) { return status == FATHOM_STATUS_MISMATCH || status == FATHOM_STATUS_BAD_DATA; }

uint64_t metadataSize(const std::string &bytes) {
  fathom_artifact_header_t header;
  memcpy(&header, bytes.data(), sizeof(header));
  return header.metadata_size;
}

TEST(ArtifactReaderTest, AcceptsTheToy) { EXPECT_OK(load(makeToy())); }

TEST(ArtifactReaderTest, RefusesEveryTruncation) {
  const std::string good = makeToy();
  for (size_t size = 0; size < good.size(); size += size < sizeof(fathom_artifact_header_t) ? 1 : 4096) {
    EXPECT_EQ(load(good.substr(0, size)), FATHOM_STATUS_MISMATCH) << size;
  }
  EXPECT_EQ(load(good.substr(0, good.size() - 1)), FATHOM_STATUS_MISMATCH);
}

TEST(ArtifactReaderTest, RefusesEveryEditOfHeaderAndMetadata) {
  const std::string good = makeToy();
  size_t end = sizeof(fathom_artifact_header_t) + metadataSize(good);
  for (size_t i = 0; i < end; ++i) {
    std::string bad = good;
    bad[i] = static_cast<char>(bad[i] ^ (1 << i % 8));
    EXPECT_TRUE(isRefusal(load(bad))) << "byte " << i;
  }
}

TEST(ArtifactReaderTest, StaysInBoundsWhenHashesAreRightAndMetadataIsNot) {
  const std::string good = makeToy();
  size_t begin = sizeof(fathom_artifact_header_t), end = begin + metadataSize(good);
  for (size_t i = begin; i < end; ++i) {
    for (int edit : {0x01, 0x80, 0xff}) {
      std::string bad = good;
      bad[i] = static_cast<char>(bad[i] ^ edit);
      rehash(bad);
      fathom_status_t status = load(bad);
      // Names, hints and counters may change without harm; nothing may crash.
      EXPECT_NE(status, FATHOM_STATUS_INTERNAL) << "byte " << i;
    }
  }
}

/// A vector of 64-bit values, of which the first must be 1: it is the length of what begins four bytes later.
struct WideVector {
  const void *(*table)(const artifact::Program &program);
  flatbuffers::voffset_t field;
  Tweak tweak;
  const char *message;
};

// Found by the fuzz target `artifact`: the FlatBuffers verifier lets a vector of 64-bit values begin at four bytes.
TEST(ArtifactReaderTest, RefusesVectorsThatAreNotAligned) {
  const WideVector vectors[] = {
      {[](const artifact::Program &program) -> const void * { return &program; }, artifact::Program::VT_WEIGHT_SLICES,
       [](ToyContents &c) { c.slices[0].offset = 1; }, "weight_slices is not aligned"},
      {[](const artifact::Program &program) -> const void * { return program.weights()->Get(0); },
       artifact::Weight::VT_SHAPE, [](ToyContents &c) { c.dimension = 1; }, "weight 'table': its shape is not aligned"},
      {[](const artifact::Program &program) -> const void * { return program.functions()->Get(0)->commands()->Get(0); },
       artifact::Command::VT_OPERANDS,
       [](ToyContents &c) {
         c.functions[0].commands[0].operands[0] =
             artifact::Operand(1, 1024, 0, artifact::Place::buffer, artifact::Access::write);
       },
       "function 'model', command 0: its operands are not aligned"}};
  for (const WideVector &vector : vectors) {
    std::string bad = makeToy(vector.tweak);
    const artifact::Artifact *contents = artifact::GetArtifact(bad.data() + sizeof(fathom_artifact_header_t));
    auto *table = static_cast<flatbuffers::Table *>(const_cast<void *>(vector.table(*contents->variants()->Get(0))));
    uint8_t *begin = table->GetAddressOf(vector.field);
    flatbuffers::WriteScalar(begin, flatbuffers::ReadScalar<flatbuffers::uoffset_t>(begin) + 4);
    rehash(bad);
    EXPECT_EQ(load(bad), FATHOM_STATUS_BAD_DATA);
    EXPECT_NE(std::string(fathom_status_message()).find(vector.message), std::string::npos) << fathom_status_message();
  }
}

TEST(ArtifactReaderTest, RefusesAnyEditOfCodeOrWeights) {
  const std::string good = makeToy();
  std::string bad = good;
  bad[65536 + 4096] ^= 1;
  EXPECT_EQ(load(bad), FATHOM_STATUS_MISMATCH);
  bad = good;
  bad[bad.size() - 1] ^= 1;
  EXPECT_EQ(load(bad), FATHOM_STATUS_MISMATCH);
  fathom_model_options_t options;
  fathom_model_options_initialize(&options);
  options.verify_weights = FATHOM_VERIFY_NEVER;
  EXPECT_OK(load(bad, &options));
}

struct Refusal {
  const char *name;
  Tweak tweak;
  fathom_status_t status;
  /// A part of the message.
  const char *message;
};

class ArtifactRefusalTest : public testing::TestWithParam<Refusal> {};

TEST_P(ArtifactRefusalTest, IsRefusedWithAMessage) {
  EXPECT_EQ(load(makeToy(GetParam().tweak)), GetParam().status);
  EXPECT_NE(std::string(fathom_status_message()).find(GetParam().message), std::string::npos)
      << fathom_status_message();
}

constexpr fathom_status_t kMismatch = FATHOM_STATUS_MISMATCH;
constexpr fathom_status_t kBad = FATHOM_STATUS_BAD_DATA;
constexpr uint64_t kHuge = UINT64_MAX - 4095;

/// The entry point that drafts, in an artifact that has one.
ToyEntry &draftOf(ToyContents &c) {
  addDraft(c);
  c.entries.pop_back();
  return c.entries.back();
}

/// The kernels of an artifact for a GPU.
std::vector<ToyKernel> &gpu(ToyContents &c) {
  makeGpuToy(c);
  c.segments[0].size = c.code.size();
  return c.kernels;
}

const Refusal refusals[] = {
    {"FutureMajor", [](ToyContents &c) { c.versionMajor = 99; }, kMismatch, "artifact version 99."},
    {"FormatOne", [](ToyContents &c) { c.versionMajor = 1; }, kMismatch,
     "artifact version 1.5, this runtime reads 10.0 to 10.5; use the runtime it was compiled with, or compile the "
     "model again"},
    {"FutureMinor", [](ToyContents &c) { c.versionMinor += 1; }, kMismatch, "compile the model again"},
    {"UnknownFeatureBit", [](ToyContents &c) { c.requiredFeatures = 4; }, kMismatch, "features 0x4"},
    {"ForeignTriple", [](ToyContents &c) { c.targets[0].triple = "aarch64-linux-gnu"; }, kMismatch,
     "aarch64-linux-gnu"},
    {"NoVariant", [](ToyContents &c) { c.targets.clear(); }, kBad, "0 variants, expected 1 to 64"},
    {"TooManyVariants", [](ToyContents &c) { c.targets.resize(65); }, kBad, "65 variants, expected 1 to 64"},
    {"LieInAVariant",
     [](ToyContents &c) {
       c.targets.resize(2);
       c.codeSegment = 9;
     },
     kBad, "variant 1: code.segment is 9"},
    {"NoVariantForThisMachine",
     [](ToyContents &c) { c.targets = {{"x86_64-linux-gnu", "fast", {"warp_drive"}}, {"aarch64-linux-gnu"}}; },
     kMismatch, "none of the artifact's 2 variants runs here"},
    {"MissingCpuFeature", [](ToyContents &c) { c.targets[0].features = {"warp_drive", "avx2"}; }, kMismatch,
     "lacks: warp_drive;"},
    {"NoVocabulary", [](ToyContents &c) { c.vocabulary = 0; }, kBad, "model.vocabulary is 0"},
    {"HugeHidden", [](ToyContents &c) { c.hidden = UINT32_MAX; }, kBad, "model.hidden"},
    {"NoLayers", [](ToyContents &c) { c.layers = 0; }, kBad, "model.layers"},
    {"HugeContext", [](ToyContents &c) { c.maxContext = UINT32_MAX; }, kBad, "model.max_context"},
    {"HugePage", [](ToyContents &c) { c.pageBytes = kHuge; }, kBad, "cache.page_bytes"},
    {"NoPage", [](ToyContents &c) { c.pageBytes = 0; }, kBad, "cache.page_bytes is 0"},
    {"NoStores", [](ToyContents &c) { c.stores.clear(); }, kBad, "0 stores, expected 1 to 64"},
    {"ManyStores", [](ToyContents &c) { c.stores.resize(65, c.stores[0]); }, kBad, "65 stores"},
    {"NoStoreWidth", [](ToyContents &c) { c.stores[0].width = 0; }, kBad, "store 'row' has 2 layers of 1 x 0 values"},
    {"NoStoreHeads", [](ToyContents &c) { c.stores[0].heads = 0; }, kBad, "store 'row' has 2 layers of 0 x 2 values"},
    {"HugeStore", [](ToyContents &c) { c.stores[0].layers = c.stores[0].width = UINT32_MAX; }, kBad, "store 'row'"},
    {"StoreBeyondPage", [](ToyContents &c) { c.stores[0].layers = 3; }, kBad,
     "1536 bytes at offset 0 exceed the 1024 bytes of a page"},
    {"HeadsBeyondPage", [](ToyContents &c) { c.stores[0].heads = 2; }, kBad,
     "2048 bytes at offset 0 exceed the 1024 bytes of a page"},
    {"UnalignedStore", [](ToyContents &c) { c.stores[0] = {"row", 1, 1, 1, 0, 4}; }, kBad, "256 bytes at offset 4"},
    {"StoresThatOverlap", [](ToyContents &c) { c.stores.push_back({"key", 1, 1, 1, 0, 512}); }, kBad,
     "stores 0 and 1 overlap"},
    {"StoreWithStride", [](ToyContents &c) { c.stores[0].stride = 4; }, kBad, "has stride 4 and window 0"},
    {"StoreWithWindow", [](ToyContents &c) { c.stores[0].window = 128; }, kBad, "has stride 1 and window 128"},
    {"StoreOfIntegers", [](ToyContents &c) { c.storeElement = 3; }, kBad, "elements of unknown type 3"},
    {"StoreOfUnknownElements", [](ToyContents &c) { c.storeElement = 9; }, kBad, "elements of unknown type 9"},
    {"TailOfF32", [](ToyContents &c) { c.stores[0].tail = 1; }, kBad, "store 'row' has a tail of 1 of 2 values"},
    {"TailOfBf16",
     [](ToyContents &c) {
       c.storeElement = 1;
       c.stores[0].tail = 1;
     },
     kBad, "has a tail of 1 of 2 values, expected 0, or less than all of f8e4m3"},
    {"TailOfAllNumbers",
     [](ToyContents &c) {
       c.storeElement = 2;
       c.stores[0].tail = 2;
     },
     kBad, "has a tail of 2 of 2 values"},
    {"HugeTail",
     [](ToyContents &c) {
       c.storeElement = 2;
       c.stores[0].tail = UINT32_MAX;
     },
     kBad, "has a tail of 4294967295 of 2 values"},
    {"ScalesBeyondPage",
     [](ToyContents &c) { // a row of 2 codes and a scale has the 8 bytes of 2 floats; one of 5 codes has 12
       c.storeElement = 2;
       c.stores[0].width = 5;
     },
     kBad, "1536 bytes at offset 0 exceed the 1024 bytes of a page"},
    {"BosBeyondVocabulary", [](ToyContents &c) { c.bos = 320; }, kBad, "model.bos_token is 320"},
    {"NegativeEos", [](ToyContents &c) { c.eos = {-1}; }, kBad, "model.eos_tokens is -1"},
    {"NotANumberTemperature", [](ToyContents &c) { c.temperature = NAN; }, kBad, "model.temperature"},
    {"TopPAboveOne", [](ToyContents &c) { c.topP = 2.0f; }, kBad, "model.top_p"},
    {"NegativeMinP", [](ToyContents &c) { c.minP = -1.0f; }, kBad, "model.min_p is -1, expected 0 to 1"},
    {"NoRepetitionPenalty", [](ToyContents &c) { c.repetitionPenalty = 0.0f; }, kBad, "model.repetition_penalty is 0"},
    {"NegativeTopK", [](ToyContents &c) { c.topK = -1; }, kBad, "model.top_k"},
    {"CodeSegmentOutOfRange", [](ToyContents &c) { c.codeSegment = 2; }, kBad, "code.segment is 2"},
    {"CodeInAnotherFile", [](ToyContents &c) { c.segments[0].external = true; }, kBad,
     "code.segment is in another file"},
    {"HugeScratch", [](ToyContents &c) { c.scratchBytes = kHuge; }, kBad, "code.scratch_bytes"},
    {"ManySegments",
     [](ToyContents &c) {
       c.segments.resize(4097, c.segments[1]);
       c.moreMetadata = 1 << 20;
     },
     kBad, "4097 segments, expected at most 4096"},
    {"UnalignedSegment", [](ToyContents &c) { c.segments[1].offset += 64; }, kBad, "not a multiple of 4096"},
    {"WrappingSegment", [](ToyContents &c) { c.segments[1].offset = kHuge; }, kBad, "segment 1"},
    {"SegmentBeyondEnd", [](ToyContents &c) { c.segments[1].size += 1; }, kBad, "segment 1: 17 bytes"},
    {"SegmentInMetadata", [](ToyContents &c) { c.segments[1].offset = 0; }, kBad, "lies in the metadata"},
    {"OverlappingSegments", [](ToyContents &c) { c.segments[1].offset = c.segments[0].offset; }, kBad, "overlap"},
    {"ShardWithPath",
     [](ToyContents &c) {
       c.segments[1].external = true;
       c.segments[1].name = "../x";
     },
     kBad, "not a plain file name"},
    {"HugeShard",
     [](ToyContents &c) {
       c.segments[1].external = true;
       c.segments[1].offset = kHuge;
     },
     kBad, "exceed the size of any file"},
    {"HeadBeyondFile",
     [](ToyContents &c) {
       c.segments[1].external = true;
       c.segments[1].headBytes = kHuge;
     },
     kBad, "its head has more bytes than the 16 of the file"},
    {"ManyEntryPoints", [](ToyContents &c) { c.entries.resize(257, c.entries[0]); }, kBad,
     "257 entry points, expected at most 256"},
    {"NoPrefill", [](ToyContents &c) { c.entries[0].form = artifact::Form::absorbed; }, kBad,
     "no entry point of the expanded form gives logits"},
    {"NoPrefillWithLogits", [](ToyContents &c) { c.entries[0].logits = false; }, kBad,
     "no entry point of the expanded form gives logits"},
    {"UnknownForm", [](ToyContents &c) { c.entries[1].form = artifact::Form(7); }, kBad,
     "no entry point of the absorbed form gives logits"},
    {"EveryNumberOfRows", [](ToyContents &c) { c.entries[1].minRows = 0, c.entries[1].maxRows = UINT32_MAX; }, kBad,
     "accepts 0 to 4294967295 rows"},
    {"NoRows", [](ToyContents &c) { c.entries[1].maxRows = 0; }, kBad, "accepts 1 to 0 rows"},
    {"LimitedAbsorbed", [](ToyContents &c) { c.entries[1].maxPositions = 4; }, kBad,
     "entry point 1 ('decode') of the absorbed form takes positions below 4, expected all of them, or in the expanded "
     "form at most 256"},
    {"MorePositions", [](ToyContents &c) { c.entries[0].maxPositions = 257; }, kBad,
     "entry point 0 ('prefill') of the expanded form takes positions below 257"},
    {"GapInRows", [](ToyContents &c) { c.entries[1].minRows = 2; }, kBad,
     "no entry point of the absorbed form accepts 1 rows"},
    {"ExpandedDraft", [](ToyContents &c) { draftOf(c).form = artifact::Form::expanded; }, kBad,
     "draft 'draft' is of the expanded form and accepts 1 rows or more, expected absorbed, and 1"},
    {"DraftOfManyRows", [](ToyContents &c) { draftOf(c).minRows = 2; }, kBad,
     "draft 'draft' is of the absorbed form and accepts 2 rows or more, expected absorbed, and 1"},
    {"DraftWithoutLogits", [](ToyContents &c) { draftOf(c).logits = false; }, kBad,
     "0 drafts with logits and 1 without, expected one, and at most one"},
    {"TwoDrafts", [](ToyContents &c) { draftOf(c), c.entries.push_back(c.entries.back()); }, kBad,
     "2 drafts with logits and 0 without, expected one, and at most one"},
    {"NoStatesToDraftFrom", [](ToyContents &c) { draftOf(c), c.entries[0].hiddenOut = false; }, kBad,
     "1 entry points give no hidden states, but there is a draft"},
    {"DraftWithoutRows", [](ToyContents &c) { draftOf(c), c.stores[0].layers = kToyLayers; }, kBad,
     "store 'row' has 2 layers and the model 2, expected more, as there is a draft"},
    {"RowsWithoutDraft", [](ToyContents &c) { c.layers = 1; }, kBad,
     "store 'row' has 2 layers and the model 1, expected no more, as there is no draft"},
    {"DraftForDecode", [](ToyContents &c) { draftOf(c), c.entries[1].hidden = true; }, kBad,
     "no entry point of the absorbed form gives logits"},
    {"HugeArena", [](ToyContents &c) { c.entries[0].arenaBytes = kHuge; }, kBad, "arena"},
    {"TaskOutsideCode", [](ToyContents &c) { c.kernels[0].task = 1 << 20; }, kBad,
     "kernel 'begin': address 0x100000 of its task is not in the code"},
    {"ItemsInData", [](ToyContents &c) { c.kernels[0].items = 0; }, kBad,
     "address 0x0 of its items is not in the code"},
    {"GridOfACpu", [](ToyContents &c) { c.kernels[1].grid = ToyGrid(); }, kBad,
     "kernel 1: it has a grid, but the code has 0 modules"},
    {"KernelWithoutGrid", [](ToyContents &c) { gpu(c)[1].grid.reset(); }, kBad,
     "kernel 1: it has no grid, but the code has 1 modules"},
    {"TooManyModules",
     [](ToyContents &c) {
       gpu(c), c.modules.resize((1 << 16) + 1, c.modules[0]);
       c.moreMetadata = 8 << 20;
     },
     kBad, "65537 modules, expected at most 65536"},
    {"TextBeyondCode", [](ToyContents &c) { gpu(c), c.modules[0].ptxSize += 1 << 20; }, kBad,
     "bytes of text at offset 0"},
    {"NoText", [](ToyContents &c) { gpu(c), c.modules[0].ptxSize = 0; }, kBad, "module 0: 0 bytes of text"},
    {"WrappingMachineCode", [](ToyContents &c) { gpu(c), c.modules[0].cubinSize = c.modules[0].cubinOffset = kHuge; },
     kBad, "module 0: 18446744073709547520 bytes of machine code"},
    {"GridOfNoModule", [](ToyContents &c) { gpu(c)[0].grid->module = 1; }, kBad,
     "kernel 'begin': grid.module is 1, expected 0 to 0"},
    {"GridWithoutThreads", [](ToyContents &c) { gpu(c)[0].grid->threads = 0; }, kBad,
     "grid.threads is 0, expected 1 to 1024"},
    {"GridOfTooManyThreads", [](ToyContents &c) { gpu(c)[0].grid->threads = 1025; }, kBad, "grid.threads is 1025"},
    {"GridWithoutBlocks", [](ToyContents &c) { gpu(c)[0].grid->blocks = 0; }, kBad, "grid.blocks is 0"},
    {"GridOfTooManyBlocks", [](ToyContents &c) { gpu(c)[0].grid->blocks = UINT32_MAX; }, kBad,
     "grid.blocks is 4294967295"},
    {"GridWithoutRows", [](ToyContents &c) { gpu(c)[0].grid->rowsPerBlock = 0; }, kBad, "grid.rows_per_block is 0"},
    {"GridOfTooMuchSharedMemory", [](ToyContents &c) { gpu(c)[0].grid->sharedBytes = UINT32_MAX; }, kBad,
     "grid.dynamic_shared_bytes is 4294967295, expected 0 to 1048576"},
    {"GridOfTooMuchScratch", [](ToyContents &c) { gpu(c)[0].grid->scratchBytes = kHuge; }, kBad,
     "grid.scratch_bytes is 18446744073709547520"},
    {"EntryThatIsNoName", [](ToyContents &c) { gpu(c)[3].name = "a b"; }, kBad,
     "kernel 3: its name is not one of an entry"},
    {"SliceOfNoSegment", [](ToyContents &c) { c.slices[0].segment = 7; }, kBad,
     "weight slice 0: segment is 7, but there are 2 segments"},
    {"SliceBeyondSegment", [](ToyContents &c) { c.slices[0].size += 1; }, kBad, "weight slice 0: 17 bytes"},
    {"UnalignedSlice", [](ToyContents &c) { c.slices[0] = {4, 4, 1}; }, kBad,
     "weight slice 0: offset 4 is not a multiple of 64"},
    {"WrappingSlice", [](ToyContents &c) { c.slices[0].offset = UINT64_MAX; }, kBad, "weight slice 0"},
    {"WeightOfNoSlice", [](ToyContents &c) { c.firstSlice = 1; }, kBad, "weight 'table'"},
    {"WrappingWeight", [](ToyContents &c) { c.firstSlice = c.sliceCount = UINT32_MAX; }, kBad, "weight 'table'"},
    {"SliceOfUnequalExperts", [](ToyContents &c) { c.experts = 3; }, kBad,
     "weight 'table': slice 0 of 16 bytes is not that of 3 equal experts"},
    {"NegativeDimension", [](ToyContents &c) { c.dimension = -1; }, kBad, "dimension 0 is negative"},
    {"HugeBuffer", [](ToyContents &c) { c.bufferSize = UINT64_MAX; }, kBad, "buffer 0"},
    {"TokenizerOutOfRange", [](ToyContents &c) { c.chatOperand = 9999; }, kBad, "chat template"},
};

INSTANTIATE_TEST_SUITE_P(All, ArtifactRefusalTest, testing::ValuesIn(refusals),
                         [](const auto &info) { return std::string(info.param.name); });

TEST(ArtifactReaderTest, ReportsAllFindings) {
  EXPECT_EQ(load(makeToy([](ToyContents &c) { c.hidden = c.layers = 0; })), FATHOM_STATUS_BAD_DATA);
  std::string message = fathom_status_message();
  EXPECT_NE(message.find("model.hidden"), std::string::npos);
  EXPECT_NE(message.find("model.layers"), std::string::npos);
}

TEST(ArtifactReaderTest, AcceptsFeaturesOfThisMachine) {
  EXPECT_OK(load(makeToy([](ToyContents &c) { c.targets[0].features = {"fma", "sse2"}; })));
}

TEST(ArtifactReaderTest, RunsTheFirstVariantThatThisMachineCan) {
  ToyModel model([](ToyContents &c) {
    c.targets = {{"x86_64-unknown-linux-gnu", "faster", {"fma", "warp_drive"}},
                 {"aarch64-unknown-linux-gnu", "another"},
                 {"x86_64-unknown-linux-gnu", "right", {"fma"}},
                 {"x86_64-unknown-linux-gnu", "slower"}};
  });
  fathom_model_info_t info;
  fathom_model_info_initialize(&info);
  EXPECT_OK(fathom_model_info(model, &info));
  EXPECT_STREQ(info.target_cpu, "right");
  EXPECT_EQ(info.variant, 2u);
}

TEST(ArtifactReaderTest, RefusesOtherFiles) {
  EXPECT_EQ(load(std::string(1000, 'x')), FATHOM_STATUS_MISMATCH);
  EXPECT_NE(std::string(fathom_status_message()).find("not a Fathom artifact"), std::string::npos);
  EXPECT_EQ(load(""), FATHOM_STATUS_MISMATCH);
}

TEST(ArtifactReaderTest, RefusesMetadataOfTwoGigabytes) {
  std::string bytes = makeToy();
  uint64_t size = uint64_t(1) << 31;
  memcpy(bytes.data() + offsetof(fathom_artifact_header_t, metadata_size), &size, sizeof(size));
  rehash(bytes);
  EXPECT_EQ(load(bytes), FATHOM_STATUS_BAD_DATA);
}

} // namespace
} // namespace fathom::test
