// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Functions on tensors to the LLVM dialect.

#include "passes/functions/CallLowering.h"
#include "passes/functions/NestLowering.h"
#include "passes/functions/OutlineNests.h"
#include "passes/functions/Passes.h"
#include "passes/functions/ReleaseMemory.h"

#include "dialects/onnx/Onnx.h"

#include "mlir/Conversion/AffineToStandard/AffineToStandard.h"
#include "mlir/Conversion/ArithToLLVM/ArithToLLVM.h"
#include "mlir/Conversion/ControlFlowToLLVM/ControlFlowToLLVM.h"
#include "mlir/Conversion/FuncToLLVM/ConvertFuncToLLVM.h"
#include "mlir/Conversion/LLVMCommon/ConversionTarget.h"
#include "mlir/Conversion/MathToLLVM/MathToLLVM.h"
#include "mlir/Conversion/MemRefToLLVM/MemRefToLLVM.h"
#include "mlir/Conversion/ReconcileUnrealizedCasts/ReconcileUnrealizedCasts.h"
#include "mlir/Conversion/SCFToControlFlow/SCFToControlFlow.h"
#include "mlir/Conversion/UBToLLVM/UBToLLVM.h"
#include "mlir/Dialect/Arith/Transforms/Passes.h"
#include "mlir/Dialect/Bufferization/Transforms/OneShotAnalysis.h"
#include "mlir/Dialect/Bufferization/Transforms/Passes.h"
#include "mlir/Dialect/Linalg/Passes.h"
#include "mlir/Dialect/Linalg/Utils/Utils.h"
#include "mlir/Dialect/Math/Transforms/Passes.h"
#include "mlir/Dialect/MemRef/Transforms/Passes.h"
#include "mlir/Transforms/GreedyPatternRewriteDriver.h"
#include "mlir/Transforms/Passes.h"

using namespace mlir;

namespace fathom {

#define GEN_PASS_DEF_CONVERTFUNCTIONSTOLLVM
#include "passes/functions/Passes.h.inc"

static LogicalResult bufferize(func::FuncOp function) {
  bufferization::OneShotBufferizationOptions options;
  // What loops carry may have other sizes in each turn.
  options.allowReturnAllocsFromLoops = true;
  bufferization::BufferizationState state;
  if (failed(bufferization::runOneShotBufferize(function, options, state))) {
    return failure();
  }
  // Code calls no library that copies what is not dense.
  function.walk([](memref::CopyOp copy) {
    OpBuilder builder(copy);
    linalg::makeMemRefCopyOp(builder, copy.getLoc(), copy.getSource(), copy.getTarget());
    copy.erase();
  });
  return success();
}

static void addLoopsPipeline(OpPassManager &manager) {
  manager.addPass(createCanonicalizerPass());
  manager.addPass(createCSEPass());
  manager.addPass(bufferization::createBufferLoopHoistingPass());
  manager.addPass(createConvertLinalgToParallelLoopsPass());
  manager.addPass(createCanonicalizerPass());
  manager.addPass(memref::createExpandStridedMetadataPass());
  manager.addPass(createLowerAffinePass());
  manager.addPass(createLoopInvariantCodeMotionPass());
  manager.addPass(createCSEPass());
}

/// Functions of math as polynomials, and what is left to them.
static LogicalResult expandMath(func::FuncOp function) {
  RewritePatternSet patterns(function.getContext());
  math::populateExpansionPatterns(patterns, {"sinh", "cosh", "tan", "powf"});
  populateMathPolynomialApproximationPatterns(patterns, [](StringRef) { return true; });
  return applyPatternsGreedily(function, std::move(patterns));
}

namespace {
struct ConvertFunctionsToLLVM : impl::ConvertFunctionsToLLVMBase<ConvertFunctionsToLLVM> {
  void runOnOperation() override {
    OpPassManager loops(func::FuncOp::getOperationName());
    addLoopsPipeline(loops);
    OpPassManager blocks(func::FuncOp::getOperationName());
    blocks.addPass(createSCFToControlFlowPass());
    LowerToLLVMOptions options(&getContext());
    LLVMTypeConverter converter(&getContext(), options);
    auto toBlocks = [&](func::FuncOp function) {
      return success(succeeded(expandMath(function)) && succeeded(runPipeline(blocks, function)));
    };
    for (auto function : llvm::to_vector(getOperation().getOps<func::FuncOp>())) {
      if (failed(bufferize(function)) || failed(runPipeline(loops, function))) {
        return signalPassFailure();
      }
      releaseMemory(function);
      for (func::FuncOp nest : outlineNests(function)) {
        if (failed(toBlocks(nest))) {
          return signalPassFailure();
        }
        NestLowering(nest, converter).run();
      }
      if (failed(toBlocks(function))) {
        return signalPassFailure();
      }
      CallLowering(function, converter).run();
      function.setName((function.getName() + ".call").str());
    }
    eraseWeights();
    RewritePatternSet patterns(&getContext());
    populatePatterns(converter, patterns);
    LLVMConversionTarget target(getContext());
    target.addLegalOp<ModuleOp>();
    OpPassManager casts;
    casts.addPass(createReconcileUnrealizedCastsPass());
    if (failed(applyPartialConversion(getOperation(), target, std::move(patterns))) ||
        failed(runPipeline(casts, getOperation()))) {
      signalPassFailure();
    }
  }

  /// Nothing takes them by name any more.
  void eraseWeights() {
    for (auto global : llvm::make_early_inc_range(getOperation().getOps<memref::GlobalOp>())) {
      global.isExternal() ? global.erase() : void();
    }
  }

  static void populatePatterns(LLVMTypeConverter &converter, RewritePatternSet &patterns) {
    cf::populateControlFlowToLLVMConversionPatterns(converter, patterns);
    arith::populateCeilFloorDivExpandOpsPatterns(patterns);
    arith::populateArithToLLVMConversionPatterns(converter, patterns);
    populateFuncToLLVMConversionPatterns(converter, patterns);
    populateFinalizeMemRefToLLVMConversionPatterns(converter, patterns);
    populateMathToLLVMConversionPatterns(converter, patterns);
    ub::populateUBToLLVMConversionPatterns(converter, patterns);
  }
};
} // namespace

} // namespace fathom
