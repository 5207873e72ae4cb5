// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What the threads of a warp and of a block do together.

#include "test/runtime/ptxsim/simulator.h"

#include <gtest/gtest.h>

namespace {

using namespace fathom::runtime;
using namespace fathom::runtime::ptxsim;
using test::compute;
using test::Simulator;

std::vector<uint64_t> lanes() {
  std::vector<uint64_t> values;
  for (uint64_t lane = 0; lane < 32; ++lane) {
    values.push_back(lane);
  }
  return values;
}

/// The results of `text` for the lanes' numbers in %a32, in %d32.
std::vector<uint64_t> ofLanes(const std::string &text) {
  std::vector<uint64_t> results = compute(text + " cvt.u64.u32 %d, %d32;", lanes());
  EXPECT_EQ(results.size(), 32u) << lastReport();
  results.resize(32);
  return results;
}

TEST(PtxWarpTest, ShufflesReadOtherLanes) {
  std::vector<uint64_t> butterfly = ofLanes("shfl.sync.bfly.b32 %d32, %a32, 1, 31, -1;"),
                        up = ofLanes("shfl.sync.up.b32 %d32|%p, %a32, 2, 0, -1;"),
                        down = ofLanes("shfl.sync.down.b32 %d32, %a32, 4, 31, -1;"),
                        index = ofLanes("shfl.sync.idx.b32 %d32, %a32, 5, 31, -1;"),
                        segments = ofLanes("shfl.sync.idx.b32 %d32, %a32, 1, 0x181f, -1;");
  for (size_t lane = 0; lane < 32; ++lane) {
    EXPECT_EQ(butterfly[lane], lane ^ 1);
    EXPECT_EQ(up[lane], lane < 2 ? lane : lane - 2);
    EXPECT_EQ(down[lane], lane + 4 < 32 ? lane + 4 : lane);
    EXPECT_EQ(index[lane], 5u);
    EXPECT_EQ(segments[lane], lane / 8 * 8 + 1);
  }
}

TEST(PtxWarpTest, ShuffleSaysWhatIsOutOfRange) {
  std::vector<uint64_t> results = ofLanes("shfl.sync.up.b32 %d32|%p, %a32, 2, 0, -1; selp.b32 %d32, 1, 0, %p;");
  EXPECT_EQ(results[1], 0u);
  EXPECT_EQ(results[2], 1u);
}

TEST(PtxWarpTest, VotesAndMatches) {
  const std::string odd = "and.b32 %b32, %a32, 1; setp.ne.u32 %p, %b32, 0; ";
  EXPECT_EQ(ofLanes(odd + "vote.sync.ballot.b32 %d32, %p, -1;")[7], 0xaaaaaaaau);
  EXPECT_EQ(ofLanes(odd + "vote.sync.any.pred %q, !%p, -1; selp.b32 %d32, 1, 0, %q;")[7], 1u);
  EXPECT_EQ(ofLanes(odd + "vote.sync.all.pred %q, %p, -1; selp.b32 %d32, 1, 0, %q;")[7], 0u);
  EXPECT_EQ(ofLanes(odd + "match.any.sync.b32 %d32, %b32, -1;")[6], 0x55555555u);
  EXPECT_EQ(ofLanes("match.all.sync.b32 %d32|%p, 3, -1;")[6], 0xffffffffu);
}

TEST(PtxWarpTest, ReductionsAndElection) {
  EXPECT_EQ(ofLanes("redux.sync.add.s32 %d32, %a32, -1;")[3], 496u);
  EXPECT_EQ(ofLanes("sub.s32 %a32, %a32, 5; redux.sync.min.s32 %d32, %a32, -1;")[3], 0xfffffffbu);
  EXPECT_EQ(ofLanes("elect.sync %d32|%p, -1; selp.b32 %d32, 1, 0, %p;"),
            ofLanes("setp.eq.u32 %p, %a32, 0; selp.b32 %d32, 1, 0, %p;"));
}

TEST(PtxWarpTest, PartsOfAWarpShuffleApart) {
  std::vector<uint64_t> results = ofLanes("setp.lt.u32 %p, %a32, 16; @%p bra LOW;\n"
                                          "shfl.sync.bfly.b32 %d32, %a32, 1, 31, 0xffff0000; bra END;\n"
                                          "LOW: shfl.sync.bfly.b32 %d32, %a32, 2, 31, 0xffff;\nEND:");
  EXPECT_EQ(results[4], 6u);
  EXPECT_EQ(results[20], 21u);
}

TEST(PtxWarpTest, LanesThatComeLateAreWaitedFor) {
  // Lane 3 goes another way first, and meets the others at the shuffle.
  std::vector<uint64_t> results = ofLanes("setp.ne.u32 %p, %a32, 3; @%p bra MEET;\nmov.u32 %b32, 100;\n"
                                          "MORE: sub.u32 %b32, %b32, 1; setp.ne.u32 %q, %b32, 0; @%q bra MORE;\n"
                                          "mov.u32 %a32, 77;\nMEET: shfl.sync.idx.b32 %d32, %a32, 3, 31, -1;");
  EXPECT_EQ(results[0], 77u);
}

TEST(PtxWarpTest, LoopsThatWaitForEachOtherInAWarpEnd) {
  // Lane 0 spins until lane 31 has written, whose code comes later.
  Simulator simulator({.budget = 1 << 20});
  ASSERT_EQ(
      simulator.load(test::module(".visible .entry k(.param .u64 out) {\n.reg .b64 %a; .reg .b32 %t, %v;"
                                  ".reg .pred %p;\nld.param.u64 %a, [out]; mov.u32 %t, %tid.x;\n"
                                  "setp.eq.u32 %p, %t, 31; @%p bra WRITE;\n"
                                  "WAIT: ld.acquire.gpu.global.u32 %v, [%a]; setp.ne.u32 %p, %v, 9;\n"
                                  "@%p bra WAIT; bra END;\nWRITE: st.release.gpu.global.u32 [%a], 9;\nEND: ret;\n}")),
      cuda::kSuccess)
      << lastReport();
  EXPECT_EQ(simulator.launch("k", {}, {simulator.upload(std::vector<uint32_t>{0})}), cuda::kSuccess) << lastReport();
}

TEST(PtxWarpTest, BlocksThatWaitForEachOtherEnd) {
  // All blocks count, then wait until all have: more than the host has threads.
  Simulator simulator({.threads = 2});
  ASSERT_EQ(simulator.load(test::module(".visible .entry k(.param .u64 out) {\n.reg .b64 %a; .reg .b32 %n, %v;"
                                        ".reg .pred %p;\nld.param.u64 %a, [out]; mov.u32 %n, %nctaid.x;\n"
                                        "atom.add.release.gpu.global.u32 %v, [%a], 1;\n"
                                        "WAIT: ld.acquire.gpu.global.u32 %v, [%a]; setp.lo.u32 %p, %v, %n;\n"
                                        "@%p bra WAIT;\nret;\n}")),
            cuda::kSuccess)
      << lastReport();
  EXPECT_EQ(simulator.launch("k", {8, 1}, {simulator.upload(std::vector<uint32_t>{0})}), cuda::kSuccess)
      << lastReport();
}

/// A block of 64 threads; its result is what each thread has in %d, read from `out`.
std::vector<uint32_t> ofBlock(const std::string &text) {
  Simulator simulator;
  uint64_t out = simulator.allocate(256);
  EXPECT_EQ(
      simulator.load(test::module(".visible .entry k(.param .u64 out) {\n.reg .b64 %a, %o; .reg .b32 %t, %d, %w;\n"
                                  ".reg .pred %p, %q;\n.shared .align 4 .b8 s[256];\nmov.u32 %t, %tid.x;\n" +
                                  text +
                                  "\nld.param.u64 %a, [out]; mul.wide.u32 %o, %t, 4; add.s64 %a, %a, %o;\n"
                                  "st.global.u32 [%a], %d; ret;\n}")),
      cuda::kSuccess)
      << lastReport();
  EXPECT_EQ(simulator.launch("k", {1, 64}, {out}), cuda::kSuccess) << lastReport();
  return simulator.read<uint32_t>(out, 64);
}

TEST(PtxBlockTest, BarriersOrderSharedMemory) {
  std::vector<uint32_t> results = ofBlock(".reg .b32 %r; shl.b32 %r, %t, 2; mov.u32 %w, s; add.u32 %w, %w, %r;\n"
                                          "st.shared.u32 [%w], %t; bar.sync 0; xor.b32 %r, %r, 128;\n"
                                          "mov.u32 %w, s; add.u32 %w, %w, %r; ld.shared.u32 %d, [%w];");
  for (uint32_t thread = 0; thread < 64; ++thread) {
    EXPECT_EQ(results[thread], thread ^ 32);
  }
}

TEST(PtxBlockTest, BarriersReduce) {
  EXPECT_EQ(ofBlock("setp.lt.u32 %p, %t, 40; bar.red.popc.u32 %d, 1, %p;")[50], 40u);
  EXPECT_EQ(ofBlock("setp.lt.u32 %p, %t, 40; bar.red.and.pred %q, 1, %p; selp.b32 %d, 1, 0, %q;")[50], 0u);
  EXPECT_EQ(
      ofBlock("setp.lt.u32 %p, %t, 40; barrier.cta.red.or.aligned.pred %q, 1, 64, !%p; selp.b32 %d, 1, 0, %q;")[0], 1u);
}

TEST(PtxBlockTest, BarriersOfPartsAndArrivals) {
  // The first warp arrives and goes on; the second waits for it.
  std::vector<uint32_t> results = ofBlock("setp.lt.u32 %p, %t, 32; @%p bra FIRST;\nbar.sync 2, 64;\n"
                                          "ld.shared.u32 %d, [s+8]; bra END;\n"
                                          "FIRST: st.shared.u32 [s+8], 5; bar.arrive 2, 64; mov.u32 %d, 1;\nEND:");
  EXPECT_EQ(results[0], 1u);
  EXPECT_EQ(results[63], 5u);
}

TEST(PtxBlockTest, ThreadsThatExitedAreNotWaitedFor) {
  EXPECT_EQ(ofBlock("mov.u32 %d, 3; setp.ge.u32 %p, %t, 32; @%p exit; bar.sync 0;")[5], 3u);
}

TEST(PtxBlockTest, ClustersShareMemoryByRank) {
  Simulator simulator({.major = 9});
  ASSERT_EQ(
      simulator.load(test::module(".visible .entry k(.param .u64 out) .reqnctapercluster 2, 1, 1 {\n"
                                  ".reg .b64 %a, %o; .reg .b32 %r, %o32, %v;\n.shared .align 4 .b8 s[4];\n"
                                  "mov.u32 %r, %cluster_ctarank; st.shared.u32 [s], %r;\n"
                                  "barrier.cluster.arrive.release.aligned; barrier.cluster.wait.acquire.aligned;\n"
                                  "xor.b32 %r, %r, 1; mov.u32 %o32, s; mapa.shared::cluster.u32 %o32, %o32, %r;\n"
                                  "ld.shared::cluster.u32 %v, [%o32]; mov.u32 %r, %ctaid.x;\n"
                                  "ld.param.u64 %a, [out]; mul.wide.u32 %o, %r, 4; add.s64 %a, %a, %o;\n"
                                  "st.global.u32 [%a], %v; ret;\n}",
                                  "sm_90a")),
      cuda::kSuccess)
      << lastReport();
  uint64_t out = simulator.allocate(16);
  ASSERT_EQ(simulator.launch("k", {4, 1}, {out}), cuda::kSuccess) << lastReport();
  EXPECT_EQ(simulator.read<uint32_t>(out, 4), (std::vector<uint32_t>{1, 0, 1, 0}));
}

TEST(PtxBlockTest, BranchesByIndex) {
  std::vector<uint32_t> results =
      ofBlock(".reg .b32 %i; and.b32 %i, %t, 3;\nTABLE: .branchtargets A, B, C, B;\nbrx.idx %i, TABLE;\n"
              "A: mov.u32 %d, 10; bra END;\nB: mov.u32 %d, 20; bra END;\nC: mov.u32 %d, 30;\nEND:");
  EXPECT_EQ(std::vector<uint32_t>(results.begin(), results.begin() + 4), (std::vector<uint32_t>{10, 20, 30, 20}));
}

} // namespace
