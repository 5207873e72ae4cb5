// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Chat templates: what Jinja2 renders, limits, and what of a prompt is read as special tokens.

#include "frontend/tokenizer/ChatFormats.h"
#include "test/tokenizer/support.h"

#include "llvm/ADT/SmallVector.h"
#include "llvm/ADT/StringExtras.h"

#include <cstdlib>
#include <cstring>
#include <gtest/gtest.h>
#include <map>
#include <set>

using namespace fathom;
using namespace fathom::test;
using tokenizer::RenderedChat;
using tokenizer::Status;

namespace {

Table tableWith(const std::string &source, frontend::TokenizerModel model = tinyModel()) {
  // The time of the fixtures.
  setenv("SOURCE_DATE_EPOCH", "1772600767", 1);
  frontend::ChatError error;
  auto program = frontend::compileChatTemplate(source, error);
  EXPECT_TRUE(program) << error.place.line << ":" << error.place.column << ": " << error.message;
  if (program) {
    program->name = "default";
    model.chats.push_back(std::move(*program));
  }
  Table table(model);
  EXPECT_EQ(tokenizer::verify(*table), nullptr);
  return table;
}

/// What the template renders, or its error.
std::string render(const std::string &source, const std::string &json = "[]") {
  RenderedChat chat;
  Status status = tableWith(source).view().renderChat(json, false, chat);
  return status == Status::Ok ? std::string(chat.text.begin(), chat.text.end()) : std::string("error: ") + chat.error;
}

/// What Jinja2 said, without the class of Python's exception: "TypeError: …".
std::string messageOf(llvm::StringRef error) {
  auto [type, message] = error.split(": ");
  return type.ends_with("Error") && !type.contains(' ') ? message.str() : error.str();
}

/// What Fathom says, without the place.
std::string messageOf(const RenderedChat &chat) { return llvm::StringRef(chat.error).split(": ").second.str(); }

/// Templates of models, against what Jinja2 rendered: {"input", "text" or "error"} a line.
TEST(ChatTest, RendersAsJinjaDoes) {
  for (const char *name : {"deepseek-v3.1", "deepseek-v3.2", "llama-3.1", "qwen2.5", "qwen3", "r1-distill-llama",
                           "r1-distill-qwen", "smollm3"}) {
    Table table = tableWith(readFile(fixture("templates/" + std::string(name) + ".jinja")));
    std::deque<JsonLine> lines = readLines(fixture("templates/" + std::string(name) + ".jsonl"));
    EXPECT_EQ(lines.size(), 19u);
    for (const JsonLine &line : lines) {
      RenderedChat chat;
      // The object is its own input but for "what" and "text", which no template reads.
      size_t begin = line.text.find("\"input\": ") + 9;
      size_t end = line.text.rfind(line["text"] ? ", \"text\": " : ", \"error\": ");
      Status status = table.view().renderChat(std::string_view(line.text).substr(begin, end - begin), false, chat);
      if (line["error"]) {
        EXPECT_EQ(status, Status::ChatFailed) << name << line.text;
        EXPECT_EQ(messageOf(chat), messageOf(line["error"].string())) << name << line.text;
      } else {
        EXPECT_EQ(status, Status::Ok) << name << ": " << chat.error << line.text;
        EXPECT_EQ(std::string(chat.text.begin(), chat.text.end()), line["text"].string().str()) << name;
      }
    }
  }
}

/// Constructs, each with what Jinja2 makes of it: fixtures/templates/constructs.jsonl is written by make_templates.py.
TEST(ChatTest, ConstructsRenderAsJinjaDoes) {
  std::deque<JsonLine> lines = readLines(fixture("templates/constructs.jsonl"));
  EXPECT_GT(lines.size(), 100u);
  for (const JsonLine &line : lines) {
    std::string source = line["source"].string().str();
    std::string text = render(source, line["input"].string().str());
    if (line["error"]) {
      EXPECT_EQ(text.substr(0, 6), "error:") << source;
    } else {
      EXPECT_EQ(text, line["text"].string().str()) << source;
    }
  }
}

/// The built-in chat formats, against what Jinja2 made of the models' own templates: {"format", "what", "text"} a line,
/// where "what" names a conversation of qwen3.jsonl.
TEST(ChatTest, FormatsRenderAsTheModelsOwnTemplates) {
  std::map<std::string, std::string> conversations;
  for (const JsonLine &line : readLines(fixture("templates/qwen3.jsonl"))) {
    size_t begin = line.text.find("\"input\": ") + 9,
           end = line.text.rfind(line["text"] ? ", \"text\": " : ", \"error\": ");
    conversations[line["what"].string().str()] = line.text.substr(begin, end - begin);
  }
  std::set<std::string> seen{"none"};
  for (const JsonLine &line : readLines(fixture("templates/formats.jsonl"))) {
    std::string format = line["format"].string().str(), what = line["what"].string().str();
    seen.insert(format);
    EXPECT_EQ(render(frontend::findChatFormat(format).str(), conversations[what]), line["text"].string().str())
        << format << ": " << what;
  }
  llvm::SmallVector<llvm::StringRef> names;
  llvm::StringRef(frontend::chatFormatNames()).split(names, '|');
  EXPECT_EQ(seen, std::set<std::string>(names.begin(), names.end()));
}

/// What the conversations of the models lack: rounds of tools, thoughts between them, who else speaks.
TEST(ChatTest, RoundsOfToolsRenderAsDeepSeekV32) {
  const std::string question = R"({"role": "user", "content": "Warmer?"})",
                    call = R"({"type": "function", "function": {"name": "look", "arguments": )"
                           R"({"city": "Paris", "days": [1, 2], "exact": true, "unit": null}}})",
                    calls =
                        R"({"role": "assistant", "content": "", "reasoning_content": "look twice", "tool_calls": [)" +
                        call + ", " + call + "]}",
                    result = R"({"role": "tool", "content": "21"})",
                    answer = R"({"role": "assistant", "content": "No.", "reasoning_content": "as warm"})",
                    developer = R"({"role": "developer", "content": "x"})",
                    tools = R"("tools": [{"type": "function", "function": {"name": "look"}}, {"type": "other"}])";
  const std::vector<std::string> conversations[] = {
      {question, calls, result},
      {question, calls, result, result},
      {question, answer, developer},
      {question, calls, result, result, answer},
      {question, calls, result, result, answer, question, calls, result, result},
      {question, answer, calls, result},
      {answer, developer, calls, result, result, calls, result, result},
  };
  std::string own = readFile(fixture("templates/deepseek-v3.2.jinja")),
              format = frontend::findChatFormat("deepseek-v3.2").str();
  for (const std::vector<std::string> &messages : conversations) {
    for (const char *thinking : {"true", "false"}) {
      std::string json = "{\"bos_token\": \"<BOS>\", \"messages\": [" + llvm::join(messages, ", ") + "], " + tools +
                         ", \"thinking\": " + thinking + "}";
      std::string text = render(format, json);
      EXPECT_EQ(text, render(own, json)) << json;
      EXPECT_NE(text.find("<BOS>## Tools"), std::string::npos) << text;
    }
  }
}

TEST(ChatTest, DeepSeekV32SaysThatArgumentsAreNoText) {
  EXPECT_NE(render(frontend::findChatFormat("deepseek-v3.2").str(),
                   R"([{"role": "assistant", "tool_calls": [{"function": {"name": "f", "arguments": "{}"}}]}])")
                .find("expected 'arguments' to be an object, found a string"),
            std::string::npos);
}

TEST(ChatTest, ErrorsHaveAPlace) {
  EXPECT_EQ(render("a\n{{ raise_exception('no tools') }}"), "error: line 2, column 4: no tools");
  EXPECT_EQ(render("{{ 1 +\n 'a' }}"), "error: line 1, column 4: unsupported operand types for +: 'int' and 'str'");
  EXPECT_EQ(render("", "[{]"), "error: column 3: expected a key in quotes");
  EXPECT_EQ(render("{{ messages[0].n }}", "[{\"role\": \"a\", \"n\": -9223372036854775808}]"), "-9223372036854775808");
  EXPECT_NE(render("", "{\"messages\": 1}").find("expected an array of messages"), std::string::npos);
  for (const char *json : {"[1]", "[\"x\"]", "[{}]", "[{\"role\": 1}]", "[{\"content\": \"x\"}]"}) {
    EXPECT_NE(render("", json).find("messages[0]: expected an object with a string 'role'"), std::string::npos) << json;
  }
}

std::string renderV32(const std::string &json) { return render(frontend::findChatFormat("deepseek-v3.2").str(), json); }

TEST(ChatTest, AllThatIsWrongWithAConversationIsNamed) {
  const std::string user = R"({"role": "user", "content": "a"}, )",
                    call = R"({"function": {"name": "f", "arguments": {}}})";
  auto calling = [&](const std::string &calls) {
    return renderV32("[" + user + R"({"role": "assistant", "tool_calls": )" + calls + "}]");
  };
  const std::string expected = "expected {\"function\": {\"name\", \"arguments\"}}";
  for (const char *bad : {"{}", "1", R"({"name": "f", "arguments": {}})", R"({"function": {"name": "f"}})",
                          R"({"function": {"name": 1, "arguments": {}}})", R"({"function": "f"})"}) {
    EXPECT_EQ(calling("[" + call + ", " + bad + "]"), "error: messages[1].tool_calls[1]: " + expected) << bad;
  }
  for (const char *bad : {"\"f\"", "{}", "0"}) {
    EXPECT_EQ(calling(bad).find("error: messages[1].tool_calls: expected an array of {"), 0u) << bad;
  }
  EXPECT_EQ(renderV32(R"({"messages": [{"role": "user"}, {"role": "user", "content": null}], "tools": [1, {}]})"),
            "error: messages[0]: expected 'content', a string or an array of parts; messages[1]: expected 'content', a "
            "string or an array of parts; tools[0]: expected an object");
  EXPECT_EQ(renderV32("{\"messages\": [" + user + user + R"({"role": "user", "content": ""}], "tools": {}})"),
            "error: tools: expected an array of objects");
}

TEST(ChatTest, WhatIsWrongWithAConversationEndsSomewhere) {
  std::string json = "[1", text;
  for (int i = 0; i < 100; ++i) {
    json += ", 1";
  }
  text = render("", json + "]");
  EXPECT_EQ(text.find("error: messages[0]: "), 0u) << text;
  EXPECT_EQ(text.find("; and more"), text.size() - 10) << text;
}

TEST(ChatTest, TemplatesMayKnowCallsWithoutFunctions) {
  EXPECT_EQ(render("{{ messages[0].tool_calls[0].name }}",
                   R"([{"role": "assistant", "tool_calls": [{"name": "f", "arguments": {}}]}])"),
            "f");
}

/// Where Jinja2 goes on and Fathom does not, which is no fault of the template or the conversation.
TEST(ChatTest, WhatIsNotSupportedHasAStatusOfItsOwn) {
  constexpr const char *kTooLarge = "integers above 2^63 - 1 or below -2^63 are not supported, though Python's have no";
  const std::pair<const char *, const char *> cases[] = {
      {"{{ 2 ** 0.5 }}", "powers of numbers that are not whole are not supported"},
      {"{{ 1.5 ** 2 }}", "powers of numbers that are not whole are not supported"},
      {"{{ 3.0 ** 38 }}", "powers above 2^53 that are floats are not supported"},
      {"{{ 2 ** 63 }}", kTooLarge},
      {"{{ 9223372036854775807 + 1 }}", kTooLarge},
      {"{{ -9223372036854775807 - 2 }}", kTooLarge},
      {"{{ 3037000500 * 3037000500 }}", kTooLarge},
      {"{{ -(-9223372036854775807 - 1) }}", kTooLarge},
      {"{{ '9223372036854775808' | int }}", kTooLarge},
      {"{{ 1e19 | int }}", kTooLarge},
      {"{{ '%d' % 1e19 }}", kTooLarge},
      {"{{ 'ff' | int(0, 16) }}", "int: bases other than 10 are not supported"},
      {"{{ '٣' | int }}", "int: digits other than 0 to 9 are not supported"},
      {"{{ [] | sort(attribute='a,b') }}", "sort: several attributes are not supported"},
      {"{{ [1] | map('pprint') | list }}", "the filter 'pprint' is not supported in chat templates"},
      {"{{ [1] | select('filter') | list }}", "the test 'filter' is not supported in chat templates"},
      {"{{ [1, 1].index(1, 1) }}", "'index()' from a place on is not supported in chat templates"},
      {"{{ 'a'['zfill'](3) }}", "'zfill()' is not supported in chat templates"},
      {"{{ (1.5).hex() }}", "'hex()' is not supported in chat templates"},
      {"{{ 'a'.upper }}", "printing a method is not supported in chat templates"},
      {"{{ [range] }}", "printing a function is not supported in chat templates"},
      {"{{ [1] | map('string') }}",
       "printing a generator (make a list of it with '| list') is not supported in chat templates"},
      {"{{ range(5)[1:] }}", "printing a part of a range is not supported in chat templates"},
      {"{{ strftime_now('%2000d') }}", "strftime_now: more than 1024 bytes are not supported"},
      {"{% set f = '{:{}}' %}{{ f.format(1, 2) }}", "format: the field ':{' is not supported in chat templates"},
      {"{% set f = '{!a}' %}{{ f.format(1) }}", "format: the field '!a' is not supported in chat templates"},
      {"{% set f = '{:c}' %}{{ f.format(65) }}", "format: a type of 'c' or 'n' is not supported in chat templates"},
      {"{% set f = '{:.999}' %}{{ f.format(1.5) }}",
       "format: a precision above 100 is not supported in chat templates"},
      {"{% set f = '%c' %}{{ f % 65 }}", "%: this conversion is not supported in chat templates"},
  };
  for (auto [source, message] : cases) {
    RenderedChat chat;
    EXPECT_EQ(tableWith(source).view().renderChat("[]", false, chat), Status::ChatUnsupported) << source << chat.error;
    EXPECT_EQ(messageOf(chat).substr(0, std::strlen(message)), message) << source;
    EXPECT_EQ(std::string_view(chat.error).substr(0, 15), "line 1, column ") << source << chat.error;
  }
  RenderedChat chat;
  EXPECT_EQ(tableWith("").view().renderChat("[18446744073709551615]", false, chat), Status::ChatUnsupported);
  EXPECT_EQ(std::string_view(chat.error).substr(0, 20), "column 22: integers ");
}

TEST(ChatTest, TheTimeMustBeANumber) {
  Table table = tableWith("{{ strftime_now('%Y') }}");
  setenv("SOURCE_DATE_EPOCH", "abc", 1);
  RenderedChat chat;
  EXPECT_EQ(table.view().renderChat("[]", false, chat), Status::ChatFailed);
  EXPECT_EQ(messageOf(chat), "strftime_now: SOURCE_DATE_EPOCH is not a number of seconds");
}

/// As Jinja2 says it.
TEST(ChatTest, WhatIsUndefinedHasAnOwner) {
  const std::pair<const char *, const char *> cases[] = {
      {"{{ x.y }}", "'x' is undefined"},
      {"{{ {}.foo.bar }}", "'dict object' has no attribute 'foo'"},
      {"{{ {}['foo'].bar }}", "'dict object' has no attribute 'foo'"},
      {"{{ none.foo + 1 }}", "'None' has no attribute 'foo'"},
      {"{{ messages.startswith('x') }}", "'list object' has no attribute 'startswith'"},
      {"{{ messages[0].role }}", "list object has no element 0"},
      {"{{ 'ab'[2] + 'c' }}", "str object has no element 2"},
      {"{{ [].append(1) }}", "access to attribute 'append' of 'list' object is unsafe."},
      {"{{ ([] | first).x }}", "No first item, sequence was empty."},
  };
  for (auto [source, message] : cases) {
    RenderedChat chat;
    EXPECT_EQ(tableWith(source).view().renderChat("[]", false, chat), Status::ChatFailed) << source;
    EXPECT_EQ(messageOf(chat), message) << source;
  }
}

/// Work is charged by what is looked at, not by what is left to look at.
TEST(ChatTest, LongConversationsRender) {
  std::string line = "A line of some fifty characters, as people write. ", text;
  for (int i = 0; i < 10000; ++i) {
    text += line;
  }
  std::string json = "[{\"role\": \"user\", \"content\": \"" + text + "\"}]";
  EXPECT_EQ(render("{{ messages[0].content.split(' ') | length }}", json), "90001");
  EXPECT_EQ(render("{{ messages[0].content.replace('.', '!').count('!') }}", json), "10000");
}

TEST(ChatTest, HostileTemplatesEnd) {
  EXPECT_NE(render("{% for a in range(99999) %}{% for b in range(99999) %}x{% endfor %}{% endfor %}").find("too m"),
            std::string::npos);
  EXPECT_NE(render("{{ 'x' * 999999999999 }}").find("error"), std::string::npos);
  EXPECT_NE(render("{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}").find("nested too deeply"), std::string::npos);
  EXPECT_NE(render("{% set ns = namespace(x='a') %}{% for i in range(99) %}{% set ns.x = ns.x + ns.x %}{% endfor %}")
                .find("error"),
            std::string::npos);
  const std::string longText = "{% set ns = namespace(x='ab') %}{% for i in range(20) %}{% set ns.x = ns.x + ns.x %}"
                               "{% endfor %}{% for i in range(99999) %}";
  for (const char *work :
       {"ns.x | length", "ns.x < ns.x", "ns.x[99]", "ns.x.strip('ab')", "[ns.x] | map('length') | list",
        "[ns.x] | select('lower') | list", "ns.x.startswith('b', -1)", "ns.x.strip(ns.x)",
        "ns.x.startswith((ns.x, ns.x, ns.x))", "{ns.x: 1}[ns.x]"}) {
    EXPECT_NE(render(longText + "{% if " + work + " %}{% endif %}{% endfor %}").find("too many steps"),
              std::string::npos)
        << work;
  }
  EXPECT_NE(render("", std::string(300, '[')).find("the conversation nests too deeply"), std::string::npos);
  EXPECT_NE(render("{{ range(1000000000) }}").find("Range too big"), std::string::npos);
}

std::vector<int32_t> idsOfChat(const Table &table, const std::string &json, bool parseSpecial) {
  RenderedChat chat;
  Buffer<int32_t> ids;
  EXPECT_EQ(table.view().renderChat(json, false, chat), Status::Ok) << chat.error;
  EXPECT_EQ(table.view().encodeChat(chat, parseSpecial, ids), Status::Ok);
  return {ids.begin(), ids.end()};
}

TEST(ChatTest, OnlyTheTemplateWritesSpecialTokens) {
  frontend::TokenizerModel model = tinyModel();
  addToken(model, "<u>").special = true;
  Table table = tableWith("<u>{{ messages[0].content | trim }}<{{ messages[0].role }}>", model);
  std::string json = R"([{"role": "u", "content": " <u> "}])";
  EXPECT_EQ(idsOfChat(table, json, false), (std::vector<int32_t>{256, '<', 'u', '>', 256}));
  EXPECT_EQ(idsOfChat(table, json, true), (std::vector<int32_t>{256, 256, 256}));
}

TEST(ChatTest, NormalizedTokensOfTheTemplateStayTokens) {
  frontend::TokenizerModel model = tinyModel();
  model.normalizer = artifact::Normalizer::nfc;
  addToken(model, "<u>").normalized = true;
  Table table = tableWith("<u>{{ messages[0].content }}", model);
  EXPECT_EQ(idsOfChat(table, R"([{"role": "u", "content": "<u>"}])", false),
            (std::vector<int32_t>{256, '<', 'u', '>'}));
}

TEST(ChatTest, ToolUseIsForConversationsWithTools) {
  frontend::TokenizerModel model = tinyModel();
  frontend::ChatError error;
  model.chats.push_back(*frontend::compileChatTemplate("tools", error));
  model.chats[0].name = "tool_use";
  Table table = tableWith("plain", model);
  RenderedChat chat;
  EXPECT_EQ(table.view().renderChat(R"({"messages": [], "tools": []})", false, chat), Status::Ok);
  EXPECT_EQ(view(chat.text), "tools");
  EXPECT_EQ(table.view().renderChat("[]", false, chat), Status::Ok);
  EXPECT_EQ(view(chat.text), "plain");
}

} // namespace
