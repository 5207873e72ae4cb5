// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What kernels do wrong is found, and said with kernel, line, block and thread.

#include "test/runtime/ptxsim/simulator.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace {

using namespace fathom::runtime;
using namespace fathom::runtime::ptxsim;
using test::Simulator;
using testing::HasSubstr;

/// A kernel with the memory of `words` words in %a, and the thread's number in %t.
std::string kernel(const std::string &body) {
  return test::module(
      ".file 1 \"norm.cu\"\n.visible .entry k(.param .u64 memory) {\n.reg .b64 %a, %o; .reg .b32 %t, %v, "
      "%w; .reg .pred %p, %q;\n.shared .align 16 .b8 s[128];\n.local .align 8 .b8 l[16];\n"
      "ld.param.u64 %a, [memory]; mov.u32 %t, %tid.x;\n" +
      body + "\nret;\n}\n");
}

struct Outcome {
  cuda::CUresult result;
  std::string report;
};

Outcome run(const std::string &body, test::Shape shape = {}, Options options = {}) {
  Simulator simulator(options);
  EXPECT_EQ(simulator.load(kernel(body)), cuda::kSuccess) << lastReport();
  cuda::CUresult result = simulator.launch("k", shape, {simulator.upload(std::vector<uint32_t>(32))});
  return {result, lastReport()};
}

TEST(PtxFindingsTest, WritesBehindAnAllocation) {
  Outcome outcome = run(".loc 1 42 5\nmul.wide.u32 %o, %t, 4; add.s64 %a, %a, %o;\nst.global.u32 [%a+4], %t;", {3, 32},
                        {.threads = 3});
  EXPECT_EQ(outcome.result, cuda::kIllegalAddress);
  EXPECT_THAT(outcome.report,
              HasSubstr("kernel k, PTX line 12 (norm.cu:42): st.global.u32: out of bounds: writes 4 bytes"));
  EXPECT_THAT(outcome.report, HasSubstr("0 bytes after the end of the allocation of 128 bytes"));
  EXPECT_THAT(outcome.report, HasSubstr("block (0, 0, 0), thread (31, 0, 0)"));
}

TEST(PtxFindingsTest, UsesFreedMemory) {
  Simulator simulator;
  ASSERT_EQ(simulator.load(kernel("ld.global.u32 %v, [%a];")), cuda::kSuccess);
  uint64_t memory = simulator.allocate(64);
  simulator.table.free(memory);
  EXPECT_EQ(simulator.launch("k", {}, {memory}), cuda::kIllegalAddress);
  EXPECT_THAT(lastReport(), HasSubstr("in the allocation of 64 bytes"));
  EXPECT_THAT(lastReport(), HasSubstr("which was freed"));
}

TEST(PtxFindingsTest, Misaligned) {
  Outcome outcome = run("ld.global.v2.u32 {%v, %w}, [%a+4];");
  EXPECT_EQ(outcome.result, cuda::kMisalignedAddress);
  EXPECT_THAT(outcome.report, HasSubstr("misaligned: reads 8 bytes"));
}

TEST(PtxFindingsTest, BeyondSharedLocalAndParameters) {
  EXPECT_THAT(run("st.shared.u32 [s+128], %t;").report, HasSubstr("of shared memory, which has 128 bytes"));
  EXPECT_THAT(run("st.local.u32 [l+16], %t;").report, HasSubstr("of local memory, which has 16 bytes"));
  EXPECT_THAT(run("ld.param.u32 %v, [memory+8];").report, HasSubstr("of param memory, which has 8 bytes"));
  EXPECT_EQ(run("mov.u64 %o, s; cvta.shared.u64 %o, %o; st.u32 [%o+252], %t;").result, cuda::kIllegalAddress);
}

TEST(PtxFindingsTest, WritesConstants) {
  Simulator simulator;
  ASSERT_EQ(simulator.load(".version 7.8\n.target sm_80\n.address_size 64\n.const .b32 c = 7;\n.visible .entry k() {\n"
                           ".reg .b64 %a;\nmov.u64 %a, c; cvta.const.u64 %a, %a; st.u32 [%a], 1; ret;\n}"),
            cuda::kSuccess)
      << lastReport();
  EXPECT_EQ(simulator.launch("k", {}, {}), cuda::kIllegalAddress);
  EXPECT_THAT(lastReport(), HasSubstr("which is constant memory"));
}

TEST(PtxFindingsTest, BarrierThatPartOfAWarpReaches) {
  Outcome outcome = run("setp.lt.u32 %p, %t, 16; @%p bra LOW;\nbar.sync 0; bra END;\nLOW: bar.sync 0;\nEND:");
  EXPECT_EQ(outcome.result, cuda::kLaunchFailed);
  EXPECT_THAT(outcome.report, HasSubstr("lanes of a warp diverge"));
  EXPECT_THAT(outcome.report, HasSubstr("16 threads wait at line"));
}

TEST(PtxFindingsTest, BarrierThatAWarpMisses) {
  Outcome outcome = run("setp.lt.u32 %p, %t, 32; @%p bra END;\nbar.sync 1, 64;\nEND:", {1, 64});
  EXPECT_THAT(outcome.report, HasSubstr("deadlock: 32 threads wait at line"));
  EXPECT_THAT(outcome.report, HasSubstr("32 have exited"));
}

TEST(PtxFindingsTest, BarriersWithDifferentCounts) {
  EXPECT_THAT(run("and.b32 %v, %t, 32; add.u32 %v, %v, 64; barrier.sync 1, %v;", {1, 64}).report,
              HasSubstr("threads here, and for"));
  EXPECT_THAT(run("bar.sync 1, 33;").report, HasSubstr("a count of 33, which is not a multiple of 32"));
  EXPECT_THAT(run("bar.sync 16;").report, HasSubstr("barrier 16, there are 16"));
  EXPECT_THAT(run("bar.sync %t;").report, HasSubstr("lanes of the warp have different barriers"));
}

TEST(PtxFindingsTest, ArrivesTwice) {
  EXPECT_THAT(run("bar.arrive 1, 64; bar.arrive 1, 64;").report, HasSubstr("arrives twice at barrier 1"));
}

TEST(PtxFindingsTest, LaneOutsideOfItsMask) {
  EXPECT_THAT(run("bar.warp.sync 0xfffffffe;").report, HasSubstr("not in the mask 0xfffffffe"));
}

TEST(PtxFindingsTest, WholeWarpsThatLackLanes) {
  EXPECT_THAT(run("setp.ge.u32 %p, %t, 16; @%p exit;\nmovmatrix.sync.aligned.m8n8.trans.b16 %v, %t;").report,
              HasSubstr("needs all lanes of the warp, it has 0x0000ffff"));
}

TEST(PtxFindingsTest, ShuffleFromALaneThatTakesNoPart) {
  EXPECT_THAT(run("setp.ge.u32 %p, %t, 31; @%p exit;\nshfl.sync.idx.b32 %v, %t, 31, 31, 0x7fffffff;").report,
              HasSubstr("reads lane 31, which does not take part"));
}

TEST(PtxFindingsTest, EndlessLoop) {
  Outcome outcome = run("L: bra L;", {}, {.budget = 10000});
  EXPECT_EQ(outcome.result, cuda::kLaunchFailed);
  EXPECT_THAT(outcome.report, HasSubstr("bra: no end: its block has executed"));
}

TEST(PtxFindingsTest, Trap) { EXPECT_THAT(run("trap;").report, HasSubstr("trap: the kernel gives up")); }

TEST(PtxFindingsTest, IndexBeyondTheTargets) {
  EXPECT_THAT(run("T: .branchtargets A;\nA: brx.idx %t, T;").report, HasSubstr("index 1 of 1 targets"));
}

TEST(PtxFindingsTest, TheFirstBlockIsReportedWhateverTheThreads) {
  for (unsigned threads = 1; threads <= 4; ++threads) {
    Outcome outcome =
        run("mov.u32 %v, %ctaid.x; setp.lt.u32 %p, %v, 5; @%p bra END; st.global.u32 [%a+128], %v; END:", {40, 32},
            {.seed = threads, .threads = threads});
    EXPECT_THAT(outcome.report, HasSubstr("block (5, 0, 0), thread (0, 0, 0)"));
  }
}

} // namespace
