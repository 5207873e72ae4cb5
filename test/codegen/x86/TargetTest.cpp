// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What --mcpu and deepseek.target mean: the level whose instructions code uses, and the processor that it is tuned for.

#include "codegen/x86/Target.h"

#include "runtime/device/cpu/cpu_features.h"

#include "mlir/IR/MLIRContext.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <set>

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
  EXPECT_EQ(describe("znver4"), "avx512bf16, znver4");
  EXPECT_EQ(describe("graniterapids"), "amxbf16, graniterapids");
  // It has AVX-512, but not all that x86-64-v4 asks for.
  EXPECT_EQ(describe("knl"), "avx2, knl");
}

/// The processor of a machine whose programs may use `features`.
static std::string findWith(std::set<std::string> features) {
  return findProcessor([&](const char *name) { return features.count(name) != 0; }).str();
}

TEST(FindProcessor, IsALevelWhoseFeaturesProgramsMayUse) {
  std::set<std::string> avx512 = {"avx512f", "avx512bw", "avx512cd", "avx512dq", "avx512vl"};
  EXPECT_EQ(findWith({}), "x86-64-v3");
  EXPECT_EQ(findWith({"avx512f"}), "x86-64-v3");
  EXPECT_EQ(findWith(avx512), "x86-64-v4");
  std::set<std::string> amx = avx512;
  amx.insert("avx512_vnni");
  EXPECT_EQ(findWith(amx), "cascadelake");
  amx.insert("avx512_bf16");
  EXPECT_EQ(findWith(amx), "cooperlake");
  amx.insert({"amx_tile", "amx_bf16"});
  EXPECT_EQ(findWith(amx), "sapphirerapids");
  // A system that does not let programs use tiles.
  amx.erase("amx_tile");
  EXPECT_EQ(findWith(amx), "cooperlake");
}

TEST(FindProcessor, AsksTheRuntimeForNamesThatItKnows) {
  llvm::StringRef native = findProcessor(runtime::hasFeature);
  EXPECT_EQ(llvm::cantFail(findX86Target(native)).arch->processor, native.str());
}

/// What code generation makes of an attribute: "level, tuned for processor", or what is wrong with it.
static std::string describe(llvm::StringRef triple, llvm::StringRef arch, llvm::StringRef tune) {
  mlir::MLIRContext context(mlir::MLIRContext::Threading::DISABLED);
  context.loadDialect<deepseek::DeepSeekDialect>();
  auto attribute = deepseek::TargetAttr::get(&context, triple, arch, tune, deepseek::LayoutAttr(), mlir::Type());
  llvm::Expected<X86Target> target = getX86Target(attribute);
  return target ? std::string(target->arch->name) + ", " + target->tune : llvm::toString(target.takeError());
}

TEST(GetX86Target, IsWhatThePassesWentBy) {
  EXPECT_EQ(describe(X86Target::kTriple, "avx512", "znver4"), "avx512, znver4");
  EXPECT_EQ(describe(X86Target::kTriple, "avx2", "x86-64-v3"), "avx2, x86-64-v3");
}

TEST(GetX86Target, RefusesWhatNoCodeIsFor) {
  EXPECT_EQ(describe("riscv64-unknown-linux-gnu", "avx2", "znver4"),
            "no code can be generated for #deepseek.target<\"riscv64-unknown-linux-gnu\", arch = \"avx2\", tune = "
            "\"znver4\">");
  EXPECT_THAT(describe(X86Target::kTriple, "sse2", "znver4"), testing::HasSubstr("no code can be generated for"));
  EXPECT_THAT(describe(X86Target::kTriple, "avx2", "z80"), testing::HasSubstr("no code can be generated for"));
  EXPECT_THAT(describe(X86Target::kTriple, "sm_80", "znver4"), testing::HasSubstr("no code can be generated for"));
}

TEST(NarrowX86Target, KeepsALevelThatIsUsedAndTheWidthOfVectors) {
  auto narrow = [](llvm::StringRef mcpu, llvm::StringRef used) {
    X86Target target = llvm::cantFail(findX86Target(mcpu));
    target.narrow([&](llvm::StringRef arch) { return arch == used; });
    return std::string(target.arch->name) + ", " + target.tune;
  };
  EXPECT_EQ(narrow("sapphirerapids", "amxbf16"), "amxbf16, sapphirerapids");
  EXPECT_EQ(narrow("sapphirerapids", "amx"), "amx, sapphirerapids");
  EXPECT_EQ(narrow("sapphirerapids", "avx512"), "avx512, x86-64-v4");
  EXPECT_EQ(narrow("graniterapids", "avx512"), "avx512, graniterapids");
  EXPECT_EQ(narrow("znver4", "avx512bf16"), "avx512bf16, znver4");
  EXPECT_EQ(narrow("znver4", "avx512"), "avx512, znver4");
  EXPECT_EQ(narrow("x86-64-v4", "avx2"), "avx512, x86-64-v4");
}

TEST(CreateMachine, UsesInstructionsOfTheLevelAlone) {
  std::unique_ptr<llvm::TargetMachine> machine = llvm::cantFail(findX86Target("znver4")).createMachine();
  EXPECT_EQ(machine->getTargetCPU(), "x86-64-v3");
  EXPECT_EQ(machine->getTargetFeatureString(),
            "+avx512f,+avx512bw,+avx512cd,+avx512dq,+avx512vl,+avx512vnni,+avx512bf16");
  EXPECT_TRUE(machine->isPositionIndependent());
}

} // namespace fathom::codegen::test
