// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The safetensors header: each rule of the format broken once, and sweeps over truncations and edits.

#include "frontend/checkpoint/Safetensors.h"

#include "test/frontend/Support.h"

#define XXH_INLINE_ALL
#include <xxhash.h>

namespace fathom::checkpoint {
namespace {

using test::headerBytes;

/// Parses the bytes of a whole file.
std::unique_ptr<SafetensorsHeader> parse(const std::string &file, Diagnostics &diagnostics) {
  return SafetensorsHeader::parse(file, file.size(), "t.safetensors", diagnostics);
}

/// A header with one tensor "a", whose entry is `entry`, and `data` zero bytes.
std::string oneTensor(const std::string &entry, size_t data) {
  return headerBytes("{\"a\":" + entry + "}") + std::string(data, '\0');
}

std::string entry(const std::string &dtype, const std::string &shape, const std::string &offsets) {
  return "{\"dtype\":" + dtype + ",\"shape\":" + shape + ",\"data_offsets\":" + offsets + "}";
}

const std::string good = entry("\"F32\"", "[2,3]", "[0,24]");

struct BadFile {
  const char *name;
  std::string bytes;
  int exitCode;
  const char *message;
};

std::vector<BadFile> badFiles() {
  std::string two = "{\"a\":" + entry("\"U8\"", "[4]", "[0,4]") + ",\"b\":";
  auto pair = [&](const std::string &second, size_t data) {
    return headerBytes(two + second + "}") + std::string(data, '\0');
  };
  auto number = [](const std::string &n) { return oneTensor(entry("\"U8\"", "[4]", "[0," + n + "]"), 4); };
  auto dim = [](const std::string &n) { return oneTensor(entry("\"U8\"", "[" + n + "]", "[0,4]"), 4); };
  std::string deep(10000, '1'), dims;
  for (int i = 0; i < 10000; ++i) {
    dims += i ? ",1" : "1";
  }
  return {
      {"B1 empty", "", 3, "has 0 bytes, but a safetensors file has at least 8"},
      {"B1 seven bytes", std::string(7, '\0'), 3, "has 7 bytes"},
      {"B2 no header", std::string(8, '\0'), 3, "the download may be incomplete"},
      {"B2 one byte", std::string("\1\0\0\0\0\0\0\0{", 9), 3, "the header has 1 bytes"},
      {"B2 all ones", std::string(8, '\xff') + "{}", 3, "the header's length is 18446744073709551615"},
      {"B2 above the limit", std::string("\x01\xe1\xf5\x05\0\0\0\0{}", 10), 3, "the limit is 100000000"},
      {"B2 one too many", std::string("\3\0\0\0\0\0\0\0{}", 10), 3, "declares 3 bytes, but the file has 2"},
      {"B3 cut object", headerBytes("{\"a\""), 3, "expected ':'"},
      {"B3 not UTF-8", headerBytes("{\"\xff\":1}"), 3, "invalid UTF-8"},
      {"B3 NUL", headerBytes(std::string("{\"a\0b\":1}", 9)), 3, "control character byte 0x00"},
      {"B3 array", headerBytes("[]"), 3, "expected an object, found an array"},
      {"B3 two objects", headerBytes("{}{}"), 3, "expected nothing after the value"},
      {"B4 hole", pair(entry("\"U8\"", "[4]", "[5,9]"), 9), 3, "b: a hole of 1 bytes before this tensor"},
      {"B4 overlap", pair(entry("\"U8\"", "[4]", "[2,6]"), 6), 3, "b: overlaps the tensor before it by 2"},
      {"B4 same place", pair(entry("\"U8\"", "[4]", "[0,4]"), 4), 3, "overlaps the tensor before it by 4"},
      {"B4 backwards", oneTensor(entry("\"U8\"", "[4]", "[4,0]"), 4), 3, "end at 0 before they begin at 4"},
      {"B4 beyond the file", number("5"), 3, "declares 5 bytes of data, but only 4 follow"},
      {"B4 begins late", oneTensor(entry("\"U8\"", "[4]", "[1,5]"), 5), 3, "a hole of 1 bytes"},
      {"B5 trailing bytes", oneTensor(good, 34), 3, "10 bytes follow the last tensor"},
      {"B5 data without tensors", headerBytes("{}") + "PK", 3, "2 bytes follow the last tensor"},
      {"B6 one byte short", oneTensor(good, 23), 3, "the file is truncated"},
      {"B6 half", oneTensor(good, 12), 3, "24 bytes of data, but only 12 follow; 1 tensor"},
      {"B7 wraps", oneTensor(entry("\"U8\"", "[2,18446744073709551614]", "[0,4]"), 4), 3, "expected an integer"},
      {"B7 overflows", oneTensor(entry("\"U8\"", "[9223372036854775807,4]", "[0,4]"), 4), 3, "does not fit 64"},
      {"B7 wraps to zero", oneTensor(entry("\"U8\"", "[4294967296,4294967296]", "[0,0]"), 0), 3, "not fit 64"},
      {"B7 bits overflow", oneTensor(entry("\"F64\"", "[576460752303423488]", "[0,0]"), 0), 3, "not fit 64"},
      {"B7 rank", oneTensor(entry("\"U8\"", "[" + dims + "]", "[0,1]"), 1), 3, "has 10000 dimensions"},
      {"B7 zero and 2^63", oneTensor(entry("\"U8\"", "[0,9223372036854775808]", "[0,0]"), 0), 3, "an integer"},
      {"B8 size", oneTensor(entry("\"F32\"", "[2,3]", "[0,20]"), 20), 3, "need 24 bytes, but data_offsets span 20"},
      {"B8 half a byte", oneTensor(entry("\"F4\"", "[3]", "[0,2]"), 2), 3, "12 bits of F4 do not fill"},
      {"B9 unknown dtype", oneTensor(entry("\"F128\"", "[4]", "[0,4]"), 4), 4, "unknown dtype \"F128\""},
      {"B9 lower case", oneTensor(entry("\"f32\"", "[1]", "[0,4]"), 4), 3, "must be in upper case"},
      {"B9 number", oneTensor(entry("5", "[4]", "[0,4]"), 4), 3, "dtype is a number, expected a string"},
      {"B10 name twice", headerBytes("{\"a\":" + good + ",\"a\":" + good + "}") + std::string(24, '\0'), 3,
       "the header has this name twice"},
      {"B10 name twice by escape", headerBytes("{\"a\":" + good + ",\"\\u0061\":" + good + "}"), 3, "twice"},
      {"B10 shape twice", oneTensor("{\"dtype\":\"U8\",\"shape\":[4],\"shape\":[4],\"data_offsets\":[0,4]}", 4), 3,
       "duplicate key \"shape\""},
      {"B10 metadata number", headerBytes("{\"__metadata__\":{\"x\":1}}"), 3, "\"x\" is a number"},
      {"B10 metadata array", headerBytes("{\"__metadata__\":[]}"), 3, "expected an object of strings"},
      {"B10 metadata twice", headerBytes("{\"__metadata__\":{},\"__metadata__\":{}}"), 3, "twice"},
      {"B12 empty name", headerBytes("{\"\":" + good + "}") + std::string(24, '\0'), 3, "has 0 bytes"},
      {"B12 long name", headerBytes("{\"" + std::string(5000, 'x') + "\":" + good + "}"), 3, "has 5000 bytes"},
      {"B12 NUL in name", headerBytes("{\"a\\u0000\":" + good + "}"), 3, "no NUL"},
      {"B13 float", number("4.0"), 3, "data_offsets holds 4.0"},
      {"B13 exponent", number("4e0"), 3, "data_offsets holds 4e0"},
      {"B13 negative", number("-4"), 3, "data_offsets holds -4"},
      {"B13 string", number("\"4\""), 3, "data_offsets holds a string"},
      {"B13 2^64", number("18446744073709551616"), 3, "data_offsets holds 18446744073709551616"},
      {"B13 long number", number(deep), 3, "data_offsets holds 1111"},
      {"B13 three offsets", oneTensor(entry("\"U8\"", "[4]", "[0,4,4]"), 4), 3, "has 3 numbers, expected 2"},
      {"B13 one offset", oneTensor(entry("\"U8\"", "[4]", "[0]"), 4), 3, "has 1 numbers, expected 2"},
      {"B13 offsets no array", oneTensor(entry("\"U8\"", "[4]", "4"), 4), 3, "data_offsets is not an array"},
      {"B13 dim negative", dim("-4"), 3, "shape holds -4"},
      {"B13 dim float", dim("4.0"), 3, "shape holds 4.0"},
      {"B13 dim null", dim("null"), 3, "shape holds null"},
      {"B13 shape string", oneTensor(entry("\"U8\"", "\"4\"", "[0,4]"), 4), 3, "shape is not an array"},
      {"B14 big-endian", std::string("\0\0\0\0\0\0\0\2{}", 10), 3, "read as big-endian"},
      {"B14 gzip", std::string("\x1f\x8b\x08\0\0\0\0\0\0\x03", 10), 3, "gzip archive"},
      {"B14 zip", std::string("PK\x03\x04\x14\0\x08\0\x08\0", 10), 3, "ZIP archive"},
      {"B14 pickle", std::string("\x80\x02}q\0.XXXX", 10), 3, "Python pickle"},
      {"B14 GGUF", std::string("GGUF\3\0\0\0\1\0", 10), 3, "GGUF file"},
      {"B14 HTML", "<!DOCTYPE html><html></html>", 3, "HTML page"},
      {"C9 LFS pointer", "version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n", 3, "git lfs pull"},
      {"no dtype", oneTensor("{\"shape\":[4],\"data_offsets\":[0,4]}", 4), 3, "the entry has no dtype"},
      {"no shape", oneTensor("{\"dtype\":\"U8\",\"data_offsets\":[0,4]}", 4), 3, "the entry has no shape"},
      {"no offsets", oneTensor("{\"dtype\":\"U8\",\"shape\":[4]}", 4), 3, "the entry has no data_offsets"},
      {"entry is a number", oneTensor("1", 0), 3, "the entry is a number, expected an object"},
  };
}

TEST(SafetensorsTest, EveryBrokenRuleIsNamed) {
  for (const BadFile &bad : badFiles()) {
    Diagnostics diagnostics;
    EXPECT_EQ(parse(bad.bytes, diagnostics), nullptr) << bad.name;
    EXPECT_EQ(diagnostics.exitCode(), bad.exitCode) << bad.name;
    std::string text = test::printed(diagnostics);
    EXPECT_NE(text.find(bad.message), std::string::npos) << bad.name << ": " << text;
  }
}

TEST(SafetensorsTest, TakesWhatTheFormatAllows) {
  const std::string files[] = {
      headerBytes("{}"),
      headerBytes("\t {} \n"),
      headerBytes("{\"__metadata__\":{\"format\":\"pt\"}}   "),
      oneTensor(good, 24),
      oneTensor(entry("\"F32\"", "[]", "[0,4]"), 4),
      oneTensor(entry("\"F32\"", "[0,7]", "[0,0]"), 0),
      oneTensor(entry("\"F4\"", "[4]", "[0,2]"), 2),
      oneTensor("{\"new\":{\"a\":[1]},\"dtype\":\"U8\",\"shape\":[4],\"data_offsets\":[0,4]}", 4),
  };
  for (const std::string &file : files) {
    Diagnostics diagnostics;
    EXPECT_NE(parse(file, diagnostics), nullptr) << test::printed(diagnostics);
  }
}

TEST(SafetensorsTest, OrderInTheHeaderIsFree) {
  std::string json = "{\"b\":" + entry("\"U8\"", "[4]", "[4,8]") + ",\"e\":" + entry("\"U8\"", "[0]", "[4,4]") +
                     ",\"a\":" + entry("\"U8\"", "[4]", "[0,4]") + "}";
  Diagnostics diagnostics;
  auto header = parse(headerBytes(json) + std::string(8, '\0'), diagnostics);
  ASSERT_NE(header, nullptr) << test::printed(diagnostics);
  EXPECT_EQ(header->tensors()[0].name, "b");
  EXPECT_EQ(header->tensors()[0].offset, header->dataStart() + 4);
}

TEST(SafetensorsTest, GivesNamesShapesAndAbsoluteOffsets) {
  std::string file = test::makeSafetensors({{"x", DType::BF16, {3, 5}}, {"y", DType::F8_E4M3, {7}}});
  Diagnostics diagnostics;
  auto header = parse(file, diagnostics);
  ASSERT_NE(header, nullptr);
  const TensorInfo &x = header->tensors()[0], &y = header->tensors()[1];
  EXPECT_EQ(x.shape, llvm::ArrayRef<int64_t>({3, 5}));
  EXPECT_EQ(x.dtype, DType::BF16);
  EXPECT_EQ(x.size, 30u);
  EXPECT_EQ(y.offset, file.size() - 7);
  EXPECT_EQ(header->hash(), XXH3_64bits(file.data(), header->dataStart()));
}

TEST(SafetensorsTest, HostileNamesAreEscaped) {
  Diagnostics diagnostics;
  std::string json = "{\"a\\u001b[2J\\n../../x\":" + entry("\"U8\"", "[5]", "[0,4]") + "}";
  EXPECT_EQ(parse(headerBytes(json) + "1234", diagnostics), nullptr);
  EXPECT_NE(test::printed(diagnostics).find("a\\x1b[2J\\x0a../../x"), std::string::npos);
}

TEST(SafetensorsTest, ReportsAllBadTensors) {
  std::string json = "{\"a\":" + entry("\"U8\"", "[5]", "[0,4]") + ",\"b\":" + entry("\"X\"", "[4]", "[4,8]") +
                     ",\"c\":" + entry("\"U8\"", "[-1]", "[8,12]") + "}";
  Diagnostics diagnostics;
  parse(headerBytes(json) + std::string(12, '\0'), diagnostics);
  EXPECT_EQ(diagnostics.errorCount(), 3u) << test::printed(diagnostics);
}

TEST(SafetensorsTest, ATruncatedFileIsOneFinding) {
  std::string file = test::makeSafetensors({{"a", DType::F32, {4}}, {"b", DType::F32, {4}}, {"c", DType::U8, {3}}});
  Diagnostics diagnostics;
  EXPECT_EQ(parse(file.substr(0, file.size() - 8), diagnostics), nullptr);
  EXPECT_EQ(diagnostics.errorCount(), 1u) << test::printed(diagnostics);
  EXPECT_NE(test::printed(diagnostics)
                .find("b: the file is truncated: its header declares 35 bytes of data, but only "
                      "27 follow; 2 tensors are incomplete or missing"),
            std::string::npos)
      << test::printed(diagnostics);
}

/// Parses a file that must give exit code `code` and nothing but one finding, whose message has `message`.
void expectOneFinding(const std::string &file, int code, const std::string &message,
                      const SafetensorsLimits &limits = {}) {
  Diagnostics diagnostics;
  EXPECT_EQ(SafetensorsHeader::parse(file, file.size(), "t", diagnostics, limits), nullptr);
  EXPECT_EQ(diagnostics.exitCode(), code);
  EXPECT_EQ(diagnostics.findings().size(), 1u) << test::printed(diagnostics);
  EXPECT_NE(test::printed(diagnostics).find(message), std::string::npos) << test::printed(diagnostics);
}

TEST(SafetensorsTest, AHeaderThatIsAllOfTheFileIsOneFinding) {
  std::string file = oneTensor(good, 24);
  file[0] = static_cast<char>(file.size() - 8);
  expectOneFinding(file, 3, "expected nothing after the value");
}

TEST(SafetensorsTest, LimitsEndTheHeader) {
  SafetensorsLimits limits;
  limits.tensors = 1;
  std::string empty = entry("\"U8\"", "[0]", "[0,0]");
  expectOneFinding(headerBytes("{\"a\":" + empty + ",\"b\":" + empty + "}"), 6, "more than 1 tensors", limits);
  limits.fields = 2;
  expectOneFinding(headerBytes("{\"a\":" + empty + "}"), 3, "more than 2 fields", limits);
  limits.metadataEntries = 1;
  expectOneFinding(headerBytes(R"({"__metadata__":{"a":"1","b":"2"}})"), 6, "more than 1 entries", limits);
}

TEST(SafetensorsTest, EveryTruncationIsRefused) {
  std::string file = test::makeSafetensors({{"model.x", DType::F32, {2, 2}}, {"y", DType::U8, {3}}});
  for (size_t length = 0; length < file.size(); ++length) {
    Diagnostics diagnostics;
    EXPECT_EQ(parse(file.substr(0, length), diagnostics), nullptr) << length;
    EXPECT_EQ(diagnostics.exitCode(), 3) << length;
  }
}

/// What any accepted header must satisfy: tensors cover the data, each once.
void expectSound(const SafetensorsHeader &header, size_t fileSize) {
  std::vector<std::pair<uint64_t, uint64_t>> spans;
  for (const TensorInfo &tensor : header.tensors()) {
    spans.push_back({tensor.offset, tensor.offset + tensor.size});
  }
  std::sort(spans.begin(), spans.end());
  uint64_t at = header.dataStart();
  for (auto [begin, end] : spans) {
    EXPECT_EQ(begin, at);
    at = end;
  }
  EXPECT_EQ(at, fileSize);
}

TEST(SafetensorsTest, EveryOneByteEditIsRefusedOrSound) {
  std::string file = test::makeSafetensors({{"a", DType::F32, {2, 2}}, {"b", DType::U8, {3}}});
  for (size_t at = 0; at < file.size() - 19; ++at) {
    for (int byte = 0; byte < 256; ++byte) {
      std::string edited = file;
      edited[at] = static_cast<char>(byte);
      Diagnostics diagnostics;
      auto header = parse(edited, diagnostics);
      EXPECT_EQ(header == nullptr, diagnostics.hasErrors());
      if (header) {
        expectSound(*header, edited.size());
      }
    }
  }
}

TEST(SafetensorsTest, AMillionEmptyTensorsParse) {
  std::string json = "{";
  for (int i = 0; i < 1000000; ++i) {
    json += (i ? ",\"" : "\"") + std::to_string(i) + "\":" + entry("\"U8\"", "[0]", "[0,0]");
  }
  Diagnostics diagnostics;
  auto header = parse(headerBytes(json + "}"), diagnostics);
  ASSERT_NE(header, nullptr) << test::printed(diagnostics);
  EXPECT_EQ(header->tensors().size(), 1000000u);
  Diagnostics more;
  EXPECT_EQ(parse(headerBytes(json + ",\"x\":" + good + "}"), more), nullptr);
  EXPECT_EQ(more.exitCode(), 6);
}

} // namespace
} // namespace fathom::checkpoint
