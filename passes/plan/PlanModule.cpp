// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Functions and weights of a module.

#include "passes/plan/PlanModule.h"

using namespace mlir;

namespace fathom {

using namespace deepseek;

PlanModule::PlanModule(ModuleOp module)
    : symbols(module),
      layers(cast<IntegerAttr>(module->getAttrOfType<DictionaryAttr>(kModelAttr).get("layers")).getInt()),
      storedLayers(*countStoredLayers(module)) {
  for (auto function : module.getOps<func::FuncOp>()) {
    findLayers(function);
    if (auto most = function->getAttrOfType<IntegerAttr>(kMaxRowsAttr)) {
      countRows(function, most.getInt());
    }
  }
}

/// Entry points that share layers may take different numbers of rows.
void PlanModule::countRows(func::FuncOp entry, int64_t rows) {
  mostRows[entry.getName()] = rows;
  for (auto call : entry.getOps<func::CallOp>()) {
    int64_t &most = mostRows[call.getCallee()];
    most = std::max(most, rows);
  }
}

void PlanModule::findLayers(func::FuncOp function) {
  function.walk([&](GetWeightOp op) {
    auto weight = symbols.lookup<WeightSymbol>(op.getWeight());
    if (weight && weight.getLayers()) {
      layersOf[function.getName()] = SmallVector<int64_t>(*weight.getLayers());
    }
  });
}

int64_t PlanModule::getFirstSlice(WeightSymbol weight) {
  if (auto first = weight->getAttrOfType<IntegerAttr>(plan::kFirstSliceAttr)) {
    return first.getInt();
  }
  int64_t first = slices;
  slices += weight.getLayerCount() * weight.getSlicesPerLayer();
  weight->setAttr(plan::kFirstSliceAttr, OpBuilder(weight).getI64IntegerAttr(first));
  return first;
}

} // namespace fathom
