// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// `run --compare`: what is said of a device that computes something else.

#include "runtime/cli/cli.h"
#include "runtime/device/cpu/cpu_device.h"
#include "test/runtime/apart_device.h"
#include "test/runtime/toy_artifact.h"

#include <gmock/gmock.h>

namespace fathom::test {
namespace {

using runtime::CacheMemory;
using runtime::Device;
using runtime::kCpuDevice;
using testing::HasSubstr;

/// What a device adds to one number that it gives, where a call has a position: a state of a layer, or a logit.
struct Mistake {
  bool isLogit;
  uint32_t layer;
  int32_t position;
  float error;
};
Mistake mistake;

fathom_status_t runWrongly(void *executor, const artifact::EntryPoint &entry, const fathom_call_t &call,
                           const CacheMemory &cache) {
  fathom_status_t status = kCpuDevice.run(executor, entry, call, cache);
  for (int64_t row = 0; row < call.rows; ++row) {
    if (call.positions[row] != mistake.position) {
      continue;
    }
    if (mistake.isLogit) {
      call.logits[row * kToyVocabulary] += mistake.error;
    } else {
      call.states[(mistake.layer * call.rows + row) * kToyHidden] += mistake.error;
    }
  }
  return status;
}

Device makeWrong() {
  Device device = kCpuDevice;
  device.name = "wrong";
  device.run = runWrongly;
  return device;
}
const Device kWrongDevice = makeWrong();

struct Said {
  int code;
  std::string output, error;
};

class CompareTest : public testing::Test {
protected:
  void SetUp() override { useDevice(kCpuDevice, &kWrongDevice); }
  void TearDown() override { resetDevice(); }

  static Said run(const Mistake &made, std::vector<std::string> more = {}, const std::string &pair = "cpu,wrong",
                  const Tweak &tweak = {}) {
    mistake = made;
    std::vector<std::string> words = {writeTemporary("toy.fathom", makeToy(tweak)), "--compare=" + pair,
                                      "--token-ids=5,9,7", "-n3", "--ignore-eos"};
    words.insert(words.end(), more.begin(), more.end());
    std::vector<const char *> arguments;
    for (const std::string &word : words) {
      arguments.push_back(word.c_str());
    }
    testing::internal::CaptureStdout();
    testing::internal::CaptureStderr();
    int code = cli::runMain({}, static_cast<int>(arguments.size()), arguments.data(), 0);
    std::string output = testing::internal::GetCapturedStdout();
    return {code, output, testing::internal::GetCapturedStderr()};
  }
};

constexpr Mistake kNone = {false, 0, -1, 0};

TEST_F(CompareTest, EqualDevicesDifferNowhere) {
  Said said = run(kNone);
  EXPECT_EQ(said.code, 0) << said.error;
  EXPECT_THAT(said.output,
              HasSubstr("cpu with activations of f32 and wrong with f32: 3 tokens of the prompt, 3 of the answer\n"
                        "first layer that differs: none\n"
                        "first layer beyond 0.0001 of the largest number: none\n"
                        "largest difference of logits: none\ntokens: "));
  said = run(kNone, {"--output=json"});
  EXPECT_THAT(said.output,
              HasSubstr("\"first_difference\":null,\"first_beyond_bound\":null,"
                        "\"largest_logit_difference\":null,\"other_token\":null,\"within_bounds\":true}\n"));
}

TEST_F(CompareTest, NamesTheLayerThatDiffersInThePrompt) {
  Said said = run({false, 1, 2, 100});
  EXPECT_EQ(said.code, 1);
  EXPECT_THAT(said.output, HasSubstr("first layer that differs: layers.1, position 2: 100, "));
  EXPECT_THAT(said.output, HasSubstr("first layer beyond 0.0001 of the largest number: layers.1, position 2: 100, "));
  EXPECT_THAT(said.error, HasSubstr("'cpu' and 'wrong' differ by more than sums in another order explain: layers.1, "
                                    "position 2: 100, "));
  EXPECT_THAT(said.error, HasSubstr(" of the largest number, beyond at 1 of 3 positions"));
}

TEST_F(CompareTest, SaysHowToDoWithoutRounding) {
  Said said = run({false, 1, 2, 100}, {}, "cpu,wrong",
                  [](ToyContents &contents) { contents.targets[0].activation = artifact::StoreElement::bf16; });
  EXPECT_EQ(said.code, 1);
  EXPECT_THAT(said.error, HasSubstr("differ by more than rounding (--act-type=f32 does without) and sums in another "
                                    "order explain: layers.1, "));
}

TEST_F(CompareTest, NamesTheLayerThatDiffersInAStepOfTheAnswer) {
  Said said = run({false, 0, 4, 100}, {"--output=json"});
  EXPECT_EQ(said.code, 1);
  EXPECT_THAT(said.output, HasSubstr("\"first_difference\":{\"layer\":0,\"positions\":1,\"positions_beyond\":1,"
                                     "\"position\":4,\"absolute\":100,"));
  EXPECT_THAT(said.output, HasSubstr("\"within_bounds\":false}\n"));
}

TEST_F(CompareTest, WhatAnotherOrderOfSumsExplainsIsSaidAndNoFailure) {
  Said said = run({false, 1, 2, 1e-5f});
  EXPECT_EQ(said.code, 0) << said.error;
  EXPECT_THAT(said.output, HasSubstr("first layer that differs: layers.1, position 2: "));
  EXPECT_THAT(said.output, HasSubstr("first layer beyond 0.0001 of the largest number: none\n"));
}

TEST_F(CompareTest, LogitsAreComparedToo) {
  Said said = run({true, 0, 3, 0.5f});
  EXPECT_EQ(said.code, 1);
  EXPECT_THAT(said.output, HasSubstr("first layer that differs: none\n"));
  EXPECT_THAT(said.output, HasSubstr("largest difference of logits: position 3: 0.5, "));
}

TEST_F(CompareTest, SaysWhichTokenTheSecondWouldHaveChosen) {
  Said said = run({true, 0, 2, 1e6f});
  EXPECT_EQ(said.code, 1);
  EXPECT_THAT(said.output, HasSubstr("; wrong would say 0 at position 2\n"));
  said = run({true, 0, 2, 1e6f}, {"--output=json"});
  EXPECT_THAT(said.output, HasSubstr("\"other_token\":{\"position\":2,\"token\":0}"));
}

TEST_F(CompareTest, RefusesWhatAreNotTwoDevices) {
  for (const char *pair : {"cpu", "cpu,", ",cpu", "cpu,wrong,cpu"}) {
    Said said = run(kNone, {}, pair);
    EXPECT_EQ(said.code, 2) << pair;
    EXPECT_THAT(said.error, HasSubstr("option '--compare': expected two devices, such as cpu,cuda, but got"));
  }
  Said said = run(kNone, {}, "cpu,tpu");
  EXPECT_EQ(said.code, 2);
  EXPECT_THAT(said.error, HasSubstr("option '--compare': device 'tpu' is unknown; expected cpu, wrong"));
}

TEST_F(CompareTest, RefusesOptionsThatSayOtherwiseWhatToCompute) {
  for (const char *option : {"--device=cpu", "--draft=mtp", "--temperature=1", "--logits=l.npy", "--states=s.npy",
                             "--trace=t.json", "--stats", "--output=token-ids"}) {
    Said said = run(kNone, {option});
    EXPECT_EQ(said.code, 2) << option;
    EXPECT_THAT(said.error, HasSubstr("has no effect: --compare ")) << option;
  }
}

} // namespace
} // namespace fathom::test
