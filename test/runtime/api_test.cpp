// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Misuse of the C API: every NULL, every wrong handle, every wrong struct is a status.

#include "test/runtime/toy_artifact.h"

#include <cstring>
#include <dirent.h>
#include <thread>
#include <unistd.h>

namespace fathom::test {
namespace {

constexpr fathom_status_t kInvalid = FATHOM_STATUS_INVALID_ARGUMENT;

TEST(ApiTest, NullModelsAndOutputsAreRefused) {
  fathom_model_t *model = nullptr;
  fathom_model_info_t info;
  fathom_model_info_initialize(&info);
  fathom_sampling_t sampling;
  fathom_sampling_initialize(&sampling);
  size_t count = 0;
  uint64_t offset = 0;
  EXPECT_EQ(fathom_model_load_file(nullptr, nullptr, &model), kInvalid);
  EXPECT_EQ(fathom_model_load_file("x", nullptr, nullptr), kInvalid);
  EXPECT_EQ(fathom_model_load_memory(nullptr, 1, nullptr, &model), kInvalid);
  EXPECT_EQ(fathom_model_load_memory("x", 1, nullptr, nullptr), kInvalid);
  EXPECT_EQ(fathom_model_find_embedded(nullptr, &offset), kInvalid);
  EXPECT_EQ(fathom_model_find_embedded("x", nullptr), kInvalid);
  EXPECT_EQ(fathom_model_retain(nullptr), kInvalid);
  EXPECT_EQ(fathom_model_release(nullptr), kInvalid);
  EXPECT_EQ(fathom_model_info(nullptr, &info), kInvalid);
  EXPECT_EQ(fathom_model_sampling(nullptr, &sampling), kInvalid);
  EXPECT_EQ(fathom_model_encode(nullptr, "", 0, 0, nullptr, 0, &count), kInvalid);
  EXPECT_EQ(fathom_model_decode(nullptr, nullptr, 0, 0, nullptr, 0, &count), kInvalid);
  fathom_model_options_initialize(nullptr);
  fathom_model_info_initialize(nullptr);
}

TEST(ApiTest, NullArgumentsOfALiveModelAreRefused) {
  ToyModel model;
  size_t count = 0;
  int32_t token = 0;
  char text[4];
  fathom_chat_message_t message = {nullptr, "x", 1};
  EXPECT_EQ(fathom_model_info(model, nullptr), kInvalid);
  EXPECT_EQ(fathom_model_sampling(model, nullptr), kInvalid);
  EXPECT_EQ(fathom_model_encode(model, nullptr, 1, 0, &token, 1, &count), kInvalid);
  EXPECT_EQ(fathom_model_encode(model, "a", 1, 0, nullptr, 1, &count), kInvalid);
  EXPECT_EQ(fathom_model_encode(model, "a", 1, 0, &token, 1, nullptr), kInvalid);
  EXPECT_EQ(fathom_model_decode(model, nullptr, 1, 0, text, 4, &count), kInvalid);
  EXPECT_EQ(fathom_model_decode(model, &token, 1, 0, nullptr, 4, &count), kInvalid);
  EXPECT_EQ(fathom_model_decode(model, &token, 1, 0, text, 4, nullptr), kInvalid);
  EXPECT_EQ(fathom_model_encode_chat(model, nullptr, 1, &token, 1, &count), kInvalid);
  EXPECT_EQ(fathom_model_encode_chat(model, &message, 1, &token, 1, &count), kInvalid);
  EXPECT_EQ(fathom_session_create(model, nullptr, nullptr), kInvalid);
}

TEST(ApiTest, NullArgumentsOfSessionsAreRefused) {
  ToyModel model;
  ToySession session(model);
  fathom_sequence_t sequence = session.sequence();
  fathom_generate_options_t options;
  fathom_generate_options_initialize(&options);
  int32_t token = 0;
  uint32_t number;
  size_t size;
  char bytes[8];
  fathom_session_t *made = nullptr;
  EXPECT_EQ(fathom_session_create(nullptr, nullptr, &made), kInvalid);
  EXPECT_EQ(fathom_session_retain(nullptr), kInvalid);
  EXPECT_EQ(fathom_session_release(nullptr), kInvalid);
  EXPECT_EQ(fathom_session_cancel(nullptr), kInvalid);
  EXPECT_EQ(fathom_session_threads(session, nullptr), kInvalid);
  EXPECT_EQ(fathom_session_threads(nullptr, &number), kInvalid);
  EXPECT_EQ(fathom_session_cache_bytes(session, nullptr), kInvalid);
  EXPECT_EQ(fathom_session_generate(session, nullptr, nullptr), kInvalid);
  EXPECT_EQ(fathom_session_generate(nullptr, &options, nullptr), kInvalid);
  EXPECT_EQ(fathom_session_create_sequence(session, nullptr), kInvalid);
  EXPECT_EQ(fathom_session_create_sequence(nullptr, &sequence), kInvalid);
  EXPECT_EQ(fathom_session_destroy_sequence(nullptr, sequence), kInvalid);
  EXPECT_EQ(fathom_session_sequence_length(session, sequence, nullptr), kInvalid);
  EXPECT_EQ(fathom_session_rewind_sequence(nullptr, sequence, 0), kInvalid);
  EXPECT_EQ(fathom_session_prefill(session, sequence, nullptr, 1, nullptr), kInvalid);
  EXPECT_EQ(fathom_session_prefill(session, sequence, &token, 0, nullptr), kInvalid);
  EXPECT_EQ(fathom_session_prefill(nullptr, sequence, &token, 1, nullptr), kInvalid);
  EXPECT_EQ(fathom_session_decode(session, nullptr, &token, 1, nullptr, 0), kInvalid);
  EXPECT_EQ(fathom_session_decode(session, &sequence, nullptr, 1, nullptr, 0), kInvalid);
  EXPECT_EQ(fathom_session_decode(session, &sequence, &token, 0, nullptr, 0), kInvalid);
  EXPECT_EQ(fathom_session_decode(session, &sequence, &token, 1, nullptr, 5), kInvalid);
  EXPECT_EQ(fathom_session_save_sequence(session, sequence, nullptr, 8, &size), kInvalid);
  EXPECT_EQ(fathom_session_save_sequence(session, sequence, bytes, 8, nullptr), kInvalid);
  EXPECT_EQ(fathom_session_restore_sequence(session, nullptr, 8, &sequence), kInvalid);
  EXPECT_EQ(fathom_session_restore_sequence(session, bytes, 8, nullptr), kInvalid);
}

TEST(ApiTest, NullArgumentsOfSamplersAreRefused) {
  fathom_sampler_t *sampler = nullptr;
  float logits[4] = {};
  int32_t token = 0;
  EXPECT_EQ(fathom_sampler_create(4, nullptr, nullptr), kInvalid);
  EXPECT_EQ(fathom_sampler_create(0, nullptr, &sampler), kInvalid);
  ASSERT_OK(fathom_sampler_create(4, nullptr, &sampler));
  EXPECT_EQ(fathom_sampler_sample(sampler, nullptr, &token), kInvalid);
  EXPECT_EQ(fathom_sampler_sample(sampler, logits, nullptr), kInvalid);
  EXPECT_EQ(fathom_sampler_sample(nullptr, logits, &token), kInvalid);
  EXPECT_EQ(fathom_sampler_observe(sampler, nullptr, 1), kInvalid);
  EXPECT_OK(fathom_sampler_release(sampler));
}

TEST(ApiTest, ReleasedAndForeignHandlesAreRecognized) {
  ToyModel model;
  fathom_session_t *session = nullptr;
  ASSERT_OK(fathom_session_create(model, nullptr, &session));
  EXPECT_OK(fathom_session_retain(session));
  EXPECT_OK(fathom_session_release(session));
  EXPECT_OK(fathom_session_release(session));
  fathom_sequence_t sequence;
  EXPECT_EQ(fathom_session_release(session), FATHOM_STATUS_INVALID_HANDLE);
  EXPECT_EQ(fathom_session_create_sequence(session, &sequence), FATHOM_STATUS_INVALID_HANDLE);
  fathom_model_t *modelHandle = model;
  EXPECT_EQ(fathom_session_release(reinterpret_cast<fathom_session_t *>(modelHandle)), FATHOM_STATUS_INVALID_HANDLE);
  int local = 0;
  EXPECT_EQ(fathom_session_release(reinterpret_cast<fathom_session_t *>(&local)), FATHOM_STATUS_INVALID_HANDLE);
  // A new session in the same slot is not the old one.
  fathom_session_t *next = nullptr;
  ASSERT_OK(fathom_session_create(model, nullptr, &next));
  EXPECT_NE(next, session);
  EXPECT_EQ(fathom_session_release(session), FATHOM_STATUS_INVALID_HANDLE);
  EXPECT_OK(fathom_session_release(next));
}

TEST(ApiTest, AReleasedModelLivesAsLongAsItsSessions) {
  std::string path = writeTemporary("lives.fathom", makeToy());
  fathom_model_t *model = nullptr;
  fathom_session_t *session = nullptr;
  ASSERT_OK(fathom_model_load_file(path.c_str(), nullptr, &model));
  unlink(path.c_str());
  ASSERT_OK(fathom_session_create(model, nullptr, &session));
  EXPECT_OK(fathom_model_release(model));
  fathom_sequence_t sequence;
  int32_t token = 3;
  ASSERT_OK(fathom_session_create_sequence(session, &sequence));
  EXPECT_OK(fathom_session_decode(session, &sequence, &token, 1, nullptr, 0));
  EXPECT_OK(fathom_session_release(session));
}

TEST(ApiTest, StructSizesAreChecked) {
  ToyModel model;
  struct Larger {
    fathom_session_options_t known;
    uint64_t unknown;
  } options = {};
  fathom_session_t *session = nullptr;
  fathom_session_options_initialize(&options.known);
  options.known.struct_size = sizeof(options);
  ASSERT_OK(fathom_session_create(model, &options.known, &session));
  fathom_session_release(session);
  options.unknown = 1;
  EXPECT_EQ(fathom_session_create(model, &options.known, &session), kInvalid);
  EXPECT_NE(strstr(fathom_status_message(), "at byte 48"), nullptr) << fathom_status_message();
  for (size_t size : {0, 4, 12, 65544}) {
    options.known.struct_size = size;
    EXPECT_EQ(fathom_session_create(model, &options.known, &session), kInvalid) << size;
  }
  fathom_sampling_t sampling = {};
  EXPECT_EQ(fathom_model_sampling(model, &sampling), kInvalid);
  EXPECT_NE(strstr(fathom_status_message(), "_initialize"), nullptr) << fathom_status_message();
}

TEST(ApiTest, NumbersThatAreNoEnumAreRefused) {
  ToyModel model;
  ToySession session(model);
  fathom_model_t *other = nullptr;
  fathom_model_options_t options;
  fathom_model_options_initialize(&options);
  int unknown = 7;
  memcpy(&options.verify_weights, &unknown, sizeof(unknown));
  EXPECT_EQ(fathom_model_load_file("x", &options, &other), kInvalid);
  fathom_prefill_outputs_t outputs;
  fathom_prefill_outputs_initialize(&outputs);
  memcpy(&outputs.which, &unknown, sizeof(unknown));
  int32_t token = 1;
  EXPECT_EQ(fathom_session_prefill(session, session.sequence(), &token, 1, &outputs), kInvalid);
  EXPECT_NE(strstr(fathom_status_message(), "is 7, expected 0 to 2"), nullptr) << fathom_status_message();
}

TEST(ApiTest, ThreadsOfCallsAreLimited) {
  fathom_model_options_t options;
  fathom_model_options_initialize(&options);
  EXPECT_EQ(options.call_threads, 0u);
  options.call_threads = 1025;
  fathom_model_t *model = nullptr;
  EXPECT_EQ(fathom_model_load_file("x", &options, &model), kInvalid);
  EXPECT_NE(strstr(fathom_status_message(), "call_threads is 1025, expected at most 1024"), nullptr)
      << fathom_status_message();
}

TEST(ApiTest, EncodeFlagsAreCheckedBesideTokensToo) {
  ToyModel model;
  ToySession session(model);
  fathom_generate_options_t options;
  fathom_generate_options_initialize(&options);
  int32_t token = 1;
  options.tokens = &token;
  options.token_count = 1;
  options.encode_flags = 0xf0;
  EXPECT_EQ(fathom_session_generate(session, &options, nullptr), kInvalid);
  EXPECT_NE(strstr(fathom_status_message(), "0xf0"), nullptr) << fathom_status_message();
}

TEST(ApiTest, SessionOptionsAreChecked) {
  ToyModel model;
  fathom_session_t *session = nullptr;
  fathom_session_options_t options;
  fathom_session_options_initialize(&options);
  options.max_sequences = 0;
  EXPECT_EQ(fathom_session_create(model, &options, &session), kInvalid);
  fathom_session_options_initialize(&options);
  options.threads = 1025;
  EXPECT_EQ(fathom_session_create(model, &options, &session), kInvalid);
  fathom_session_options_initialize(&options);
  options.max_sequences = 65537;
  EXPECT_EQ(fathom_session_create(model, &options, &session), kInvalid);
  fathom_model_info_t info;
  fathom_model_info_initialize(&info);
  ASSERT_OK(fathom_model_info(model, &info));
  fathom_session_options_initialize(&options);
  options.cache_bytes = info.cache_page_bytes - 1;
  EXPECT_EQ(fathom_session_create(model, &options, &session), kInvalid);
  options.cache_bytes = info.cache_page_bytes;
  ASSERT_OK(fathom_session_create(model, &options, &session));
  EXPECT_OK(fathom_session_release(session));
}

TEST(ApiTest, AProcessHas4096Handles) {
  std::vector<fathom_sampler_t *> samplers(4096);
  for (fathom_sampler_t *&sampler : samplers) {
    ASSERT_OK(fathom_sampler_create(1, nullptr, &sampler));
  }
  fathom_sampler_t *more = nullptr;
  EXPECT_EQ(fathom_sampler_create(1, nullptr, &more), FATHOM_STATUS_OUT_OF_RESOURCES);
  EXPECT_OK(fathom_sampler_release(samplers.back()));
  EXPECT_OK(fathom_sampler_create(1, nullptr, &samplers.back()));
  for (fathom_sampler_t *sampler : samplers) {
    EXPECT_OK(fathom_sampler_release(sampler));
  }
}

TEST(ApiTest, EncodesAndDecodes) {
  ToyModel model;
  int32_t tokens[8];
  char text[8];
  size_t count = 0;
  ASSERT_OK(fathom_model_encode(model, "a\xff", 2, FATHOM_ENCODE_ADD_BOS, tokens, 8, &count));
  EXPECT_EQ(std::vector<int32_t>(tokens, tokens + count), (std::vector<int32_t>{kToyBos, 'a', 0xff}));
  ASSERT_OK(fathom_model_encode(model, "a", 1, FATHOM_ENCODE_FORCE_BOS, tokens, 8, &count));
  EXPECT_EQ(std::vector<int32_t>(tokens, tokens + count), (std::vector<int32_t>{kToyBos, 'a'}));
  EXPECT_EQ(fathom_model_encode(model, "abc", 3, 0, tokens, 2, &count), FATHOM_STATUS_TOO_SMALL);
  EXPECT_STREQ(fathom_status_message(), "the output has room for 2 tokens, but there are 3");
  EXPECT_EQ(count, 3u);
  ASSERT_OK(fathom_model_encode(model, "<U>", 3, 0, tokens, 8, &count));
  EXPECT_EQ(count, 3u);
  ASSERT_OK(fathom_model_encode(model, "<U>", 3, FATHOM_ENCODE_SPECIAL, tokens, 8, &count));
  EXPECT_EQ(count, 1u);
  EXPECT_EQ(fathom_model_encode(model, "a", 1, 1u << 9, tokens, 8, &count), kInvalid);
  int32_t some[] = {kToyBos, 'h', 'i', 319};
  ASSERT_OK(fathom_model_decode(model, some, 4, 0, text, 8, &count));
  EXPECT_EQ(std::string(text, count), "hi");
  ASSERT_OK(fathom_model_decode(model, some, 4, 1, text, 8, &count));
  EXPECT_EQ(std::string(text, count), "<b>hi");
  some[1] = 400;
  EXPECT_EQ(fathom_model_decode(model, some, 4, 0, text, 8, &count), FATHOM_STATUS_BAD_DATA);
}

TEST(ApiTest, RendersConversations) {
  ToyModel model;
  fathom_chat_message_t messages[] = {{"system", "s", 1}, {"user", "<U>", 3}};
  int32_t tokens[16];
  size_t count = 0;
  ASSERT_OK(fathom_model_encode_chat(model, messages, 2, tokens, 16, &count));
  EXPECT_EQ(std::vector<int32_t>(tokens, tokens + count),
            (std::vector<int32_t>{kToyBos, 's', kToyUser, '<', 'U', '>', kToyAssistant}));
  const std::string json = R"({"messages": [{"role": "user", "content": "<U>"}], "add_generation_prompt": false})";
  char text[16];
  ASSERT_OK(fathom_model_render_chat(model, json.data(), json.size(), text, sizeof(text), &count));
  EXPECT_EQ(std::string(text, count), "<b><U><U>");
  EXPECT_EQ(fathom_model_render_chat(model, json.data(), json.size(), text, 3, &count), FATHOM_STATUS_TOO_SMALL);
  EXPECT_EQ(count, 9u);
  ASSERT_OK(fathom_model_encode_chat_json(model, json.data(), json.size(), 0, tokens, 16, &count));
  EXPECT_EQ(std::vector<int32_t>(tokens, tokens + count), (std::vector<int32_t>{kToyBos, kToyUser, '<', 'U', '>'}));
  ASSERT_OK(fathom_model_encode_chat_json(model, json.data(), json.size(), FATHOM_ENCODE_SPECIAL, tokens, 16, &count));
  EXPECT_EQ(std::vector<int32_t>(tokens, tokens + count), (std::vector<int32_t>{kToyBos, kToyUser, kToyUser}));
  EXPECT_EQ(fathom_model_encode_chat_json(model, json.data(), 5, 0, tokens, 16, &count), FATHOM_STATUS_BAD_DATA);
  EXPECT_EQ(fathom_model_encode_chat_json(model, json.data(), json.size(), 1, tokens, 16, &count), kInvalid);
  // More than Python's integers that Fathom has.
  const std::string large = R"([{"role": "user", "n": 18446744073709551615}])";
  EXPECT_EQ(fathom_model_render_chat(model, large.data(), large.size(), text, sizeof(text), &count),
            FATHOM_STATUS_UNSUPPORTED);
  // After a word of the assistant's only the JSON forms ask for another one, unless they say otherwise.
  fathom_chat_message_t answered[] = {{"user", "u", 1}, {"assistant", "a", 1}};
  const std::string same = R"([{"role": "user", "content": "u"}, {"role": "assistant", "content": "a"}])";
  ASSERT_OK(fathom_model_encode_chat(model, answered, 2, tokens, 16, &count));
  EXPECT_NE(tokens[count - 1], kToyAssistant);
  ASSERT_OK(fathom_model_encode_chat_json(model, same.data(), same.size(), 0, tokens, 16, &count));
  EXPECT_EQ(tokens[count - 1], kToyAssistant);
  ToyModel silent([](ToyContents &c) { c.chat = false; });
  messages[0].role = "user";
  EXPECT_EQ(fathom_model_encode_chat(silent, messages, 2, tokens, 16, &count), FATHOM_STATUS_UNSUPPORTED);
  uint32_t uses = 7;
  ASSERT_OK(fathom_model_chat_uses(silent, "messages", &uses));
  EXPECT_EQ(uses, 0u);
}

TEST(ApiTest, ErrorTextsNameTheFile) {
  fathom_model_t *model = nullptr;
  EXPECT_EQ(fathom_model_load_file("/proc/self/exe", nullptr, &model), FATHOM_STATUS_MISMATCH);
  EXPECT_EQ(std::string(fathom_status_message()).find("/proc/self/exe: not a Fathom artifact"), 0u);
  // Once is enough.
  EXPECT_EQ(fathom_model_load_file("/nonexistent/a", nullptr, &model), FATHOM_STATUS_IO);
  EXPECT_EQ(std::string(fathom_status_message()).find("/nonexistent/a", 1), std::string::npos);
  EXPECT_EQ(fathom_model_load_file("", nullptr, &model), kInvalid);
  EXPECT_NE(strstr(fathom_status_message(), "the path is empty"), nullptr) << fathom_status_message();
}

TEST(ApiTest, ErrorTextsBelongToTheirThread) {
  fathom_model_t *model = nullptr;
  EXPECT_EQ(fathom_model_load_file("/nonexistent/a", nullptr, &model), FATHOM_STATUS_IO);
  std::thread([] { EXPECT_STREQ(fathom_status_message(), ""); }).join();
  EXPECT_NE(strstr(fathom_status_message(), "/nonexistent/a"), nullptr);
  EXPECT_EQ(fathom_model_load_file("/", nullptr, &model), FATHOM_STATUS_IO);
}

TEST(ApiTest, StatusesHaveNamesAndExitCodes) {
  EXPECT_STREQ(fathom_status_string(FATHOM_STATUS_MISMATCH), "MISMATCH");
  EXPECT_EQ(fathom_status_exit_code(FATHOM_STATUS_OUT_OF_RESOURCES), 6);
  EXPECT_EQ(fathom_status_exit_code(FATHOM_STATUS_CONTEXT_FULL), 3);
  EXPECT_EQ(fathom_status_exit_code(FATHOM_STATUS_CANCELLED), 130);
  EXPECT_EQ(fathom_status_exit_code(FATHOM_STATUS_TOO_SMALL), 70);
  // Numbers that an enum with these names may hold.
  for (int number : {50, 127}) {
    auto unknown = static_cast<fathom_status_t>(number);
    EXPECT_EQ(fathom_status_exit_code(unknown), 70) << number;
    EXPECT_STREQ(fathom_status_string(unknown), "UNKNOWN") << number;
  }
  EXPECT_EQ(fathom_api_version(), FATHOM_API_VERSION);
}

TEST(ApiTest, DescribesTheModel) {
  ToyModel model([](ToyContents &c) { c.topP = 0.5f; });
  fathom_model_info_t info;
  fathom_model_info_initialize(&info);
  ASSERT_OK(fathom_model_info(model, &info));
  EXPECT_STREQ(info.family, "deepseek_v3");
  EXPECT_EQ(info.vocabulary, kToyVocabulary);
  EXPECT_EQ(info.max_prefill_rows, 16u);
  EXPECT_EQ(info.weight_bytes, 16u);
  EXPECT_EQ(info.cache_page_bytes, 1024u);
  EXPECT_EQ(info.cache_token_bytes, 16u);
  EXPECT_STREQ(info.cache_type, "f32");
  EXPECT_STREQ(info.activation_type, "f32");
  ASSERT_EQ(info.eos_token_count, 1u);
  EXPECT_EQ(info.eos_tokens[0], kToyEos);
  fathom_sampling_t sampling;
  fathom_sampling_initialize(&sampling);
  ASSERT_OK(fathom_model_sampling(model, &sampling));
  EXPECT_EQ(sampling.top_p, 0.5f);
  EXPECT_EQ(info.top_p, 0.5f);
}

TEST(ApiTest, WhatAModelLeavesOpenIsNeutralAndZeroIsAValue) {
  ToyModel silent, spoken([](ToyContents &c) {
    c.temperature = 0.5f;
    c.topP = 0.0f;
    c.minP = 0.25f;
    c.repetitionPenalty = 1.5f;
  });
  fathom_sampling_t sampling;
  fathom_sampling_initialize(&sampling);
  ASSERT_OK(fathom_model_sampling(silent, &sampling));
  EXPECT_EQ(sampling.top_p, 1.0f);
  EXPECT_EQ(sampling.repetition_penalty, 1.0f);
  ASSERT_OK(fathom_model_sampling(spoken, &sampling));
  EXPECT_EQ(sampling.temperature, 0.5f);
  EXPECT_EQ(sampling.top_p, 0.0f);
  EXPECT_EQ(sampling.min_p, 0.25f);
  EXPECT_EQ(sampling.repetition_penalty, 1.5f);
}

size_t openFiles() {
  size_t count = 0;
  DIR *directory = opendir("/proc/self/fd");
  while (readdir(directory)) {
    ++count;
  }
  closedir(directory);
  return count;
}

size_t mappings() {
  FILE *file = fopen("/proc/self/maps", "r");
  size_t count = 0;
  for (int c; (c = fgetc(file)) != EOF;) {
    count += c == '\n';
  }
  fclose(file);
  return count;
}

TEST(ApiTest, AThousandLoadsLeakNothing) {
  std::string path = writeTemporary("leak.fathom", makeToy());
  size_t filesBefore = 0, mapsBefore = 0;
  for (int i = 0; i < 1000; ++i) {
    fathom_model_t *model = nullptr;
    fathom_session_t *session = nullptr;
    ASSERT_OK(fathom_model_load_file(path.c_str(), nullptr, &model));
    if (i % 10 == 0) {
      ASSERT_OK(fathom_session_create(model, nullptr, &session));
      ASSERT_OK(fathom_session_release(session));
    }
    ASSERT_OK(fathom_model_release(model));
    if (i == 100) {
      filesBefore = openFiles();
      mapsBefore = mappings();
    }
  }
  EXPECT_EQ(openFiles(), filesBefore);
  EXPECT_LE(mappings(), mapsBefore + 16);
  unlink(path.c_str());
}

TEST(ApiTest, AFileThatShrinksIsAnErrorAndNotASignal) {
  std::string path = writeTemporary("shrinks.fathom", makeToy());
  fathom_model_t *model = nullptr;
  ASSERT_OK(fathom_model_load_file(path.c_str(), nullptr, &model));
  {
    ToySession session(model);
    fathom_sequence_t sequence = session.sequence();
    ASSERT_EQ(truncate(path.c_str(), 4096), 0);
    int32_t token = 1;
    EXPECT_EQ(fathom_session_decode(session, &sequence, &token, 1, nullptr, 0), FATHOM_STATUS_IO);
  }
  fathom_model_release(model);
  unlink(path.c_str());
}

TEST(ApiTest, FindsArtifactsAtTheEndOfExecutables) {
  std::string artifact = makeToy(), bytes(8192, 'E');
  bytes += artifact;
  fathom_artifact_trailer_t trailer = {8192, {}};
  memcpy(trailer.magic, FATHOM_ARTIFACT_MAGIC, FATHOM_ARTIFACT_MAGIC_SIZE);
  bytes.append(reinterpret_cast<const char *>(&trailer), sizeof(trailer));
  std::string path = writeTemporary("exe", bytes);
  fathom_model_options_t options;
  fathom_model_options_initialize(&options);
  ASSERT_OK(fathom_model_find_embedded(path.c_str(), &options.file_offset));
  EXPECT_EQ(options.file_offset, 8192u);
  fathom_model_t *model = nullptr;
  ASSERT_OK(fathom_model_load_file(path.c_str(), &options, &model));
  fathom_model_release(model);
  std::string plain = writeTemporary("plain", artifact);
  EXPECT_EQ(fathom_model_find_embedded(plain.c_str(), &options.file_offset), FATHOM_STATUS_UNSUPPORTED);
  unlink(path.c_str());
  unlink(plain.c_str());
}

TEST(ApiTest, CopiedWeightsGiveTheSameModel) {
  std::string path = writeTemporary("copied.fathom", makeToy());
  fathom_model_options_t options;
  fathom_model_options_initialize(&options);
  options.copy_weights = 1;
  options.verify_weights = FATHOM_VERIFY_ALWAYS;
  fathom_model_t *model = nullptr;
  ASSERT_OK(fathom_model_load_file(path.c_str(), &options, &model));
  {
    ToySession session(model);
    EXPECT_EQ(session.prefill(session.sequence(), {1, 2, 3}).size(), 3 * kToyVocabulary);
  }
  fathom_model_release(model);
  unlink(path.c_str());
}

} // namespace
} // namespace fathom::test
