// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Embedding, norms, linear maps and SwiGLU: verifiers, and what others must know of them.

#include "dialects/deepseek/Verifiers.h"

using namespace mlir;

namespace fathom::deepseek {

LogicalResult EmbeddingOp::verify() {
  auto table = cast<RankedTensorType>(getTable().getType());
  if (table.getRank() != 2 || table.getDimSize(1) != getWidth(getResult().getType())) { // C1
    return emitOpError("expects a table [vocabulary, ") << getWidth(getResult().getType()) << "], but got " << table;
  }
  if (failed(verifyFact(*this, "vocabulary", table.getDimSize(0)))) { // C2
    return failure();
  }
  return verifyFact(*this, "hidden", table.getDimSize(1));
}

KernelUse EmbeddingOp::getKernelUse() { return {"embedding", getStoredTypeName(getTable()), kRowsLayout}; }

void EmbeddingOp::describe(KernelDescription &kernel) {
  kernel.addInputs({getTokens(), getTable()});
  kernel.addConstant("V", getTable().getType().getDimSize(0));
  kernel.addConstant("H", getWidth(getType()));
  kernel.addElement("out_element", getResult());
}

std::optional<int64_t> EmbeddingOp::getIdLimit(OpOperand &ids) { return getTable().getType().getDimSize(0); }

LogicalResult RecordStateOp::verify() { return verifyFact(*this, "hidden", getWidth(getInput().getType())); } // C1

LogicalResult SelectRowsOp::verify() {
  return verifyWidth(*this, "a result", getResult().getType(), getWidth(getInput().getType())); // C1
}

KernelUse SelectRowsOp::getKernelUse() { return {"select_rows"}; }

void SelectRowsOp::describe(KernelDescription &kernel) {
  kernel.addInputs({getInput(), getRows()});
  kernel.addConstant("H", getWidth(getType()));
  kernel.addElement("x_element", getInput());
}

Value SelectRowsOp::getRowsOperand() { return getRows(); }

bool SelectRowsOp::readsAllRows(Value operand) { return operand == getInput(); }

std::optional<int64_t> SelectRowsOp::getIdLimit(OpOperand &ids) { return getInput().getType().getDimSize(0); }

LogicalResult ArgmaxOp::verify() {
  RankedTensorType type = getInput().getType();
  return type.getElementType().isF32() && getWidth(type) > 0 // C1
             ? success()
             : emitOpError("expects f32 rows of one column at least, but got ") << type;
}

KernelUse ArgmaxOp::getKernelUse() { return {"argmax"}; }

void ArgmaxOp::describe(KernelDescription &kernel) {
  kernel.addInputs(getInput());
  kernel.addConstant("V", getWidth(getInput().getType()));
}

bool ArgmaxOp::staysF32(Value) { return true; }

LogicalResult RmsNormOp::verify() {
  int64_t width = getWidth(getInput().getType());
  if (getWeight().getType().getRank() != 1 || width % getGroupWidth() != 0) { // C1
    return emitOpError("expects a weight [group] of groups that make up ")
           << width << " columns, but got " << getWeight().getType();
  }
  return verifyEps(*this, getEps()); // C2
}

KernelUse RmsNormOp::getKernelUse() { return {"rms_norm", getStoredTypeName(getWeight())}; }

void RmsNormOp::describe(KernelDescription &kernel) {
  kernel.addColumns("x", getInput());
  kernel.addInputs(getWeight());
  kernel.addConstant("H", getGroupWidth());
  kernel.addConstant("groups", getWidth(getType()) / getGroupWidth());
  kernel.addReal("eps", getEps());
  kernel.addElement("x_element", getInput());
  kernel.addElement("out_element", getResult());
}

bool RmsNormOp::convertsActivations() { return true; }

LogicalResult AddRmsNormOp::verify() {
  if (failed(verifyShape(*this, "weight", getWeight().getType(), getWidth(getInput().getType())))) { // C1
    return failure();
  }
  return verifyEps(*this, getEps()); // C2
}

KernelUse AddRmsNormOp::getKernelUse() { return {"add_rms_norm", getStoredTypeName(getWeight())}; }

void AddRmsNormOp::describe(KernelDescription &kernel) {
  kernel.addInputs({getInput(), getResidual(), getWeight()});
  kernel.addConstant("H", getWidth(getResult().getType()));
  kernel.addReal("eps", getEps());
  kernel.addElement("x_element", getInput());
}

LogicalResult LayerNormOp::verify() {
  int64_t width = getWidth(getInput().getType());
  if (failed(verifyShape(*this, "a weight", getWeight().getType(), width)) || // C1
      failed(verifyShape(*this, "a bias", getBias().getType(), width))) {
    return failure();
  }
  return verifyEps(*this, getEps()); // C2
}

KernelUse LayerNormOp::getKernelUse() { return {"layer_norm", getStoredTypeName(getWeight())}; }

void LayerNormOp::describe(KernelDescription &kernel) {
  kernel.addColumns("x", getInput());
  kernel.addInputs({getWeight(), getBias()});
  kernel.addConstant("H", getWidth(getType()));
  kernel.addReal("eps", getEps());
  kernel.addElement("x_element", getInput());
  kernel.addElement("out_element", getResult());
}

MutableOperandRange LayerNormOp::getF32Weights() { return getBiasMutable(); }

bool LayerNormOp::convertsActivations() { return true; }

template <typename Op>
static LogicalResult verifyLinear(Op op, int64_t outputsPerResult) {
  auto weight = cast<RankedTensorType>(op.getWeight().getType());
  Type result = op.getResult().getType();
  if (failed(verifyProduct(op, op.getInput().getType(), result, weight, outputsPerResult)) || // C1, C2
      failed(verifyScale(op, weight, op.getScale(), op.getBlockAttr())) ||                    // C3
      failed(verifyIntegers(op, op.getInput().getType(), weight, op.getBlockAttr()))) {       // C6
    return failure();
  }
  return verifyEpilogue(op, op.getEpilogue(), op.getExtras(), result); // C4
}

template <typename Op>
static KernelUse useProduct(StringRef kernel, Op op) {
  return {kernel, getStoredTypeName(op.getWeight()), getLayoutName(op.getWeight()), op.getBlockAttr(),
          getStoredTypeName(op.getInput())};
}

template <typename Op>
static void describeProduct(Op op, KernelDescription &kernel) {
  kernel.addColumns("x", op.getInput());
  kernel.addInputs({op.getWeight(), op.getScale()});
  kernel.addConstant("K", getWidth(op.getInput().getType()));
  kernel.addConstant("N", getWidth(op.getType()));
  kernel.addConstant("out_stride", getWidth(op.getType()));
  kernel.addConstant("out_offset", 0);
  kernel.addElement("x_element", op.getInput());
  kernel.addElement("out_element", op.getResult());
}

LogicalResult LinearOp::verify() {
  if (failed(verifyLinear(*this, 1))) {
    return failure();
  }
  return getBias() ? verifyShape(*this, "a bias", getBias().getType(), getWidth(getType())) : success(); // C5
}

/// Kernels know no bias: it is an extra of the epilogue by then.
KernelUse LinearOp::getKernelUse() { return getBias() ? KernelUse() : useProduct("gemm", *this); }

void LinearOp::describe(KernelDescription &kernel) { describeProduct(*this, kernel); }

int64_t LinearOp::getItemCount() { return countItems(getWidth(getType())); }

ScaledWeight LinearOp::getPackableWeight() { return {getWeight(), getScale(), getBlockAttr()}; }

void LinearOp::setPackableWeight(const ScaledWeight &weight) { replaceWeight(*this, weight); }

std::optional<EpilogueSlot> LinearOp::getEpilogueSlot() { return EpilogueSlot{&getEpilogue(), getExtrasMutable()}; }

bool LinearOp::convertsActivations() { return true; }

LogicalResult LinearSwiGluOp::verify() { return verifyLinear(*this, 2); }

KernelUse LinearSwiGluOp::getKernelUse() { return useProduct("gemm_swiglu", *this); }

void LinearSwiGluOp::describe(KernelDescription &kernel) { describeProduct(*this, kernel); }

int64_t LinearSwiGluOp::getItemCount() { return countItems(getWidth(getType())); }

ScaledWeight LinearSwiGluOp::getPackableWeight() {
  return {getWeight(), getScale(), getBlockAttr(), /*gateAndUp=*/true};
}

void LinearSwiGluOp::setPackableWeight(const ScaledWeight &weight) { replaceWeight(*this, weight); }

std::optional<EpilogueSlot> LinearSwiGluOp::getEpilogueSlot() {
  return EpilogueSlot{&getEpilogue(), getExtrasMutable()};
}

bool LinearSwiGluOp::convertsActivations() { return true; }

KernelUse QuantizeRowsOp::getKernelUse() {
  return getType().getElementType().isF32() ? KernelUse() : KernelUse{"quantize_rows"};
}

void QuantizeRowsOp::describe(KernelDescription &kernel) {
  kernel.addColumns("x", getInput());
  kernel.addConstant("H", getWidth(getType()));
  kernel.addElement("x_element", getInput());
}

KernelUse SwiGluOp::getKernelUse() { return {"swiglu"}; }

void SwiGluOp::describe(KernelDescription &kernel) {
  kernel.addInputs({getGate(), getUp()});
  kernel.addConstant("N", getWidth(getType()));
  kernel.addElement("x_element", getGate());
}

} // namespace fathom::deepseek
