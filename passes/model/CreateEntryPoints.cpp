// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Clones @forward and its layers into @prefill and @decode.

#include "passes/model/Passes.h"

#include "dialects/deepseek/DeepSeek.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"

using namespace mlir;

namespace fathom {

#define GEN_PASS_DEF_CREATEENTRYPOINTS
#include "passes/model/Passes.h.inc"

namespace {

struct CreateEntryPoints : impl::CreateEntryPointsBase<CreateEntryPoints> {
  using Base::Base;

  void runOnOperation() override {
    SmallVector<func::FuncOp> originals(getOperation().getOps<func::FuncOp>());
    if (!getOperation().lookupSymbol<func::FuncOp>("forward")) {
      if (llvm::none_of(originals, [](func::FuncOp function) { return function->hasAttr(deepseek::kEntryAttr); })) {
        emitError(getOperation().getLoc(), "there is no @forward to make entry points from");
        signalPassFailure();
      }
      return;
    }
    createEntryPoint("prefill", prefillRows, originals);
    createEntryPoint("decode", decodeRows, originals);
    for (func::FuncOp original : originals) {
      original.erase();
    }
  }

  /// Clones every function; @forward becomes @<name>, a layer @moe becomes @<name>.moe.
  void createEntryPoint(StringRef name, int64_t rows, ArrayRef<func::FuncOp> originals) {
    OpBuilder builder = OpBuilder::atBlockEnd(getOperation().getBody());
    for (func::FuncOp original : originals) {
      auto clone = cast<func::FuncOp>(builder.clone(*original));
      bool forward = original.getSymName() == "forward";
      clone.setSymName(forward ? name.str() : (name + "." + original.getSymName()).str());
      clone->setAttr(deepseek::kEntryAttr, builder.getStringAttr(name));
      if (forward) {
        clone->setAttr(deepseek::kMaxRowsAttr, builder.getI64IntegerAttr(rows));
      }
      clone.walk([&](func::CallOp call) { call.setCallee((name + "." + call.getCallee()).str()); });
    }
  }
};

} // namespace
} // namespace fathom
