// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Units before they are linked: what a kernel is specialized to, which functions others see, what imports become.

#include "dialects/RegisterDialects.h"
#include "fathom/kernel_abi.h"
#include "test/codegen/llvm/Support.h"

#include "mlir/Parser/Parser.h"
#include "llvm/IR/Constants.h"
#include "llvm/IR/Instructions.h"
#include "llvm/IR/Verifier.h"

namespace fathom::codegen::test {

/// A gemm of N outputs, in items of two panels; its results go through an epilogue if it has one.
static KernelInstance makeGemm(std::string symbol, int64_t outputs, bool hasEpilogue) {
  return {std::move(symbol),
          "avx2_f32_gemm",
          {/*K=*/8, outputs, 8, 0, outputs, 0, 0, 0, /*panels_per_item=*/2},
          hasEpilogue};
}

/// Names of the functions with a body that other units may call.
static std::vector<std::string> listExported(const llvm::Module &module) {
  std::vector<std::string> names;
  for (const llvm::Function &function : module) {
    if (!function.isDeclaration() && !function.hasLocalLinkage()) {
      names.push_back(function.getName().str());
    }
  }
  return names;
}

/// Names of the functions that others must define.
static std::vector<std::string> listImported(const llvm::Module &module) {
  std::vector<std::string> names;
  for (const llvm::Function &function : module) {
    if (function.isDeclaration() && !function.isIntrinsic()) {
      names.push_back(function.getName().str());
    }
  }
  return names;
}

TEST(TranslateModel, KeepsWhatLLVMCannotSay) {
  mlir::DialectRegistry registry;
  registerDialects(registry);
  mlir::MLIRContext context(registry, mlir::MLIRContext::Threading::DISABLED);
  auto lowered = mlir::parseSourceString<mlir::ModuleOp>(R"(
    deepseek.weight @w : tensor<8x4xbf16> from "w" at [0, 0]
    plan.kernel @plain = "x86_f32_select_rows" operands 3 constants [4, 0]
    plan.kernel @biased = "avx2_f32_gemm" operands 3 constants [8, 32, 8, 0, 32, 0, 0, 0, 2] {
    ^bb0(%sum: f32, %bias: f32):
      %0 = arith.addf %sum, %bias : f32
      plan.yield %0
    }
    llvm.func @helper()
    llvm.func @generated_0.task(%task: !llvm.ptr, %item: i64, %scratch: !llvm.ptr)
        attributes {plan.scratch_bytes = 96 : i64} {
      llvm.call @helper() : () -> ()
      llvm.return
    }
    llvm.func @generated_0.items(%rows: i64) -> i64 {
      llvm.return %rows : i64
    }
    llvm.func @biased.epilogue() {
      llvm.return
    })",
                                                         &context);
  ASSERT_TRUE(lowered);
  std::vector<artifact::KernelT> kernels(2);
  kernels[0].name = "plain";
  kernels[1].name = "generated_0";
  kernels[1].inputs = 2;
  kernels[1].outputs = 1;
  ModelCode code = llvm::cantFail(translateModel(*lowered, getTarget(), kernels));
  EXPECT_THAT(code.exports, testing::ElementsAre("plain.task", "plain.items", "biased.task", "biased.items",
                                                 "generated_0.task", "generated_0.items"));
  ASSERT_EQ(code.kernels.size(), 2u);
  EXPECT_EQ(code.kernels[0].symbol, "plain");
  EXPECT_EQ(code.kernels[0].kernel, "x86_f32_select_rows");
  EXPECT_THAT(code.kernels[0].constants, testing::ElementsAre(4, 0));
  EXPECT_FALSE(code.kernels[0].hasEpilogue);
  EXPECT_TRUE(code.kernels[1].hasEpilogue);
  ASSERT_EQ(code.generated.size(), 1u);
  EXPECT_EQ(code.generated[0].symbol, "generated_0");
  EXPECT_EQ(code.generated[0].items, 0);
  EXPECT_EQ(code.generated[0].scratchBytes, 96u);
  EXPECT_EQ(code.generated[0].operandCount, 3u);
  llvm::LLVMContext llvmContext;
  auto functions = llvm::cantFail(readFunctions(code, llvmContext));
  EXPECT_THAT(listImported(*functions), testing::ElementsAre("helper"));
  EXPECT_TRUE(functions->getFunction("helper")->hasHiddenVisibility()) << "others would find it through a table";
}

TEST(SpecializeKernel, ShowsItsTaskAndItemsAndNothingElse) {
  llvm::LLVMContext context;
  ModelCode code = makeCode(kSelect, {"run", "items"}, {makeSelectRows(4)});
  auto module = llvm::cantFail(specializeKernel(code, code.kernels[0], context));
  EXPECT_FALSE(llvm::verifyModule(*module, &llvm::errs()));
  EXPECT_THAT(listExported(*module), testing::UnorderedElementsAre("select.task", "select.items"));
  EXPECT_TRUE(module->getFunction("select.task")->hasHiddenVisibility());
}

TEST(SpecializeKernel, FoldsConstantsIntoTheCode) {
  llvm::LLVMContext context;
  ModelCode code = makeCode("", {}, {makeGemm("gemm", /*outputs=*/200, /*hasEpilogue=*/false)});
  auto module = llvm::cantFail(buildUnit(getTarget().listUnits(code)[1], getTarget(), context));
  EXPECT_TRUE(module->global_empty()) << "somebody still reads the array of constants";
  // 200 outputs are 7 panels, and 4 items of two panels.
  const auto *result = llvm::dyn_cast<llvm::ReturnInst>(&module->getFunction("gemm.items")->front().front());
  ASSERT_NE(result, nullptr);
  EXPECT_EQ(llvm::cast<llvm::ConstantInt>(result->getReturnValue())->getZExtValue(), 4u);
}

TEST(SpecializeKernel, GivesEachInstanceTheEpilogueOfItsName) {
  ModelCode code = makeCode(R"(
    @others = internal global i32 0
    define void @first.epilogue(ptr %dispatch, i64 %row, i64 %column, i64 %count, ptr %values) {
      store volatile i32 111, ptr %values
      ret void
    }
    define void @second.epilogue(ptr %dispatch, i64 %row, i64 %column, i64 %count, ptr %values) {
      store volatile i32 222, ptr %values
      ret void
    }
    define void @function() { store i32 1, ptr @others ret void })",
                            {}, {makeGemm("first", 32, true), makeGemm("second", 32, true)});
  auto print = [&](size_t unit) {
    llvm::LLVMContext context;
    std::string text;
    llvm::raw_string_ostream stream(text);
    llvm::cantFail(specializeKernel(code, code.kernels[unit], context))->print(stream, nullptr);
    return text;
  };
  EXPECT_THAT(print(0), testing::AllOf(testing::HasSubstr("i32 111"), testing::Not(testing::HasSubstr("i32 222"))));
  EXPECT_THAT(print(1), testing::AllOf(testing::HasSubstr("i32 222"), testing::Not(testing::HasSubstr("i32 111"))));
  EXPECT_THAT(print(0), testing::Not(testing::HasSubstr("@function"))) << "functions are a unit of their own";
}

TEST(SpecializeKernel, CallsNobodyWithoutAnEpilogue) {
  llvm::LLVMContext context;
  ModelCode code = makeCode("", {}, {makeGemm("gemm", 32, /*hasEpilogue=*/false)});
  auto module = llvm::cantFail(specializeKernel(code, code.kernels[0], context));
  EXPECT_THAT(listImported(*module), testing::Not(testing::Contains("gemm.epilogue")));
  EXPECT_EQ(module->getFunction("fathom_epilogue"), nullptr);
}

TEST(SpecializeKernel, RefusesKernelsThatNoBitcodeDefines) {
  llvm::LLVMContext context;
  ModelCode code = makeCode("", {});
  EXPECT_EQ(getMessage(specializeKernel(code, {"k", "avx9_gemm", {}, false}, context)),
            "no bitcode for kernel 'avx9_gemm'");
  // There is bitcode of that name, but it is of functions that code calls.
  EXPECT_EQ(getMessage(specializeKernel(code, {"k", "memory", {}, false}, context)),
            "bitcode of kernel 'memory' does not define it");
}

TEST(ReadFunctions, HidesAllButEntryPoints) {
  llvm::LLVMContext context;
  ModelCode code = makeCode(R"(
    define void @layer() noinline { ret void }
    define void @decode() { call void @layer() ret void })",
                            {"decode"});
  EXPECT_EQ(listExported(*llvm::cantFail(readFunctions(code, context))), std::vector<std::string>{"decode"});
}

TEST(LinkGeneratedCalls, DefinesOnlyWhatIsCalled) {
  llvm::LLVMContext context;
  auto unused = parse("declare void @fathom_generated_write_row(ptr, i64, i64, i64, ptr)", context);
  EXPECT_EQ(llvm::toString(linkGeneratedCalls(*unused)), "");
  EXPECT_TRUE(unused->getFunction("fathom_generated_write_row")->isDeclaration());
  auto used = parse(R"(
    declare void @fathom_generated_write_row(ptr, i64, i64, i64, ptr)
    define void @run() {
      call void @fathom_generated_write_row(ptr null, i64 0, i64 4, i64 0, ptr null)
      ret void
    })",
                    context);
  EXPECT_EQ(llvm::toString(linkGeneratedCalls(*used)), "");
  EXPECT_FALSE(used->getFunction("fathom_generated_write_row")->isDeclaration());
}

TEST(BuildUnit, CompilesEveryFunctionForTheTarget) {
  llvm::LLVMContext context;
  X86Target target = llvm::cantFail(findX86Target("znver4"));
  ModelCode code = makeCode(kSelect, {"run", "items"}, {makeSelectRows(4)});
  for (const CodeUnit &unit : target.listUnits(code)) {
    auto module = llvm::cantFail(buildUnit(unit, target, context));
    for (const llvm::Function &function : *module) {
      EXPECT_EQ(function.getFnAttribute("target-cpu").getValueAsString(), "x86-64-v3") << function.getName().str();
      EXPECT_EQ(function.getFnAttribute("target-features").getValueAsString(),
                "+avx512f,+avx512bw,+avx512cd,+avx512dq,+avx512vl,+avx512vnni,+avx512bf16");
      EXPECT_EQ(function.getFnAttribute("tune-cpu").getValueAsString(), "znver4");
      EXPECT_EQ(function.getFnAttribute("prefer-vector-width").getValueAsString(), "512");
    }
  }
}

TEST(BuildUnit, DefinesMemoryFunctionsOnceForAllUnits) {
  llvm::LLVMContext context;
  ModelCode code = makeCode(kSelect, {"run", "items"}, {makeSelectRows(4)});
  EXPECT_THAT(listExported(*llvm::cantFail(buildUnit(getTarget().listUnits(code)[0], getTarget(), context))),
              testing::IsSupersetOf({"memcpy", "memmove", "memset"}));
  EXPECT_THAT(listExported(*llvm::cantFail(buildUnit(getTarget().listUnits(code)[1], getTarget(), context))),
              testing::UnorderedElementsAre("select.task", "select.items"));
}

} // namespace fathom::codegen::test
