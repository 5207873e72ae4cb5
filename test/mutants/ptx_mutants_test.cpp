// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Mistakes in what a kernel writes as assembly, where a predicate comes first.

#include "test/mutants/PtxMutants.h"

#include <gtest/gtest.h>

namespace fathom::test {
namespace {

TEST(PtxMutantsTest, AWaitIsOverAtOnceOrOfAnotherBarrier) {
  PtxText text("\t{ .reg .pred p; mbarrier.try_wait.parity.shared::cta.b64 p, [%r1], %r2; selp.b32 %r3, 1, 0, p; }");
  ASSERT_EQ(text.mutants().size(), 2u);
  EXPECT_EQ(text.mutants()[0].replacement, "\t{ .reg .pred p; setp.eq.s32 p, 0, 0; selp.b32 %r3, 1, 0, p; }");
  EXPECT_EQ(text.mutants()[1].replacement, "\t{ .reg .pred p; mbarrier.try_wait.parity.shared::cta.b64 p, [%r1+8], "
                                           "%r2; selp.b32 %r3, 1, 0, p; }");
}

TEST(PtxMutantsTest, AMatrixBeginsSixteenBytesFurther) {
  PtxText text("{ .reg .pred p; setp.ne.b32 p, %r9, 0; wgmma.mma_async.sync.aligned.m64n8k16.f32.bf16.bf16 {%r1, %r2, "
               "%r3, %r4}, {%r5, %r6, %r7, %r8}, %rd1, p, 1, 1, 0; }");
  ASSERT_EQ(text.mutants().size(), 1u);
  EXPECT_EQ(text.mutants()[0].replacement,
            "{ .reg .pred p; setp.ne.b32 p, %r9, 0; { .reg .b64 other; add.s64 other, %rd1, 1; "
            "wgmma.mma_async.sync.aligned.m64n8k16.f32.bf16.bf16 {%r1, %r2, %r3, %r4}, {%r5, %r6, %r7, %r8}, other, p, "
            "1, 1, 0; } }");
}

} // namespace
} // namespace fathom::test
