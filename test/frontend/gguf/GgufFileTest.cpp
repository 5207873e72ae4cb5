// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Metadata and tables of tensors, sound and malformed; each mistake has its message, and none costs memory.

#include "frontend/gguf/GgufFile.h"
#include "dialects/support/File.h"
#include "test/frontend/Support.h"
#include "test/frontend/gguf/GgufBuilder.h"

namespace fathom::gguf {

using test::bytesOf;
using test::GgufBuilder;
using test::printed;
using test::stringOf;

static std::unique_ptr<GgufFile> parse(const std::string &bytes, Diagnostics &diagnostics, GgufLimits limits = {}) {
  return GgufFile::parse(bytes, bytes.size(), "m.gguf", diagnostics, limits);
}

static GgufBuilder makeSound() {
  GgufBuilder builder;
  builder.add("general.architecture", "llama").add("llama.block_count", 7u).add("llama.scale", 0.5f);
  builder.addStrings("words", {"a", "", "c"});
  builder.addTensor("x", {4, 2}, 0, std::string(32, 'x')).addTensor("y", {32}, 8, std::string(34, 'y'));
  return builder;
}

TEST(GgufFileTest, ReadsMetadataAndTensors) {
  Diagnostics diagnostics;
  auto file = parse(makeSound().build(), diagnostics);
  ASSERT_TRUE(file) << printed(diagnostics);
  EXPECT_EQ(file->string(*file->find("general.architecture")), "llama");
  EXPECT_EQ(file->integer(*file->find("llama.block_count")), 7);
  EXPECT_EQ(file->real(*file->find("llama.scale")), 0.5);
  EXPECT_EQ(file->strings(*file->find("words")), (std::vector<llvm::StringRef>{"a", "", "c"}));
  ASSERT_EQ(file->tensors().size(), 2u);
  EXPECT_EQ(llvm::ArrayRef(file->tensors()[0].shape), (llvm::ArrayRef<int64_t>{2, 4}));
  EXPECT_EQ(file->tensors()[1].size, 34u);
  EXPECT_EQ(file->tensors()[1].offset, file->tensors()[0].offset + 32);
}

TEST(GgufFileTest, ReadsEveryTypeOfValue) {
  GgufBuilder builder;
  auto add = [&](ValueType type, const std::string &bytes) { builder.add(name(type).str(), type, bytes); };
  add(ValueType::U8, bytesOf(uint8_t(255)));
  add(ValueType::I8, bytesOf(int8_t(-1)));
  add(ValueType::U16, bytesOf(uint16_t(65535)));
  add(ValueType::I16, bytesOf(int16_t(-2)));
  add(ValueType::U32, bytesOf(UINT32_MAX));
  add(ValueType::I32, bytesOf(int32_t(-3)));
  add(ValueType::U64, bytesOf(UINT64_MAX));
  add(ValueType::I64, bytesOf(INT64_MIN));
  add(ValueType::F32, bytesOf(1.5f));
  add(ValueType::F64, bytesOf(2.5));
  add(ValueType::Bool, bytesOf(uint8_t(1)));
  // Arrays of one array of two bytes.
  add(ValueType::Array, bytesOf(uint32_t(ValueType::Array)) + bytesOf(uint64_t(1)) + bytesOf(uint32_t(ValueType::U8)) +
                            bytesOf(uint64_t(2)) + "ab");
  Diagnostics diagnostics;
  auto file = parse(builder.build(), diagnostics);
  ASSERT_TRUE(file) << printed(diagnostics);
  std::vector<std::pair<const char *, int64_t>> integers = {
      {"u8", 255}, {"i8", -1}, {"u16", 65535}, {"i16", -2}, {"u32", UINT32_MAX}, {"i32", -3}, {"i64", INT64_MIN}};
  for (auto [key, number] : integers) {
    EXPECT_EQ(file->integer(*file->find(key)), number) << key;
  }
  EXPECT_EQ(file->integer(*file->find("u64")), std::nullopt);
  EXPECT_EQ(file->real(*file->find("f32")), 1.5);
  EXPECT_EQ(file->real(*file->find("f64")), 2.5);
  EXPECT_EQ(file->boolean(*file->find("bool")), true);
  EXPECT_EQ(file->boolean(*file->find("u8")), std::nullopt);
}

namespace {
struct Malformed {
  const char *what;
  std::string bytes;
  int exitCode;
  const char *message;
};
} // namespace

static GgufBuilder with(const std::string &key, ValueType type, const std::string &bytes) {
  GgufBuilder builder;
  return builder.add(key, type, bytes);
}

static GgufBuilder withTensor(const std::vector<uint64_t> &dimensions, uint32_t type, uint64_t bytes,
                              uint64_t offset = 0) {
  GgufBuilder builder;
  return builder.addTensorAt("t", dimensions, type, offset, std::string(bytes, 0));
}

static GgufBuilder withCounts(uint64_t tensors, uint64_t entries) {
  GgufBuilder builder;
  builder.tensors = tensors;
  builder.entries = entries;
  return builder;
}

static GgufBuilder withVersion(uint32_t version) {
  GgufBuilder builder;
  builder.version = version;
  return builder;
}

static std::string array(ValueType element, uint64_t count) { return bytesOf(uint32_t(element)) + bytesOf(count); }

static std::vector<Malformed> listMalformed() {
  const uint64_t huge = UINT64_MAX, high = uint64_t(1) << 63;
  std::string nested;
  for (int i = 0; i < 6; ++i) {
    nested += array(ValueType::Array, 1);
  }
  GgufBuilder twice = GgufBuilder().add("k", 1u).add("k", 2u);
  GgufBuilder twins = withTensor({8}, 0, 32).addTensor("t", {8}, 0, std::string(32, 0));
  GgufBuilder overlap = withTensor({16}, 0, 64).addTensorAt("u", {8}, 0, 32, "");
  GgufBuilder hole = withTensor({8}, 0, 32).addTensorAt("u", {8}, 0, 96, std::string(96, 0));
  return {
      {"empty", "", 3, "the file ends in its head"},
      {"three bytes", "GGU", 3, "the file ends in its head"},
      {"another file", "PK\3\4 and so on", 3, "ZIP archive"},
      {"no version", "GGUF", 3, "the file ends in its head"},
      {"version 1", withVersion(1).build(), 4, "is of GGUF version 1; versions 2 and 3 are read"},
      {"version 4", withVersion(4).build(), 4, "is of GGUF version 4"},
      {"version 0", withVersion(0).build(), 4, "is of GGUF version 0"},
      {"big-endian", withVersion(0x03000000).build(), 4, "big-endian"},
      {"all tensors", withCounts(huge, 0).build(), 6, "says that it has 18446744073709551615 tensors"},
      {"many entries", withCounts(0, huge).build(), 6, "metadata entries; the limits are"},
      {"entries missing", withCounts(0, 5).build(), 3, "a metadata key has 0 bytes"},
      {"tensors missing", withCounts(5, 0).build().substr(0, 24), 3, "the file ends in its head"},
      {"key of 2^64", withCounts(0, 1).build().substr(0, 24) + bytesOf(huge), 3, "the file ends in its head"},
      {"empty key", with("", ValueType::U8, "x").build(), 3, "a metadata key has 0 bytes"},
      {"key with NUL", with(std::string("a\0b", 3), ValueType::U8, "x").build(), 3, "a metadata key has 3 bytes"},
      {"key not UTF-8", with("a\xff", ValueType::U8, "x").build(), 3, "of UTF-8"},
      {"long key", with(std::string(5000, 'k'), ValueType::U8, "x").build(), 3, "a metadata key has 5000 bytes"},
      {"key twice", twice.build(), 3, "the metadata have this key twice"},
      {"type 13", with("k", ValueType(13), "x").build(), 3, "k: has a value of type 13"},
      {"type 2^32 - 1", with("k", ValueType(UINT32_MAX), "x").build(), 3, "has a value of type 4294967295"},
      {"bool of 2", with("k", ValueType::Bool, "\2").build(), 3, "is a bool of 2, expected 0 or 1"},
      {"string of 2^64", with("k", ValueType::String, bytesOf(huge)).build(), 3, "the file ends in its head"},
      {"string of 2^63", with("k", ValueType::String, bytesOf(high)).build(), 3, "the file ends in its head"},
      {"array of type 99", with("k", ValueType::Array, array(ValueType(99), 0)).build(), 3, "elements of type 99"},
      {"array of 2^64 bytes", with("k", ValueType::Array, array(ValueType::U8, huge)).build(), 3, "are too few"},
      {"array of 2^61 numbers", with("k", ValueType::Array, array(ValueType::U64, high / 4)).build(), 3, "are too few"},
      {"array of strings", with("k", ValueType::Array, array(ValueType::String, high)).build(), 3, "are too few"},
      {"array of arrays", with("k", ValueType::Array, array(ValueType::Array, high)).build(), 3, "are too few"},
      {"string in an array", with("k", ValueType::Array, array(ValueType::String, 1) + bytesOf(huge)).build(), 3,
       "the file ends in its head"},
      {"deep arrays", with("k", ValueType::Array, nested).build(), 4, "more than 4 deep"},
      {"alignment 0", GgufBuilder().add("general.alignment", 0u).build(), 3, "expected a power of two"},
      {"alignment 48", GgufBuilder().add("general.alignment", 48u).build(), 3, "expected a power of two"},
      {"alignment 2^31", GgufBuilder().add("general.alignment", 1u << 31).build(), 3, "expected a power of two"},
      {"alignment as text", GgufBuilder().add("general.alignment", "32").build(), 3, "expected a power of two"},
      {"no dimension", withTensor({}, 0, 0).build(), 3, "has 0 dimensions"},
      {"five dimensions", withTensor({1, 1, 1, 1, 1}, 0, 4).build(), 3, "has 5 dimensions"},
      {"dimension 0", withTensor({8, 0}, 0, 0).build(), 3, "has a dimension of 0"},
      {"dimension 2^64 - 1", withTensor({huge}, 0, 32).build(), 3, "has a dimension of 18446744073709551615"},
      {"product wraps to 0", withTensor({high, 2}, 0, 32).build(), 3, "has a dimension of"},
      {"product wraps to 4", withTensor({(high >> 1) + 1, 4}, 0, 32).build(), 3, "has a dimension of"},
      {"too many elements", withTensor({1u << 30, 1u << 30}, 0, 32).build(), 3, "more than 2^50"},
      {"half a block", withTensor({48}, 8, 51).build(), 3, "rows of 48 elements, which are not whole blocks of 32"},
      {"half a large block", withTensor({128, 2}, 12, 144).build(), 3, "not whole blocks of 256, as Q4_K"},
      {"Q2_K", withTensor({256}, 10, 84).build(), 4, "is of type Q2_K; types that are read are F32, F16"},
      {"type 77", withTensor({256}, 77, 84).build(), 4, "is of type 77"},
      {"empty name", GgufBuilder().addTensor("", {8}, 0, std::string(32, 0)).build(), 3, "a tensor name has 0 bytes"},
      {"long name", GgufBuilder().addTensor(std::string(5000, 'n'), {8}, 0, std::string(32, 0)).build(), 3,
       "a tensor name has 5000 bytes"},
      {"name twice", twins.build(), 3, "the table has this name twice"},
      {"odd offset", withTensor({8}, 0, 64, 16).build(), 3, "lies at byte 16 of the data, which 32 does not divide"},
      {"offset of 2^64 - 32", withTensor({8}, 0, 32, huge - 31).build(), 3, "the file is truncated"},
      {"offset beyond the end", withTensor({8}, 0, 32, 64).build(), 3, "the file is truncated"},
      {"data too short", withTensor({16}, 0, 32).build(), 3, "1 tensor is incomplete or missing"},
      {"overlap", overlap.build(), 3, "overlaps the tensor before it by 32 bytes"},
      {"hole", hole.build(), 3, "a hole of 64 bytes before this tensor"},
      {"hole before the first", withTensor({8}, 0, 64, 32).build(), 3, "a hole of 32 bytes"},
  };
}

TEST(GgufFileTest, MalformedFilesAreNamed) {
  for (const Malformed &malformed : listMalformed()) {
    Diagnostics diagnostics;
    EXPECT_FALSE(parse(malformed.bytes, diagnostics)) << malformed.what;
    EXPECT_EQ(diagnostics.exitCode(), malformed.exitCode) << malformed.what << ": " << printed(diagnostics);
    EXPECT_NE(printed(diagnostics).find(malformed.message), std::string::npos)
        << malformed.what << ": " << printed(diagnostics);
  }
}

TEST(GgufFileTest, EveryTruncationIsFound) {
  std::string bytes = makeSound().build();
  size_t end = bytes.size() - 30; // the last tensor fills 34 of 64 bytes
  for (size_t size = 0; size < end; ++size) {
    Diagnostics diagnostics;
    EXPECT_FALSE(parse(bytes.substr(0, size), diagnostics)) << size;
    EXPECT_EQ(diagnostics.exitCode(), 3) << size << ": " << printed(diagnostics);
  }
  Diagnostics diagnostics;
  EXPECT_TRUE(parse(bytes.substr(0, end), diagnostics)) << printed(diagnostics);
}

TEST(GgufFileTest, EveryByteMayBeAnother) {
  std::string bytes = makeSound().build();
  for (size_t at = 0; at < bytes.size(); ++at) {
    for (uint8_t mask : {0x01, 0x80, 0xff}) {
      std::string edited = bytes;
      edited[at] = static_cast<char>(edited[at] ^ mask);
      Diagnostics diagnostics;
      EXPECT_EQ(parse(edited, diagnostics) == nullptr, diagnostics.hasErrors()) << at;
    }
  }
}

TEST(GgufFileTest, LimitsAreKept) {
  GgufLimits limits;
  limits.headBytes = 100;
  Diagnostics diagnostics;
  EXPECT_FALSE(parse(makeSound().build(), diagnostics, limits));
  EXPECT_EQ(diagnostics.exitCode(), 6);
  EXPECT_NE(printed(diagnostics).find("have more than 100 bytes"), std::string::npos);
}

TEST(GgufFileTest, TrailingBytesAreNoted) {
  Diagnostics diagnostics;
  EXPECT_TRUE(parse(makeSound().build() + std::string(100, 0), diagnostics));
  EXPECT_NE(printed(diagnostics).find("bytes follow the last tensor, which nothing reads"), std::string::npos);
}

TEST(GgufFileTest, ReadsAFileFromDisk) {
  test::TempDirectory directory;
  directory.write("m.gguf", makeSound().build());
  mode_t mode = 0;
  std::optional<File> input = File::open(directory.path("m.gguf"), mode);
  ASSERT_TRUE(input);
  Diagnostics diagnostics;
  auto read = GgufFile::read(*input, "m.gguf", diagnostics);
  ASSERT_TRUE(read) << printed(diagnostics);
  EXPECT_EQ(read->hash(), parse(makeSound().build(), diagnostics)->hash());
}

} // namespace fathom::gguf
