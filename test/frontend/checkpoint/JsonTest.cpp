// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The JSON reader: what it takes, what it refuses and where it says so.

#include "frontend/checkpoint/Json.h"

#include "test/frontend/Support.h"

namespace fathom::checkpoint::json {
namespace {

/// The error of a text, as "line:column: message"; "" where it parses.
std::string errorOf(llvm::StringRef text, size_t limit = 0xffffffff) {
  Document document;
  SyntaxError error;
  return document.parse(text, error, limit) ? "" : error.where() + ": " + error.message;
}

struct BadText {
  llvm::StringRef text;
  const char *error;
};

TEST(JsonTest, RefusesWithPositionAndReason) {
  static const BadText cases[] = {
      {"", "1:1: expected a value, found the end of the text"},
      {"  \n ", "2:2: expected a value, found the end of the text"},
      {"nul", "1:1: expected true, false or null, found 'n'"},
      {"[1,]", "1:4: expected a value, found ']'"},
      {"[1 2]", "1:4: expected ',' or ']', found '2'"},
      {"{\"a\":1,}", "1:8: expected a key in double quotes, found '}'"},
      {"{a:1}", "1:2: expected a key in double quotes, found 'a'"},
      {"{\"a\" 1}", "1:6: expected ':' after a key, found '1'"},
      {"{\"a\":1 \"b\":2}", "1:8: expected ',' or '}', found '\"'"},
      {"{\"a\":", "1:6: expected a value, found the end of the text"},
      {"1 1", "1:3: expected nothing after the value, found '1'"},
      {"{}x", "1:3: expected nothing after the value, found 'x'"},
      {"\xef\xbb\xbf{}",
       "1:1: the text starts with a UTF-8 byte order mark, which JSON does not allow; save it without the mark"},
      {"\xff\xfe{\0}\0", "1:1: the text looks like UTF-16, expected UTF-8"},
      {llvm::StringRef("{\0}\0", 4), "1:2: the text looks like UTF-16, expected UTF-8"},
      {llvm::StringRef("[1,\0]", 5), "1:4: expected a value, found byte 0x00"},
      {llvm::StringRef("\"a\0b\"", 5), "1:3: control character byte 0x00 in a string"},
      {"\"a\nb\"", "1:3: control character byte 0x0a in a string"},
      {"\"abc", "1:5: expected '\"' at the end of a string, found the end of the text"},
      {"\"\\x\"", "1:2: unknown escape in a string"},
      {"\"\\u12g4\"", "1:2: '\\u' needs four hexadecimal digits"},
      {"\"\\ud800\"", "1:2: lone surrogate in a string"},
      {"\"\\ud800\\u0041\"", "1:2: lone surrogate in a string"},
      {"\"\\udc00\"", "1:2: lone surrogate in a string"},
      {"\"\xff\"", "1:2: invalid UTF-8: byte 0xff in a string"},
      {"\"\xc0\x80\"", "1:2: invalid UTF-8: byte 0xc0 in a string"},
      {"\"\xe0\x80\x80\"", "1:2: invalid UTF-8: byte 0xe0 in a string"},
      {"\"\xed\xa0\x80\"", "1:2: invalid UTF-8: byte 0xed in a string"},
      {"\"\xf4\x90\x80\x80\"", "1:2: invalid UTF-8: byte 0xf4 in a string"},
      {"\"\xe4\xb8\"", "1:2: invalid UTF-8: byte 0xe4 in a string"},
      {"01", "1:2: expected nothing after the value, found '1'"},
      {"-", "1:2: expected a digit, found the end of the text"},
      {"1.", "1:3: expected a digit, found the end of the text"},
      {"1e+", "1:4: expected a digit, found the end of the text"},
      {"+1", "1:1: expected a value, found '+'"},
      {".5", "1:1: expected a value, found '.'"},
      {"NaN", "1:1: JSON has no NaN and no Infinity, which Python writes"},
      {"-Infinity", "1:2: expected a digit, found 'I'"},
      {"'a'", "1:1: expected a value, found '''"},
      {"[1, // comment\n2]", "1:5: expected a value, found '/'"},
      {"{\"k\":1,\"k\":2}", "1:8: duplicate key \"k\""},
      {"{\"k\":1,\n \"\\u006b\":2}", "2:2: duplicate key \"k\""},
      {"{\"a\":{\"k\":1,\"k\":2}}", "1:13: duplicate key \"k\""},
  };
  for (const BadText &bad : cases) {
    EXPECT_EQ(errorOf(bad.text), bad.error) << escape(bad.text);
  }
}

TEST(JsonTest, TakesEveryKindOfValue) {
  for (llvm::StringRef text : {"null", " true ", "false", "0", "-0", "-1.5e-3", "\"\"", "[]", "{}", "[[],{}]",
                               "\t{\"a\" : [1 , 2]\r\n}\n", "{\"\":0}", "{\"a\":{\"a\":1}}"}) {
    EXPECT_EQ(errorOf(text), "") << text.str();
  }
}

TEST(JsonTest, BoundsDepth) {
  auto nested = [](size_t depth) { return std::string(depth, '[') + std::string(depth, ']'); };
  EXPECT_EQ(errorOf(nested(64)), "");
  EXPECT_EQ(errorOf(nested(65)), "1:65: values nest deeper than 64");
  EXPECT_EQ(errorOf(nested(100000)), "1:65: values nest deeper than 64");
  std::string objects;
  for (int i = 0; i < 100000; ++i) {
    objects += "{\"a\":";
  }
  EXPECT_EQ(errorOf(objects), "1:321: values nest deeper than 64");
}

TEST(JsonTest, BoundsSize) {
  EXPECT_EQ(errorOf("[1,2,3]", 7), "");
  EXPECT_EQ(errorOf("[1,2,3]", 6), "1:1: the text has 7 bytes, more than the limit of 6");
}

TEST(JsonTest, BoundsValues) {
  std::string zeros;
  for (size_t i = 1; i < kMaxNodes; ++i) {
    zeros += "0,";
  }
  zeros.back() = ']';
  EXPECT_EQ(errorOf("[" + zeros), "");
  EXPECT_NE(errorOf("[0," + zeros).find("the text has more than 2097152 values and keys"), std::string::npos);
}

TEST(JsonTest, IntegersAreExact) {
  struct Case {
    const char *text;
    std::optional<int64_t> value;
  };
  static const Case cases[] = {
      {"0", 0},
      {"-1", -1},
      {"9223372036854775807", INT64_MAX},
      {"-9223372036854775808", INT64_MIN},
      {"9223372036854775808", std::nullopt},
      {"18446744073709551616", std::nullopt},
      {"1.0", std::nullopt},
      {"1e3", std::nullopt},
      {"1e400", std::nullopt},
      {"true", std::nullopt},
      {"\"1\"", std::nullopt},
  };
  for (const Case &c : cases) {
    Document document;
    SyntaxError error;
    ASSERT_TRUE(document.parse(c.text, error)) << c.text;
    EXPECT_EQ(document.root().integer(), c.value) << c.text;
  }
}

TEST(JsonTest, NumbersAreFiniteOrNothing) {
  Document document;
  SyntaxError error;
  ASSERT_TRUE(document.parse("[0.5, 40, 1e-06, -2E+2, 1e400, \"1\"]", error));
  std::vector<std::optional<double>> numbers;
  for (Value value : document.root().elements()) {
    numbers.push_back(value.number());
  }
  EXPECT_EQ(numbers, (std::vector<std::optional<double>>{0.5, 40, 1e-06, -200, std::nullopt, std::nullopt}));
}

TEST(JsonTest, ResolvesEscapes) {
  Document document;
  SyntaxError error;
  ASSERT_TRUE(document.parse(R"({"a\u00e9":"\"\\\/\b\f\n\r\t\u0041\u4e2d\ud83d\ude00","b":"\u0000"})", error));
  EXPECT_EQ(document.root().find("a\xc3\xa9").string(), "\"\\/\b\f\n\r\tA\xe4\xb8\xad\xf0\x9f\x98\x80");
  EXPECT_EQ(document.root().find("b").string(), llvm::StringRef("\0", 1));
}

TEST(JsonTest, WalksNestedValuesInOrder) {
  Document document;
  SyntaxError error;
  ASSERT_TRUE(document.parse(R"({"x":[1,[2,3],{"y":4}],"z":null,"t":true})", error));
  std::string keys;
  for (auto [key, value] : document.root().members()) {
    keys += key.str() + describe(value.kind()).str() + ";";
  }
  EXPECT_EQ(keys, "xan array;znull;ta boolean;");
  Value x = document.root().find("x");
  EXPECT_EQ(x.size(), 3u);
  std::string places;
  for (Value element : x.elements()) {
    places += element.where() + " ";
  }
  EXPECT_EQ(places, "1:7 1:9 1:15 ");
  EXPECT_FALSE(document.root().find("y"));
  EXPECT_FALSE(x.find("y"));
  EXPECT_FALSE(Value().find("y"));
}

TEST(JsonTest, LargeObjectsAreIndexed) {
  std::string text = "{";
  for (int i = 0; i < 500000; ++i) {
    text += (i ? ",\"" : "\"") + std::to_string(i) + "\":" + std::to_string(i);
  }
  Document document;
  SyntaxError error;
  ASSERT_TRUE(document.parse(text + "}", error));
  std::string whole = text + "}";
  ASSERT_TRUE(document.parse(whole, error));
  for (int i = 0; i < 500000; ++i) {
    ASSERT_EQ(document.root().find(std::to_string(i)).integer(), i);
  }
  EXPECT_FALSE(document.root().find("500000"));
  std::string repeated = text + ",\"77\":0}";
  ASSERT_FALSE(document.parse(repeated, error));
  EXPECT_EQ(error.message, "duplicate key \"77\"");
}

TEST(JsonTest, EveryTruncationOfAConfigIsRefused) {
  std::string config = test::readFile(test::modelPath("v3-tiny-fp8/config.json"));
  ASSERT_FALSE(config.empty());
  size_t last = config.rfind('}');
  for (size_t length = 0; length < config.size(); ++length) {
    EXPECT_EQ(errorOf(llvm::StringRef(config).take_front(length)).empty(), length > last) << length;
  }
}

TEST(JsonTest, OneByteEditsParseOrFailCleanly) {
  std::string config = test::readFile(test::modelPath("v3-tiny-fp8/config.json"));
  for (size_t at = 0; at < config.size(); ++at) {
    for (char byte : {'\0', '"', '\\', '{', ']', '9', ' ', '\x80', '\xff'}) {
      std::string edited = config;
      edited[at] = byte;
      std::string error = errorOf(edited);
      EXPECT_EQ(error.empty(), errorOf(edited).empty());
    }
  }
}

TEST(JsonTest, ReaderSkipsWhatItIsNotAskedFor) {
  Reader reader(R"({"skip":[1,{"a":"\u00e9"},[]],"take":"yes"} )");
  std::deque<std::string> storage;
  llvm::StringRef key, value;
  ASSERT_TRUE(reader.enterObject());
  ASSERT_TRUE(reader.nextKey(key, storage));
  ASSERT_TRUE(reader.skipValue());
  ASSERT_TRUE(reader.nextKey(key, storage));
  ASSERT_TRUE(reader.readString(value, storage));
  EXPECT_EQ(value, "yes");
  EXPECT_FALSE(reader.nextKey(key, storage));
  EXPECT_TRUE(reader.finish());
}

} // namespace
} // namespace fathom::checkpoint::json
