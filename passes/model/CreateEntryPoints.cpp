// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Clones @forward and its layers into @prefill and @decode, and @prefill_sparse where that is something else, and
// @draft_forward into @draft, each with and without the head.

#include "passes/model/Passes.h"
#include "passes/support/EntryPoints.h"

#include "fathom/artifact_abi.h"

#include "mlir/Interfaces/SideEffectInterfaces.h"
#include "llvm/ADT/StringSet.h"

using namespace mlir;

namespace fathom {

#define GEN_PASS_DEF_CREATEENTRYPOINTS
#include "passes/model/Passes.h.inc"

/// How many first positions there are at which sparse attention is dense in every layer; nothing where all are, or
/// there is none.
static std::optional<int64_t> findDensePositions(ModuleOp module) {
  std::optional<int64_t> least;
  module.walk([&](deepseek::SparseAttentionOp op) {
    std::optional<int64_t> context = getMaxPositions(op->getParentOfType<func::FuncOp>());
    int64_t topK = op.getTopK();
    if (!context || topK < *context) {
      least = std::min(least.value_or(topK), topK);
    }
  });
  return least;
}

/// The rows of a prefill that give experts enough to do: to read and decode an expert's weights takes as long as to
/// multiply dozens of rows by them. docs/benchmarks/2026-11-29-prefill-rows.md.
static int64_t choosePrefillRows(ModuleOp module) {
  constexpr int64_t kLeast = 256, kMost = 1024, kRowsOfExpert = 96;
  int64_t rows = kLeast;
  module.walk([&](deepseek::MoEExpertsOp op) {
    int64_t experts = op.getGate().getType().getDimSize(0), chosen = op.getIds().getType().getDimSize(1);
    int64_t rowsForEach = std::min<int64_t>(llvm::divideCeil(experts, std::max<int64_t>(chosen, 1)), kMost);
    rows = std::max<int64_t>(rows, llvm::PowerOf2Ceil(kRowsOfExpert * rowsForEach));
  });
  return std::min(rows, kMost);
}

namespace {

struct CreateEntryPoints : impl::CreateEntryPointsBase<CreateEntryPoints> {
  using Base::Base;

  void runOnOperation() override {
    SmallVector<func::FuncOp> originals(getOperation().getOps<func::FuncOp>());
    auto forward = getOperation().lookupSymbol<func::FuncOp>("forward");
    if (!forward) {
      if (llvm::none_of(originals, [](func::FuncOp function) { return function->hasAttr(deepseek::kFormAttr); })) {
        emitError(getOperation().getLoc(), "expects a function @forward to make entry points from");
        signalPassFailure();
      }
      return;
    }
    std::optional<int64_t> dense = findDensePositions(getOperation());
    int64_t prefillRows = this->prefillRows ? this->prefillRows : choosePrefillRows(getOperation());
    createHeadless(createEntryPoint(forward, "prefill", deepseek::kExpandedForm, prefillRows, dense));
    if (dense) {
      createHeadless(createEntryPoint(forward, "prefill_sparse", deepseek::kAbsorbedForm, prefillRows));
    }
    createHeadless(createEntryPoint(forward, "decode", deepseek::kAbsorbedForm, decodeRows));
    if (auto draft = getOperation().lookupSymbol<func::FuncOp>("draft_forward")) {
      // A draft takes the rows of either: those of a prompt, or some of each of several sequences.
      int64_t rows = std::max<int64_t>(prefillRows, FATHOM_LEAST_DRAFT_ROWS);
      createHeadless(createEntryPoint(draft, "draft", deepseek::kAbsorbedForm, rows));
    }
    for (func::FuncOp original : originals) {
      original.erase();
    }
  }

  /// Clones `original`, which becomes @<name>, and the layers that it calls: @moe becomes @<name>.moe. Their rows are
  /// at positions below `maxPositions`, if that is given.
  func::FuncOp createEntryPoint(func::FuncOp original, StringRef name, StringRef form, int64_t rows,
                                std::optional<int64_t> maxPositions = std::nullopt) {
    OpBuilder builder = OpBuilder::atBlockEnd(getOperation().getBody());
    llvm::StringSet<> called;
    original.walk([&](func::CallOp call) { called.insert(call.getCallee()); });
    for (func::FuncOp layer : llvm::to_vector(getOperation().getOps<func::FuncOp>())) {
      if (called.contains(layer.getSymName())) {
        clone(builder, layer, (name + "." + layer.getSymName()).str(), form, maxPositions);
      }
    }
    func::FuncOp entry = clone(builder, original, name, form, maxPositions);
    entry->setAttr(deepseek::kMaxRowsAttr, builder.getI64IntegerAttr(rows));
    entry.walk([&](func::CallOp call) { call.setCallee((name + "." + call.getCallee()).str()); });
    return entry;
  }

  static func::FuncOp clone(OpBuilder &builder, func::FuncOp function, StringRef name, StringRef form,
                            std::optional<int64_t> maxPositions) {
    auto clone = cast<func::FuncOp>(builder.clone(*function));
    clone.setSymName(name);
    clone->setAttr(deepseek::kFormAttr, builder.getStringAttr(form));
    if (maxPositions) {
      clone->setAttr(deepseek::kMaxPositionsAttr, builder.getI64IntegerAttr(*maxPositions));
    }
    return clone;
  }

  /// Clones an entry point without its logits, and without what computes or reads nothing else: chunks of a prompt but
  /// the last, and steps that nobody samples from, fill the cache, and the head is the largest weight of many models.
  static void createHeadless(func::FuncOp entry) {
    std::optional<unsigned> logits = getOutput(entry, deepseek::kLogitsOutput);
    if (!logits) {
      return;
    }
    OpBuilder builder(entry->getContext());
    builder.setInsertionPointAfter(entry);
    auto headless = cast<func::FuncOp>(builder.clone(*entry));
    headless.setSymName((entry.getSymName() + "_headless").str());
    Block &body = headless.front();
    body.getTerminator()->eraseOperand(*logits);
    for (Operation &op : llvm::make_early_inc_range(llvm::reverse(body))) {
      if (isOpTriviallyDead(&op)) {
        op.erase();
      }
    }
    llvm::BitVector ofHead(entry.getNumArguments());
    for (auto [with, without] : llvm::zip_equal(entry.getArguments(), headless.getArguments())) {
      ofHead[with.getArgNumber()] = !with.use_empty() && without.use_empty();
    }
    (void)headless.eraseArguments(ofHead);
    (void)headless.eraseResult(*logits);
  }
};

} // namespace
} // namespace fathom
