// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The raise phase, in order.

#include "passes/raise/Passes.h"

#include "mlir/Transforms/Passes.h"

namespace fathom {

void addRaisePipeline(mlir::OpPassManager &manager, const RaisePipelineOptions &options) {
  manager.addPass(createRaiseFixedCaches());
  manager.addPass(createSimplifyAttention());
  manager.addPass(createSimplifyExperts());
  manager.addPass(createSimplifyNodes());
  manager.addPass(mlir::createCSEPass());
  // From small to large: each pattern knows what those before it made.
  manager.addPass(createRaiseWeights());
  manager.addPass(createRaiseNorms());
  manager.addPass(createRaiseRotations());
  manager.addPass(createRaiseSwiGlu());
  RaiseExpertsOptions experts;
  experts.folder = options.folder;
  manager.addPass(createRaiseExperts(experts));
  manager.addPass(createOrderHeads());
  manager.addPass(createRaiseAttention());
  RaiseSparseAttentionOptions sparse;
  sparse.folder = options.folder;
  manager.addPass(createRaiseSparseAttention(sparse));
  RaiseCausalMasksOptions masks;
  masks.folder = options.folder;
  manager.addPass(createRaiseCausalMasks(masks));
  manager.addPass(createExpandAbsorbedAttention());
  // One table for all that rotate by it.
  manager.addPass(mlir::createCSEPass());
  ConvertOnnxToDeepSeekOptions convert;
  convert.maxContext = options.maxContext;
  convert.cacheType = options.cacheType;
  convert.folder = options.folder;
  manager.addPass(createConvertOnnxToDeepSeek(convert));
  manager.addPass(mlir::createCSEPass());
  manager.addPass(createOutlineLayers());
  manager.addPass(createShareLayers());
  manager.addPass(createVerifyRaiseOutput());
}

} // namespace fathom
