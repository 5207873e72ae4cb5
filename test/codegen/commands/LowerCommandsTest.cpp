// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What ops of a plan become as commands.

#include "codegen/commands/LowerCommands.h"

#include "dialects/RegisterDialects.h"

#include "mlir/Parser/Parser.h"
#include "llvm/Support/FormatVariadic.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace fathom::codegen::test {

/// A model of two layers that share a function, the second of which is the weights' instance 1.
static constexpr const char *kPlan = R"(
module attributes {plan.stores = [#plan.store<"latent", layers = 2, width = 8, offset = 0>,
                                  #plan.store<"index", layers = 2, width = 8, offset = 4096>]} {
  deepseek.weight @table : tensor<16x8xbf16> from "t" at [0, 0] {plan.first_slice = 0 : i64}
  plan.kernel @embed = "x86_bf16_embedding" operands 3 constants [16, 8, 0]
  plan.kernel @append = "x86_f32_cache_append" operands 1 constants [1, 8, 8, 0, 0, 0, 0]
  plan.kernel @gemm = "avx2_bf16_gemm_rows" operands 3 constants [8, 8, 8, 0, 8, 0, 0, 0, 1] {
  ^bb0(%sum: f32, %extra: f32):
    %0 = arith.addf %sum, %extra : f32
    plan.yield %0
  }
  func.func private @layer(%call: !plan.call, %x: memref<?x8xf32>, %y: memref<?x8xf32>, %l: index, %i: index)
      attributes {deepseek.form = "absorbed"} {
    %n = plan.rows rows of %call
    %w = plan.weight of %call @w[%i] slices 1, 3 : memref<8x8xbf16>
    plan.dispatch @append of %call rows %n layer %l ins(%x : memref<?x8xf32>) writes ["index"]
    plan.dispatch @gemm of %call rows %n layer %l ins(%x, %w : memref<?x8xf32>, memref<8x8xbf16>)
        outs(%y : memref<?x8xf32>) extras(%x : memref<?x8xf32>)
    return
  }
  func.func private @joins(%task: !plan.task, %item: index, %scratch: !plan.scratch) {
    %x = plan.operand 0 of %task at %item factor 1 : memref<1x8xf32>
    %t = bufferization.to_tensor %x restrict : memref<1x8xf32> to tensor<1x8xf32>
    %j = tensor.concat dim(1) %t, %t : (tensor<1x8xf32>, tensor<1x8xf32>) -> tensor<1x16xf32>
    %y = plan.operand 1 of %task at %item factor 1 : memref<1x16xf32>
    bufferization.materialize_in_destination %j in restrict writable %y : (tensor<1x16xf32>, memref<1x16xf32>) -> ()
    return
  }
  func.func @decode(%call: !plan.call) attributes {deepseek.form = "absorbed", plan.max_rows = 4 : i64} {
    %n = plan.rows logit_rows of %call
    %c2 = arith.constant 2 : index
    %m = arith.muli %n, %c2 : index
    %l0 = arith.constant 0 : index
    %l1 = arith.constant 1 : index
    %tokens = plan.argument "tokens" of %call : memref<?xi32>
    %table = plan.weight of %call @table slices 0, 1 : memref<16x8xbf16>
    %x = plan.buffer of %call bytes 128 offset 64 sizes(%n) : memref<?x8xf32>
    %y = plan.buffer of %call bytes 128 offset 192 sizes(%n) : memref<?x8xf32>
    plan.dispatch @embed of %call rows %m layer %l0 ins(%tokens, %table : memref<?xi32>, memref<16x8xbf16>)
        outs(%x : memref<?x8xf32>)
    call @layer(%call, %x, %y, %l1, %l1) : (!plan.call, memref<?x8xf32>, memref<?x8xf32>, index, index) -> ()
    plan.record_state of %call %y layer 1 : memref<?x8xf32>
    %z = plan.buffer of %call bytes 256 offset 320 sizes(%n) : memref<?x16xf32>
    plan.dispatch @joins of %call rows %n layer %l0 ins(%y : memref<?x8xf32>) outs(%z : memref<?x16xf32>)
    return
  }
})";

/// "r buffer 64+128", "r weight 1+1 stride 3"
static std::string describe(const artifact::Operand &operand) {
  std::string text = operand.access() == artifact::Access::read ? "r " : "w ";
  text += llvm::formatv("{0} {1}+{2}", EnumNamePlace(operand.place()), operand.offset(), operand.size()).str();
  return text + (operand.stride() ? " stride " + std::to_string(operand.stride()) : "");
}

static std::vector<std::string> describe(const artifact::CommandT &command) {
  std::vector<std::string> operands;
  for (const artifact::Operand &operand : command.operands) {
    operands.push_back(describe(operand));
  }
  return operands;
}

struct LowerCommandsTest : testing::Test {
  LowerCommandsTest() : context(makeRegistry(), mlir::MLIRContext::Threading::DISABLED) {
    tables = lowerCommands(*mlir::parseSourceString<mlir::ModuleOp>(kPlan, &context));
  }

  static mlir::DialectRegistry makeRegistry() {
    mlir::DialectRegistry registry;
    registerDialects(registry);
    return registry;
  }

  const artifact::CommandT &get(size_t function, size_t command) {
    return *tables.functions.at(function).commands.at(command);
  }

  mlir::MLIRContext context;
  CommandTables tables;
};

TEST_F(LowerCommandsTest, ListsKernelsAsTheyAreLaunched) {
  ASSERT_EQ(tables.kernels.size(), 4u);
  EXPECT_EQ(tables.kernels[1].name, "gemm");
  EXPECT_EQ(tables.kernels[1].op, "gemm");
  EXPECT_EQ(tables.kernels[1].inputs, 2u);
  EXPECT_EQ(tables.kernels[1].outputs, 1u);
  EXPECT_EQ(tables.kernels[1].extras, 1u) << "of its epilogue";
  EXPECT_EQ(tables.kernels[1].store_reads + tables.kernels[1].store_writes, 0u);
  EXPECT_EQ(tables.kernels[0].store_writes, 1u);
  EXPECT_FALSE(tables.kernels[1].generated);
  EXPECT_EQ(tables.functions[0].name, "layer");
}

TEST_F(LowerCommandsTest, CallsGeneratedFunctionsWhatTheirOpsAre) {
  EXPECT_EQ(tables.kernels[3].name, "joins");
  EXPECT_EQ(tables.kernels[3].op, "concat");
  EXPECT_TRUE(tables.kernels[3].generated);
}

TEST_F(LowerCommandsTest, LaunchesSayWhereOperandsAre) {
  const artifact::CommandT &embed = get(1, 0), &append = get(0, 0), &gemm = get(0, 1);
  EXPECT_EQ(embed.target, 2u);
  EXPECT_EQ(embed.rows, artifact::Rows::logit_rows);
  EXPECT_EQ(embed.factor, 2u);
  EXPECT_EQ(embed.layer, 0);
  EXPECT_THAT(describe(embed), testing::ElementsAre("r tokens 0+0", "r weight 0+1", "w buffer 64+128"));
  EXPECT_EQ(append.layer, -1) << "that of the call";
  EXPECT_THAT(describe(append), testing::ElementsAre("r input 0+0", "w store 1+0"));
  EXPECT_THAT(describe(gemm),
              testing::ElementsAre("r input 0+0", "r weight 1+1 stride 3", "w output 0+0", "r input 0+0"));
}

TEST_F(LowerCommandsTest, CallsSayLayerAndInstance) {
  const artifact::CommandT &call = get(1, 1);
  EXPECT_EQ(call.action, artifact::Action::call);
  EXPECT_EQ(call.target, 0u);
  EXPECT_EQ(call.layer, 1);
  EXPECT_EQ(call.instance, 1u);
  EXPECT_EQ(call.element, artifact::StoreElement::f32);
  EXPECT_THAT(describe(call), testing::ElementsAre("r buffer 64+128", "w buffer 192+128"));
}

TEST_F(LowerCommandsTest, RecordsStatesOfLayers) {
  const artifact::CommandT &state = get(1, 2);
  EXPECT_EQ(state.action, artifact::Action::record_state);
  EXPECT_EQ(state.layer, 1);
  EXPECT_THAT(describe(state), testing::ElementsAre("r buffer 192+128"));
}

} // namespace fathom::codegen::test
