// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// From @main, whose idioms were recognized, to @forward.

#include "passes/raise/GraphModel.h"
#include "passes/raise/Nodes.h"
#include "passes/raise/Passes.h"
#include "passes/raise/Unraised.h"

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

/// The argument by which rows of a constant matrix are gathered; null: `node` does nothing of the kind.
static BlockArgument findIds(NodeOp node) {
  auto ids = node.is("Gather") ? dyn_cast<BlockArgument>(node.getInputs()[1]) : BlockArgument();
  auto type = ids ? dyn_cast<RankedTensorType>(ids.getType()) : RankedTensorType();
  bool areIds = type && type.getRank() >= 1 && type.getElementType().isInteger() && getRank(node.getInputs()[0]) == 2 &&
                raise::isConstant(node.getInputs()[0]);
  return areIds ? ids : BlockArgument();
}

/// Whether a call may have any number of tokens.
static bool hasFreeLength(BlockArgument ids) { return cast<RankedTensorType>(ids.getType()).getShape().back() < 0; }

/// Token ids: of an embedding whose length a call says, or of any. Null: there is none.
static BlockArgument findTokens(func::FuncOp main) {
  BlockArgument tokens;
  main.walk([&](NodeOp node) {
    BlockArgument ids = findIds(node);
    if (ids && (!tokens || (!hasFreeLength(tokens) && hasFreeLength(ids)))) {
      tokens = ids;
    }
  });
  return tokens;
}

/// What keeps a graph from having rows of tokens; empty: nothing.
static std::string explainTokens(BlockArgument tokens) {
  if (!tokens) {
    return "has no embedding of token ids: it is not a language model";
  }
  if (hasFreeLength(tokens)) {
    return "";
  }
  return "takes token ids of a fixed number, " + describe(tokens) +
         ", and a language model as many as a call has: export it with a sequence length that is dynamic "
         "(dynamic_axes, or dynamic_shapes)";
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

namespace {
struct ConvertOnnxToDeepSeek : impl::ConvertOnnxToDeepSeekBase<ConvertOnnxToDeepSeek> {
  using Base::Base;

  void runOnOperation() override {
    auto main = getOperation().lookupSymbol<func::FuncOp>(onnx::kMainFunction);
    Value logits = main ? findLogits(main) : Value();
    BlockArgument tokens = logits ? findTokens(main) : BlockArgument();
    if (std::string why = explainTokens(tokens); !why.empty()) {
      emitError(getOperation().getLoc(), why);
      return signalPassFailure();
    }
    GraphModel model(main, tokens, chooseContext(main), getStoredType(), readFrom(folder));
    for (NodeOp node : llvm::to_vector(main.front().getOps<NodeOp>())) {
      if (Rule rule = findRule(node)) {
        rule(node, model);
      }
    }
    if (!model.finish(logits)) {
      reportUnraised(logits, tokens, model, [](NodeOp node) { return findRule(node) != nullptr; });
      return signalPassFailure();
    }
    removeGraph(main);
  }

  /// As many positions as were asked for, unless the model has fewer, or there are tables of fewer.
  int64_t chooseContext(func::FuncOp main) {
    constexpr int64_t usual = 4096;
    int64_t said = getSaidContext(), most = said > 0 ? said : usual;
    if (maxContext > 0 && (said == 0 || maxContext <= said)) {
      most = maxContext;
    }
    int64_t tables = limitContext(main, most);
    int64_t wanted = maxContext > 0 ? int64_t(maxContext) : said;
    if (wanted > tables) {
      emitWarning(main.getLoc(), tables < most ? "has tables of " : "has a context of ")
          << tables << " positions, fewer than the " << wanted
          << (maxContext > 0 ? " to serve" : " that files beside it say");
    }
    return tables;
  }

  /// The positions that a file beside the graph says it has; 0: none does.
  int64_t getSaidContext() {
    auto facts = getOperation()->getAttrOfType<DictionaryAttr>(onnx::kGenerationAttr);
    auto said = facts ? facts.getAs<IntegerAttr>("max_context") : IntegerAttr();
    return said ? said.getInt() : 0;
  }

  Type getStoredType() {
    return cacheType == "fp8"    ? Type(Float8E4M3FNType::get(&getContext()))
           : cacheType == "bf16" ? Type(BFloat16Type::get(&getContext()))
                                 : Type(Float32Type::get(&getContext()));
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
