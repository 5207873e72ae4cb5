// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Kernels of GPUs in whole models: a graph is made once and serves all that comes, a row does not depend on its
// neighbors, nor a prompt on how it is cut. Linked with the runtime alone: graph_models.py makes the artifacts, in the
// folder FATHOM_GRAPH_MODELS.
//
// Sequences are computed on the CPU and restored on the GPU, which takes a fraction of the time on a simulated one.

#include "test/e2e/Session.h"
#include "test/gpu/driver_devices.h"
#include "test/runtime/apart_device.h"

#include "runtime/device/cpu/cpu_device.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <iterator>
#include <map>
#include <memory>

namespace fathom::test {
namespace {

using runtime::ptxsim::Call;
using Sequences = std::vector<fathom_sequence_t>;
using Tokens = std::vector<int32_t>;

/// At edges of pages, of blocks of keys, and of what sparse attention selects; a last one is at the end of the context.
constexpr uint32_t kLengths[] = {1, 2, 15, 16, 17, 31, 32, 33, 62, 63, 64, 65, 127, 128, 129};

Tokens someTokens(size_t count, int32_t seed = 1) {
  Tokens tokens(count);
  for (size_t i = 0; i < count; ++i) {
    tokens[i] = static_cast<int32_t>((size_t(seed) * 37 + i * 11) % 500) + 2;
  }
  return tokens;
}

/// The artifact and saved sequences of a model, which all tests of it share.
struct Saved {
  std::string artifact;
  std::vector<std::string> sequences;

  explicit Saved(const std::string &model) {
    const char *folder = getenv("FATHOM_GRAPH_MODELS");
    artifact = std::string(folder ? folder : ".") + "/" + model + ".fathom";
    useDevice(runtime::kCpuDevice);
    Session session(artifact, /*threads=*/2, /*chunk=*/0, /*sequences=*/16);
    std::vector<uint32_t> lengths(std::begin(kLengths), std::end(kLengths));
    // A model that does not load has no context.
    lengths.push_back(std::max(session.getInfo().max_context, 4u) - 3);
    for (uint32_t length : lengths) {
      fathom_sequence_t sequence = session.createSequence();
      session.prefill(sequence, someTokens(length, static_cast<int32_t>(length)));
      sequences.push_back(session.save(sequence));
    }
  }
};

class GraphsTest : public testing::TestWithParam<const char *> {
protected:
  static void TearDownTestSuite() { all.clear(); }
  void SetUp() override {
    std::unique_ptr<Saved> &entry = all[GetParam()];
    entry = entry ? std::move(entry) : std::make_unique<Saved>(GetParam());
    saved = entry.get();
  }
  void TearDown() override { resetDevice(); }

  std::unique_ptr<Session> open(const runtime::Device &device, uint32_t chunk = 0) const {
    useDevice(device);
    return std::make_unique<Session>(saved->artifact, /*threads=*/1, chunk, /*sequences=*/32);
  }

  /// Sequence |number| of those that were saved.
  fathom_sequence_t restore(Session &session, size_t number) const {
    fathom_sequence_t sequence = 0;
    EXPECT_EQ(session.restore(saved->sequences[number], &sequence), FATHOM_STATUS_OK) << fathom_status_message();
    return sequence;
  }
  Sequences restoreAll(Session &session) const {
    Sequences sequences;
    for (size_t i = 0; i < saved->sequences.size(); ++i) {
      sequences.push_back(restore(session, i));
    }
    return sequences;
  }

  static inline std::map<std::string, std::unique_ptr<Saved>> all;
  Saved *saved = nullptr;
};

/// Row |row| of |rows| rows of logits.
std::vector<float> rowOf(const std::vector<float> &logits, size_t row, size_t rows) {
  const float *first = &logits[logits.size() / rows * row];
  return {first, first + logits.size() / rows};
}

/// Steps of one bucket: sequences that are at edges and go beyond them, 16 that are one and the same, so that some
/// experts have all rows and the others none, and fewer of the first ones in another order.
std::vector<std::vector<float>> decodeWhateverComes(Session &session, const Sequences &edges, const Sequences &equal) {
  Sequences fewer(edges.rbegin() + 3, edges.rbegin() + 12);
  std::vector<std::vector<float>> given;
  given.push_back(session.decode(edges, someTokens(16, 3)));
  given.push_back(session.decode(equal, Tokens(16, 7)));
  given.push_back(session.decode(fewer, someTokens(9, 5)));
  return given;
}

TEST_P(GraphsTest, AGraphServesWhateverComes) {
  std::vector<std::vector<float>> given[2];
  uint64_t graphs[2];
  for (int eager : {0, 1}) {
    std::unique_ptr<Session> session = open(eager ? kEagerDevice : kCountedDevice);
    Sequences edges = restoreAll(*session), equal;
    while (equal.size() < 16) {
      equal.push_back(restore(*session, 10));
    }
    clearCalls();
    given[eager] = decodeWhateverComes(*session, edges, equal);
    graphs[eager] = callsOf(Call::launchGraph);
    EXPECT_EQ(callsOf(Call::launch) > 0, eager);
    EXPECT_EQ(callsOf(Call::instantiateGraph), 0u);
  }
  EXPECT_EQ(given[0], given[1]);
  EXPECT_EQ(graphs[0], given[0].size());
  EXPECT_EQ(graphs[1], 0u) << "launched one by one";
  for (size_t row = 1; row < 16; ++row) {
    EXPECT_EQ(rowOf(given[0][1], row, 16), rowOf(given[0][1], 0, 16)) << "of equal rows";
  }
}

TEST_P(GraphsTest, ARowAloneIsThatRowOfABatch) {
  std::unique_ptr<Session> together = open(kCountedDevice), alone = open(kCountedDevice);
  Tokens next = someTokens(16, 3);
  std::vector<float> batch = together->decode(restoreAll(*together), next);
  for (size_t row : {0, 10, 15}) {
    EXPECT_EQ(alone->decode({restore(*alone, row)}, {next[row]}), rowOf(batch, row, 16)) << "sequence " << row;
  }
}

// From position 62 on, across the end of a page.
TEST_P(GraphsTest, APromptInChunksIsThePromptAtOnce) {
  std::vector<float> expected;
  for (uint32_t chunk : {0, 1, 3}) {
    std::unique_ptr<Session> session = open(kCountedDevice, chunk);
    Session::Outputs outputs = session->prefill(restore(*session, 8), someTokens(5));
    expected = chunk == 0 ? outputs.logits : expected;
    EXPECT_EQ(outputs.logits, expected) << "chunks of " << chunk;
  }
}

/// What of a model and its session is only asked for before the first step.
constexpr Call kBefore[] = {Call::allocate,     Call::allocateHost, Call::loadModule,    Call::findFunction,
                            Call::createStream, Call::createGraph,  Call::addKernelNode, Call::instantiateGraph};

TEST_P(GraphsTest, AStepIsAnUploadAGraphAndADownload) {
  std::unique_ptr<Session> session = open(kCountedDevice);
  fathom_sequence_t sequence = restore(*session, 8);
  // Position 63 is the last of a page, 64 takes the next one.
  for (uint64_t uploads : {1, 1, 2, 1}) {
    clearCalls();
    session->decode({sequence}, {3});
    EXPECT_EQ(callsOf(Call::upload), uploads);
    EXPECT_EQ(callsOf(Call::launchGraph), 1u);
    EXPECT_EQ(callsOf(Call::readBack), 1u);
    for (Call call : kBefore) {
      EXPECT_EQ(callsOf(call), 0u) << static_cast<unsigned>(call);
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Models, GraphsTest, testing::Values("v3-tiny", "v32-tiny", "qwen3-tiny", "latents"),
                         [](const auto &info) {
                           std::string name = info.param;
                           std::replace(name.begin(), name.end(), '-', '_');
                           return name;
                         });

} // namespace
} // namespace fathom::test
