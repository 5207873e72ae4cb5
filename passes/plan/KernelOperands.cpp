// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Operands and constants of kernels, op by op.

#include "passes/plan/KernelOperands.h"

#include "kernels/catalog.def"

#include "llvm/ADT/StringMap.h"
#include "llvm/ADT/TypeSwitch.h"
#include "llvm/Support/ErrorHandling.h"
#include "llvm/Support/MathExtras.h"

using namespace mlir;

namespace fathom {

using namespace deepseek;

namespace {

static_assert(int(Scoring::softmax) == FATHOM_SCORING_SOFTMAX && int(Scoring::sigmoid) == FATHOM_SCORING_SIGMOID &&
                  int(GroupRule::none) == FATHOM_GROUP_RULE_NONE && int(GroupRule::max) == FATHOM_GROUP_RULE_MAX &&
                  int(GroupRule::top2_sum) == FATHOM_GROUP_RULE_SUM_OF_TWO,
              "kernels take the numbers of attributes");

/// Collects operands and named constants of one op.
class OperandBuilder {
public:
  OperandBuilder(llvm::function_ref<Columns(Value)> columnsOf, int64_t layers) : columnsOf(columnsOf), layers(layers) {}

  void build(Operation *op) {
    TypeSwitch<Operation *>(op)
        .Case<EmbeddingOp, SelectRowsOp, RmsNormOp, AddRmsNormOp, LinearOp, LinearSwiGluOp, SwiGluOp, MoEGateOp,
              MoEPermuteOp, MoELinearOp, MoELinearSwiGluOp, MoECombineOp, MlaAppendOp, MlaAttentionOp, MlaAbsorbQueryOp,
              MlaLatentAttentionOp, MlaExpandOutputOp>([&](auto concrete) { add(concrete); });
  }

  SmallVector<Value> inputs;
  SmallVector<Value> extras;
  llvm::StringMap<int64_t> constants;

private:
  void input(Value value) {
    if (value) {
      inputs.push_back(value);
    }
  }
  void constant(StringRef name, int64_t value) { constants[name] = value; }
  void real(StringRef name, double value) { constants[name] = llvm::bit_cast<int64_t>(value); }
  void columns(StringRef prefix, Value value) {
    Columns where = columnsOf(value);
    constant((prefix + "_stride").str(), where.stride);
    constant((prefix + "_offset").str(), where.offset);
  }

  void add(EmbeddingOp op) {
    inputs = {op.getTokens(), op.getTable()};
    constant("V", cast<RankedTensorType>(op.getTable().getType()).getDimSize(0));
    constant("H", getWidth(op.getType()));
  }
  void add(SelectRowsOp op) {
    inputs = {op.getInput(), op.getRows()};
    constant("H", getWidth(op.getType()));
  }
  void add(RmsNormOp op) {
    inputs = {op.getInput(), op.getWeight()};
    constant("H", getWidth(op.getType()));
    columns("x", op.getInput());
    real("eps", op.getEps().convertToDouble());
  }
  void add(AddRmsNormOp op) {
    inputs = {op.getInput(), op.getResidual(), op.getWeight()};
    constant("H", getWidth(op.getResult().getType()));
    real("eps", op.getEps().convertToDouble());
  }
  void add(LinearOp op) { addProduct(op); }
  void add(LinearSwiGluOp op) { addProduct(op); }
  template <typename Op>
  void addProduct(Op op) {
    inputs = {op.getInput(), op.getWeight()};
    input(op.getScale());
    extras.assign(op.getExtras().begin(), op.getExtras().end());
    constant("K", getWidth(op.getInput().getType()));
    columns("x", op.getInput());
    addOutputs(getWidth(op.getType()));
    constant("out_stride", getWidth(op.getType()));
    constant("out_offset", 0);
  }
  /// N, and panels an item takes: enough for the kernel to keep several panels in flight, few enough that there are
  /// items for several threads.
  void addOutputs(int64_t outputs) {
    int64_t panels = llvm::divideCeil(outputs, kPanelWidth);
    constant("N", outputs);
    constant("panels_per_item", panels >= 32 ? 4 : panels >= 8 ? 2 : 1);
  }
  void add(SwiGluOp op) {
    inputs = {op.getGate(), op.getUp()};
    constant("N", getWidth(op.getType()));
  }
  void add(MoEGateOp op) {
    RoutingAttr routing = op.getRouting();
    // Without a bias the kernel reads none; the logits stand in for it.
    inputs = {op.getLogits(), op.getBias() ? op.getBias() : Value(op.getLogits())};
    constant("E", getWidth(op.getLogits().getType()));
    constant("k", routing.getTopK());
    constant("n_group", routing.getGroups());
    constant("topk_group", routing.getTopGroups());
    constant("scoring", int64_t(routing.getScoring()));
    constant("group_rule", int64_t(routing.getGroupRule()));
    constant("normalise", routing.getNormalize());
    real("factor", routing.getFactor());
    constant("has_bias", bool(op.getBias()));
  }
  void add(MoEPermuteOp op) {
    inputs = {op.getIds()};
    constant("E", op.getExperts());
    constant("k", getWidth(op.getIds().getType()));
  }
  void add(MoELinearOp op) { addGrouped(op); }
  void add(MoELinearSwiGluOp op) { addGrouped(op); }
  template <typename Op>
  void addGrouped(Op op) {
    inputs = {op.getInput(), op.getOffsets(), op.getSourceRows(), op.getWeight()};
    input(op.getScale());
    constant("K", getWidth(op.getInput().getType()));
    addOutputs(getWidth(op.getType()));
    constant("E", cast<RankedTensorType>(op.getWeight().getType()).getDimSize(0));
    constant("k", op.getTopK());
    constant("gather", op.getGather());
  }
  void add(MoECombineOp op) {
    inputs = {op.getInput(), op.getSlots(), op.getWeights()};
    extras.assign(op.getExtras().begin(), op.getExtras().end());
    constant("H", getWidth(op.getType()));
    constant("k", getWidth(op.getSlots().getType()));
  }
  void add(MlaAppendOp op) {
    inputs = {op.getInput(), op.getNorm(), op.getTable()};
    int64_t latent = getWidth(op.getNorm().getType());
    constant("r", latent);
    constant("dr", op.getCache().getType().getWidth() - latent);
    columns("kv", op.getInput());
    real("eps", op.getEps().convertToDouble());
    constant("layers", layers);
  }
  void add(MlaAttentionOp op) {
    inputs = {op.getQuery(), op.getKvB()};
    input(op.getScale());
    input(op.getTable());
    addHeads(op);
    constant("dr", op.getRopeDim());
    constant("dv", op.getValueDim());
    constant("r", op.getLatentDim());
    real("scale", op.getSoftmaxScale().convertToDouble());
    constant("layers", layers);
  }
  void add(MlaAbsorbQueryOp op) {
    inputs = {op.getQuery(), op.getKvB()};
    input(op.getScale());
    input(op.getTable());
    addHeads(op);
    constant("dr", op.getRopeDim());
    constant("dv", op.getValueDim());
    constant("r", getWidth(op.getType()) / int64_t(op.getNumHeads()) - int64_t(op.getRopeDim()));
  }
  void add(MlaLatentAttentionOp op) {
    inputs = {op.getQuery()};
    int64_t heads = op.getNumHeads();
    constant("H", heads);
    constant("r", op.getLatentDim());
    constant("dr", op.getRopeDim());
    real("scale", op.getSoftmaxScale().convertToDouble());
    constant("heads_per_item", heads >= 16 ? 8 : std::max<int64_t>(1, heads / 2));
    constant("layers", layers);
  }
  void add(MlaExpandOutputOp op) {
    inputs = {op.getInput(), op.getKvB()};
    input(op.getScale());
    addHeads(op);
    constant("dv", op.getValueDim());
    constant("r", getWidth(op.getInput().getType()) / int64_t(op.getNumHeads()));
  }
  template <typename Op>
  void addHeads(Op op) {
    constant("H", op.getNumHeads());
    constant("dn", op.getNopeDim());
  }

  llvm::function_ref<Columns(Value)> columnsOf;
  int64_t layers;
};

} // namespace

KernelOperands getKernelOperands(Operation *op, const kernels::Kernel &kernel,
                                 llvm::function_ref<Columns(Value)> columnsOf, int64_t layers) {
  OperandBuilder builder(columnsOf, layers);
  builder.build(op);
  KernelOperands result{std::move(builder.inputs), {}, std::move(builder.extras)};
  for (const kernels::Constant &constant : kernel.constants) {
    auto found = builder.constants.find(constant.name);
    if (found == builder.constants.end()) {
      llvm::report_fatal_error("catalog.def names a constant that no op gives: " + StringRef(constant.name));
    }
    result.constants.push_back(found->second);
  }
  return result;
}

bool takesColumns(const kernels::Kernel &kernel) {
  return kernel.findConstant("x_stride") >= 0 || kernel.findConstant("kv_stride") >= 0;
}

} // namespace fathom
