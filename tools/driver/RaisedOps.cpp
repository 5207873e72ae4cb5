// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What a graph was raised to.

#include "tools/driver/RaisedOps.h"

#include "dialects/deepseek/DeepSeek.h"
#include "dialects/support/Escape.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "llvm/ADT/MapVector.h"

using namespace mlir;

namespace fathom::driver {

namespace {
struct RaisedOp {
  int64_t count = 0;
  std::string node; // empty: of none
};
} // namespace

/// In the order in which they are met.
using RaisedOps = llvm::MapVector<StringRef, RaisedOp>;

static void countOps(func::FuncOp function, RaisedOps &ops) {
  for (Operation &op : function.getOps()) {
    if (auto call = dyn_cast<func::CallOp>(op)) {
      countOps(function->getParentOfType<ModuleOp>().lookupSymbol<func::FuncOp>(call.getCallee()), ops);
    } else if (isa<deepseek::DeepSeekDialect>(op.getDialect()) &&
               !isa<deepseek::GetWeightOp, deepseek::RopeTableOp>(op)) {
      RaisedOp &raised = ops[op.getName().stripDialect()];
      auto name = op.getLoc()->findInstanceOf<NameLoc>();
      raised.node = raised.count++ == 0 && name ? name.getName().str() : raised.node;
    }
  }
}

void listRaisedOps(ModuleOp module, Report &report) {
  RaisedOps ops;
  countOps(module.lookupSymbol<func::FuncOp>("forward"), ops);
  report.table("raised", {"op", "count", "first_node"});
  for (const auto &[name, raised] : ops) {
    report.row({name.str(), raised.count, raised.node.empty() ? json::Value(nullptr) : escape(raised.node, 80)});
  }
}

} // namespace fathom::driver
