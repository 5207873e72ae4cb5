// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What --mcpu means: the level whose instructions code uses, and the processor that it is tuned for.

#include "codegen/x86/Target.h"

#include <gtest/gtest.h>

namespace fathom::codegen::test {

/// "level, tuned for processor"
static std::string describe(llvm::StringRef mcpu) {
  X86Target target = llvm::cantFail(findX86Target(mcpu));
  return std::string(target.arch->name) + ", " + target.tune;
}

TEST(FindX86Target, TakesTheBestLevelThatAProcessorHasAllOf) {
  EXPECT_EQ(describe("x86-64-v3"), "avx2, x86-64-v3");
  EXPECT_EQ(describe("x86-64-v4"), "avx512, x86-64-v4");
  EXPECT_EQ(describe("znver3"), "avx2, znver3");
  EXPECT_EQ(describe("znver4"), "avx512, znver4");
  EXPECT_EQ(describe("graniterapids"), "amx, graniterapids");
  // It has AVX-512, but not all that x86-64-v4 asks for.
  EXPECT_EQ(describe("knl"), "avx2, knl");
}

TEST(FindX86Target, TunesForALevelOnThisMachineSoThatArtifactsArePortable) {
  X86Target native = llvm::cantFail(findX86Target("native"));
  EXPECT_EQ(native.tune, native.arch->processor);
}

TEST(NarrowX86Target, KeepsALevelThatIsUsedAndTheWidthOfVectors) {
  auto narrow = [](llvm::StringRef mcpu, llvm::StringRef used) {
    X86Target target = llvm::cantFail(findX86Target(mcpu));
    target.narrow([&](llvm::StringRef arch) { return arch == used; });
    return std::string(target.arch->name) + ", " + target.tune;
  };
  EXPECT_EQ(narrow("sapphirerapids", "amx"), "amx, sapphirerapids");
  EXPECT_EQ(narrow("sapphirerapids", "avx512"), "avx512, x86-64-v4");
  EXPECT_EQ(narrow("graniterapids", "avx512"), "avx512, graniterapids");
  EXPECT_EQ(narrow("x86-64-v4", "avx2"), "avx512, x86-64-v4");
}

TEST(CreateMachine, UsesInstructionsOfTheLevelAlone) {
  std::unique_ptr<llvm::TargetMachine> machine = llvm::cantFail(findX86Target("znver4")).createMachine();
  EXPECT_EQ(machine->getTargetCPU(), "x86-64-v3");
  EXPECT_EQ(machine->getTargetFeatureString(), "+avx512f,+avx512bw,+avx512cd,+avx512dq,+avx512vl");
  EXPECT_TRUE(machine->isPositionIndependent());
}

} // namespace fathom::codegen::test
