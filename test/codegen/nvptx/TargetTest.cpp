// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// GPUs by name.

#include "codegen/nvptx/Target.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace fathom::codegen::test {

/// "level, what machine code is for", or what is wrong with the name.
static std::string describe(llvm::StringRef sm) {
  llvm::Expected<NvptxTarget> target = findNvptxTarget(sm);
  return target ? std::string(target->arch->name) + ", " + target->tune : llvm::toString(target.takeError());
}

TEST(FindNvptxTarget, TakesTheLevelThatAnArchitectureRuns) {
  EXPECT_EQ(describe("80"), "sm_80, sm_80");
  EXPECT_EQ(describe("89"), "sm_80, sm_89");
  EXPECT_EQ(describe("90"), "sm_80, sm_90");
  EXPECT_EQ(describe("90a"), "sm_90a, sm_90a");
}

TEST(FindNvptxTarget, RefusesWhatIsUnknownOrTooOld) {
  EXPECT_EQ(describe("hopper"), "--sm: unknown architecture 'hopper': try 80 or 90a");
  EXPECT_EQ(describe(""), "--sm: unknown architecture '': try 80 or 90a");
  EXPECT_EQ(describe("75"), "'sm_75' has no bf16 products: Fathom needs sm_80 or later");
}

TEST(NvptxTarget, SaysWhatMachineCodeIsForAndWritesTextForTheLevel) {
  NvptxTarget target = llvm::cantFail(findNvptxTarget("89"));
  EXPECT_EQ(target.describe().cpu, "sm_89");
  EXPECT_EQ(target.describe().triple, "nvptx64-nvidia-cuda");
  EXPECT_EQ(target.createMachine()->getTargetCPU(), "sm_80");
  EXPECT_EQ(target.createMachine()->getTargetFeatureString(), "+ptx78");
}

TEST(NvptxTarget, KeepsTheArchitectureThatMachineCodeIsForThoughNothingNeedsIt) {
  NvptxTarget target = llvm::cantFail(findNvptxTarget("90a"));
  target.narrow([](llvm::StringRef arch) { return arch == "sm_80"; });
  EXPECT_EQ(target.describe().cpu, "sm_90a");
  EXPECT_EQ(target.arch->name, "sm_90a");
}

/// What code generation makes of an attribute.
static std::string describe(llvm::StringRef triple, llvm::StringRef arch, llvm::StringRef tune) {
  mlir::MLIRContext context(mlir::MLIRContext::Threading::DISABLED);
  context.loadDialect<deepseek::DeepSeekDialect>();
  auto attribute = deepseek::TargetAttr::get(&context, triple, arch, tune, deepseek::LayoutAttr(), mlir::Type());
  llvm::Expected<NvptxTarget> target = getNvptxTarget(attribute);
  return target ? std::string(target->arch->name) + ", " + target->tune : llvm::toString(target.takeError());
}

TEST(GetNvptxTarget, IsWhatThePassesWentBy) {
  EXPECT_EQ(describe(NvptxTarget::kTriple, "sm_80", "sm_86"), "sm_80, sm_86");
}

TEST(GetNvptxTarget, RefusesWhatNoCodeIsFor) {
  for (auto [triple, arch, tune] :
       {std::tuple("x86_64-unknown-linux-gnu", "sm_80", "sm_80"), std::tuple("nvptx64-nvidia-cuda", "avx2", "sm_80"),
        std::tuple("nvptx64-nvidia-cuda", "sm_80", "sm_75"), std::tuple("nvptx64-nvidia-cuda", "sm_80", "znver4")}) {
    EXPECT_THAT(describe(triple, arch, tune), testing::HasSubstr("no code can be generated for"));
  }
}

} // namespace fathom::codegen::test
