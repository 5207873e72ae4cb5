// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A session's trace: what is in it, what it may replace, and what becomes of calls when it cannot be written.

#include "test/runtime/toy_artifact.h"

#include <csignal>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

namespace fathom::test {
namespace {

const std::vector<int32_t> kPrompt = {3, 14, 15, 92, 65, 35, 89, 79, 32, 38, 46, 26, 43, 38, 32, 79, 50, 28, 84, 19};

size_t count(const std::string &text, const std::string &part) {
  size_t found = 0;
  for (size_t at = text.find(part); at != std::string::npos; at = text.find(part, at + 1)) {
    ++found;
  }
  return found;
}

std::string readFile(const std::string &path) {
  std::stringstream text;
  text << std::ifstream(path).rdbuf();
  return text.str();
}

void expectWhole(const std::string &text) {
  ASSERT_GT(text.size(), 6u);
  EXPECT_EQ(text.substr(0, 2) + text.substr(text.size() - 4), "[\n}\n]\n");
}

fathom_status_t create(const ToyModel &model, const char *trace, fathom_session_t **session) {
  fathom_session_options_t options;
  fathom_session_options_initialize(&options);
  options.trace = trace;
  return fathom_session_create(model, &options, session);
}

/// Until it ends no file may have more bytes than |most|, as if the disk were full.
class SmallDisk {
public:
  explicit SmallDisk(rlim_t most) {
    handler = signal(SIGXFSZ, SIG_IGN);
    getrlimit(RLIMIT_FSIZE, &before);
    rlimit limit = {most, before.rlim_max};
    setrlimit(RLIMIT_FSIZE, &limit);
  }
  ~SmallDisk() {
    setrlimit(RLIMIT_FSIZE, &before);
    signal(SIGXFSZ, handler);
  }

private:
  rlimit before;
  void (*handler)(int);
};

TEST(TraceTest, HasABoxForEachLaunchAndCall) {
  std::string path = writeTemporary("trace.json", "");
  {
    ToyModel model;
    ToySession session(model, [&](auto &options) { options.trace = path.c_str(), options.threads = 1; });
    session.prefill(session.sequence(), kPrompt);
  }
  std::string text = readFile(path);
  // Two chunks: 16 rows, and 4.
  EXPECT_EQ(count(text, "\"name\":\"prefill\""), 2u) << text;
  EXPECT_EQ(count(text, "\"name\":\"attend\""), 4u);
  EXPECT_EQ(count(text, "\"args\":{\"items\":4,\"layer\":1}"), 2u);
  EXPECT_EQ(count(text, "\"ph\":\"M\""), 1u);
  EXPECT_EQ(count(text, "\"args\":{\"name\":\"caller\"}"), 1u);
  expectWhole(text);
}

TEST(TraceTest, IsWholeAfterEachCall) {
  std::string path = writeTemporary("trace.json", "");
  ToyModel model;
  ToySession session(model, [&](auto &options) { options.trace = path.c_str(); });
  for (size_t calls = 1; calls < 4; ++calls) {
    session.prefill(session.sequence(), {1, 2, 3});
    std::string text = readFile(path);
    expectWhole(text);
    EXPECT_EQ(count(text, "\"name\":\"prefill\""), calls);
  }
}

TEST(TraceTest, ReplacesAnOlderTraceWhenSomethingHasRun) {
  for (const char *older : {"", "[\n{\"name\":\"older\"}\n]\n"}) {
    std::string path = writeTemporary("trace.json", older);
    ToyModel model;
    ToySession session(model, [&](auto &options) { options.trace = path.c_str(); });
    EXPECT_EQ(readFile(path), older);
    session.prefill(session.sequence(), {1, 2, 3});
    EXPECT_EQ(count(readFile(path), "older"), 0u);
    expectWhole(readFile(path));
  }
}

TEST(TraceTest, RefusesToReplaceAnythingElse) {
  ToyModel model;
  for (const std::string &bytes : {makeToy(), std::string("a prompt"), std::string("[\n"), std::string("\0", 1)}) {
    std::string path = writeTemporary("other", bytes);
    fathom_session_t *session = nullptr;
    EXPECT_EQ(create(model, path.c_str(), &session), FATHOM_STATUS_INVALID_ARGUMENT);
    EXPECT_EQ(fathom_status_message(), path + ": exists and is not a trace; remove it or name another");
    EXPECT_EQ(readFile(path), bytes);
  }
}

TEST(TraceTest, RefusesWhatIsNoRegularFile) {
  ToyModel model;
  std::string pipe = writeTemporary("pipe", "");
  remove(pipe.c_str());
  ASSERT_EQ(mkfifo(pipe.c_str(), 0600), 0);
  for (auto [path, kind] :
       {std::pair(pipe.c_str(), "a pipe or a socket"), {"/dev/full", "a device"}, {"/", "a directory"}}) {
    fathom_session_t *session = nullptr;
    EXPECT_EQ(create(model, path, &session), FATHOM_STATUS_INVALID_ARGUMENT);
    EXPECT_EQ(fathom_status_message(),
              std::string(path) + ": is " + kind + ", which a file cannot replace; name a regular file");
  }
  remove(pipe.c_str());
}

TEST(TraceTest, ThatCannotBeOpenedIsAnError) {
  ToyModel model;
  fathom_session_t *session = nullptr;
  EXPECT_EQ(create(model, "/nonexistent/trace.json", &session), FATHOM_STATUS_IO);
  EXPECT_STREQ(fathom_status_message(), "cannot write '/nonexistent/trace.json': No such file or directory");
}

TEST(TraceTest, ThatCannotBeBegunIsAnErrorAndLeavesAnOlderOne) {
  namespace fs = std::filesystem;
  fs::path folder = fs::path(testing::TempDir()) / ("fathom-trace-" + std::to_string(getpid()));
  fs::create_directory(folder);
  const std::string path = folder / "trace.json", older = "[\n{}\n]\n";
  std::ofstream(path) << older;
  {
    ToyModel model;
    ToySession session(model, [&](auto &options) { options.trace = path.c_str(); });
    fathom_sequence_t sequence = session.sequence();
    SmallDisk disk(2);
    EXPECT_EQ(fathom_session_prefill(session, sequence, kPrompt.data(), kPrompt.size(), nullptr), FATHOM_STATUS_IO);
    EXPECT_EQ(fathom_status_message(), "cannot write '" + path + "': File too large");
  }
  EXPECT_EQ(readFile(path), older);
  EXPECT_EQ(std::distance(fs::directory_iterator(folder), {}), 1); // Nothing half written lies beside it.
  fs::remove_all(folder);
}

TEST(TraceTest, TakesNoResultsFromTheCallInWhichItFails) {
  std::string path = writeTemporary("trace.json", "");
  ToyModel model;
  ToySession session(model, [&](auto &options) { options.trace = path.c_str(); });
  session.prefill(session.sequence(), {1, 2, 3});
  std::string before = readFile(path);
  SmallDisk disk(before.size() + 40);
  fathom_sequence_t sequence = session.sequence();
  std::vector<float> logits(kToyVocabulary);
  fathom_prefill_outputs_t outputs;
  fathom_prefill_outputs_initialize(&outputs);
  outputs.which = FATHOM_LOGITS_LAST;
  outputs.logits = logits.data();
  outputs.logits_capacity = logits.size();
  EXPECT_EQ(fathom_session_prefill(session, sequence, kPrompt.data(), kPrompt.size(), &outputs), FATHOM_STATUS_IO);
  EXPECT_EQ(fathom_status_message(), "cannot write '" + path + "': File too large");
  EXPECT_EQ(logits[static_cast<size_t>(toyNext(kPrompt))], 0);
  // It goes on without, and what was there stays.
  int32_t token = 7;
  EXPECT_OK(fathom_session_decode(session, &sequence, &token, 1, nullptr, 0));
  EXPECT_EQ(readFile(path), before);
}

TEST(TraceTest, TakesNothingFromAnAnswer) {
  std::string path = writeTemporary("trace.json", "");
  ToyModel model;
  // Of one thread the first call has room.
  ToySession session(model, [&](auto &options) { options.trace = path.c_str(), options.threads = 1; });
  std::vector<int32_t> said;
  fathom_generate_options_t options;
  fathom_generate_options_initialize(&options);
  options.tokens = kPrompt.data();
  options.token_count = kPrompt.size();
  options.max_tokens = 30;
  options.ignore_eos = 1;
  options.user = &said;
  options.on_token = [](void *user, int32_t token, const char *, size_t) {
    if (token >= 0) {
      static_cast<std::vector<int32_t> *>(user)->push_back(token);
    }
    return FATHOM_CONTINUE;
  };
  fathom_generate_result_t result;
  fathom_generate_result_initialize(&result);
  SmallDisk disk(5000);
  EXPECT_EQ(fathom_session_generate(session, &options, &result), FATHOM_STATUS_IO);
  EXPECT_EQ(said.size(), 30u);
  EXPECT_EQ(result.generated_tokens, 30u);
  EXPECT_EQ(result.stop, FATHOM_STOPPED_AT_MAX_TOKENS);
  expectWhole(readFile(path));
  EXPECT_OK(fathom_session_generate(session, &options, nullptr));
}

} // namespace
} // namespace fathom::test
