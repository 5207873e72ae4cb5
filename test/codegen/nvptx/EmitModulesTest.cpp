// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// From generated functions to PTX.

#include "codegen/llvm/Units.h"
#include "codegen/nvptx/Target.h"
#include "fathom/artifact_abi.h"

#include "llvm/AsmParser/Parser.h"
#include "llvm/Bitcode/BitcodeWriter.h"
#include "llvm/Support/SourceMgr.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace fathom::codegen::test {

using testing::HasSubstr;
using testing::Not;

static NvptxTarget getTarget() { return llvm::cantFail(findNvptxTarget("80")); }

/// out[item] = in[item] + 1, of two operands; @other is of another kernel.
static constexpr llvm::StringLiteral kAddOne = R"(
  define hidden void @add.task(ptr %dispatch, i64 %item, ptr %scratch) {
    %operands = load ptr, ptr %dispatch
    %in = load ptr, ptr %operands
    %second = getelementptr i8, ptr %operands, i64 8
    %out = load ptr, ptr %second
    %from = getelementptr float, ptr %in, i64 %item
    %x = load float, ptr %from
    %y = fadd float %x, 1.0
    %to = getelementptr float, ptr %out, i64 %item
    store float %y, ptr %to
    ret void
  }
  define hidden i64 @add.items(i64 %rows) {
    ret i64 %rows
  }
  define hidden void @other.task(ptr %dispatch, i64 %item, ptr %scratch) {
    ret void
  }
  define hidden i64 @other.items(i64 %rows) {
    ret i64 300
  })";

static ModelCode makeCode() {
  llvm::LLVMContext context;
  llvm::SMDiagnostic problem;
  std::unique_ptr<llvm::Module> module = llvm::parseAssemblyString(kAddOne, problem, context);
  std::unique_ptr<llvm::TargetMachine> machine = getTarget().createMachine();
  module->setTargetTriple(machine->getTargetTriple());
  module->setDataLayout(machine->createDataLayout());
  ModelCode code;
  llvm::raw_svector_ostream stream(code.functions);
  llvm::WriteBitcodeToFile(*module, stream);
  code.generated = {{"add", /*items=*/0, /*scratchBytes=*/0, /*operandCount=*/2},
                    {"other", /*items=*/300, /*scratchBytes=*/16, /*operandCount=*/1}};
  return code;
}

class EmitModulesTest : public testing::Test {
protected:
  void SetUp() override {
    kernels[0].name = "other";
    kernels[1].name = "add";
    program = llvm::cantFail(getTarget().emit(makeCode(), {}, kernels));
  }

  const artifact::GridT &grid(size_t kernel) const { return *kernels[kernel].grid; }
  std::string text(size_t kernel) const {
    return program.bytes.c_str() + program.modules[grid(kernel).module_].ptx_offset;
  }

  std::vector<artifact::KernelT> kernels = std::vector<artifact::KernelT>(2);
  ProgramCode program;
};

TEST_F(EmitModulesTest, GivesEachKernelAModuleWithItsEntryAlone) {
  ASSERT_EQ(program.modules.size(), 2u);
  EXPECT_THAT(text(1), HasSubstr(".visible .entry add("));
  EXPECT_THAT(text(1), Not(HasSubstr("other")));
  EXPECT_THAT(text(0), HasSubstr(".visible .entry other("));
}

TEST_F(EmitModulesTest, WritesTextThatEverySuchDriverReads) {
  EXPECT_THAT(text(1), HasSubstr(".version 7.8"));
  EXPECT_THAT(text(1), HasSubstr(".target sm_80"));
  EXPECT_THAT(text(1), HasSubstr(".maxntid 64"));
}

TEST_F(EmitModulesTest, ReachesOperandsAsGlobalMemoryAndRoundsOnce) {
  EXPECT_THAT(text(1), HasSubstr("ld.global"));
  EXPECT_THAT(text(1), HasSubstr("add.rn.f32"));
  EXPECT_THAT(text(1), HasSubstr("st.global.b32"));
  EXPECT_THAT(text(1), Not(HasSubstr(".local"))) << "the dispatch is still in memory of the thread";
  EXPECT_THAT(text(1), Not(HasSubstr("call"))) << "the task is not part of the entry";
}

TEST_F(EmitModulesTest, MakesAGridOfAThreadForEachItem) {
  EXPECT_EQ(grid(1).threads, 64u);
  EXPECT_EQ(grid(1).blocks, 1u);
  EXPECT_EQ(grid(1).rows_per_block, 64u);
  EXPECT_EQ(grid(0).blocks, 5u) << "300 items, whatever the rows are";
  EXPECT_EQ(grid(0).rows_per_block, uint32_t(FATHOM_MOST_ROWS));
  EXPECT_EQ(grid(0).scratch_bytes, 16u);
}

TEST_F(EmitModulesTest, EndsTextWithAZeroByte) {
  for (const artifact::ModuleT &module : program.modules) {
    EXPECT_EQ(program.bytes[module.ptx_offset + module.ptx_size - 1], '\0');
    EXPECT_EQ(module.cubin_size, 0u) << "there was no assembler";
  }
}

TEST(BuildLLVMModule, IsEmptyWithoutKernels) {
  llvm::LLVMContext context;
  NvptxTarget target = getTarget();
  ModelCode code;
  std::unique_ptr<llvm::Module> module = llvm::cantFail(buildLLVMModule(code, target, context));
  EXPECT_TRUE(module->empty());
  EXPECT_THAT(llvm::cantFail(emitAssembly(*module, target)), HasSubstr(".target sm_80"));
}

TEST(BuildLLVMModule, HasAllEntriesOfAGpu) {
  llvm::LLVMContext context;
  ModelCode code = makeCode();
  NvptxTarget target = getTarget();
  std::unique_ptr<llvm::Module> module = llvm::cantFail(buildLLVMModule(code, target, context));
  std::string text = llvm::cantFail(emitAssembly(*module, target));
  EXPECT_THAT(text, HasSubstr(".entry add("));
  EXPECT_THAT(text, HasSubstr(".entry other("));
}

} // namespace fathom::codegen::test
