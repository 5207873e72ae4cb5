// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Chat formats: how templates are recognised, and what is made of conversations.

#include "frontend/tokenizer/ChatTemplates.h"
#include "test/tokenizer/support.h"
#include "llvm/Support/JSON.h"
#include <gtest/gtest.h>

using namespace fathom;
using namespace fathom::test;
using tokenizer::Message;
using tokenizer::Role;
using tokenizer::Status;

namespace {

/// DeepSeek-V3's own template.
std::string officialV3() {
  llvm::json::Value config = llvm::cantFail(llvm::json::parse(readFile(fixture("deepseek-v3/tokenizer_config.json"))));
  return config.getAsObject()->getString("chat_template")->str();
}

std::string replace(std::string text, const std::string &from, const std::string &to) {
  size_t at = text.find(from);
  EXPECT_NE(at, std::string::npos) << from;
  return at == std::string::npos ? text : text.replace(at, from.size(), to);
}

constexpr const char *kV2 =
    "{% if not add_generation_prompt is defined %}{% set add_generation_prompt = false %}{% endif %}{{ bos_token }}"
    "{% for message in messages %}{% if message['role'] == 'user' %}{{ 'User: ' + message['content'] + '\\n\\n' }}"
    "{% elif message['role'] == 'assistant' %}{{ 'Assistant: ' + message['content'] + eos_token }}"
    "{% elif message['role'] == 'system' %}{{ message['content'] + '\\n\\n' }}{% endif %}{% endfor %}"
    "{% if add_generation_prompt %}{{ 'Assistant:' }}{% endif %}";

/// R1 differs from V3 in what it does to replies and to the generation prompt.
std::string r1() {
  std::string text = replace(officialV3(), "{{'<｜Assistant｜>' + message['content'] + '<｜end▁of▁sentence｜>'}}",
                             "{% set content = message['content'] %}{% if '</think>' in content %}{% set content = "
                             "content.split('</think>')[-1] %}{% endif %}{{'<｜Assistant｜>' + content + "
                             "'<｜end▁of▁sentence｜>'}}");
  return replace(text, "{{'<｜Assistant｜>'}}", "{{'<｜Assistant｜><think>\\n'}}");
}

TEST(ChatTemplateTest, KnowsDeepSeekV3) {
  auto known = frontend::recogniseChatTemplate(officialV3());
  ASSERT_TRUE(known);
  EXPECT_EQ(known->format, artifact::ChatFormat::deepseek_v3);
  EXPECT_TRUE(known->joinsSystem);
  EXPECT_FALSE(known->dropsReasoning);
  EXPECT_FALSE(known->opensReasoning);
}

TEST(ChatTemplateTest, KnowsDeepSeekR1) {
  auto known = frontend::recogniseChatTemplate(r1());
  ASSERT_TRUE(known);
  EXPECT_TRUE(known->dropsReasoning);
  EXPECT_TRUE(known->opensReasoning);
}

TEST(ChatTemplateTest, KnowsTheLastSystemMessageForm) {
  std::string joined =
      "{%- if ns.is_first_sp %}{% set ns.system_prompt = ns.system_prompt + message['content'] %}{% set "
      "ns.is_first_sp = false %}{%- else %}{% set ns.system_prompt = ns.system_prompt + '\n\n' + "
      "message['content'] %}{%- endif %}";
  auto known = frontend::recogniseChatTemplate(
      replace(officialV3(), joined, "{%- set ns.system_prompt = message['content'] -%}"));
  ASSERT_TRUE(known);
  EXPECT_FALSE(known->joinsSystem);
}

TEST(ChatTemplateTest, KnowsDeepSeekV2) {
  auto known = frontend::recogniseChatTemplate(kV2);
  ASSERT_TRUE(known);
  EXPECT_EQ(known->format, artifact::ChatFormat::deepseek_v2);
}

TEST(ChatTemplateTest, RefusesWhatDiffers) {
  for (const std::string &text : {
           std::string(),
           std::string("{{ bos_token }}"),
           std::string("{% for i in range(1000000000) %}x{% endfor %}"),
           std::string("{{ ''.__class__.__mro__ }}"),
           std::string("{{ unclosed"),
           "Be kind. " + officialV3(),
           replace(officialV3(), "'<｜User｜>'", "'<｜Human｜>'"),
           replace(officialV3(), "{{'<｜Assistant｜>'}}", "{{'<｜Assistant｜></think>'}}"),
           replace(officialV3(), "{{bos_token}}", "{{bos_token}}{{'You are helpful.'}}"),
           replace(officialV3(), "{{ns.system_prompt}}", "{% if x %}{{ns.system_prompt}}{% endif %}"),
       }) {
    EXPECT_FALSE(frontend::recogniseChatTemplate(text)) << text;
  }
}

frontend::TokenizerModel chatModel() {
  frontend::TokenizerModel model = tinyModel();
  for (const char *text : {"<bos>", "<eos>", "<U>", "<A>", "<think>"}) {
    addToken(model, text);
  }
  model.bos = 256;
  model.eos = 257;
  model.chatUser = 258;
  model.chatAssistant = 259;
  model.chat = artifact::ChatFormat::deepseek_v3;
  return model;
}

std::string render(const frontend::TokenizerModel &model, const std::vector<Message> &messages,
                   tokenizer::ChatOptions options = {}) {
  Table table(model);
  EXPECT_EQ(tokenizer::verify(*table), nullptr);
  tokenizer::Buffer<int32_t> ids;
  EXPECT_EQ(table.view().encodeChat(messages.data(), messages.size(), options, ids), Status::Ok);
  return decode(table, {ids.begin(), ids.end()});
}

TEST(ChatTest, SystemMessagesComeFirst) {
  frontend::TokenizerModel model = chatModel();
  std::vector<Message> messages = {{Role::User, "u"}, {Role::System, "s"}, {Role::System, "t"}};
  EXPECT_EQ(render(model, messages), "<bos>t<U>u<A>");
  model.chatJoinsSystem = true;
  EXPECT_EQ(render(model, messages), "<bos>s\n\nt<U>u<A>");
}

TEST(ChatTest, ReasoningOfRepliesIsDroppedAndOpened) {
  frontend::TokenizerModel model = chatModel();
  model.chatDropsReasoning = model.chatOpensReasoning = true;
  std::vector<Message> messages = {{Role::User, "q"}, {Role::Assistant, "a</think>b</think>\n\nc"}, {Role::User, "r"}};
  EXPECT_EQ(render(model, messages), "<bos><U>q<A>\n\nc<eos><U>r<A><think>\n");
}

TEST(ChatTest, TheFormatsOwnTokensAreAlwaysTokens) {
  frontend::TokenizerModel model = chatModel();
  model.chatOpensReasoning = true;
  Table table(model);
  Message message{Role::User, ""};
  tokenizer::Buffer<int32_t> ids;
  ASSERT_EQ(table.view().encodeChat(&message, 1, {}, ids), Status::Ok);
  EXPECT_EQ(std::vector<int32_t>(ids.begin(), ids.end()), (std::vector<int32_t>{256, 258, 259, 260, '\n'}));
}

TEST(ChatTest, UsersCannotWriteTokensUnlessAllowed) {
  Table table(chatModel());
  Message message{Role::User, "<eos>"};
  tokenizer::Buffer<int32_t> ids;
  ASSERT_EQ(table.view().encodeChat(&message, 1, {false, false}, ids), Status::Ok);
  EXPECT_EQ(std::vector<int32_t>(ids.begin(), ids.end()), (std::vector<int32_t>{256, 258, '<', 'e', 'o', 's', '>'}));
  ids.clear();
  ASSERT_EQ(table.view().encodeChat(&message, 1, {false, true}, ids), Status::Ok);
  EXPECT_EQ(std::vector<int32_t>(ids.begin(), ids.end()), (std::vector<int32_t>{256, 258, 257}));
}

TEST(ChatTest, DeepSeekV2) {
  frontend::TokenizerModel model = chatModel();
  model.chat = artifact::ChatFormat::deepseek_v2;
  EXPECT_EQ(render(model, {{Role::System, "s"}, {Role::User, "u"}, {Role::Assistant, "a"}, {Role::User, "v"}}),
            "<bos>s\n\nUser: u\n\nAssistant: a<eos>User: v\n\nAssistant:");
}

TEST(ChatTest, NoMessagesAreDefined) {
  EXPECT_EQ(render(chatModel(), {}, {false, false}), "<bos>");
  EXPECT_EQ(render(chatModel(), {}), "<bos><A>");
}

TEST(ChatTest, RefusesWithoutAFormat) {
  frontend::TokenizerModel model = chatModel();
  Message message{Role::User, "u"};
  tokenizer::Buffer<int32_t> ids;
  model.chat = artifact::ChatFormat::none;
  EXPECT_EQ(Table(model).view().encodeChat(&message, 1, {}, ids), Status::NoChatTemplate);
  model.chat = artifact::ChatFormat::unknown;
  EXPECT_EQ(Table(model).view().encodeChat(&message, 1, {}, ids), Status::UnknownChatTemplate);
  EXPECT_TRUE(ids.empty());
}

} // namespace
