// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The model phase, in order.

#include "passes/model/Passes.h"

#include "mlir/Transforms/Passes.h"

namespace fathom {

void addModelPipeline(mlir::OpPassManager &manager, const ModelPipelineOptions &options) {
  CreateEntryPointsOptions entryPoints;
  entryPoints.prefillRows = options.prefillRows;
  entryPoints.decodeRows = options.decodeRows;
  manager.addPass(createCreateEntryPoints(entryPoints));
  manager.addPass(createFoldRopeTables());
  // One get_weight per weight and layer, so that passes can compare them as values.
  manager.addPass(mlir::createCSEPass());
  if (options.rewriteWeights) {
    manager.addPass(createFuseSharedInputProjections());
    manager.addPass(createFuseGateUp());
  }
  // Before what is dense is absorbed, and behind what joins weights: one joined in some entry points is there twice.
  manager.addPass(createLowerSparseAttention());
  manager.addPass(createAbsorbMlaProjections());
  LowerMoERoutingOptions routing;
  routing.fuseGateUp = options.rewriteWeights;
  manager.addPass(createLowerMoERouting(routing));
  manager.addPass(createAssignWeightTypes({options.weightType}));
  manager.addPass(mlir::createCSEPass());
  manager.addPass(createVerifyModelOutput());
}

} // namespace fathom
