// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Passes and pipeline of the fuse phase.

#ifndef FATHOM_PASSES_FUSE_PASSES_H
#define FATHOM_PASSES_FUSE_PASSES_H

#include "passes/support/ActivationType.h"

#include "mlir/IR/BuiltinOps.h"
#include "mlir/Pass/Pass.h"
#include "mlir/Pass/PassOptions.h"

namespace fathom {

/// The values of options for activations.
inline llvm::cl::ValuesClass getActivationTypes() {
  return llvm::cl::values(
      clEnumValN(ActivationType::F32, "f32", "as they are computed"),
      clEnumValN(ActivationType::Bf16, "bf16", "rounded"),
      clEnumValN(ActivationType::Int8, "int8", "integers where products with such weights read them"));
}

#define GEN_PASS_DECL
#include "passes/fuse/Passes.h.inc"

#define GEN_PASS_REGISTRATION
#include "passes/fuse/Passes.h.inc"

struct FusePipelineOptions : mlir::PassPipelineOptions<FusePipelineOptions> {
  Option<std::string> arch{*this, "arch", llvm::cl::desc("an arch that has kernels; empty: what all machines have")};
  Option<std::string> tune{*this, "tune", llvm::cl::desc("a processor of the arch to tune for; empty: any")};
  Option<bool> kernels{*this, "kernels", llvm::cl::desc("use kernels; without, everything becomes generated loops"),
                       llvm::cl::init(true)};
  Option<bool> packWeights{*this, "pack-weights", llvm::cl::desc("lay weights out as kernels like them best"),
                           llvm::cl::init(true)};
  Option<ActivationType> activation{*this, "activation", llvm::cl::desc("what activations are: f32, bf16 or int8"),
                                    llvm::cl::init(ActivationType::F32), getActivationTypes()};
};

/// The fuse phase, in order.
void addFusePipeline(mlir::OpPassManager &manager, const FusePipelineOptions &options);

} // namespace fathom

#endif // FATHOM_PASSES_FUSE_PASSES_H
