// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Where pages of the cache hold stores.

#include "passes/plan/Stores.h"

#include "fathom/kernel_abi.h"
#include "llvm/ADT/StringSet.h"

using namespace mlir;

namespace fathom {

int64_t getBytes(plan::StoreAttr store) {
  return store.getLayers() * store.getHeads() * FATHOM_PAGE_TOKENS * store.getRowBytes();
}

std::string getElementConstant(StringRef store) {
  store.consume_back("store");
  return (store + "element").str();
}

LogicalResult placeStores(ModuleOp module, deepseek::CacheType cache, int64_t layers) {
  auto report = [&] { return emitError(module.getLoc()); };
  Builder builder(module.getContext());
  SmallVector<Attribute> stores;
  int64_t end = 0;
  for (deepseek::StoreAttr store : cache.getStores()) {
    auto place = plan::StoreAttr::getChecked(report, builder.getContext(), store.getName(), layers, store.getHeads(),
                                             store.getWidth(), store.getElement(), store.getTail(), end);
    if (!place) {
      return failure();
    }
    stores.push_back(place);
    end += getBytes(place);
  }
  module->setAttr(plan::kStoresAttr, builder.getArrayAttr(stores));
  module->setAttr(plan::kPageBytesAttr, builder.getI64IntegerAttr(end));
  return success();
}

UsedStores findUsedStores(Operation *op) {
  Builder builder(op->getContext());
  deepseek::KernelDescription description;
  if (auto compute = dyn_cast<deepseek::ComputeOp>(op)) {
    compute.describe(description);
  }
  ArrayAttr none = builder.getArrayAttr({});
  ArrayAttr stores = builder.getStrArrayAttr(llvm::to_vector(llvm::make_second_range(description.stores)));
  // What gives a cache back has written to it.
  bool writes = llvm::any_of(op->getResultTypes(), llvm::IsaPred<deepseek::CacheType>);
  return writes ? UsedStores{none, stores} : UsedStores{stores, none};
}

LogicalResult verifyStores(ModuleOp module) {
  int64_t end = 0;
  llvm::StringSet<> names;
  for (auto store : module->getAttrOfType<ArrayAttr>(plan::kStoresAttr).getAsRange<plan::StoreAttr>()) {
    if (!names.insert(store.getName()).second) {
      return emitError(module.getLoc(), "expects stores with distinct names, but got '")
             << store.getName() << "' twice";
    }
    if (store.getOffset() != end) {
      return emitError(module.getLoc(), "expects adjacent stores, the next at offset ") << end << ", but got " << store;
    }
    end += getBytes(store);
  }
  int64_t page = module->getAttrOfType<IntegerAttr>(plan::kPageBytesAttr).getInt();
  return page == end ? success()
                     : emitError(module.getLoc(), "expects a page of ") << end << " bytes, but got " << page;
}

} // namespace fathom
