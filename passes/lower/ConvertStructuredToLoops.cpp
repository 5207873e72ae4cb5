// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Functions on tensors to loops on memory.

#include "passes/lower/Passes.h"
#include "passes/support/BufferPlacement.h"

#include "mlir/Conversion/AffineToStandard/AffineToStandard.h"
#include "mlir/Dialect/Affine/IR/AffineOps.h"
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

/// From memory with linalg to loops.
static void addLoopsPipeline(OpPassManager &manager) {
  manager.addPass(createCanonicalizerPass());
  manager.addPass(createCSEPass());
  manager.addPass(bufferization::createBufferLoopHoistingPass());
  manager.addPass(bufferization::createPromoteBuffersToStackPass({kStackBytes, /*maxRankOfAllocatedMemRef=*/1}));
  manager.addPass(createConvertLinalgToLoopsPass());
  manager.addPass(createCanonicalizerPass());
  addViewsPipeline(manager);
  manager.addPass(createLoopInvariantCodeMotionPass());
  manager.addPass(createCSEPass());
}

/// Temporaries are scratch memory of the thread; how much they need.
static FailureOr<int64_t> placeTemporaries(func::FuncOp function) {
  SmallVector<PlacedMemory> temporaries;
  WalkResult result = function.walk([&](memref::AllocOp op) -> WalkResult {
    MemRefType type = op.getType();
    if (!type.hasStaticShape() || !plan::isTask(function)) {
      return op.emitOpError("expects temporaries of a static shape, and a task that has them, but got ") << type;
    }
    temporaries.push_back({op.getResult(), type.getNumElements() * type.getElementTypeBitWidth() / 8});
    return WalkResult::advance();
  });
  if (result.wasInterrupted()) {
    return failure();
  }
  int64_t end = placeMemory(function, temporaries, 0);
  IRRewriter rewriter(function.getContext());
  for (const PlacedMemory &temporary : temporaries) {
    Operation *alloc = temporary.memory.getDefiningOp();
    rewriter.setInsertionPoint(alloc);
    rewriter.replaceOpWithNewOp<plan::TemporaryOp>(alloc, temporary.memory.getType(), function.getArgument(2),
                                                   temporary.offset);
  }
  return end;
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
      FailureOr<int64_t> bytes = placeTemporaries(function);
      if (failed(bytes)) {
        return signalPassFailure();
      }
      noteScratch(getOperation(), *bytes);
      noteScratch(function, *bytes);
    }
  }

  /// A thread needs what it runs does: of a module, what the function that uses most needs.
  static void noteScratch(Operation *op, int64_t bytes) {
    auto known = op->getAttrOfType<IntegerAttr>(plan::kScratchBytesAttr);
    if (bytes > (known ? known.getInt() : 0)) {
      op->setAttr(plan::kScratchBytesAttr, OpBuilder(op).getI64IntegerAttr(bytes));
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
