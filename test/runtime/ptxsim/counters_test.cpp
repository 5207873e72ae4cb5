// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What is counted of kernels, beside what a hand gets: sectors, conflicts of banks, bytes, instructions.

#include "test/runtime/ptxsim/simulator.h"

#include <gtest/gtest.h>

namespace {

using namespace fathom::runtime;
using namespace fathom::runtime::ptxsim;
using test::Simulator;

constexpr auto kGlobal = static_cast<size_t>(Space::Global);

/// Kernel `name`: each lane has its number in %i, the memory in %m, and shared memory of 8 KiB in s.
std::string kernel(const std::string &name, const std::string &body) {
  return ".visible .entry " + name +
         "(.param .u64 memory) {\n.reg .b64 %m, %a; .reg .b32 %i, %o, %s, %r<8>; .reg .b64 %x;\n"
         ".shared .align 128 .b8 s_" +
         name + "[8192];\nld.param.u64 %m, [memory]; mov.u32 %i, %tid.x; mov.u32 %s, s_" + name + ";\n" + body +
         "\nret;\n}\n";
}

Counters count(const std::string &body, unsigned blocks = 1, unsigned launches = 1) {
  Simulator simulator;
  EXPECT_EQ(simulator.load(test::module(kernel("k", body))), cuda::kSuccess) << lastReport();
  uint64_t memory = simulator.upload(std::vector<uint32_t>(4096));
  for (unsigned i = 0; i < launches; ++i) {
    EXPECT_EQ(simulator.launch("k", {blocks, 32}, {memory}), cuda::kSuccess) << lastReport();
  }
  return counters().executed;
}

/// %a is where lane i goes, i * stride + offset bytes into memory.
std::string address(int stride, int offset = 0) {
  return "mul.wide.s32 %a, %i, " + std::to_string(stride) + "; add.s64 %a, %a, %m; add.s64 %a, %a, " +
         std::to_string(offset) + ";\n";
}

/// %o is where lane i goes, i * stride bytes into shared memory.
std::string shared(unsigned stride) { return "mad.lo.u32 %o, %i, " + std::to_string(stride) + ", %s;\n"; }

TEST(PtxCountersTest, SectorsAreThoseThatAWarpTouches) {
  const struct {
    const char *what;
    int stride, offset;
    uint64_t sectors, distinct;
  } cases[] = {
      {"coalesced", 4, 0, 4, 128},    {"backwards", -4, 124, 4, 128}, {"across sectors", 4, 16, 5, 128},
      {"every second", 8, 0, 8, 128}, {"apart", 128, 0, 32, 128},     {"broadcast", 0, 0, 1, 4},
  };
  for (const auto &row : cases) {
    SCOPED_TRACE(row.what);
    Counters counted = count(address(row.stride, row.offset) + "ld.global.b32 %r1, [%a];");
    EXPECT_EQ(counted.bytesRead[kGlobal], 128u);
    EXPECT_EQ(counted.sectorsRead, row.sectors);
    EXPECT_EQ(counted.distinctBytesRead, row.distinct);
    EXPECT_EQ(counted.sectorsWritten + counted.distinctBytesWritten, 0u);
  }
}

TEST(PtxCountersTest, WritesAndUpdatesAreWritten) {
  for (const char *access : {"st.global.b32 [%a], %i;", "red.global.add.u32 [%a], %i;"}) {
    Counters counted = count(address(4) + access);
    EXPECT_EQ(counted.sectorsWritten, 4u);
    EXPECT_EQ(counted.distinctBytesWritten, 128u);
    EXPECT_EQ(counted.sectorsRead + counted.distinctBytesRead, 0u);
  }
}

TEST(PtxCountersTest, WhatALaunchReadsAgainIsDistinctOnce) {
  const std::string twice = address(4) + "ld.global.b32 %r1, [%a]; ld.global.b32 %r2, [%a];";
  Counters counted = count(twice, 3);
  EXPECT_EQ(counted.sectorsRead, 24u);
  EXPECT_EQ(counted.distinctBytesRead, 128u);
  EXPECT_EQ(count(twice, 1, 2).distinctBytesRead, 256u) << "each launch reads its operands";
}

TEST(PtxCountersTest, BankConflictsAreThePassesBeyondTheLeast) {
  const struct {
    const char *what, *store;
    unsigned stride;
    uint64_t conflicts;
  } cases[] = {
      {"a bank each", "st.shared.b32 [%o], %i;", 4, 0},
      {"bytes of a word", "st.shared.b8 [%o], %i;", 1, 0},
      {"two ways", "st.shared.b32 [%o], %i;", 8, 1},
      {"32 ways", "st.shared.b32 [%o], %i;", 128, 31},
      {"32 ways, padded", "st.shared.b32 [%o], %i;", 132, 0},
      {"8 bytes, half a warp at once", "st.shared.v2.b32 [%o], {%i, %i};", 8, 0},
      {"8 bytes, two ways in each half", "st.shared.v2.b32 [%o], {%i, %i};", 16, 2},
      {"16 bytes, 8 lanes at once", "st.shared.v4.b32 [%o], {%i, %i, %i, %i};", 16, 0},
      {"16 bytes, two ways in each quarter", "st.shared.v4.b32 [%o], {%i, %i, %i, %i};", 32, 4},
      {"16 bytes, 8 ways in each quarter", "st.shared.v4.b32 [%o], {%i, %i, %i, %i};", 128, 28},
  };
  for (const auto &row : cases) {
    SCOPED_TRACE(row.what);
    Counters counted = count(shared(row.stride) + row.store);
    EXPECT_EQ(counted.sharedAccesses, 1u);
    EXPECT_EQ(counted.bankConflicts, row.conflicts);
  }
}

TEST(PtxCountersTest, WhatLanesShareIsNoConflict) {
  const std::string begin = shared(4) + "st.shared.b32 [%o], %i; bar.warp.sync -1; ";
  EXPECT_EQ(count(begin + "ld.shared.b32 %r1, [%s];").bankConflicts, 0u);
  EXPECT_EQ(count(begin + "and.b32 %r2, %o, -8; ld.shared.b32 %r1, [%r2];").bankConflicts, 0u);
}

TEST(PtxCountersTest, MatricesAreLoadedEightRowsAtOnce) {
  auto conflicts = [](unsigned rowBytes) {
    const std::string store = shared(rowBytes) + "st.shared.v4.b32 [%o], {%i, %i, %i, %i}; bar.warp.sync -1;";
    const std::string load = "ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%r1, %r2, %r3, %r4}, [%o];";
    return count(store + load).bankConflicts - count(store).bankConflicts;
  };
  EXPECT_EQ(conflicts(128), 28u) << "four matrices, each row of one in the same banks";
  EXPECT_EQ(conflicts(144), 0u) << "padded";
}

TEST(PtxCountersTest, CopiesInTheBackground) {
  Counters counted = count(address(16) + shared(16) +
                           "cp.async.cg.shared.global [%o], [%a], 16; cp.async.commit_group; cp.async.wait_group 0;");
  EXPECT_EQ(counted.asyncBytes, 512u);
  EXPECT_EQ(counted.sectorsRead, 16u);
  EXPECT_EQ(counted.sharedAccesses, 1u);
  EXPECT_EQ(counted.bankConflicts, 0u);
}

TEST(PtxCountersTest, BulkCopiesMoveWholeSectorsOnce) {
  Simulator simulator({.major = 9});
  std::string text = kernel("k", ".reg .pred %p;\n"
                                 "mov.u32 %o, 0;\nL: mad.lo.u32 %r1, %i, 4, %s; add.u32 %r1, %r1, %o;\n"
                                 "st.shared.b32 [%r1], %i; add.u32 %o, %o, 128; setp.lt.u32 %p, %o, 4096; @%p bra L;\n"
                                 "fence.proxy.async; bar.sync 0;\n"
                                 "setp.ne.u32 %p, %i, 0; @%p bra END;\n"
                                 "cp.async.bulk.global.shared::cta.bulk_group [%m], [%s], 4096;\n"
                                 "cp.async.bulk.commit_group; cp.async.bulk.wait_group 0;\nEND:");
  ASSERT_EQ(simulator.load(test::module(text, "sm_90")), cuda::kSuccess) << lastReport();
  ASSERT_EQ(simulator.launch("k", {1, 32}, {simulator.allocate(4096)}), cuda::kSuccess) << lastReport();
  Counters counted = counters().executed;
  EXPECT_EQ(counted.bulkBytes, 4096u);
  EXPECT_EQ(counted.sectorsWritten, 128u);
  EXPECT_EQ(counted.distinctBytesWritten, 4096u);
}

TEST(PtxCountersTest, ProductsOfMatricesAreOneInstructionOfAWarp) {
  Counters counted = count("mov.b32 %r1, 0;\nmma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 {%r1, %r2, %r3, %r4}, "
                           "{%r1, %r1, %r1, %r1}, {%r1, %r1}, {%r1, %r1, %r1, %r1};");
  EXPECT_EQ(counted.matrixInstructions, 1u);
}

TEST(PtxCountersTest, EachKernelHasItsOwn) {
  Simulator simulator;
  ASSERT_EQ(simulator.load(test::module(kernel("one", address(4) + "st.global.b32 [%a], %i;") + kernel("two", ""))),
            cuda::kSuccess)
      << lastReport();
  uint64_t memory = simulator.allocate(4096);
  for (const char *name : {"one", "two", "one"}) {
    ASSERT_EQ(simulator.launch(name, {2, 64}, {memory}), cuda::kSuccess) << lastReport();
  }
  DriverCounters counted = counters();
  ASSERT_EQ(counted.byKernel.size(), 2u);
  EXPECT_EQ(counted.byKernel["one"].launches, 2u);
  EXPECT_EQ(counted.byKernel["one"].executed.sectorsWritten, 2u * 2 * 2 * 4);
  EXPECT_EQ(counted.byKernel["two"].launches, 1u);
  EXPECT_EQ(counted.byKernel["two"].executed.sectorsWritten, 0u);
  EXPECT_EQ(counted.executed.instructions,
            counted.byKernel["one"].executed.instructions + counted.byKernel["two"].executed.instructions);
}

} // namespace
