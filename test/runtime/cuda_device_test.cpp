// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Models on a GPU: what a step asks of the driver, and what is said where the driver fails.

#include "test/runtime/apart_device.h"
#include "test/runtime/fake_driver.h"
#include "test/runtime/toy_artifact.h"

#include <algorithm>
#include <cstring>
#include <fstream>
#include <memory>
#include <set>
#include <sstream>

namespace fathom::test {
namespace {

using namespace runtime::cuda;
using testing::Test;

class CudaDeviceTest : public Test {
protected:
  void SetUp() override {
    FakeDriver::reset();
    useDevice(kFakeCudaDevice);
  }
  void TearDown() override {
    FakeDriver::reset();
    EXPECT_EQ(FakeDriver::alive(), 0u);
    resetDevice();
  }
};

/// What of a model and a session could be made; no expectation fails where it could not.
class Attempt {
public:
  explicit Attempt(const Tweak &tweak = {}, uint64_t drafts = 0, const char *trace = nullptr) : bytes(makeToy(tweak)) {
    aligned.reset(static_cast<char *>(aligned_alloc(4096, (bytes.size() + 4095) / 4096 * 4096)));
    memcpy(aligned.get(), bytes.data(), bytes.size());
    fathom_session_options_t options;
    fathom_session_options_initialize(&options);
    options.draft = drafts;
    options.trace = trace;
    status = fathom_model_load_memory(aligned.get(), bytes.size(), nullptr, &model);
    if (status == FATHOM_STATUS_OK) {
      status = fathom_session_create(model, &options, &session);
    }
  }
  Attempt(const Attempt &) = delete;
  ~Attempt() {
    fathom_session_release(session);
    fathom_model_release(model);
  }

  /// Runs each kind of work once.
  fathom_status_t work() {
    fathom_sequence_t sequence = 0;
    const int32_t prompt[] = {1, 2, 3, 4, 5}, next = 9;
    std::vector<float> logits(kToyVocabulary), states(kToyLayers * 5 * kToyHidden);
    fathom_prefill_outputs_t outputs;
    fathom_prefill_outputs_initialize(&outputs);
    outputs.states = states.data();
    outputs.states_capacity = states.size();
    size_t size = 0;
    auto then = [&](auto step) { status = status == FATHOM_STATUS_OK ? step() : status; };
    then([&] { return fathom_session_create_sequence(session, &sequence); });
    then([&] { return fathom_session_prefill(session, sequence, prompt, 5, &outputs); });
    then([&] { return fathom_session_decode(session, &sequence, &next, 1, logits.data(), logits.size()); });
    std::vector<char> saved(100000);
    then([&] { return fathom_session_save_sequence(session, sequence, saved.data(), saved.size(), &size); });
    then([&] { return fathom_session_restore_sequence(session, saved.data(), size, &sequence); });
    return status;
  }

  /// Guesses, looks whether it was right, and takes back what was not; once more after a rewind into the prompt.
  fathom_status_t speculate() {
    fathom_sequence_t sequence = 0;
    const std::vector<int32_t> prompt(FATHOM_PAGE_TOKENS, 3);
    auto then = [&](auto step) { status = status == FATHOM_STATUS_OK ? step() : status; };
    then([&] { return fathom_session_create_sequence(session, &sequence); });
    then([&] { return fathom_session_prefill(session, sequence, prompt.data(), prompt.size(), nullptr); });
    for (uint32_t length : {FATHOM_PAGE_TOKENS + 1, 20}) {
      int32_t tokens[3] = {7};
      uint32_t count = 2;
      std::vector<float> logits(3 * kToyVocabulary);
      then([&] { return fathom_session_draft(session, &sequence, tokens, 1, tokens + 1, &count); });
      count += 1;
      then([&] { return fathom_session_verify(session, &sequence, &count, tokens, 1, logits.data(), logits.size()); });
      then([&] { return fathom_session_rewind_sequence(session, sequence, length); });
    }
    return status;
  }

  fathom_status_t status;

private:
  struct Free {
    void operator()(char *memory) const { free(memory); }
  };

  std::string bytes;
  std::unique_ptr<char, Free> aligned;
  fathom_model_t *model = nullptr;
  fathom_session_t *session = nullptr;
};

/// What a model that does not load, or a session that does not begin, says.
std::string messageOf(const Tweak &tweak = {}, fathom_status_t expected = FATHOM_STATUS_DEVICE) {
  Attempt attempt(tweak);
  EXPECT_EQ(attempt.status, expected);
  return attempt.status == FATHOM_STATUS_OK ? "" : fathom_status_message();
}

std::vector<float> decode(fathom_session_t *session, const std::vector<fathom_sequence_t> &sequences,
                          const std::vector<int32_t> &tokens) {
  std::vector<float> logits(tokens.size() * kToyVocabulary);
  EXPECT_OK(
      fathom_session_decode(session, sequences.data(), tokens.data(), tokens.size(), logits.data(), logits.size()));
  return logits;
}

/// Sequences of different lengths, each with a page.
std::vector<fathom_sequence_t> makeSequences(ToySession &session, int32_t count) {
  std::vector<fathom_sequence_t> sequences;
  for (int32_t i = 0; i < count; ++i) {
    sequences.push_back(session.sequence());
    session.prefill(sequences.back(), std::vector<int32_t>(size_t(i % 7 + 1), i));
  }
  return sequences;
}

const Tweak kSixteenRows = [](ToyContents &contents) { contents.entries[1].maxRows = 16; };

uint64_t callsOf(const std::vector<std::string> &functions) {
  uint64_t count = 0;
  for (const std::string &function : functions) {
    count += FakeDriver::calls(function);
  }
  return count;
}

TEST_F(CudaDeviceTest, AStepIsAnUploadAGraphAndADownload) {
  ToyModel model(kSixteenRows);
  ToySession session(model);
  for (int32_t rows : {1, 5, 16}) {
    std::vector<fathom_sequence_t> sequences = makeSequences(session, rows);
    std::vector<int32_t> tokens(size_t(rows), 3);
    for (int step = 0; step < 3; ++step) {
      FakeDriver::reset();
      decode(session, sequences, tokens);
      EXPECT_EQ(FakeDriver::calls("upload"), 1u) << rows;
      EXPECT_EQ(FakeDriver::calls("launchGraph"), 1u);
      EXPECT_EQ(FakeDriver::calls("readBack"), 1u);
      EXPECT_EQ(FakeDriver::calls("synchronize"), 1u);
      EXPECT_EQ(callsOf(FakeDriver::functions()), 6u) << "and its context comes and goes";
    }
    for (fathom_sequence_t sequence : sequences) {
      EXPECT_OK(fathom_session_destroy_sequence(session, sequence));
    }
  }
}

TEST_F(CudaDeviceTest, GreedyAnswersAreTokensAloneWhereTheGpuFindsTheArgmax) {
  ToyModel model(addArgmax);
  ToySession session(model);
  const int32_t prompt[] = {3, 7};
  std::vector<int32_t> said;
  fathom_generate_options_t options;
  fathom_generate_options_initialize(&options);
  fathom_sampling_t greedy;
  fathom_sampling_initialize(&greedy);
  options.sampling = &greedy;
  options.tokens = prompt;
  options.token_count = 2;
  options.max_tokens = 5;
  options.ignore_eos = 1;
  options.user = &said;
  options.on_token = [](void *user, int32_t token, const char *, size_t) {
    if (token >= 0) {
      static_cast<std::vector<int32_t> *>(user)->push_back(token);
    }
    return FATHOM_CONTINUE;
  };
  uint64_t before = FakeDriver::bytesReadBack;
  EXPECT_OK(fathom_session_generate(session, &options, nullptr));
  std::vector<int32_t> tokens = {3, 7};
  for (int32_t token : said) {
    EXPECT_EQ(token, toyNext(tokens));
    tokens.push_back(token);
  }
  EXPECT_EQ(said.size(), 5u);
  EXPECT_EQ(FakeDriver::bytesReadBack - before, 5 * sizeof(int32_t));
}

TEST_F(CudaDeviceTest, AStepThatTakesAPageHasOneUploadMore) {
  ToyModel model;
  ToySession session(model);
  fathom_sequence_t sequence = session.sequence();
  session.prefill(sequence, std::vector<int32_t>(FATHOM_PAGE_TOKENS, 3));
  for (uint64_t uploads : {2, 1}) {
    FakeDriver::reset();
    decode(session, {sequence}, {3});
    EXPECT_EQ(FakeDriver::calls("upload"), uploads);
    EXPECT_EQ(FakeDriver::calls("launchGraph"), 1u);
    EXPECT_EQ(FakeDriver::calls("readBack"), 1u);
  }
}

TEST_F(CudaDeviceTest, DecodeMakesNothing) {
  ToyModel model(kSixteenRows);
  ToySession session(model);
  std::vector<fathom_sequence_t> sequences = makeSequences(session, 16);
  FakeDriver::reset();
  for (size_t rows = 1; rows <= 16; ++rows) {
    decode(session, {sequences.begin(), sequences.begin() + long(rows)}, std::vector<int32_t>(rows, 1));
  }
  EXPECT_EQ(FakeDriver::calls("launchGraph"), 16u);
  EXPECT_EQ(callsOf({"allocate", "allocateHost", "loadModule", "createGraph", "instantiateGraph"}), 0u);
}

// Batches up to a power of two share one.
TEST_F(CudaDeviceTest, ASessionBeginsWithGraphsForAllThatItMayDecode) {
  struct {
    uint32_t sequences, drafts;
    uint64_t graphs;
  } sessions[] = {{1, 0, 1}, {3, 0, 3}, {4, 0, 3}, {100, 0, 5}, {1, 2, 3 + 2 * 5}};
  ToyModel model([](ToyContents &contents) {
    kSixteenRows(contents);
    addDraft(contents);
  });
  for (const auto &of : sessions) {
    FakeDriver::reset();
    ToySession session(model, [&](fathom_session_options_t &options) {
      options.max_sequences = of.sequences;
      options.draft = of.drafts;
    });
    EXPECT_EQ(FakeDriver::calls("instantiateGraph"), of.graphs) << of.sequences << " sequences";
    EXPECT_EQ(FakeDriver::calls("destroyGraph"), of.graphs) << "what a graph was made from";
  }
}

TEST_F(CudaDeviceTest, ARowAloneIsThatRowOfABatch) {
  ToyModel model(kSixteenRows);
  ToySession session(model), other(model);
  std::vector<fathom_sequence_t> sequences = makeSequences(session, 16), alone = makeSequences(other, 16);
  std::vector<int32_t> tokens = {5, 9, 2, 200, 7, 31, 4, 4, 8, 90, 11, 12, 13, 14, 15, 16};
  std::vector<float> together = decode(session, sequences, tokens);
  for (size_t row = 0; row < 16; ++row) {
    std::vector<float> one = decode(other, {alone[row]}, {tokens[row]});
    EXPECT_TRUE(std::equal(one.begin(), one.end(), together.begin() + long(row * kToyVocabulary))) << row;
  }
}

// With states each launch is made from what was left of the one before it; a step of a graph alike.
TEST_F(CudaDeviceTest, ParametersThatNoOperandIsForAreZero) {
  EXPECT_OK(Attempt().work());
  std::set<std::string> names;
  for (const FakeDriver::Launched &launched : FakeDriver::launched) {
    EXPECT_TRUE(launched.restIsZero) << launched.name;
    names.insert(launched.name);
  }
  EXPECT_GT(names.size(), 2u);
}

TEST_F(CudaDeviceTest, GridsSuitTheBucketNotTheRows) {
  ToyModel model([](ToyContents &contents) {
    kSixteenRows(contents);
    for (ToyKernel &kernel : contents.kernels) {
      kernel.grid->blocks = kernel.name == "attend" ? 3 : 1;
      kernel.grid->rowsPerBlock = kernel.name == "attend" ? 2 : 1;
      kernel.grid->sharedBytes = kernel.name == "attend" ? 60000 : 0;
    }
  });
  ToySession session(model);
  std::vector<fathom_sequence_t> sequences = makeSequences(session, 5);
  FakeDriver::reset();
  decode(session, sequences, std::vector<int32_t>(5, 1));
  unsigned attends = 0;
  for (const FakeDriver::Launched &launched : FakeDriver::launched) {
    attends += launched.name == "attend";
    EXPECT_EQ(launched.blocks, launched.name == "attend" ? 12u : 8u) << launched.name;
    EXPECT_EQ(launched.sharedBytes, launched.name == "attend" ? 60000u : 0u);
  }
  EXPECT_EQ(attends, kToyLayers);
}

void addMachineCode(ToyContents &contents) {
  std::string text = contents.code, machine = FakeDriver::machineCode(text);
  contents.code = text + machine;
  contents.modules = {{0, text.size(), text.size(), machine.size()}};
  contents.segments[0].size = contents.code.size();
}

TEST_F(CudaDeviceTest, MachineCodeComesBeforeTextWhereTheGpuRunsIt) {
  FakeDriver::assemblerLog = "no assembler";
  EXPECT_EQ(messageOf(addMachineCode, FATHOM_STATUS_OK), "");
  FakeDriver::architecture = 86; // of the same generation
  EXPECT_EQ(messageOf(addMachineCode, FATHOM_STATUS_OK), "");
  FakeDriver::architecture = 90;
  EXPECT_NE(messageOf(addMachineCode).find("no assembler"), std::string::npos);
  FakeDriver::assemblerLog = "";
  FakeDriver::takesMachineCode = false;
  EXPECT_EQ(messageOf(addMachineCode, FATHOM_STATUS_OK), "");
}

TEST_F(CudaDeviceTest, RefusesMachineCodeThatEndsTooEarly) {
  auto cut = [](ToyContents &contents) {
    addMachineCode(contents);
    contents.modules[0].cubinSize = 100;
  };
  EXPECT_EQ(messageOf(cut, FATHOM_STATUS_BAD_DATA), "module 0: its machine code is not an ELF file of 100 bytes");
  EXPECT_EQ(FakeDriver::calls("loadModule"), 0u);
}

TEST_F(CudaDeviceTest, WhatTheAssemblerOfTheDriverSaysIsInTheMessage) {
  FakeDriver::assemblerLog = "ptxas fatal: line 7: unknown opcode";
  std::string message = messageOf();
  EXPECT_NE(
      message.find("cannot assemble the code for the GPU: CUDA_ERROR_FAKE (218, made up); the artifact is damaged"),
      std::string::npos)
      << message;
  EXPECT_NE(message.find("\nptxas fatal: line 7: unknown opcode"), std::string::npos) << message;
}

TEST_F(CudaDeviceTest, SaysThatThereIsNoGpu) {
  FakeDriver::gpus = 0;
  EXPECT_NE(messageOf().find("this machine has no NVIDIA GPU that the driver can use: nvidia-smi says why"),
            std::string::npos);
}

TEST_F(CudaDeviceTest, SaysThatTheGpuIsOfAnotherArchitecture) {
  auto for86 = [](ToyContents &contents) { contents.targets[0].cpu = "sm_86"; };
  EXPECT_EQ(messageOf(for86), "artifact is for sm_86, but 'Fake' is sm_80; compile it with --sm=80");
  auto for90a = [](ToyContents &contents) { contents.targets[0].cpu = "sm_90a"; };
  FakeDriver::architecture = 100;
  EXPECT_EQ(messageOf(for90a), "artifact is for sm_90a, but 'Fake' is sm_100; compile it with --sm=100");
  FakeDriver::architecture = 90;
  EXPECT_EQ(messageOf(for90a, FATHOM_STATUS_OK), "");
  auto unknown = [](ToyContents &contents) { contents.targets[0].cpu = "gfx90"; };
  EXPECT_EQ(messageOf(unknown, FATHOM_STATUS_MISMATCH),
            "artifact is for the GPU architecture 'gfx90', which this runtime does not know");
}

TEST_F(CudaDeviceTest, SaysThatTheGpuIsOlderThanAllCode) {
  FakeDriver::architecture = 75;
  EXPECT_EQ(messageOf(), "'Fake' is sm_75, but Fathom needs sm_80 or later; compile the model with --target=cpu");
}

TEST_F(CudaDeviceTest, RefusesTextThatDoesNotEnd) {
  auto endLess = [](ToyContents &contents) { contents.code.back() = 'x'; };
  auto haveNone = [](ToyContents &contents) {
    contents.modules.clear();
    for (ToyKernel &kernel : contents.kernels) {
      kernel.grid.reset();
    }
  };
  for (const Tweak &tweak : {Tweak(endLess), Tweak(haveNone)}) {
    EXPECT_EQ(messageOf(tweak, FATHOM_STATUS_BAD_DATA),
              "the code is for a GPU, but not modules of text with a zero byte behind");
  }
}

TEST_F(CudaDeviceTest, SaysThatAKernelIsNotInTheCode) {
  auto rename = [](ToyContents &contents) { contents.kernels[2].name = "attend_more"; };
  EXPECT_EQ(messageOf(rename, FATHOM_STATUS_BAD_DATA), "kernel 'attend_more' is not in module 0 of the code");
}

TEST_F(CudaDeviceTest, SaysThatAKernelNeedsTooMuchSharedMemory) {
  FakeDriver::sharedBytes = 50000;
  auto more = [](ToyContents &contents) { contents.kernels[2].grid->sharedBytes = 60000; };
  EXPECT_EQ(messageOf(more), "kernel 'attend' needs 60000 bytes of shared memory, but 'Fake' has 50000 for a block");
}

TEST_F(CudaDeviceTest, SaysWhatThereIsNoMemoryFor) {
  FakeDriver::memoryBytes = 1000;
  EXPECT_EQ(
      messageOf(),
      "cannot have 4096 bytes for buffers: CUDA_ERROR_FAKE (2, made up); the GPU has no memory left for this: end "
      "what else uses it, have fewer or shorter sequences, or take a larger one");
}

TEST_F(CudaDeviceTest, SaysThatTheGpuIsLost) {
  Attempt attempt;
  EXPECT_OK(attempt.status);
  FakeDriver::reset();
  FakeDriver::failAt("synchronize", 2, /*forever=*/true, kIllegalAddress);
  EXPECT_EQ(attempt.work(), FATHOM_STATUS_DEVICE);
  EXPECT_STREQ(fathom_status_message(), "cannot run a step on the GPU: CUDA_ERROR_FAKE (700, made up); the GPU is lost "
                                        "to this process: start the program again");
  EXPECT_EQ(fathom_status_exit_code(attempt.status), 8);
}

// The driver's clock goes on by a millisecond a launch.
TEST_F(CudaDeviceTest, ATraceSaysHowLongTheGpuTookForEachLaunch) {
  std::string path = writeTemporary("trace.json", "");
  ToyModel model;
  ToySession session(model, [&](auto &options) { options.trace = path.c_str(); });
  FakeDriver::reset();
  session.prefill(session.sequence(), {1, 2, 3});
  std::stringstream text;
  text << std::ifstream(path).rdbuf();
  std::string trace = text.str(), part = "\"dur\":1000.000";
  size_t boxes = 0;
  for (size_t at = trace.find(part); at != std::string::npos; at = trace.find(part, at + 1)) {
    ++boxes;
  }
  EXPECT_EQ(boxes, FakeDriver::launched.size()) << trace;
  EXPECT_NE(trace.find("\"tid\":1,\"args\":{\"name\":\"GPU\"}"), std::string::npos) << trace;
  EXPECT_NE(trace.find("\"tid\":1,\"args\":{\"items\":3,\"layer\":1}"), std::string::npos) << trace;
  EXPECT_EQ(FakeDriver::calls("launchGraph"), 1u);
}

/// Whether a failure of it is nobody's: of what ends something, or only names what failed.
bool isOfNoAccount(const std::string &function) {
  for (const char *start : {"free", "unload", "release", "pop", "destroy", "error", "driverVersion"}) {
    if (function.rfind(start, 0) == 0) {
      return true;
    }
  }
  return false;
}

// Whatever call of the driver fails, |work| fails with a message, and nothing stays alive.
void failEachCall(const Tweak &tweak, uint64_t drafts, fathom_status_t (Attempt::*work)(),
                  const char *trace = nullptr) {
  std::vector<std::pair<std::string, uint64_t>> points;
  EXPECT_OK((Attempt(tweak, drafts, trace).*work)());
  for (const std::string &function : FakeDriver::functions()) {
    uint64_t count = FakeDriver::calls(function);
    for (uint64_t number = 0; number < std::min<uint64_t>(count, 100); ++number) {
      points.emplace_back(function, number);
    }
  }
  for (const auto &[function, number] : points) {
    for (bool forever : {false, true}) {
      FakeDriver::reset();
      FakeDriver::failAt(function, number, forever, kLaunchFailed);
      {
        Attempt attempt(tweak, drafts, trace);
        fathom_status_t status = (attempt.*work)();
        bool isReached = FakeDriver::calls(function) > number;
        bool fails = status == FATHOM_STATUS_DEVICE || status == FATHOM_STATUS_OUT_OF_RESOURCES;
        // Memory is asked for once more where less would do, and a context is entered to free things, too.
        bool mayDo = isOfNoAccount(function) || (!forever && (function == "allocate" || function == "pushContext"));
        EXPECT_TRUE(mayDo || fails == isReached)
            << function << " " << number << ": " << status << " " << fathom_status_message();
        EXPECT_TRUE(!fails || *fathom_status_message()) << function;
      }
      EXPECT_EQ(FakeDriver::alive(), 0u) << function << " " << number;
    }
  }
}

TEST_F(CudaDeviceTest, EachCallOfTheDriverMayFail) { failEachCall({}, /*drafts=*/0, &Attempt::work); }

TEST_F(CudaDeviceTest, EachCallOfTheDriverMayFailWhereTokensAreDrafted) {
  failEachCall([](ToyContents &contents) { addDraft(contents); }, /*drafts=*/2, &Attempt::speculate);
}

// The call that failed is as if it had not been: what comes after it is what would have come.
TEST_F(CudaDeviceTest, EachCallOfTheDriverMayFailWhereStepsAreTraced) {
  failEachCall({}, /*drafts=*/0, &Attempt::work, writeTemporary("trace.json", "").c_str());
}

TEST_F(CudaDeviceTest, ASessionGoesOnAfterACallThatFailed) {
  ToyModel model;
  ToySession session(model);
  fathom_sequence_t sequence = session.sequence();
  session.prefill(sequence, {1, 2, 3});
  for (const char *function : {"upload", "launchGraph", "readBack", "synchronize"}) {
    FakeDriver::reset();
    FakeDriver::failAt(function, 0, /*forever=*/false, kOutOfMemory);
    std::vector<float> logits(kToyVocabulary);
    const int32_t token = 250;
    EXPECT_EQ(fathom_session_decode(session, &sequence, &token, 1, logits.data(), logits.size()), FATHOM_STATUS_DEVICE);
  }
  std::vector<float> logits = decode(session, {sequence}, {4});
  EXPECT_EQ(std::max_element(logits.begin(), logits.end()) - logits.begin(), toyNext({1, 2, 3, 4}));
}

} // namespace
} // namespace fathom::test
