// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Loads, stores and atomic updates, in all spaces.

#include "test/runtime/ptxsim/simulator.h"

#include <gtest/gtest.h>

namespace {

using namespace fathom::runtime;
using namespace fathom::runtime::ptxsim;
using test::Simulator;

/// The words of memory after one thread ran `body`, which has the memory's address in %m.
std::vector<uint32_t> after(const std::string &body, std::vector<uint32_t> words) {
  Simulator simulator;
  std::string text =
      ".visible .entry k(.param .u64 memory) {\n.reg .b64 %m, %a, %x, %y; .reg .b32 %r<8>; .reg .b16 %h<3>;\n"
      ".reg .b128 %q; .shared .align 16 .b8 s[64]; .local .align 16 .b8 l[64];\n"
      "ld.param.u64 %m, [memory];\n";
  EXPECT_EQ(simulator.load(test::module(text + body + "\nret;\n}\n")), cuda::kSuccess) << lastReport();
  uint64_t memory = simulator.upload(words);
  EXPECT_EQ(simulator.launch("k", {1, 1}, {memory}), cuda::kSuccess) << lastReport();
  return simulator.read<uint32_t>(memory, words.size());
}

using Words = std::vector<uint32_t>;

TEST(PtxMemoryTest, VectorsAreElementsSideBySide) {
  EXPECT_EQ(after("ld.global.nc.v4.b32 {%r1, %r2, %r3, %r4}, [%m]; st.global.v2.b32 [%m+8], {%r1, %r4};", {1, 2, 3, 4}),
            (Words{1, 2, 1, 4}));
  EXPECT_EQ(after("ld.global.v2.u8 {%h1, %h2}, [%m+2]; st.global.v2.b8 [%m], {%h2, %h1};", {0x12345678}),
            (Words{0x12343412}));
}

TEST(PtxMemoryTest, SmallNumbersFillTheRegister) {
  EXPECT_EQ(after("ld.global.s8 %r1, [%m]; st.global.b32 [%m+4], %r1;", {0x80, 0}), (Words{0x80, 0xffffff80}));
  EXPECT_EQ(after("ld.global.u16 %r1, [%m]; st.global.b32 [%m+4], %r1;", {0xffff8000, 0}), (Words{0xffff8000, 0x8000}));
  EXPECT_EQ(after("ld.global.s16 %x, [%m]; st.global.b64 [%m+8], %x;", {0x8000, 0, 0, 0}),
            (Words{0x8000, 0, 0xffff8000, 0xffffffff}));
}

TEST(PtxMemoryTest, WideRegistersMoveAsOne) {
  EXPECT_EQ(after("ld.global.b128 %q, [%m]; st.shared.b128 [s+16], %q; ld.shared.v2.b64 {%x, %y}, [s+16];\n"
                  "st.global.v2.b64 [%m], {%y, %x};",
                  {1, 2, 3, 4}),
            (Words{3, 4, 1, 2}));
}

TEST(PtxMemoryTest, GenericAddressesKnowTheirSpace) {
  const std::string copy = "ld.global.b32 %r1, [%m]; st.b32 [%a+4], %r1; ld.b32 %r2, [%a+4]; st.b32 [%m+4], %r2;";
  EXPECT_EQ(after("mov.u64 %x, s; cvta.shared.u64 %a, %x;" + copy, {7, 0}), (Words{7, 7}));
  EXPECT_EQ(after("mov.u64 %x, l; cvta.local.u64 %a, %x;" + copy, {7, 0}), (Words{7, 7}));
  EXPECT_EQ(after("cvta.param.u64 %a, memory; ld.b64 %x, [%a]; ld.b32 %r1, [%x]; st.b32 [%x+4], %r1;", {7, 0}),
            (Words{7, 7}));
  EXPECT_EQ(after("mov.u64 %x, s; cvta.shared.u64 %a, %x; cvta.to.shared.u64 %x, %a; cvt.u32.u64 %r1, %x;\n"
                  "st.shared.b32 [%r1], 9; ld.shared.b32 %r2, [s]; st.global.b32 [%m], %r2;",
                  {0}),
            (Words{9}));
}

TEST(PtxMemoryTest, OrderedAndHintedAccesses) {
  EXPECT_EQ(after("ld.volatile.global.u32 %r1, [%m]; st.release.gpu.global.u32 [%m+4], %r1;\n"
                  "ld.acquire.sys.global.u32 %r2, [%m+4]; st.relaxed.cta.global.u32 [%m+8], %r2; fence.acq_rel.gpu;",
                  {5, 0, 0}),
            (Words{5, 5, 5}));
  EXPECT_EQ(after("ld.global.nc.L1::no_allocate.L2::cache_hint.L2::256B.b32 %r1, [%m], %x; prefetch.global.L2 [%m];\n"
                  "st.global.cs.b32 [%m+4], %r1;",
                  {5, 0}),
            (Words{5, 5}));
}

TEST(PtxMemoryTest, AtomicUpdatesReturnWhatWasThere) {
  EXPECT_EQ(after("atom.global.add.u32 %r1, [%m], 5; st.global.b32 [%m+4], %r1;", {10, 0}), (Words{15, 10}));
  EXPECT_EQ(after("atom.global.cas.b32 %r1, [%m], 10, 3; atom.global.cas.b32 %r1, [%m], 10, 4;", {10}), (Words{3}));
  EXPECT_EQ(after("atom.global.exch.b64 %x, [%m], 6; st.global.b64 [%m+8], %x;", {1, 2, 0, 0}), (Words{6, 0, 1, 2}));
  EXPECT_EQ(after("atom.global.inc.u32 %r1, [%m], 3; atom.global.dec.u32 %r1, [%m+4], 3;", {3, 0}), (Words{0, 3}));
  EXPECT_EQ(after("atom.global.min.s32 %r1, [%m], -4; atom.global.max.u32 %r1, [%m+4], -4;", {3, 3}),
            (Words{0xfffffffc, 0xfffffffc}));
}

TEST(PtxMemoryTest, ReductionsOfFloats) {
  EXPECT_EQ(after("red.global.add.f32 [%m], 0f3F800000; red.relaxed.gpu.global.add.noftz.bf16x2 [%m+4], %r1;\n",
                  {0x40000000, 0xffffffff})[0],
            0x40400000u);
  EXPECT_EQ(after("mov.b32 %r1, 0x3f804000; red.relaxed.gpu.global.add.noftz.bf16x2 [%m], %r1;", {0x40003f80}),
            (Words{0x40404040}));
  EXPECT_EQ(after("mov.b32 %r1, 0f3F800000; red.global.add.v2.f32 [%m], {%r1, %r1};", {0x40000000, 0x3f800000}),
            (Words{0x40400000, 0x40000000}));
}

TEST(PtxMemoryTest, FunctionsTakeRegistersToo) {
  Simulator simulator;
  ASSERT_EQ(simulator.load(test::module(".func (.reg .b32 %sum) plus(.reg .b32 %a, .reg .b32 %b) {\n"
                                        "add.u32 %sum, %a, %b; ret;\n}\n.visible .entry k(.param .u64 memory) {\n"
                                        ".reg .b64 %m; .reg .b32 %r<3>;\nld.param.u64 %m, [memory];\n"
                                        "ld.global.u32 %r1, [%m]; call (%r2), plus, (%r1, 30);\n"
                                        "st.global.u32 [%m], %r2; ret;\n}\n")),
            cuda::kSuccess)
      << lastReport();
  uint64_t memory = simulator.upload(Words{12});
  EXPECT_EQ(simulator.launch("k", {1, 1}, {memory}), cuda::kSuccess) << lastReport();
  EXPECT_EQ(simulator.read<uint32_t>(memory, 1)[0], 42u);
}

TEST(PtxMemoryTest, VariablesOfModulesHaveTheirValues) {
  Simulator simulator;
  ASSERT_EQ(
      simulator.load(test::module(".global .align 4 .b32 numbers[4] = {1, 0x10, -1};\n"
                                  ".global .b64 pointer = generic(numbers)+4;\n.const .f32 pi = 0f40490fdb;\n"
                                  ".visible .entry k(.param .u64 memory) {\n.reg .b64 %m, %p; .reg .b32 %r<3>;\n"
                                  "ld.param.u64 %m, [memory]; ld.global.b64 %p, [pointer]; ld.b32 %r1, [%p];\n"
                                  "st.global.b32 [%m], %r1; ld.global.b32 %r1, [numbers+8];\n"
                                  "st.global.b32 [%m+4], %r1; ld.global.b32 %r1, [numbers+12];\n"
                                  "st.global.b32 [%m+8], %r1; ld.const.b32 %r1, [pi]; st.global.b32 [%m+12], %r1;\n"
                                  "ret;\n}\n")),
      cuda::kSuccess)
      << lastReport();
  uint64_t memory = simulator.allocate(16);
  ASSERT_EQ(simulator.launch("k", {1, 1}, {memory}), cuda::kSuccess) << lastReport();
  EXPECT_EQ(simulator.read<uint32_t>(memory, 4), (Words{0x10, 0xffffffff, 0, 0x40490fdb}));
}

TEST(PtxMemoryTest, DeclarationsLeaveTheValueOfADefinition) {
  const std::string declared = ".extern .global .b32 x;\n", defined = ".visible .global .b32 x = 7;\n";
  for (const std::string &text : {declared + defined, defined + declared}) {
    Simulator simulator;
    ASSERT_EQ(simulator.load(test::module(
                  text + ".visible .entry k(.param .u64 memory) {\n.reg .b64 %m; .reg .b32 %r;\n"
                         "ld.param.u64 %m, [memory]; ld.global.b32 %r, [x]; st.global.b32 [%m], %r; ret;\n}\n")),
              cuda::kSuccess)
        << lastReport();
    uint64_t memory = simulator.allocate(4);
    ASSERT_EQ(simulator.launch("k", {1, 1}, {memory}), cuda::kSuccess) << lastReport();
    EXPECT_EQ(simulator.read<uint32_t>(memory, 1), (Words{7}));
  }
}

/// Who reads shared memory so is told; of a thread's own memory nobody knows what was written.
TEST(PtxMemoryTest, LocalMemoryBeginsAsNans) {
  EXPECT_EQ(after("ld.local.b32 %r2, [l]; st.global.b32 [%m], %r2;", {0}), (Words{0xffffffff}));
}

} // namespace
