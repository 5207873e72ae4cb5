// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Moves rope tables to the weight side.

#include "passes/model/Passes.h"
#include "passes/support/Recipes.h"

using namespace mlir;

namespace fathom {

#define GEN_PASS_DEF_FOLDROPETABLES
#include "passes/model/Passes.h.inc"

namespace {

struct FoldRopeTables : impl::FoldRopeTablesBase<FoldRopeTables> {
  void runOnOperation() override {
    SmallVector<deepseek::RopeTableOp> tables;
    getOperation().walk([&](deepseek::RopeTableOp op) {
      if (!op->getParentOfType<deepseek::RecipeOp>()) {
        tables.push_back(op);
      }
    });
    llvm::MapVector<std::pair<Attribute, Type>, std::string> names;
    for (deepseek::RopeTableOp table : tables) {
      auto [entry, isNew] = names.try_emplace({table.getRope(), table.getType()});
      if (isNew) {
        entry->second = names.size() == 1 ? "rope_table" : "rope_table_" + std::to_string(names.size());
      }
      fold(table, entry->second);
    }
  }

  static void fold(deepseek::RopeTableOp table, StringRef name) {
    OpBuilder builder(table);
    auto compute = [&](OpBuilder &b, Location loc, ValueRange) -> Value {
      return deepseek::RopeTableOp::create(b, loc, table.getType(), table.getRope());
    };
    table.replaceAllUsesWith(getRecipe(builder, table.getLoc(), name, {}, compute));
    table.erase();
  }
};

} // namespace
} // namespace fathom
