// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The indexer of sparse attention: verifiers, and what others must know of the ops.

#include "dialects/deepseek/Verifiers.h"

using namespace mlir;

namespace fathom::deepseek {

LogicalResult HadamardOp::verify() {
  int64_t headDim = getHeadDim(), width = getWidth(getType());
  if (!llvm::isPowerOf2_64(headDim) || width % headDim != 0) { // C1
    return emitOpError("expects heads of a power of two that make up ")
           << width << " numbers, but got a head_dim of " << headDim;
  }
  return success();
}

KernelUse HadamardOp::getKernelUse() { return {"hadamard"}; }

void HadamardOp::describe(KernelDescription &kernel) {
  kernel.addInputs(getInput());
  kernel.addConstant("H", getWidth(getType()) / int64_t(getHeadDim()));
  kernel.addConstant("d", getHeadDim());
  kernel.addElement("x_element", getInput());
}

/// What an op that selects scores with.
template <typename Op>
static LogicalResult verifySelecting(Op op) {
  return verifyIndexer(op, op.getQuery().getType(), op.getWeights().getType(), op.getCache().getType(),
                       op.getNumHeads(), op.getHeadDim());
}

template <typename Op>
static void describeIndexer(Op op, KernelDescription &kernel) {
  kernel.addInputs(op.getQuery());
  kernel.addColumns("w", op.getWeights());
  kernel.addConstant("H", op.getNumHeads());
  kernel.addConstant("d", op.getHeadDim());
  kernel.addConstant("k", op.getTopK());
  kernel.addStore("index_store", kIndexStore);
  kernel.addElement("x_element", op.getQuery());
}

LogicalResult IndexSelectOp::verify() {
  if (failed(verifySelecting(*this))) { // C1
    return failure();
  }
  return verifyWidth(*this, "a selection", getResult().getType(), getTopK()); // C2
}

KernelUse IndexSelectOp::getKernelUse() { return useStores(getCache().getType(), {kIndexStore}, 0, {"index_select"}); }

void IndexSelectOp::describe(KernelDescription &kernel) { describeIndexer(*this, kernel); }

bool IndexSelectOp::staysF32(Value value) { return value == getWeights(); }

/// Scores and positions of the candidates of all parts, and bounds of these.
template <typename Op>
static LogicalResult verifyCandidates(Op op) {
  int64_t parts = op.getParts(), width = parts * int64_t(op.getTopK());
  return failure(failed(verifyWidth(op, "scores", op.getScores().getType(), width)) ||
                 failed(verifyWidth(op, "ids", op.getIds().getType(), width)) ||
                 failed(verifyWidth(op, "bounds", op.getBounds().getType(), parts)));
}

LogicalResult IndexCandidatesOp::verify() {
  if (failed(verifySelecting(*this))) { // C1
    return failure();
  }
  return verifyCandidates(*this); // C2
}

KernelUse IndexCandidatesOp::getKernelUse() {
  return useStores(getCache().getType(), {kIndexStore}, 0, {"index_candidates"});
}

void IndexCandidatesOp::describe(KernelDescription &kernel) {
  describeIndexer(*this, kernel);
  kernel.addConstant("parts", getParts());
}

bool IndexCandidatesOp::staysF32(Value value) { return value != getQuery(); }

LogicalResult IndexMergeOp::verify() {
  if (failed(verifySelecting(*this)) || failed(verifyCandidates(*this))) { // C1
    return failure();
  }
  return verifyWidth(*this, "a selection", getResult().getType(), getTopK()); // C2
}

KernelUse IndexMergeOp::getKernelUse() { return useStores(getCache().getType(), {kIndexStore}, 0, {"index_merge"}); }

void IndexMergeOp::describe(KernelDescription &kernel) {
  kernel.addInputs({getScores(), getIds(), getBounds()});
  describeIndexer(*this, kernel);
  kernel.addConstant("parts", getParts());
}

bool IndexMergeOp::staysF32(Value value) { return value != getQuery(); }

} // namespace fathom::deepseek
