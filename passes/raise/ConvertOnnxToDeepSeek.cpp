// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// From @main, whose idioms were recognized, to @forward.

#include "passes/raise/GraphModel.h"
#include "passes/raise/Nodes.h"
#include "passes/raise/Passes.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "llvm/ADT/SetVector.h"

using namespace mlir;

namespace fathom {

#define GEN_PASS_DEF_CONVERTONNXTODEEPSEEK
#include "passes/raise/Passes.h.inc"

using namespace raise;
using onnx::NodeOp;

static constexpr StringLiteral kLogits = "logits";

static Rule findRule(NodeOp node) {
  bool raised = node.getDomain() == kDomain;
  for (llvm::ArrayRef<RuleRow> rows : {moveRules(), layerRules(), attentionRules(), expertRules()}) {
    for (const RuleRow &row : rows) {
      if (row.raised == raised && row.name == node.getOpType() && (raised || !node.getDomain())) {
        return row.rule;
      }
    }
  }
  return nullptr;
}

/// The argument by which rows of a matrix are gathered: token ids. Null: there is none.
static BlockArgument findTokens(func::FuncOp main) {
  BlockArgument tokens;
  main.walk([&](NodeOp node) {
    auto ids = node.is("Gather") ? dyn_cast<BlockArgument>(node.getInputs()[1]) : BlockArgument();
    auto type = ids ? dyn_cast<RankedTensorType>(ids.getType()) : RankedTensorType();
    if (!tokens && type && type.getRank() >= 1 && type.isDynamicDim(type.getRank() - 1) &&
        type.getElementType().isInteger() && getRank(node.getInputs()[0]) == 2 &&
        raise::isConstant(node.getInputs()[0])) {
      tokens = ids;
    }
  });
  return tokens;
}

/// The positions that there are rows of tables for, of those that rotations take; `most` where none is shorter.
static int64_t limitContext(func::FuncOp main, int64_t most) {
  SetVector<Value> values;
  main.walk([&](NodeOp node) {
    if (node.getDomain() == kDomain && node.getOpType() == kRotate) {
      values.insert_range(node.getInputs().drop_front());
    }
  });
  for (size_t i = 0; i < values.size(); ++i) {
    auto node = values[i].getDefiningOp<NodeOp>();
    if (!node) {
      continue;
    }
    Value table = node.is("Gather") ? node.getInputs()[0] : Value();
    if (table && raise::isConstant(table) && getRank(table) == 2) {
      most = std::min(most, cast<RankedTensorType>(table.getType()).getDimSize(0));
    }
    values.insert_range(node.getInputs());
  }
  return most;
}

/// The result that is called logits, or the first.
static Value findLogits(func::FuncOp main) {
  auto results = main.front().getTerminator()->getOperands();
  for (auto [number, value] : llvm::enumerate(results)) {
    auto name = main.getResultAttrOfType<StringAttr>(unsigned(number), onnx::kNameAttr);
    if (name && name == kLogits) {
      return value;
    }
  }
  return results.empty() ? Value() : results.front();
}

/// Nodes that `value` follows from and that have no view, though all that they take from rows has.
static SmallVector<NodeOp> findUnraised(Value value, const GraphModel &model) {
  SetVector<Operation *> seen;
  SmallVector<NodeOp> first;
  auto visit = [&](Value operand) {
    if (Operation *op = operand.getDefiningOp(); op && !model.findPieces(operand)) {
      seen.insert(op);
    }
  };
  visit(value);
  for (size_t i = 0; i < seen.size(); ++i) {
    auto node = dyn_cast<NodeOp>(seen[i]);
    if (!node) {
      continue;
    }
    if (llvm::any_of(node.getInputs(), [&](Value input) { return model.findPieces(input); })) {
      first.push_back(node);
    }
    llvm::for_each(node.getInputs(), visit);
  }
  return first;
}

/// Why a node is left, where that is known.
static StringRef explain(NodeOp node) {
  if (node.is("DynamicQuantizeLinear")) {
    return ": it has one scale for all tokens of a call, by which what a token gives depends on which others are "
           "there; "
           "quantize weights alone";
  }
  if (node.isMicrosoft("MatMulNBits")) {
    return node.getInput(4) ? ": its columns are in groups (g_idx) that do not lie side by side"
                            : ": its weights are not constants of 2, 4 or 8 bits with scales that fit";
  }
  return "";
}

namespace {
struct ConvertOnnxToDeepSeek : impl::ConvertOnnxToDeepSeekBase<ConvertOnnxToDeepSeek> {
  using Base::Base;

  void runOnOperation() override {
    auto main = getOperation().lookupSymbol<func::FuncOp>(onnx::kMainFunction);
    BlockArgument tokens = main ? findTokens(main) : BlockArgument();
    Value logits = main ? findLogits(main) : Value();
    if (!tokens || !logits) {
      emitError(getOperation().getLoc(), "has no embedding of token ids: it is not a language model");
      return signalPassFailure();
    }
    GraphModel model(main, tokens, chooseContext(main), getStoredType(), readFrom(folder));
    for (NodeOp node : llvm::to_vector(main.front().getOps<NodeOp>())) {
      if (Rule rule = findRule(node)) {
        rule(node, model);
      }
    }
    if (!model.finish(logits)) {
      report(logits, model);
      return signalPassFailure();
    }
    removeGraph(main);
  }

  /// As many positions as were asked for, unless there are tables of fewer.
  int64_t chooseContext(func::FuncOp main) {
    constexpr int64_t usual = 4096;
    int64_t wanted = maxContext > 0 ? int64_t(maxContext) : usual, most = limitContext(main, wanted);
    if (maxContext > most) {
      emitWarning(main.getLoc(), "has tables of ") << most << " positions, fewer than the " << wanted << " to serve";
    }
    return most;
  }

  Type getStoredType() {
    return cacheType == "fp8"    ? Type(Float8E4M3FNType::get(&getContext()))
           : cacheType == "bf16" ? Type(BFloat16Type::get(&getContext()))
                                 : Type(Float32Type::get(&getContext()));
  }

  static void report(Value logits, const GraphModel &model) {
    SmallVector<NodeOp> unraised = findUnraised(logits, model);
    for (NodeOp node : unraised) {
      emitError(node.getLoc(), "is a ") << node.getOpType() << " that was not recognized as a part of a language model"
                                        << explain(node);
    }
    if (unraised.empty()) {
      emitError(logits.getLoc(), "is not made by a product of the last layer's rows");
    }
  }

  static void removeGraph(func::FuncOp main) {
    auto module = main->getParentOfType<ModuleOp>();
    main.erase();
    for (onnx::InitializerOp op : llvm::make_early_inc_range(module.getOps<onnx::InitializerOp>())) {
      op.erase();
    }
    // What was computed for the graph alone: all logits, for one.
    auto forward = module.lookupSymbol<func::FuncOp>("forward");
    for (Operation &op : llvm::make_early_inc_range(llvm::reverse(forward.front()))) {
      if (isOpTriviallyDead(&op)) {
        op.erase();
      }
    }
  }
};
} // namespace

} // namespace fathom
