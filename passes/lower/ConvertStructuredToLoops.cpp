// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Functions on tensors to loops on memory.

#include "passes/lower/Passes.h"

#include "mlir/Conversion/AffineToStandard/AffineToStandard.h"
#include "mlir/Dialect/Affine/IR/AffineOps.h"
#include "mlir/Dialect/Bufferization/Pipelines/Passes.h"
#include "mlir/Dialect/Bufferization/Transforms/OneShotAnalysis.h"
#include "mlir/Dialect/Bufferization/Transforms/Passes.h"
#include "mlir/Dialect/Bufferization/Transforms/Transforms.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Linalg/Passes.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/Math/Transforms/Passes.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/MemRef/Transforms/Passes.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/Pass/PassManager.h"
#include "mlir/Transforms/GreedyPatternRewriteDriver.h"
#include "mlir/Transforms/Passes.h"

using namespace mlir;

namespace fathom {

#define GEN_PASS_DEF_CONVERTSTRUCTUREDTOLOOPS
#include "passes/lower/Passes.h.inc"

/// Temporaries up to this size live on the stack.
static constexpr unsigned kStackBytes = 1024;

static bool hasTensors(func::FuncOp function) {
  auto isTensor = [](Type type) { return isa<TensorType>(type); };
  auto found = function.walk([&](Operation *op) {
    return llvm::any_of(op->getOperandTypes(), isTensor) ? WalkResult::interrupt() : WalkResult::advance();
  });
  return found.wasInterrupted();
}

/// The call that a function works for, if any.
static Value getCall(func::FuncOp function) {
  for (BlockArgument argument : function.getArguments()) {
    if (isa<plan::CallType>(argument.getType())) {
      return argument;
    }
  }
  return {};
}

static LogicalResult bufferize(func::FuncOp function) {
  IRRewriter rewriter(function.getContext());
  if (failed(bufferization::eliminateEmptyTensors(rewriter, function))) {
    return failure();
  }
  bufferization::OneShotBufferizationOptions options;
  bufferization::BufferizationState state;
  return bufferization::runOneShotBufferize(function, options, state);
}

/// Views become arithmetic on offsets.
static void addViewsPipeline(OpPassManager &manager) {
  manager.addPass(memref::createExpandStridedMetadataPass());
  manager.addPass(createLowerAffinePass());
}

/// From memory with linalg to loops, where every allocation has its deallocation.
static void addLoopsPipeline(OpPassManager &manager) {
  manager.addPass(createCanonicalizerPass());
  manager.addPass(createCSEPass());
  manager.addPass(bufferization::createBufferLoopHoistingPass());
  manager.addPass(bufferization::createPromoteBuffersToStackPass({kStackBytes, /*maxRankOfAllocatedMemRef=*/1}));
  bufferization::buildBufferDeallocationPipeline(manager, {});
  manager.addPass(createConvertLinalgToLoopsPass());
  manager.addPass(createCanonicalizerPass());
  addViewsPipeline(manager);
  manager.addPass(createLoopInvariantCodeMotionPass());
  manager.addPass(createCSEPass());
}

/// Temporaries come from the host, through the call.
static void allocateFromHost(func::FuncOp function, Value call) {
  IRRewriter rewriter(function.getContext());
  function.walk([&](Operation *op) {
    rewriter.setInsertionPoint(op);
    if (auto alloc = dyn_cast<memref::AllocOp>(op)) {
      rewriter.replaceOpWithNewOp<plan::AllocateOp>(alloc, alloc.getType(), call, alloc.getDynamicSizes());
    } else if (auto dealloc = dyn_cast<memref::DeallocOp>(op)) {
      rewriter.replaceOpWithNewOp<plan::DeallocateOp>(dealloc, call, dealloc.getMemref());
    }
  });
}

namespace {
struct ConvertStructuredToLoops : impl::ConvertStructuredToLoopsBase<ConvertStructuredToLoops> {
  void getDependentDialects(DialectRegistry &registry) const override {
    registry
        .insert<affine::AffineDialect, arith::ArithDialect, bufferization::BufferizationDialect, cf::ControlFlowDialect,
                linalg::LinalgDialect, math::MathDialect, memref::MemRefDialect, plan::PlanDialect, scf::SCFDialect>();
  }

  void runOnOperation() override {
    OpPassManager loops(func::FuncOp::getOperationName());
    addLoopsPipeline(loops);
    OpPassManager views(func::FuncOp::getOperationName());
    addViewsPipeline(views);
    for (auto function : getOperation().getOps<func::FuncOp>()) {
      if (!hasTensors(function)) {
        if (failed(runPipeline(views, function))) {
          return signalPassFailure();
        }
        continue;
      }
      if (failed(bufferize(function)) || failed(runPipeline(loops, function)) || failed(expandMath(function))) {
        return signalPassFailure();
      }
      if (Value call = getCall(function)) {
        allocateFromHost(function, call);
      }
    }
  }

  /// exp as a polynomial: generated code calls no library.
  static LogicalResult expandMath(func::FuncOp function) {
    RewritePatternSet patterns(function.getContext());
    populateMathPolynomialApproximationPatterns(patterns,
                                                [](StringRef name) { return name == math::ExpOp::getOperationName(); });
    return applyPatternsGreedily(function, std::move(patterns));
  }
};
} // namespace

} // namespace fathom
