// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The phases after the first, as lists of passes over a module.

#include "tools/driver/RunPhases.h"

#include "dialects/deepseek/DeepSeek.h"
#include "dialects/deepseek/Phase.h"
#include "dialects/support/Escape.h"
#include "passes/RegisterPasses.h"
#include "passes/functions/Passes.h"
#include "passes/fuse/Passes.h"
#include "passes/lower/Passes.h"
#include "passes/model/Passes.h"
#include "passes/plan/Passes.h"
#include "passes/raise/Passes.h"
#include "passes/support/WeightTypes.h"

#include "llvm/Support/Path.h"

using namespace mlir;

namespace fathom::driver {

using checkpoint::Problem;

StringRef getName(Phase phase) {
  SmallVector<StringRef> names;
  StringRef(kEmitNames).split(names, '|');
  return names[size_t(phase)];
}

static void addRaise(OpPassManager &manager, const CompileOptions &options, const codegen::CodeTarget *) {
  RaisePipelineOptions raise;
  raise.maxContext = options.maxContext;
  SmallVector<StringRef> types;
  StringRef(huggingface::kStoredTypeNames).split(types, '|');
  raise.cacheType = types[size_t(options.cacheType)].str();
  raise.folder = llvm::sys::path::parent_path(options.input).str();
  addRaisePipeline(manager, raise);
}

static void addModel(OpPassManager &manager, const CompileOptions &options, const codegen::CodeTarget *) {
  ModelPipelineOptions model;
  model.prefillRows = options.prefillRows;
  model.decodeRows = options.maxBatch;
  model.rewriteWeights = options.weights == codegen::WeightStorage::Pack && options.kernels;
  model.weightType = options.weightType;
  addModelPipeline(manager, model);
}

/// What a machine computes with by default: products of integers with weights that are.
static ActivationType getUsualActivation(StringRef weightType, const kernels::Device &device) {
  bool integers = llvm::cantFail(parseWeightTypes(weightType)).use(WeightType::Q8);
  return parseActivationType(integers ? "int8" : StringRef(device.activationType));
}

static void addFuse(OpPassManager &manager, const CompileOptions &options, const codegen::CodeTarget *target) {
  FusePipelineOptions fuse;
  fuse.arch = std::string(target->arch->name);
  fuse.tune = target->tune;
  fuse.kernels = options.kernels;
  fuse.packWeights = options.weights == codegen::WeightStorage::Pack;
  fuse.activation = options.activation.value_or(getUsualActivation(options.weightType, *target->arch->device));
  addFusePipeline(manager, fuse);
}

static void addPlan(OpPassManager &manager, const CompileOptions &, const codegen::CodeTarget *) {
  addPlanPipeline(manager);
}

static void addLower(OpPassManager &manager, const CompileOptions &, const codegen::CodeTarget *) {
  addLowerPipeline(manager);
}

static constexpr struct {
  Phase phase;
  void (*addPasses)(OpPassManager &manager, const CompileOptions &options, const codegen::CodeTarget *target);
} kPhases[] = {
    {Phase::DeepSeek, addRaise}, {Phase::Model, addModel}, {Phase::Fuse, addFuse},
    {Phase::Plan, addPlan},      {Phase::Lower, addLower},
};

bool PhaseRunner::fail(Problem problem, StringRef code, const Twine &message) {
  diagnostics.error(problem, code, options.input, "", message);
  return false;
}

Problem PhaseRunner::getBlame() const {
  return options.from ? Problem::BadInput : phase == Phase::DeepSeek ? Problem::Unsupported : Problem::Internal;
}

bool PhaseRunner::runPasses(ModuleOp module, PassManager &manager, const Twine &complaint) {
  if (succeeded(manager.run(module))) {
    return true;
  }
  switch (getBlame()) {
  case Problem::BadInput:
    return fail(Problem::BadInput, "pass", complaint);
  case Problem::Unsupported:
    return fail(Problem::Unsupported, "raise",
                "is a graph that Fathom does not recognize as a language model; compile the checkpoint that it was "
                "exported from");
  default:
    return fail(Problem::Internal, "pass", "a pass failed; this is a bug in Fathom");
  }
}

bool PhaseRunner::verify(ModuleOp module) {
  StringRef expected = getName(*options.from);
  auto phase = module->getAttrOfType<StringAttr>(deepseek::kPhaseAttr);
  if (!phase) {
    return fail(Problem::BadInput, "phase",
                "expects the module's phase in attribute '" + deepseek::kPhaseAttr + "', but got none");
  }
  if (phase != expected) {
    return fail(Problem::BadInput, "phase",
                "is IR of phase '" + escape(phase.getValue(), 40) + "', but --from says '" + expected + "'");
  }
  PassManager manager(module->getContext());
  addContract(manager, expected);
  return runPasses(module, manager, "is not valid output of the " + expected + " phase");
}

bool PhaseRunner::decompose(ModuleOp graph) {
  // A node that cannot be decomposed is not supported, and said so.
  phase = Phase::DeepSeek;
  PassManager manager(graph->getContext());
  addDecomposePipeline(manager);
  return succeeded(manager.run(graph));
}

bool PhaseRunner::lowerFunctions(ModuleOp decomposed) {
  phase = Phase::Lower;
  PassManager manager(decomposed->getContext());
  addLowerFunctionsPipeline(manager);
  return runPasses(decomposed, manager, "");
}

bool PhaseRunner::run(ModuleOp module, Phase after, Phase last, const codegen::CodeTarget *target) {
  for (const auto &row : kPhases) {
    if (row.phase <= after || row.phase > last) {
      continue;
    }
    StringRef name = getName(row.phase);
    phase = row.phase;
    if (options.progress) {
      options.progress(name, 0, 0);
    }
    PassManager manager(module->getContext());
    row.addPasses(manager, options, target);
    if (!runPasses(module, manager, "is not valid input of the " + name + " phase")) {
      return false;
    }
  }
  return true;
}

} // namespace fathom::driver
