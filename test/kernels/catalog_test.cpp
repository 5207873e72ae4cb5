// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The catalog's view of itself, and the bitcode of every row.

#include "fathom/kernel_abi.h"
#include "kernels/Catalog.h"
#include "kernels/KernelBitcode.h"

#include <algorithm>
#include <cstring>
#include <gtest/gtest.h>
#include <set>
#include <string>

namespace fathom::test {

TEST(CatalogTest, SymbolsFollowTheNameGrammar) {
  std::set<std::string_view> seen;
  for (const kernels::Kernel &kernel : kernels::catalog()) {
    EXPECT_TRUE(seen.insert(kernel.symbol).second) << kernel.symbol << " is listed twice";
    EXPECT_TRUE(kernels::findArch(kernel.arch)) << kernel.symbol;
    std::string name(kernel.arch);
    if (kernel.weightType != "none") {
      name += "_" + std::string(kernel.weightType);
    }
    name += "_" + std::string(kernel.op);
    EXPECT_TRUE(kernel.symbol == name || kernel.symbol == name + "_rows") << kernel.symbol;
    EXPECT_GE(kernel.operandNames.size(), 1u); // one, where the other side is the cache
    EXPECT_FALSE(kernel.constants.empty());
    std::vector<int64_t> constants(kernel.constants.size(), 1);
    EXPECT_EQ(kernel.listOperands(constants.data()).size(), kernel.operandNames.size()) << kernel.symbol;
  }
}

TEST(CatalogTest, FindsTheBestKernelForAMachine) {
  auto symbol = [](const char *op, const char *arch, const char *type, const char *layout) {
    const kernels::Kernel *kernel = kernels::findKernel(op, arch, type, layout);
    return kernel ? std::string(kernel->symbol) : "";
  };
  EXPECT_EQ(symbol("gemm", "avx512", "bf16", "panels"), "avx512_bf16_gemm");
  EXPECT_EQ(symbol("gemm", "avx2", "bf16", "rows"), "avx2_bf16_gemm_rows");
  EXPECT_EQ(symbol("gemm", "amx", "bf16", "panels"), "avx512_bf16_gemm");
  EXPECT_EQ(symbol("rms_norm", "avx512", "f32", "none"), "x86_f32_rms_norm");
  EXPECT_EQ(symbol("gemm", "x86", "bf16", "panels"), "");
  EXPECT_EQ(symbol("gemm", "sm90", "bf16", "panels"), "");
}

TEST(CatalogTest, MultipliesPairsWhereWeightsAndActivationsAreBf16) {
  auto symbol = [](const char *arch, const char *weights, const char *activations) {
    return kernels::findKernel("gemm", arch, weights, "panels", activations)->symbol;
  };
  EXPECT_EQ(symbol("avx512bf16", "bf16", "bf16"), "avx512bf16_bf16_gemm");
  EXPECT_EQ(symbol("amx", "bf16", "bf16"), "avx512bf16_bf16_gemm");
  EXPECT_EQ(symbol("amxbf16", "bf16", "bf16"), "amxbf16_bf16_gemm");
  EXPECT_EQ(symbol("amxbf16", "bf16", "f32"), "avx512_bf16_gemm");
  EXPECT_EQ(symbol("avx512bf16", "bf16", "f32"), "avx512_bf16_gemm");
  EXPECT_EQ(symbol("avx512bf16", "f8e4m3", "bf16"), "avx512_f8e4m3_gemm");
  EXPECT_EQ(symbol("avx512", "bf16", "bf16"), "avx512_bf16_gemm");
}

TEST(CatalogTest, KnowsConstantsByName) {
  const kernels::Kernel *kernel = kernels::findKernel("x86_bf16_rms_norm");
  ASSERT_TRUE(kernel);
  EXPECT_EQ(kernel->findConstant("H"), 0);
  EXPECT_EQ(kernel->findConstant("eps"), 4);
  EXPECT_EQ(kernel->findConstant("eps "), -1);
  EXPECT_TRUE(kernel->constants[4].isReal);
  EXPECT_FALSE(kernel->constants[0].isReal);
}

TEST(CatalogTest, KnowsWhichMachinesRunAKernel) {
  EXPECT_TRUE(kernels::canRun("avx512", "avx2"));
  EXPECT_TRUE(kernels::canRun("avx2", "x86"));
  EXPECT_TRUE(kernels::canRun("amx", "avx512"));
  EXPECT_TRUE(kernels::canRun("amx", "avx512bf16"));
  EXPECT_FALSE(kernels::canRun("avx512", "avx512bf16"));
  EXPECT_FALSE(kernels::canRun("avx2", "avx512"));
  EXPECT_FALSE(kernels::canRun("avx512", "amx"));
  EXPECT_FALSE(kernels::canRun("sm90", "x86"));
}

TEST(CatalogTest, FallsBackToLevelsThatAskForLess) {
  for (const kernels::Arch &arch : kernels::archs()) {
    const kernels::Arch *fallback = kernels::findArch(arch.fallback);
    EXPECT_EQ(fallback == nullptr, arch.fallback == "none") << arch.name;
    // archs() has the first that a machine has before those that it has too.
    EXPECT_TRUE(!fallback || (fallback > &arch && fallback->device == arch.device)) << arch.name;
  }
}

TEST(CatalogTest, LevelsOfACpuHaveTheFeaturesOfThoseTheyFallBackTo) {
  for (const kernels::Arch *arch : kernels::archsOf("cpu")) {
    const kernels::Arch *fallback = kernels::findArch(arch->fallback);
    for (std::string_view feature : fallback ? fallback->features : std::vector<std::string_view>()) {
      EXPECT_EQ(std::count(arch->features.begin(), arch->features.end(), feature), 1) << arch->name << ' ' << feature;
    }
  }
  EXPECT_TRUE(kernels::findArch(kernels::devices().front().baseline)->features.empty());
}

TEST(CatalogTest, HasTheLevelsOfEveryDevice) {
  for (const kernels::Device &device : kernels::devices()) {
    std::vector<const kernels::Arch *> levels = kernels::archsOf(device.name);
    ASSERT_FALSE(levels.empty()) << device.name;
    EXPECT_TRUE(kernels::canRun(levels.front()->name, device.baseline)) << device.name;
  }
  EXPECT_TRUE(kernels::archsOf("tpu").empty());
  EXPECT_FALSE(kernels::canRun("sm_80", "x86"));
}

TEST(CatalogTest, FindsKernelsOfAGpu) {
  EXPECT_EQ(kernels::findKernel("rms_norm", "sm_90a", "bf16", "none", "bf16")->symbol, "sm_80_bf16_rms_norm");
  EXPECT_EQ(kernels::findKernel("gemm", "sm_80", "bf16", "panels")->symbol, "sm_80_bf16_gemm");
  EXPECT_EQ(kernels::findKernel("gemm", "sm_90a", "bf16", "panels", "bf16")->symbol, "sm_90a_bf16_gemm");
  EXPECT_EQ(kernels::findKernel("gemm", "sm_90a", "f32", "panels", "bf16")->symbol, "sm_80_f32_gemm");
  EXPECT_EQ(kernels::findKernel("gemm", "sm_80", "bf16", "rows"), nullptr);
}

TEST(CatalogTest, SaysHowAGpuLaunchesAKernel) {
  for (const kernels::Kernel &kernel : kernels::catalog()) {
    EXPECT_EQ(kernel.grid != nullptr, kernels::findArch(kernel.arch)->device->name == "cuda") << kernel.symbol;
  }
  const kernels::Kernel *norm = kernels::findKernel("sm_80_bf16_rms_norm");
  const int64_t wide[] = {7168, 1, 7168, 0, 0, 1, 1}, narrow[] = {128, 12, 1536, 0, 0, 1, 1};
  EXPECT_EQ(norm->grid(wide).threads, 256);
  EXPECT_EQ(norm->grid(wide).blocks, 1);
  EXPECT_EQ(norm->grid(narrow).threads, 32);
  EXPECT_EQ(norm->grid(narrow).blocks, 12);
  EXPECT_EQ(norm->grid(narrow).rowsPerBlock, 1);
  EXPECT_EQ(norm->grid(narrow).sharedBytes, 32);
}

TEST(CatalogTest, LaunchesAKernelAsTheRowOfItsArchSays) {
  const int64_t exact[] = {7168, 2048, 7168, 0, 2048, 0, FATHOM_ROW_F32, FATHOM_ROW_F32};
  const int64_t narrow[] = {7168, 2048, 7168, 0, 2048, 0, FATHOM_ROW_BF16, FATHOM_ROW_F32};
  const kernels::Kernel *older = kernels::findKernel("sm_80_bf16_gemm"),
                        *newer = kernels::findKernel("sm_90a_bf16_gemm");
  EXPECT_EQ(older->grid(narrow).threads, 256);
  EXPECT_EQ(newer->grid(exact).threads, 256);
  EXPECT_EQ(newer->grid(exact).sharedBytes, older->grid(exact).sharedBytes);
  EXPECT_EQ(newer->grid(narrow).threads, 384);
  EXPECT_EQ(newer->grid(narrow).sharedBytes, 202848);
}

TEST(CatalogTest, LaunchesWarpgroupsForLatentsThatTheyMultiply) {
  const kernels::Kernel *whole = kernels::findKernel("sm_90a_f32_mla_latent_attention"),
                        *parts = kernels::findKernel("sm_90a_f32_mla_latent_partials");
  const int64_t wide[] = {128, 512, 64, 0, FATHOM_ROW_F8E4M3, 0, FATHOM_ROW_BF16};
  const int64_t exact[] = {128, 512, 64, 0, FATHOM_ROW_F32, 0, FATHOM_ROW_BF16};
  const int64_t odd[] = {128, 512, 96, 0, FATHOM_ROW_BF16, 0, FATHOM_ROW_BF16};
  const int64_t in_parts[] = {128, 512, 64, 16, 0, FATHOM_ROW_BF16, 0, FATHOM_ROW_BF16};
  EXPECT_EQ(whole->grid(wide).threads, 384);
  EXPECT_EQ(whole->grid(wide).blocks, 4);
  EXPECT_EQ(whole->grid(wide).sharedBytes, 229944);
  EXPECT_EQ(whole->grid(exact).threads, 256);
  EXPECT_EQ(whole->grid(odd).threads, 256);
  EXPECT_EQ(parts->grid(in_parts).blocks, 16 * 2);
}

// Else generated code would take their place, with a warning and nothing else.
TEST(CatalogTest, KernelsOfV32FitIntoTheSharedMemoryOfEveryGpu) {
  const int64_t index[] = {64, 128, 2048}, latents[] = {128, 512, 64, 0, FATHOM_ROW_BF16, 0, FATHOM_ROW_BF16},
                gate[] = {256};
  EXPECT_EQ(kernels::findArch("sm_80")->sharedBytes, 101376);
  EXPECT_EQ(kernels::findKernel("sm_80_f32_index_select")->grid(index).sharedBytes, 100928);
  EXPECT_EQ(kernels::findKernel("sm_80_f32_mla_latent_attention")->grid(latents).sharedBytes, 100224);
  EXPECT_EQ(kernels::findKernel("sm_80_f32_moe_gate")->grid(gate).sharedBytes, 12288);
  EXPECT_EQ(kernels::findArch("sm_90a")->sharedBytes, 232448); // of which 229944 are needed, as above
}

TEST(CatalogTest, CountsAScaleOnlyForQuantizedWeights) {
  EXPECT_EQ(kernels::findKernel("avx2_bf16_gemm")->operandNames.size(), 3u);
  EXPECT_EQ(kernels::findKernel("avx2_f8e4m3_gemm")->operandNames.size(), 4u);
}

TEST(CatalogTest, TunesTheLastConstant) {
  const kernels::Kernel *kernel = kernels::findKernel("avx2_bf16_gemm");
  ASSERT_TRUE(kernel->isTuned);
  EXPECT_EQ(kernel->constants.back().name, "panels_per_item");
  const int64_t narrow[] = {64, 100}, wide[] = {64, 4096};
  EXPECT_EQ(kernel->tune(narrow), 1);
  EXPECT_EQ(kernel->tune(wide), 4);
}

TEST(CatalogTest, KernelsWithAnEpilogueCallIt) {
  for (const kernels::Kernel &kernel : kernels::catalog()) {
    kernels::KernelBitcode bitcode = kernels::findKernelBitcode(kernel.symbol);
    std::string_view bytes(reinterpret_cast<const char *>(bitcode.data), bitcode.size);
    EXPECT_EQ(bytes.find("fathom_epilogue") != bytes.npos, kernel.hasEpilogue) << kernel.symbol;
  }
}

TEST(CatalogTest, EveryKernelHasBitcode) {
  for (const kernels::Kernel &kernel : kernels::catalog()) {
    kernels::KernelBitcode bitcode = kernels::findKernelBitcode(kernel.symbol);
    ASSERT_TRUE(bitcode.data) << kernel.symbol;
    ASSERT_GT(bitcode.size, 4u);
    EXPECT_EQ(std::memcmp(bitcode.data, "BC\xC0\xDE", 4), 0) << kernel.symbol;
    EXPECT_EQ(bitcode.size % 4, 0u);
  }
  EXPECT_EQ(kernels::findKernelBitcode("x86_no_such_kernel").data, nullptr);
}

} // namespace fathom::test
