// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Units compiled and linked: code that runs, and the same bytes on any number of threads.

#include "fathom/kernel_abi.h"
#include "test/codegen/x86/Support.h"

namespace fathom::codegen::test {

TEST(EmitImage, RunsAKernelWithItsConstants) {
  LoadedImage image(
      llvm::cantFail(emitImage(makeCode(kSelect, {"run", "items"}, {makeSelectRows(3)}), getTarget(), /*threads=*/1)));
  float rows[2][3] = {{1, 2, 3}, {4, 5, 6}};
  int32_t ids[2] = {1, 1};
  float out[2][3] = {};
  void *operands[] = {rows, ids, out};
  fathom_dispatch_t dispatch = {operands, /*rows=*/2, 0, nullptr, nullptr};
  ASSERT_EQ(image.find<int64_t(int64_t)>("items")(2), 2);
  for (int64_t item : {0, 1}) {
    image.find<void(const fathom_dispatch_t *, int64_t)>("run")(&dispatch, item);
  }
  EXPECT_THAT(out[0], testing::ElementsAre(4, 5, 6));
  EXPECT_THAT(out[1], testing::ElementsAre(4, 5, 6));
}

TEST(EmitImage, MovesMemoryThatOverlapsWithoutImports) {
  // Sizes that the compiler cannot know become calls of memmove and memset.
  LoadedImage image(llvm::cantFail(emitImage(makeCode(R"(
    declare void @llvm.memmove.p0.p0.i64(ptr, ptr, i64, i1)
    declare void @llvm.memset.p0.i64(ptr, i8, i64, i1)
    define void @run(ptr %to, ptr %from, i64 %size) {
      call void @llvm.memmove.p0.p0.i64(ptr %to, ptr %from, i64 %size, i1 false)
      call void @llvm.memset.p0.i64(ptr %from, i8 45, i64 1, i1 false)
      ret void
    })",
                                                      {"run"}),
                                             getTarget(), /*threads=*/1)));
  auto *run = image.find<void(char *, char *, size_t)>("run");
  char up[] = "abcdef", down[] = "abcdef";
  run(up + 1, up, 5);
  run(down, down + 1, 5);
  EXPECT_STREQ(up, "-abcde");
  EXPECT_STREQ(down, "b-deff");
}

TEST(EmitImage, GivesTheSameBytesWithAnyNumberOfThreads) {
  ModelCode code = makeCode(kSelect, {"run", "items"},
                            {makeSelectRows(4), {"other", "x86_f32_select_rows", {5, 0}, /*hasEpilogue=*/false}});
  CodeImage one = llvm::cantFail(emitImage(code, getTarget(), 1));
  CodeImage three = llvm::cantFail(emitImage(code, getTarget(), 3));
  EXPECT_TRUE(one.bytes == three.bytes);
}

TEST(EmitImage, SaysWhichUnitFailed) {
  ModelCode code = makeCode(kSelect, {"run", "items"}, {makeSelectRows(4), {"k", "avx9_gemm", {}, false}});
  EXPECT_EQ(getMessage(emitImage(code, getTarget(), 2)), "no bitcode for kernel 'avx9_gemm'");
}

} // namespace fathom::codegen::test
