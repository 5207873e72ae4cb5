// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Asynchronous instructions and the watch over shared memory, in small kernels: what is right runs under every
// schedule, and each misuse has its message.

#include "test/runtime/ptxsim/simulator.h"

#include <cstring>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <numeric>
#include <vector>

namespace fathom::runtime::ptxsim::test {
namespace {

using testing::HasSubstr;

constexpr unsigned kWords = 1024;

/// A kernel of one block with %in and %out, 1024 words each, 4 KB of shared memory `s`, %t its thread, and %a the
/// address of word t of shared memory.
std::string kernel(const std::string &body) {
  return ".version 8.3\n.target sm_90a\n.address_size 64\n"
         ".visible .entry k(.param .u64 pin, .param .u64 pout) {\n"
         ".reg .pred %p<4>;\n.reg .b32 %r<20>;\n.reg .b64 %rd<10>;\n.reg .f32 %f<40>;\n"
         ".reg .b64 %in, %out;\n.reg .b32 %t, %a, %s;\n"
         ".shared .align 1024 .b8 s[4096];\n.shared .align 8 .b64 bar;\n"
         "ld.param.u64 %in, [pin];\nld.param.u64 %out, [pout];\nmov.u32 %t, %tid.x;\nmov.u32 %s, s;\n"
         "shl.b32 %r0, %t, 2;\nadd.u32 %a, %s, %r0;\ncvt.u64.u32 %rd0, %r0;\n" +
         body + "\nret;\n}\n";
}

struct Outcome {
  std::string report;
  std::vector<uint32_t> out;
};

/// Of a device that the kernel runs on.
Options options(uint64_t seed = 1) { return {.seed = seed, .threads = 1, .major = 9, .budget = 100000}; }

/// `in` counts from 0.
Outcome run(const std::string &body, unsigned threads, uint64_t seed = 1) {
  Simulator simulator(options(seed));
  if (simulator.load(kernel(body)) != cuda::kSuccess) {
    return {"not accepted: " + lastReport(), {}};
  }
  std::vector<uint32_t> data(kWords);
  std::iota(data.begin(), data.end(), 0);
  uint64_t in = simulator.upload(data), out = simulator.upload(std::vector<uint32_t>(kWords, 77));
  simulator.launch("k", {1, threads}, {in, out});
  return {lastReport(), simulator.read<uint32_t>(out, kWords)};
}

const std::string kStore = "st.shared.u32 [%a], %t;\n";
/// out[t] = the word of shared memory beside the own.
const std::string kLoadNeighbor = "xor.b32 %r1, %t, 33;\nshl.b32 %r1, %r1, 2;\nadd.u32 %r1, %r1, %s;\n"
                                  "ld.shared.u32 %r2, [%r1];\nadd.u64 %rd1, %out, %rd0;\nst.global.u32 [%rd1], %r2;\n";
/// Word t of shared memory from word t of `in`.
const std::string kCopy = "add.u64 %rd2, %in, %rd0;\ncp.async.ca.shared.global [%a], [%rd2], 4;\n";
const std::string kCommit = "cp.async.commit_group;\n", kBarrier = "bar.sync 0;\n";
const std::string kInit = "setp.ne.u32 %p0, %t, 0;\n@!%p0 mbarrier.init.shared.b64 [bar], 1;\n";
const std::string kFenceInit = "@!%p0 fence.mbarrier_init.release.cluster;\n";
/// Thread 0 loads all of shared memory, and all wait.
const std::string kLoadAll = "@!%p0 mbarrier.arrive.expect_tx.shared.b64 _, [bar], 4096;\n"
                             "@!%p0 cp.async.bulk.shared::cluster.global.mbarrier::complete_tx::bytes [s], [%in], "
                             "4096, [bar];\n";
const std::string kWait = "W: mbarrier.try_wait.parity.shared.b64 %p1, [bar], 0;\n@!%p1 bra W;\n";
/// Thread 0 stores all of shared memory to `out`.
const std::string kStoreAll = "setp.ne.u32 %p0, %t, 0;\n"
                              "@!%p0 cp.async.bulk.global.shared::cta.bulk_group [%out], [s], 1024;\n";
const std::string kProxyFence = "fence.proxy.async.shared::cta;\n";
const std::string kCommitStores = "cp.async.bulk.commit_group;\n", kWaitStores = "cp.async.bulk.wait_group.read 0;\n";

struct Case {
  const char *name;
  std::string body;
  /// Part of the report; empty if there is none.
  std::string report;
  unsigned threads = 64;
};
void PrintTo(const Case &test, std::ostream *out) { *out << test.name; }

class AsyncOpsTest : public testing::TestWithParam<Case> {};

TEST_P(AsyncOpsTest, ReportsWhatIsWrongAndNothingElse) {
  for (uint64_t seed = 1; seed <= 5; ++seed) {
    Outcome outcome = run(GetParam().body, GetParam().threads, seed);
    if (GetParam().report.empty()) {
      ASSERT_EQ(outcome.report, "");
    } else {
      ASSERT_THAT(outcome.report, HasSubstr(GetParam().report));
    }
  }
}

INSTANTIATE_TEST_SUITE_P(
    Watch, AsyncOpsTest,
    testing::Values(
        Case{"barrier", kStore + kBarrier + kLoadNeighbor, ""},
        Case{"noBarrier", kStore + kLoadNeighbor, "shared memory"},
        Case{"uninitialized", kBarrier + kLoadNeighbor, "uninitialized: reads byte 0x"},
        Case{"warpBarrierIsTooLittle", kStore + "bar.warp.sync -1;\n" + kLoadNeighbor, "shared memory"},
        Case{"warpBarrier",
             kStore +
                 "bar.warp.sync -1;\nxor.b32 %r1, %t, 1;\nshl.b32 %r1, %r1, 2;\nadd.u32 %r1, %r1, %s;\n"
                 "ld.shared.u32 %r2, [%r1];\nbar.warp.sync -1;\n" +
                 kStore,
             ""},
        Case{"namedBarrier", kStore + "bar.sync 3, 64;\n" + kLoadNeighbor, ""},
        Case{"secondBarrierMissing", kStore + kBarrier + kLoadNeighbor + kStore, "shared memory"},
        Case{"secondBarrier", kStore + kBarrier + kLoadNeighbor + kBarrier + kStore, ""},
        Case{"sameWrites", "st.shared.u32 [s], 5;\n" + kBarrier + "ld.shared.u32 %r1, [s];\n", ""},
        Case{"differentWrites", "st.shared.u32 [s], %t;\n" + kBarrier + "ld.shared.u32 %r1, [s];\n", "race: writes"},
        Case{"atomics", "st.shared.u32 [s], 0;\n" + kBarrier + "atom.shared.add.u32 %r1, [s], 1;\n" + kBarrier, ""},
        Case{"atomicAndPlain",
             "st.shared.u32 [s], 0;\n" + kBarrier + "atom.shared.add.u32 %r1, [s], 1;\nld.shared.u32 %r1, [s];\n",
             "race: "}),
    [](const auto &info) { return info.param.name; });

INSTANTIATE_TEST_SUITE_P(
    Copies, AsyncOpsTest,
    testing::Values(
        Case{"right", kCopy + kCommit + "cp.async.wait_group 0;\n" + kBarrier + kLoadNeighbor, ""},
        Case{"waitAll", kCopy + "cp.async.wait_all;\n" + kBarrier + kLoadNeighbor, ""},
        Case{"noWait", kCopy + kCommit + kBarrier + kLoadNeighbor, "unfinished: reads byte 0x"},
        Case{"waitForTooFew", kCopy + kCommit + "cp.async.wait_group 1;\n" + kBarrier + kLoadNeighbor,
             "unfinished: reads byte 0x"},
        Case{"noCommit", kCopy + "cp.async.wait_group 0;\n" + kBarrier + kLoadNeighbor, "unfinished: reads byte 0x"},
        Case{"waitAfterBarrier", kCopy + kCommit + kBarrier + "cp.async.wait_group 0;\n" + kLoadNeighbor,
             "shared memory"},
        Case{"exit", kCopy + kCommit, "unfinished: the thread exits, and nothing waited for this copy"},
        Case{"overRead", kStore + kBarrier + kLoadNeighbor + kCopy + "cp.async.wait_all;\n", "shared memory"},
        Case{"tooLong", "mov.u32 %r3, 8;\ncp.async.ca.shared.global [%a], [%in], 4, %r3;\n",
             "src-size is 8, more than the 4 bytes of the copy"},
        Case{"misaligned", "add.u32 %a, %a, 2;\n" + kCopy, "misaligned"},
        Case{"outOfBounds", "add.u64 %in, %in, 4000;\n" + kCopy + "cp.async.wait_all;\n", "out of bounds"}),
    [](const auto &info) { return info.param.name; });

INSTANTIATE_TEST_SUITE_P(
    Bulk, AsyncOpsTest,
    testing::Values(
        Case{"right", kInit + kFenceInit + kBarrier + kLoadAll + kWait + kLoadNeighbor, ""},
        Case{"noInitFence", kInit + kBarrier + kLoadAll + kWait,
             "the mbarrier was initialized without fence.mbarrier_init or fence.proxy.async"},
        Case{"noBarrierAfterInit", kInit + kFenceInit + kLoadAll + kWait, "mbarrier"},
        Case{"noInit", "setp.ne.u32 %p0, %t, 0;\n" + kLoadAll, "the mbarrier is not initialized"},
        Case{"noWait", kInit + kFenceInit + kBarrier + kLoadAll + kBarrier + kLoadNeighbor,
             "unfinished: reads byte 0x"},
        Case{"exit", kInit + kFenceInit + kBarrier + kLoadAll,
             "unfinished: all threads have exited, and nothing waited for this copy"},
        Case{"arrivesTwice", kInit + kFenceInit + kBarrier + kLoadAll + "@!%p0 mbarrier.arrive.shared.b64 _, [bar];\n",
             "more arrivals at the mbarrier than its phase expects"},
        Case{"initTwice", kInit + "@!%p0 mbarrier.init.shared.b64 [bar], 1;\n",
             "the mbarrier is initialized already, and was not invalidated"},
        Case{"invalidatedTooEarly",
             kInit + kFenceInit + kBarrier + kLoadAll + "@!%p0 mbarrier.inval.shared.b64 [bar];\n",
             "the mbarrier is invalidated while copies that complete it are under way"},
        Case{"writesWhatIsRead", kInit + kFenceInit + kStore + kBarrier + kLoadNeighbor + kLoadAll + kWait,
             "shared memory"},
        Case{"writesWhatWasRead", kInit + kFenceInit + kStore + kBarrier + kLoadNeighbor + kBarrier + kLoadAll + kWait,
             ""},
        Case{"store", kStore + kProxyFence + kBarrier + kStoreAll + kCommitStores + kWaitStores, "", 256},
        Case{"storeWithoutFence", kStore + kBarrier + kStoreAll + kCommitStores + kWaitStores,
             "no fence.proxy.async: reads byte 0x", 256},
        Case{"storeBeforeBarrier", kStore + kProxyFence + kStoreAll + kCommitStores + kWaitStores, "shared memory",
             256},
        Case{"storeAndExit", kStore + kProxyFence + kBarrier + kStoreAll + kCommitStores,
             "unfinished: the thread exits while this copy may still read shared memory", 256},
        Case{"writeBeforeItIsRead",
             kStore + kProxyFence + kBarrier + kStoreAll + kCommitStores + "bar.sync 0;\n" + kStore + kWaitStores,
             "unfinished: writes byte 0x", 256},
        Case{"oddSize", kInit + "@!%p0 cp.async.bulk.global.shared::cta.bulk_group [%out], [s], 24;\n",
             "the size of a bulk copy is a multiple of 16"}),
    [](const auto &info) { return info.param.name; });

TEST(AsyncResultsTest, CopiesLandAndZerosFillWhatIsNotRead) {
  Outcome outcome =
      run("and.b32 %r3, %t, 4;\nadd.u64 %rd2, %in, %rd0;\ncp.async.ca.shared.global [%a], [%rd2], 4, %r3;\n"
          "cp.async.wait_all;\n" +
              kBarrier + kLoadNeighbor,
          64);
  ASSERT_EQ(outcome.report, "");
  for (unsigned thread = 0; thread < 64; ++thread) {
    unsigned from = thread ^ 33;
    EXPECT_EQ(outcome.out[thread], (from & 4) != 0 ? from : 0);
  }
}

TEST(AsyncResultsTest, BulkLoadsLand) {
  Outcome outcome = run(kInit + kFenceInit + kBarrier + kLoadAll + kWait + kLoadNeighbor, 64);
  ASSERT_EQ(outcome.report, "");
  for (unsigned thread = 0; thread < 64; ++thread) {
    EXPECT_EQ(outcome.out[thread], thread ^ 33);
  }
}

TEST(AsyncResultsTest, BulkStoresAndReductionsLand) {
  std::string reduce = "@!%p0 cp.reduce.async.bulk.global.shared::cta.bulk_group.add.u32 [%out], [s], 1024;\n";
  Outcome outcome = run(kStore + kProxyFence + kBarrier + kStoreAll + kCommitStores + "cp.async.bulk.wait_group 0;\n" +
                            reduce + kCommitStores + kWaitStores,
                        256);
  ASSERT_EQ(outcome.report, "");
  for (unsigned word = 0; word < kWords; ++word) {
    EXPECT_EQ(outcome.out[word], word < 256 ? 2 * word : 77);
  }
}

TEST(AsyncResultsTest, ArrivalsGiveStatesThatCanBeTested) {
  Outcome outcome = run(kInit + kBarrier +
                            "@%p0 bra L;\nmbarrier.arrive.shared.b64 %rd3, [bar];\n"
                            "mbarrier.test_wait.shared.b64 %p1, [bar], %rd3;\nselp.u32 %r4, 1, 0, %p1;\n"
                            "st.global.u32 [%out], %r4;\nL:",
                        64);
  ASSERT_EQ(outcome.report, "");
  EXPECT_EQ(outcome.out[0], 1u);
}

TEST(MatrixOpsTest, ALoadedMatrixIsTransposedInRegistersAndStored) {
  // Threads fill four matrices; ldmatrix.trans and movmatrix undo each other, and stmatrix writes them behind.
  std::string body =
      "shl.b32 %r5, %t, 4;\nadd.u32 %r6, %s, %r5;\nshl.b32 %r7, %t, 2;\n"
      "st.shared.v4.u32 [%r6], {%t, %r5, %r7, %t};\nbar.warp.sync -1;\n"
      "ldmatrix.sync.aligned.m8n8.x4.trans.shared.b16 {%r8, %r9, %r10, %r11}, [%r6];\n"
      "movmatrix.sync.aligned.m8n8.trans.b16 %r8, %r8;\nmovmatrix.sync.aligned.m8n8.trans.b16 %r9, %r9;\n"
      "movmatrix.sync.aligned.m8n8.trans.b16 %r10, %r10;\n"
      "movmatrix.sync.aligned.m8n8.trans.b16 %r11, %r11;\n"
      "stmatrix.sync.aligned.m8n8.x4.shared.b16 [%r6+512], {%r8, %r9, %r10, %r11};\nbar.warp.sync -1;\n"
      "ld.shared.v4.u32 {%r12, %r13, %r14, %r15}, [%r6+512];\ncvt.u64.u32 %rd3, %r5;\n"
      "add.u64 %rd4, %out, %rd3;\nst.global.v4.u32 [%rd4], {%r12, %r13, %r14, %r15};\n";
  Outcome outcome = run(body, 32);
  ASSERT_EQ(outcome.report, "");
  for (unsigned thread = 0; thread < 32; ++thread) {
    unsigned expected[] = {thread, thread * 16, thread * 4, thread};
    EXPECT_EQ(std::memcmp(&outcome.out[thread * 4], expected, sizeof(expected)), 0) << thread;
  }
}

TEST(MatrixOpsTest, WhatPtxDoesNotHaveIsNotAccepted) {
  auto expect = [](const char *instruction, const char *message) {
    EXPECT_THAT(run(instruction, 32).report, HasSubstr(message));
  };
  expect("mma.sync.aligned.m16n8k64.row.col.f32.bf16.bf16.f32 {%f0}, {%r0}, {%r0}, {%f0};",
         "expected one of the shapes .m16n8k4");
  expect("mma.sync.aligned.m16n8k4.row.col.f32.bf16.bf16.f32 {%f0}, {%r0}, {%r0}, {%f0};",
         "there is no such combination of shape and types");
  expect("mma.sync.aligned.m16n8k8.row.col.f32.bf16.bf16.f32 {%f0}, {%r0}, {%r0}, {%f0};",
         "the fragments have another number of registers");
  expect("ldmatrix.sync.aligned.m8n8.x2.shared.b16 {%r0}, [%s];", "expected as many registers as matrices");
  expect("cp.async.cg.shared.global [%s], [%in], 8;", "a copy has 4, 8 or 16 bytes, with .cg 16");
  expect("wgmma.mma_async.sync.aligned.m64n12k16.f32.bf16.bf16 {%f0}, %rd0, %rd0, 1, 1, 1, 0, 0;",
         "expected a shape .m64n");
}

TEST(ClusterCopyTest, SharedMemoryOfAnotherBlockIsRefused) {
  Simulator simulator(options());
  ASSERT_EQ(simulator.load(".version 8.3\n.target sm_90a\n.address_size 64\n"
                           ".visible .entry k(.param .u64 pin) .reqnctapercluster 2, 1, 1 {\n"
                           ".reg .b64 %in;\n.reg .b32 %r<3>;\n.shared .align 16 .b8 s[16];\n"
                           "ld.param.u64 %in, [pin];\nmov.u32 %r0, %cluster_ctarank;\nxor.b32 %r0, %r0, 1;\n"
                           "mov.u32 %r1, s;\nmapa.shared::cluster.u32 %r1, %r1, %r0;\n"
                           "cp.async.ca.shared.global [%r1], [%in], 16;\nret;\n}\n"),
            cuda::kSuccess)
      << lastReport();
  simulator.launch("k", {2, 1}, {simulator.upload(std::vector<uint32_t>(4))});
  EXPECT_THAT(lastReport(), HasSubstr("shared memory of another block of the cluster is not supported here"));
}

struct Box {
  std::vector<uint32_t> sizes;
  int swizzle;
};

/// What is wrong where `body` runs with a map of bytes of `out` in `in`.
std::string reportWithBox(const std::string &body, const Box &box) {
  Simulator simulator(options());
  EXPECT_EQ(simulator.load(kernel(body)), cuda::kSuccess) << lastReport();
  std::vector<uint8_t> map(128);
  std::vector<uint64_t> sizes(box.sizes.size(), 256), strides(box.sizes.size(), 256);
  std::vector<uint32_t> ones(box.sizes.size(), 1);
  uint64_t out = simulator.upload(std::vector<uint32_t>(kWords, 77));
  EXPECT_EQ(simulator.table.encodeTiledMap(map.data(), 0, static_cast<uint32_t>(box.sizes.size()),
                                           reinterpret_cast<void *>(out), sizes.data(), strides.data(),
                                           box.sizes.data(), ones.data(), 0, box.swizzle, 0, 0),
            cuda::kSuccess);
  simulator.launch("k", {1, 64}, {simulator.upload(map), out});
  return lastReport();
}

/// A row of 16 bytes of a swizzle of 128: at s+128 it lies at s+144.
const Box kNarrow = {{16, 1}, 3};
const std::string kStoreBox = kStore + kProxyFence + kBarrier +
                              "setp.ne.u32 %p0, %t, 0;\n@!%p0 cp.async.bulk.tensor.2d.global.shared::cta.bulk_group "
                              "[%in, {0, 0}], [s+128];\n" +
                              kCommitStores;
const std::string kLoadBox = kInit + kFenceInit + kStore + kBarrier +
                             "@!%p0 mbarrier.arrive.expect_tx.shared.b64 _, [bar], 16;\n"
                             "@!%p0 cp.async.bulk.tensor.2d.shared::cluster.global.mbarrier::complete_tx::bytes "
                             "[s+128], [%in, {0, 0}], [bar];\n";

TEST(TensorBoxTest, SwizzledPartsAreInBounds) {
  EXPECT_THAT(reportWithBox(".shared .align 128 .b8 pad[128];\n.shared .align 128 .b8 tail[16];\nmov.u32 %r1, pad;\n"
                            "cp.async.bulk.tensor.2d.global.shared::cta.bulk_group [%in, {0, 0}], [tail];\n",
                            kNarrow),
              HasSubstr("out of bounds: 16 bytes at 0x1090 of shared memory, which has 4240 bytes"));
}

TEST(TensorBoxTest, SwizzledPartsAreWatchedWhereTheyLie) {
  const std::string write = "@!%p0 st.shared.u32 [s+", end = "], 5;\n";
  EXPECT_EQ(reportWithBox(kStoreBox + write + "128" + end + kWaitStores, kNarrow), "");
  EXPECT_THAT(reportWithBox(kStoreBox + write + "144" + end + kWaitStores, kNarrow),
              HasSubstr("unfinished: writes byte 0x90"));
  EXPECT_EQ(reportWithBox(kLoadBox + write + "128" + end + kWait + "ld.shared.u32 %r1, [s+144];\n", kNarrow), "");
  EXPECT_THAT(reportWithBox(kLoadBox + write + "144" + end + kWait, kNarrow),
              HasSubstr("unfinished: writes byte 0x90"));
}

TEST(TensorBoxTest, BoxesAreNoLargerThanSharedMemory) {
  EXPECT_THAT(reportWithBox("cp.async.bulk.tensor.4d.global.shared::cta.bulk_group [%in, {0, 0, 0, 0}], [s];\n",
                            {{256, 256, 256, 256}, 0}),
              HasSubstr("the box of the tensor map has 4294967296 bytes, shared memory 4096"));
}

TEST(EncodeTiledMapTest, RefusesWhatTheDriverDoes) {
  Simulator simulator;
  auto encode = [&](int type, uint32_t box, uint32_t elementStride, int interleave) {
    alignas(64) uint8_t map[128];
    uint64_t sizes[] = {64, 8}, strides[] = {128};
    uint32_t boxes[] = {box, 8}, elementStrides[] = {1, elementStride};
    cuda::CUresult result = simulator.table.encodeTiledMap(map, type, 2, nullptr, sizes, strides, boxes, elementStrides,
                                                           interleave, 3, 0, 0);
    return result == cuda::kSuccess ? "" : lastReport();
  };
  constexpr int kBf16Type = 9;
  EXPECT_EQ(encode(kBf16Type, 64, 1, 0), "");
  EXPECT_THAT(encode(99, 64, 1, 0), HasSubstr("is not supported"));
  EXPECT_THAT(encode(kBf16Type, 64, 1, 1), HasSubstr("is not supported"));
  EXPECT_THAT(encode(kBf16Type, 64, 2, 0), HasSubstr("only element strides of 1 are supported"));
  EXPECT_THAT(encode(kBf16Type, 128, 1, 0), HasSubstr("wider than its swizzle"));
}

} // namespace
} // namespace fathom::runtime::ptxsim::test
