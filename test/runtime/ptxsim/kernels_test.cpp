// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Whole kernels that nvcc and clang made, against host arithmetic. What the files of `kernels` were made of stands
// before each test.

#include "test/runtime/ptxsim/simulator.h"

#include <bit>
#include <cmath>
#include <cstdio>
#include <ctime>
#include <gtest/gtest.h>

namespace {

using namespace fathom::runtime;
using namespace fathom::runtime::ptxsim;
using test::Simulator;

std::vector<float> numbers(size_t count, float scale) {
  std::vector<float> values(count);
  for (size_t i = 0; i < count; ++i) {
    values[i] = static_cast<float>(static_cast<int>(i * 2654435761u >> 16 & 0x3ff) - 512) * scale;
  }
  return values;
}

uint64_t bitsOf(float value) { return std::bit_cast<uint32_t>(value); }

// __global__ void axpy(const float *x, float *y, float a, int n) {
//   int i = blockIdx.x * blockDim.x + threadIdx.x;
//   if (i < n) y[i] = a * x[i] + y[i];
// }
TEST(PtxKernelsTest, AxpyHasTheBitsOfFma) {
  Simulator simulator;
  ASSERT_EQ(simulator.load(test::kernelText("nvcc_reduce.ptx")), cuda::kSuccess) << lastReport();
  std::vector<float> x = numbers(1000, 0.37f), y = numbers(1000, 1.1f);
  uint64_t onDevice = simulator.upload(y);
  ASSERT_EQ(simulator.launch("axpy", {8, 128}, {simulator.upload(x), onDevice, bitsOf(1.7f), 1000}), cuda::kSuccess)
      << lastReport();
  std::vector<float> results = simulator.read<float>(onDevice, 1000);
  for (size_t i = 0; i < 1000; ++i) {
    EXPECT_EQ(results[i], std::fma(1.7f, x[i], y[i]));
  }
}

// __global__ void block_sum(const float *x, float *sums, int n) {
//   __shared__ float part[32];
//   float s = 0;
//   for (int i = blockIdx.x * blockDim.x + threadIdx.x; i < n; i += gridDim.x * blockDim.x) s += x[i];
//   for (int d = 16; d; d /= 2) s += __shfl_xor_sync(~0u, s, d);
//   if (threadIdx.x % 32 == 0) part[threadIdx.x / 32] = s;
//   __syncthreads();
//   if (threadIdx.x == 0) {
//     for (int w = 1; w < blockDim.x / 32; ++w) s += part[w];
//     sums[blockIdx.x] = s;
//   }
// }
TEST(PtxKernelsTest, BlockSumIsTheSameForEverySeedAndThreads) {
  std::vector<float> x = numbers(5000, 0.125f);
  double sum = 0;
  for (float value : x) {
    sum += value;
  }
  for (uint64_t seed = 1; seed <= 8; ++seed) {
    Simulator simulator({.seed = seed, .threads = static_cast<unsigned>(seed % 3 + 1)});
    ASSERT_EQ(simulator.load(test::kernelText("nvcc_reduce.ptx")), cuda::kSuccess) << lastReport();
    uint64_t sums = simulator.allocate(12 * sizeof(float));
    ASSERT_EQ(simulator.launch("block_sum", {12, 128}, {simulator.upload(x), sums, 5000}), cuda::kSuccess)
        << lastReport();
    double total = 0;
    for (float value : simulator.read<float>(sums, 12)) {
      total += value;
    }
    EXPECT_EQ(total, sum); // multiples of 1/8: exact
  }
}

// __device__ __noinline__ int collatz(long long n, int *odd) {
//   int steps = 0;
//   while (n != 1) { if (n % 2) { n = 3 * n + 1; ++*odd; } else n /= 2; ++steps; }
//   return steps;
// }
// __global__ void collatz_steps(const int *starts, int *steps, int n) {
//   int i = blockIdx.x * blockDim.x + threadIdx.x;
//   if (i < n) { int odd = 0; int s = collatz(starts[i], &odd); steps[i] = s * 1000 + odd; }
// }
TEST(PtxKernelsTest, CallsHaveFramesAndDivergeByLane) {
  Simulator simulator;
  ASSERT_EQ(simulator.load(test::kernelText("nvcc_call.ptx")), cuda::kSuccess) << lastReport();
  std::vector<int> starts(70);
  for (int i = 0; i < 70; ++i) {
    starts[static_cast<size_t>(i)] = i + 1;
  }
  uint64_t steps = simulator.allocate(70 * sizeof(int));
  ASSERT_EQ(simulator.launch("collatz_steps", {2, 64}, {simulator.upload(starts), steps, 70}), cuda::kSuccess)
      << lastReport();
  std::vector<int> results = simulator.read<int>(steps, 70);
  for (size_t i = 0; i < 70; ++i) {
    int count = 0, odd = 0;
    for (long n = starts[i]; n != 1; ++count) {
      odd += n % 2 != 0;
      n = n % 2 != 0 ? 3 * n + 1 : n / 2;
    }
    EXPECT_EQ(results[i], count * 1000 + odd);
  }
}

// __constant__ float table[4] = {0.5f, 1.5f, -2.0f, 1e-3f};
// __global__ void transpose(const float *in, float *out, int width) {
//   extern __shared__ float tile[];
//   int x = blockIdx.x * 16 + threadIdx.x, y = blockIdx.y * 16 + threadIdx.y;
//   tile[threadIdx.y * 17 + threadIdx.x] = in[y * width + x] * table[threadIdx.x & 3];
//   __syncthreads();
//   out[(blockIdx.x * 16 + threadIdx.y) * (gridDim.y * 16) + blockIdx.y * 16 + threadIdx.x] =
//       tile[threadIdx.x * 17 + threadIdx.y];
// }
TEST(PtxKernelsTest, TransposeUsesDynamicSharedAndConstantMemory) {
  Simulator simulator;
  ASSERT_EQ(simulator.load(test::kernelText("nvcc_shared.ptx")), cuda::kSuccess) << lastReport();
  std::vector<float> in = numbers(32 * 48, 0.3f);
  uint64_t out = simulator.allocate(in.size() * sizeof(float)), from = simulator.upload(in);
  int width = 48;
  void *parameters[] = {&from, &out, &width};
  ASSERT_EQ(simulator.table.launch(simulator.find("transpose"), 3, 2, 1, 16, 16, 1, 16 * 17 * 4, nullptr, parameters,
                                   nullptr),
            cuda::kSuccess)
      << lastReport();
  std::vector<float> results = simulator.read<float>(out, in.size());
  const float table[] = {0.5f, 1.5f, -2.0f, 1e-3f};
  for (size_t y = 0; y < 32; ++y) {
    for (size_t x = 0; x < 48; ++x) {
      EXPECT_EQ(results[x * 32 + y], in[y * 48 + x] * table[x & 3]);
    }
  }
}

// __global__ void histogram(const unsigned char *x, unsigned *bins, unsigned *done, int n) {
//   __shared__ unsigned local[16];
//   if (threadIdx.x < 16) local[threadIdx.x] = 0;
//   __syncthreads();
//   for (int i = blockIdx.x * blockDim.x + threadIdx.x; i < n; i += gridDim.x * blockDim.x)
//     atomicAdd(&local[x[i] & 15], 1u);
//   __syncthreads();
//   if (threadIdx.x < 16) atomicAdd(&bins[threadIdx.x], local[threadIdx.x]);
//   __threadfence();
//   if (threadIdx.x == 0) atomicInc(done, 0xffffffffu);
// }
TEST(PtxKernelsTest, HistogramCountsWithAtomics) {
  Simulator simulator({.threads = 4});
  ASSERT_EQ(simulator.load(test::kernelText("nvcc_shared.ptx")), cuda::kSuccess) << lastReport();
  std::vector<uint8_t> x(3001);
  std::vector<uint32_t> expected(16), zeros(17);
  for (size_t i = 0; i < x.size(); ++i) {
    x[i] = static_cast<uint8_t>(i * i);
    ++expected[x[i] & 15];
  }
  uint64_t bins = simulator.upload(zeros);
  ASSERT_EQ(simulator.launch("histogram", {7, 96}, {simulator.upload(x), bins, bins + 64, 3001}), cuda::kSuccess)
      << lastReport();
  std::vector<uint32_t> results = simulator.read<uint32_t>(bins, 17);
  EXPECT_EQ(results[16], 7u);
  results.pop_back();
  EXPECT_EQ(results, expected);
}

// __attribute__((device_kernel)) void rms_norm(const __bf16 *x, const float *weight, __bf16 *out, int columns): each
// of 128 threads squares four columns at a time; the sum of a warp by shuffles, of four warps in shared memory.
TEST(PtxKernelsTest, RmsNormOfLlvmIsWithinABf16) {
  Simulator simulator;
  ASSERT_EQ(simulator.load(test::kernelText("llvm_rms_norm.ptx")), cuda::kSuccess) << lastReport();
  constexpr size_t columns = 768, rows = 3;
  std::vector<float> values = numbers(columns * rows, 1.0f / 64), weight = numbers(columns, 1.0f / 512);
  std::vector<uint16_t> x;
  for (float &value : values) {
    x.push_back(static_cast<uint16_t>(std::bit_cast<uint32_t>(value) >> 16));
    value = std::bit_cast<float>(uint32_t{x.back()} << 16);
  }
  uint64_t out = simulator.allocate(x.size() * 2);
  ASSERT_EQ(simulator.launch("rms_norm", {rows, 128}, {simulator.upload(x), simulator.upload(weight), out, columns}),
            cuda::kSuccess)
      << lastReport();
  std::vector<uint16_t> results = simulator.read<uint16_t>(out, x.size());
  for (size_t row = 0; row < rows; ++row) {
    double sum = 0;
    for (size_t i = 0; i < columns; ++i) {
      sum += values[row * columns + i] * values[row * columns + i];
    }
    double scale = 1 / std::sqrt(sum / columns + 1e-6);
    for (size_t i = 0; i < columns; ++i) {
      double expected = values[row * columns + i] * scale * weight[i];
      EXPECT_NEAR(std::bit_cast<float>(uint32_t{results[row * columns + i]} << 16), expected,
                  std::fabs(expected) / 128 + 1e-6);
    }
  }
}

TEST(PtxKernelsTest, SpeedOfSimpleCode) {
  Simulator simulator({.threads = 1});
  std::string body = ".visible .entry k(.param .u64 out) {\n.reg .b32 %r<8>;\n.reg .pred %p;\n.reg .f32 %f<4>;\n"
                     "mov.u32 %r1, %tid.x;\nmov.u32 %r2, 0;\nmov.f32 %f1, 0f3F800000;\nmov.f32 %f2, 0f3F000000;\nL:\n";
  for (int i = 0; i < 10; ++i) {
    body += "mad.lo.s32 %r1, %r1, 1664525, 1013904223;\nxor.b32 %r3, %r1, %r2;\nshr.u32 %r4, %r3, 7;\n"
            "add.s32 %r1, %r1, %r4;\nfma.rn.f32 %f1, %f1, %f2, %f2;\n";
  }
  body += "add.s32 %r2, %r2, 1;\nsetp.lt.u32 %p, %r2, 2000;\n@%p bra L;\nret;\n}\n";
  ASSERT_EQ(simulator.load(test::module(body)), cuda::kSuccess) << lastReport();
  std::clock_t start = std::clock();
  ASSERT_EQ(simulator.launch("k", {4, 256}, {0}), cuda::kSuccess) << lastReport();
  double seconds = static_cast<double>(std::clock() - start) / CLOCKS_PER_SEC;
  Counters executed = counters().executed;
  EXPECT_GT(executed.laneInstructions, executed.instructions * 31);
  std::printf("%.0f M lane-instructions/s\n", static_cast<double>(executed.laneInstructions) / seconds / 1e6);
}

} // namespace
