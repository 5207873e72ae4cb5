// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Mistakes that a pass may make, to see --verify-numerics-each find them.

#include "test/lib/TestPasses.h"

#include "dialects/deepseek/DeepSeek.h"
#include "dialects/onnx/Onnx.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/Builders.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/Pass/Pass.h"
#include "mlir/Pass/PassRegistry.h"

using namespace mlir;

namespace fathom::test {
namespace {

/// Makes the mistake `kind` everywhere in the module.
struct BreakNumerics : PassWrapper<BreakNumerics, OperationPass<ModuleOp>> {
  MLIR_DEFINE_EXPLICIT_INTERNAL_INLINE_TYPE_ID(BreakNumerics)

  BreakNumerics() = default;
  BreakNumerics(const BreakNumerics &other) : PassWrapper(other) {}

  StringRef getArgument() const override { return "test-fathom-break-numerics"; }
  StringRef getDescription() const override { return "make a mistake for --verify-numerics-each to find"; }

  void runOnOperation() override {
    getOperation().walk([&](Operation *op) {
      breakSparseOp(op);
      breakOp(op);
    });
    if (kind == "remove-function") {
      getOperation().walk([](func::FuncOp function) { function.erase(); });
    }
  }

  void breakOp(Operation *op) {
    if (kind == "swap-gate-up" && isa<deepseek::SwiGluOp>(op)) {
      op->setOperands({op->getOperand(1), op->getOperand(0)});
    }
    if (kind == "swap-recipe-sources" && isa<deepseek::ConcatRowsOp>(op)) {
      op->setOperands({op->getOperand(1), op->getOperand(0)});
    }
    auto sum = dyn_cast<arith::AddFOp>(op);
    if (kind == "drop-residual" && sum && isa<RankedTensorType>(sum.getType())) {
      sum.replaceAllUsesWith(sum.getRhs());
    }
    auto append = dyn_cast<deepseek::CacheAppendOp>(op);
    if (kind == "drop-cache-append" && append) {
      append.replaceAllUsesWith(append.getCache());
      append.erase();
      return;
    }
    auto norm = dyn_cast<deepseek::RmsNormOp>(op);
    if (kind == "change-epsilon" && norm) {
      norm.setEps(llvm::APFloat(0.5));
    }
    if (kind == "swap-concat" && isa<tensor::ConcatOp>(op)) {
      op->setOperands({op->getOperand(1), op->getOperand(0)});
    }
    if (kind == "skip-hidden-norm" && norm && isa<BlockArgument>(norm.getInput())) {
      norm.replaceAllUsesWith(norm.getInput());
    }
    auto end = dyn_cast<func::ReturnOp>(op);
    if (kind == "hidden-before-norm" && end && end.getNumOperands() == 3) {
      auto last = end.getOperand(1).getDefiningOp<deepseek::RmsNormOp>();
      end.setOperand(1, last ? Value(last.getInput()) : end.getOperand(1));
    }
    if (kind == "store-in-first-layer" && append) {
      OpBuilder builder(op);
      append.getLayerMutable().assign(arith::ConstantIndexOp::create(builder, op->getLoc(), 0));
    }
    auto attention = dyn_cast<deepseek::MlaAttentionOp>(op);
    bool isOfDraft = attention && op->getParentOfType<func::FuncOp>().getName() == "mtp";
    if (kind == "keep-draft-row" && isOfDraft) {
      attention.getCacheMutable().assign(attention.getCache().getDefiningOp()->getOperand(0));
    }
    auto state = dyn_cast<deepseek::RecordStateOp>(op);
    if (kind == "change-state-layer" && state) {
      state.setLayer(state.getLayer() + 1);
    }
    auto node = dyn_cast<onnx::NodeOp>(op);
    if (kind == "drop-negation" && node && node.is("Neg")) {
      node.replaceAllUsesWith(node.getInputs());
    }
    if (kind == "unknown-op" && isa<func::ReturnOp>(op)) {
      OpBuilder builder(op);
      Value zero = arith::ConstantIndexOp::create(builder, op->getLoc(), 0);
      arith::MaxSIOp::create(builder, op->getLoc(), zero, zero);
    }
  }

  /// Mistakes in what makes attention sparse.
  void breakSparseOp(Operation *op) {
    auto sparse = dyn_cast<deepseek::SparseAttentionOp>(op);
    if (kind == "select-one-more" && sparse) {
      sparse.setTopK(sparse.getTopK() + 1);
    }
    if (kind == "select-one-less" && sparse) {
      sparse.setTopK(sparse.getTopK() - 1);
    }
    if (kind == "stale-index-key" && sparse) {
      sparse.getCacheMutable().assign(sparse.getCache().getDefiningOp()->getOperand(0));
    }
    auto latent = dyn_cast<deepseek::MlaLatentAttentionOp>(op);
    if (kind == "drop-selection" && latent) {
      latent.getSelectionMutable().clear();
    }
    auto norm = dyn_cast<deepseek::LayerNormOp>(op);
    if (kind == "drop-norm-bias" && norm) {
      OpBuilder builder(op);
      TypedAttr zeros = builder.getZeroAttr(norm.getBias().getType());
      norm.getBiasMutable().assign(arith::ConstantOp::create(builder, op->getLoc(), zeros));
    }
    if (kind == "norm-without-mean" && norm) {
      OpBuilder builder(op);
      norm.replaceAllUsesWith(deepseek::RmsNormOp::create(builder, op->getLoc(), norm.getType(), norm.getInput(),
                                                          norm.getWeight(), norm.getEps())
                                  .getResult());
    }
    auto rope = dyn_cast<deepseek::RopeOp>(op);
    bool isIndexRope = rope && rope.getHeadDim();
    if (kind == "interleave-index-rope" && isIndexRope) {
      rope.setLayout(deepseek::RopeLayout::interleaved);
    }
    bool isOfKey = op->getNumResults() == 1 && op->hasOneUse() && isa<deepseek::CacheAppendOp>(*op->user_begin());
    if (kind == "hadamard-of-queries-only" && isa<deepseek::HadamardOp>(op) && isOfKey) {
      op->replaceAllUsesWith(op->getOperands());
    }
    if (kind == "rotate-index-keys-only" && isIndexRope && deepseek::getWidth(rope.getType()) > rope.getHeadWidth()) {
      op->replaceAllUsesWith(ValueRange(op->getOperand(0)));
    }
  }

  Option<std::string> kind{
      *this, "kind",
      llvm::cl::desc("swap-gate-up, swap-recipe-sources, drop-residual, drop-cache-append, change-epsilon, "
                     "change-state-layer, swap-concat, skip-hidden-norm, hidden-before-norm, store-in-first-layer, "
                     "keep-draft-row, drop-negation, remove-function, unknown-op, select-one-more, select-one-less, "
                     "stale-index-key, "
                     "drop-selection, "
                     "drop-norm-bias, norm-without-mean, interleave-index-rope, hadamard-of-queries-only, "
                     "rotate-index-keys-only or nothing"),
      llvm::cl::init("nothing")};
};

} // namespace

void registerTestPasses() { PassRegistration<BreakNumerics>(); }

} // namespace fathom::test
