// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Two products made by nvcc, one with cp.async, ldmatrix and mma.sync, one with TMA, mbarriers and wgmma: they give
// what the host computes under every schedule, and without any one of their barriers, waits, commits and fences, or
// with a pointer that is off, they are reported or give something else. The table of mutants is printed.

#include "runtime/device/ptxsim/numbers.h"
#include "runtime/device/ptxsim/tensor_map.h"
#include "test/runtime/ptxsim/simulator.h"

#include <cstdio>
#include <gtest/gtest.h>
#include <random>
#include <vector>

namespace fathom::runtime::ptxsim::test {
namespace {

constexpr uint32_t kRows = 70, kDepth = 320;

/// bf16 numbers that are small integers, so that sums are exact in any order.
std::vector<uint16_t> anyMatrix(uint32_t rows, unsigned seed) {
  std::mt19937 random(seed);
  std::vector<uint16_t> matrix(rows * kDepth);
  for (uint16_t &x : matrix) {
    x = static_cast<uint16_t>(convertPair(0, static_cast<float>(random() % 15) - 7, kBf16));
  }
  return matrix;
}

struct Outcome {
  std::string report;
  std::vector<float> c;
};

/// One kernel: its launch and its expected result.
class Product {
public:
  Product(const char *name, int major, uint32_t columns) : name(name), major(major), columns(columns) {
    a = anyMatrix(kRows, 1);
    b = anyMatrix(columns, 2);
  }
  std::string text() const { return kernelText(major == 9 ? "gemm_sm90a.ptx" : "gemm_sm80.ptx"); }

  std::vector<float> expected() const {
    std::vector<float> c(kRows * columns);
    for (uint32_t row = 0; row < kRows; ++row) {
      for (uint32_t column = 0; column < columns; ++column) {
        float sum = 0;
        for (uint32_t k = 0; k < kDepth; ++k) {
          sum += toFloat(a[row * kDepth + k], kBf16) * toFloat(b[column * kDepth + k], kBf16);
        }
        c[row * columns + column] = sum;
      }
    }
    return c;
  }

  Outcome run(const std::string &ptx, uint64_t seed) const {
    Options options;
    options.seed = seed;
    options.threads = 1;
    options.major = major;
    options.budget = 1 << 16;
    Simulator simulator(options);
    if (simulator.load(ptx) != cuda::kSuccess) {
      return {"not accepted: " + lastReport(), {}};
    }
    uint64_t toA = simulator.upload(a), toB = simulator.upload(b);
    uint64_t toC = simulator.upload(std::vector<float>(kRows * columns, -1));
    Outcome outcome;
    launch(simulator, toA, toB, toC);
    outcome.report = lastReport();
    outcome.c = simulator.read<float>(toC, kRows * columns);
    return outcome;
  }

private:
  const char *name;
  int major;
  uint32_t columns;
  std::vector<uint16_t> a, b;

  /// A matrix and its boxes of 64 rows, as CUDA's enums say it.
  struct MapRow {
    uint8_t *bytes;
    int type;
    uint64_t address, width, rows;
    uint32_t boxWidth;
    int swizzle;
  };
  static void encode(const MapRow &row) {
    bool isBf16 = row.type == static_cast<int>(MapType::BF16);
    uint64_t sizes[] = {row.width, row.rows}, strides[] = {row.width * (isBf16 ? 2 : 4)};
    uint32_t box[] = {row.boxWidth, 64}, ones[] = {1, 1};
    EXPECT_EQ(driver().encodeTiledMap(row.bytes, row.type, 2, reinterpret_cast<void *>(row.address), sizes, strides,
                                      box, ones, 0, row.swizzle, 0, 0),
              cuda::kSuccess);
  }
  void launch(Simulator &simulator, uint64_t toA, uint64_t toB, uint64_t toC) const {
    if (major == 8) {
      simulator.launch(name, {(kRows + 31) / 32, 64}, {toA, toB, toC, kRows, kDepth});
      return;
    }
    constexpr int kBf16Type = static_cast<int>(MapType::BF16), kF32Type = static_cast<int>(MapType::F32);
    alignas(64) uint8_t maps[3][kMapBytes];
    encode({maps[0], kBf16Type, toA, kDepth, kRows, 64, 3});
    encode({maps[1], kBf16Type, toB, kDepth, columns, 64, 3});
    encode({maps[2], kF32Type, toC, columns, kRows, 32, 0});
    uint32_t depth = kDepth;
    void *parameters[] = {maps[0], maps[1], maps[2], &depth};
    constexpr unsigned kShared = 3 * 16384;
    cuda::CUfunction function = simulator.find(name);
    driver().setFunctionAttribute(function, cuda::kMaxDynamicSharedSizeBytes, kShared);
    driver().launch(function, (kRows + 63) / 64, 1, 1, 160, 1, 1, kShared, nullptr, parameters, nullptr);
  }
};

struct Mutant {
  std::string what, text;
};

/// Replaces each place of `from` in turn.
void mutate(const std::string &text, const std::string &from, const std::string &to, std::vector<Mutant> &mutants) {
  unsigned number = 0;
  for (size_t at = text.find(from); at != std::string::npos; at = text.find(from, at + 1)) {
    std::string mutant = text;
    mutant.replace(at, from.size(), to);
    mutants.push_back({from + " " + std::to_string(++number) + (to.empty() ? " deleted" : " -> " + to), mutant});
  }
  EXPECT_NE(number, 0u) << from;
}

/// Adds to the address in the brackets behind each place of an opcode.
void shift(const std::string &text, const std::string &opcode, unsigned bytes, std::vector<Mutant> &mutants) {
  unsigned number = 0;
  for (size_t at = text.find(opcode); at != std::string::npos; at = text.find(opcode, at + 1)) {
    std::string mutant = text;
    size_t bracket = mutant.find('[', at), end = mutant.find_first_of("],+", bracket);
    // An offset that is there already is added to: [register + a + b] is not PTX.
    unsigned there = 0;
    if (mutant[end] == '+') {
      size_t close = mutant.find(']', end);
      there = static_cast<unsigned>(std::stoul(mutant.substr(end + 1, close - end - 1)));
      mutant.erase(end, close - end);
    }
    mutant.insert(end, "+" + std::to_string(there + bytes));
    mutants.push_back({opcode + " " + std::to_string(++number) + " at +" + std::to_string(bytes), mutant});
  }
  EXPECT_NE(number, 0u) << opcode;
}

void expectAllFound(const Product &product, const std::vector<Mutant> &mutants) {
  std::vector<float> expected = product.expected();
  for (const Mutant &mutant : mutants) {
    Outcome outcome = product.run(mutant.text, 1);
    bool differs = outcome.c != expected;
    std::string found = !outcome.report.empty() ? outcome.report : differs ? "another result" : "NOT FOUND";
    std::printf("  %-60s %s\n", mutant.what.c_str(), found.c_str());
    EXPECT_TRUE(!outcome.report.empty() || differs) << mutant.what;
    EXPECT_NE(outcome.report.rfind("not accepted", 0), 0u) << outcome.report;
  }
}

class GemmTest : public testing::TestWithParam<int> {
protected:
  Product product{GetParam() == 9 ? "gemm90" : "gemm80", GetParam(), GetParam() == 9 ? 64u : 16u};
};

TEST_P(GemmTest, GivesWhatTheHostComputesUnderEverySchedule) {
  std::vector<float> expected = product.expected();
  for (uint64_t seed = 1; seed <= 8; ++seed) {
    Outcome outcome = product.run(product.text(), seed);
    ASSERT_EQ(outcome.report, "") << seed;
    ASSERT_EQ(outcome.c, expected) << seed;
  }
}

INSTANTIATE_TEST_SUITE_P(Kernels, GemmTest, testing::Values(8, 9));

TEST(GemmMutantsTest, AreFoundInTheOneForSm80) {
  Product product("gemm80", 8, 16);
  std::string text = product.text();
  std::vector<Mutant> mutants;
  mutate(text, "bar.sync 0;", "", mutants);
  mutate(text, "cp.async.wait_group 1;", "", mutants);
  mutate(text, "cp.async.wait_group 1;", "cp.async.wait_group 2;", mutants);
  mutate(text, "cp.async.commit_group;", "", mutants);
  shift(text, "cp.async.cg", 16, mutants);
  shift(text, "ldmatrix", 16, mutants);
  shift(text, "ldmatrix", 2, mutants);
  shift(text, "st.global", 4, mutants);
  expectAllFound(product, mutants);
}

TEST(GemmMutantsTest, AreFoundInTheOneForSm90a) {
  Product product("gemm90", 9, 64);
  std::string text = product.text();
  std::vector<Mutant> mutants;
  mutate(text, "bar.sync 0;", "", mutants);
  mutate(text, "bar.sync 1, 128;", "", mutants);
  mutate(text, "fence.mbarrier_init.release.cluster;", "", mutants);
  mutate(text, "fence.proxy.async.shared::cta;", "", mutants);
  mutate(text, "wgmma.fence.sync.aligned;", "", mutants);
  mutate(text, "wgmma.commit_group.sync.aligned;", "", mutants);
  mutate(text, "wgmma.wait_group.sync.aligned 0;", "", mutants);
  mutate(text, "wgmma.wait_group.sync.aligned 0;", "wgmma.wait_group.sync.aligned 1;", mutants);
  mutate(text, "cp.async.bulk.commit_group;", "", mutants);
  mutate(text, "cp.async.bulk.wait_group.read 0;", "", mutants);
  mutate(text, "cp.async.bulk.wait_group.read 0;", "cp.async.bulk.wait_group.read 1;", mutants);
  const std::string wait = "mbarrier.try_wait.parity.shared::cta.b64 p,";
  mutate(text, wait, "setp.eq.s32 p, 0, 0; @!p " + wait, mutants);
  mutate(text, "mbarrier.arrive.shared::cta.b64 _,", "//", mutants);
  mutate(text, "mbarrier.arrive.expect_tx.shared::cta.b64 _,", "//", mutants);
  mutate(text, "], 4;", "], 3;", mutants);
  mutate(text, "16384;", "16368;", mutants);
  mutate(text, "16384;", "8192;", mutants);
  shift(text, "cp.async.bulk.tensor.2d.shared", 128, mutants);
  shift(text, "st.shared", 32, mutants);
  shift(text, "mbarrier.arrive.shared", 8, mutants);
  expectAllFound(product, mutants);
}

} // namespace
} // namespace fathom::runtime::ptxsim::test
