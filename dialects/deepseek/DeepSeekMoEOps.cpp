// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The mixture-of-experts ops: verifiers, and what others must know of them.

#include "dialects/deepseek/Verifiers.h"

using namespace mlir;

namespace fathom::deepseek {

LogicalResult MoEGateOp::verify() {
  int64_t experts = getWidth(getLogits().getType());
  RoutingAttr routing = getRouting();
  if (routing.getTopK() > experts || experts % routing.getGroups() != 0) { // C1
    return emitOpError("expects top_k and groups that fit ")
           << experts << " experts, but got top_k " << routing.getTopK() << " and " << routing.getGroups() << " groups";
  }
  if (getBias() && cast<RankedTensorType>(getBias().getType()).getShape() != ArrayRef(experts)) { // C2
    return emitOpError("expects a bias [") << experts << "], but got " << getBias().getType();
  }
  if (failed(verifyWidth(*this, "ids", getIds().getType(), routing.getTopK()))) { // C3
    return failure();
  }
  return verifyWidth(*this, "weights", getWeights().getType(), routing.getTopK());
}

KernelUse MoEGateOp::getKernelUse() { return {"moe_gate"}; }

void MoEGateOp::describe(KernelDescription &kernel) {
  RoutingAttr routing = getRouting();
  // Without a bias the kernel reads none; the logits stand in for it.
  kernel.addInputs({getLogits(), getBias() ? Value(getBias()) : Value(getLogits())});
  kernel.addConstant("E", getWidth(getLogits().getType()));
  kernel.addConstant("k", routing.getTopK());
  kernel.addConstant("n_group", routing.getGroups());
  kernel.addConstant("topk_group", routing.getTopGroups());
  kernel.addConstant("scoring", int64_t(routing.getScoring()));
  kernel.addConstant("group_rule", int64_t(routing.getGroupRule()));
  kernel.addConstant("normalize", routing.getNormalize());
  kernel.addReal("factor", APFloat(routing.getFactor().value));
  kernel.addConstant("has_bias", bool(getBias()));
}

MutableOperandRange MoEGateOp::getF32Weights() { return getBiasMutable(); }

/// A choice that hangs on a rounding is another one.
bool MoEGateOp::staysF32(Value value) { return true; }

LogicalResult MoEExpertsOp::verify() {
  auto gate = cast<RankedTensorType>(getGate().getType());
  auto down = cast<RankedTensorType>(getDown().getType());
  int64_t hidden = getWidth(getInput().getType());
  if (gate != getUp().getType() || gate.getRank() != 3 || gate.getDimSize(2) != hidden) { // C1
    return emitOpError("expects gate and up [experts, intermediate, ")
           << hidden << "], but got " << gate << " and " << getUp().getType();
  }
  if (down.getRank() != 3 || down.getDimSize(0) != gate.getDimSize(0) || down.getDimSize(1) != hidden ||
      down.getDimSize(2) != gate.getDimSize(1)) { // C2
    return emitOpError("expects down [") << gate.getDimSize(0) << ", " << hidden << ", " << gate.getDimSize(1)
                                         << "], but got " << down;
  }
  if (failed(verifyScale(*this, gate, getGateScale(), getBlockAttr())) || // C3
      failed(verifyScale(*this, gate, getUpScale(), getBlockAttr())) ||
      failed(verifyScale(*this, down, getDownScale(), getBlockAttr()))) {
    return failure();
  }
  return verifyWidth(*this, "weights", getWeights().getType(), getWidth(getIds().getType())); // C4
}

/// `fathom-lower-moe-routing` replaces it before kernels are chosen.
KernelUse MoEExpertsOp::getKernelUse() { return {}; }

void MoEExpertsOp::describe(KernelDescription &kernel) {}

std::optional<int64_t> MoEExpertsOp::getIdLimit(OpOperand &ids) { return getGate().getType().getDimSize(0); }

bool MoEExpertsOp::staysF32(Value value) { return value == getWeights(); }

LogicalResult MoEPermuteOp::verify() {
  return verifyShape(*this, "offsets", getOffsets().getType(), int64_t(getExperts()) + 1); // C1
}

KernelUse MoEPermuteOp::getKernelUse() { return {"moe_permute", "none"}; }

void MoEPermuteOp::describe(KernelDescription &kernel) {
  kernel.addInputs(getIds());
  kernel.addConstant("E", getExperts());
  kernel.addConstant("k", getWidth(getIds().getType()));
}

/// A slot for each choice of a row.
RowRule MoEPermuteOp::getResultRows(unsigned result) {
  RowRule rule = getRowsLike(getIds(), getOperation()->getResult(result));
  if (getOperation()->getResult(result) == getSourceRows()) {
    rule.factor = getWidth(getIds().getType());
  }
  return rule;
}

/// A sort is one.
int64_t MoEPermuteOp::getItemCount() { return 1; }

std::optional<int64_t> MoEPermuteOp::getIdLimit(OpOperand &ids) { return getExperts(); }

template <typename Op>
static LogicalResult verifyGrouped(Op op, int64_t outputsPerResult) {
  auto weight = cast<RankedTensorType>(op.getWeight().getType());
  if (failed(verifyProduct(op, op.getInput().getType(), op.getResult().getType(), weight, outputsPerResult,
                           /*experts=*/true)) ||                                        // C1, C2
      failed(verifyScale(op, weight, op.getScale(), op.getBlockAttr())) ||              // C3
      failed(verifyIntegers(op, op.getInput().getType(), weight, op.getBlockAttr()))) { // C6
    return failure();
  }
  return verifyShape(op, "offsets", op.getOffsets().getType(), weight.getDimSize(0) + 1); // C4
}

template <typename Op>
static KernelUse useGrouped(StringRef kernel, Op op) {
  return {kernel, getStoredTypeName(op.getWeight()), getLayoutName(op.getWeight()), op.getBlockAttr(),
          getStoredTypeName(op.getInput())};
}

template <typename Op>
static void describeGrouped(Op op, KernelDescription &kernel) {
  kernel.addInputs({op.getInput(), op.getOffsets(), op.getSourceRows(), op.getWeight(), op.getScale()});
  kernel.addConstant("K", getWidth(op.getInput().getType()));
  kernel.addConstant("N", getWidth(op.getType()));
  kernel.addConstant("E", op.getWeight().getType().getDimSize(0));
  kernel.addConstant("k", op.getTopK());
  kernel.addConstant("gather", op.getGather());
  kernel.addElement("x_element", op.getInput());
  kernel.addElement("out_element", op.getResult());
}

LogicalResult MoELinearOp::verify() { return verifyGrouped(*this, 1); }

KernelUse MoELinearOp::getKernelUse() { return useGrouped("moe_gemm", *this); }

void MoELinearOp::describe(KernelDescription &kernel) { describeGrouped(*this, kernel); }

Value MoELinearOp::getRowsOperand() { return {}; }

RowRule MoELinearOp::getResultRows(unsigned) { return getRowsLike(getSourceRows(), getResult()); }

int64_t MoELinearOp::getItemCount() { return countItems(getWidth(getType())); }

ScaledWeight MoELinearOp::getPackableWeight() { return {getWeight(), getScale(), getBlockAttr()}; }

void MoELinearOp::setPackableWeight(const ScaledWeight &weight) { replaceWeight(*this, weight); }

bool MoELinearOp::convertsActivations() { return true; }

LogicalResult MoELinearSwiGluOp::verify() { return verifyGrouped(*this, 2); }

KernelUse MoELinearSwiGluOp::getKernelUse() { return useGrouped("moe_gemm_swiglu", *this); }

void MoELinearSwiGluOp::describe(KernelDescription &kernel) { describeGrouped(*this, kernel); }

Value MoELinearSwiGluOp::getRowsOperand() { return {}; }

RowRule MoELinearSwiGluOp::getResultRows(unsigned) { return getRowsLike(getSourceRows(), getResult()); }

int64_t MoELinearSwiGluOp::getItemCount() { return countItems(getWidth(getType())); }

ScaledWeight MoELinearSwiGluOp::getPackableWeight() {
  return {getWeight(), getScale(), getBlockAttr(), /*gateAndUp=*/true};
}

void MoELinearSwiGluOp::setPackableWeight(const ScaledWeight &weight) { replaceWeight(*this, weight); }

bool MoELinearSwiGluOp::convertsActivations() { return true; }

LogicalResult MoECombineOp::verify() {
  Type result = getResult().getType();
  if (failed(verifyWidth(*this, "an input", getInput().getType(), getWidth(result))) ||                // C1
      failed(verifyWidth(*this, "weights", getWeights().getType(), getWidth(getSlots().getType())))) { // C2
    return failure();
  }
  return verifyEpilogue(*this, getEpilogue(), getExtras(), result); // C3
}

KernelUse MoECombineOp::getKernelUse() { return {"moe_combine"}; }

void MoECombineOp::describe(KernelDescription &kernel) {
  kernel.addInputs({getInput(), getSlots(), getWeights()});
  kernel.addConstant("H", getWidth(getType()));
  kernel.addConstant("k", getWidth(getSlots().getType()));
  kernel.addElement("x_element", getInput());
}

Value MoECombineOp::getRowsOperand() { return getSlots(); }

bool MoECombineOp::readsAllRows(Value operand) { return operand == getInput(); }

bool MoECombineOp::staysF32(Value value) { return value == getWeights(); }

std::optional<EpilogueSlot> MoECombineOp::getEpilogueSlot() { return EpilogueSlot{&getEpilogue(), getExtrasMutable()}; }

} // namespace fathom::deepseek
