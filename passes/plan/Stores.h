// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Where pages of the cache hold stores.

#ifndef FATHOM_PASSES_PLAN_STORES_H
#define FATHOM_PASSES_PLAN_STORES_H

#include "passes/plan/Passes.h"

#include "dialects/deepseek/DeepSeek.h"

namespace fathom {

/// Bytes that a page has for the store.
int64_t getBytes(plan::StoreAttr store);

/// The constant of a kernel that says how a store keeps rows: "<name>_element" of the constant "<name>_store".
std::string getElementConstant(llvm::StringRef store);

/// Gives each store of `cache` a place, one behind the other, and notes them and the size of a page on the module. What
/// no runtime would take is reported there.
mlir::LogicalResult placeStores(mlir::ModuleOp module, deepseek::CacheType cache, int64_t layers);

/// Checks that the places are apart and inside a page, and reports at the module.
mlir::LogicalResult verifyStores(mlir::ModuleOp module);

/// Names of stores that an op reads or writes.
struct UsedStores {
  mlir::ArrayAttr reads;
  mlir::ArrayAttr writes;
};
UsedStores findUsedStores(mlir::Operation *op);

} // namespace fathom

#endif // FATHOM_PASSES_PLAN_STORES_H
