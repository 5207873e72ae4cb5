// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Options to machines.

#include "tools/driver/SelectTarget.h"

#include "codegen/nvptx/Target.h"
#include "codegen/x86/Target.h"
#include "dialects/support/ExitError.h"
#include "runtime/device/cpu/cpu_features.h"

using llvm::StringRef;

namespace fathom::driver {

using TargetPointer = std::unique_ptr<codegen::CodeTarget>;

template <typename Target>
static llvm::Expected<TargetPointer> own(llvm::Expected<Target> target) {
  return target ? llvm::Expected<TargetPointer>(std::make_unique<Target>(std::move(*target))) : target.takeError();
}

static llvm::Expected<TargetPointer> findCpu(StringRef mcpu) {
  StringRef native = codegen::findProcessor(runtime::hasFeature);
  return own(codegen::findX86Target(mcpu == "native" ? native : mcpu));
}

static llvm::Expected<TargetPointer> findGpu(StringRef sm) { return own(codegen::findNvptxTarget(sm)); }

/// What options ask for that a machine cannot be given.
static llvm::Error checkUse(const codegen::CodeTarget &target, const CompileOptions &options) {
  bool gpu = target.getTriple() == codegen::NvptxTarget::kTriple;
  const struct {
    bool asked;
    const char *problem;
  } problems[] = {
      {!gpu && options.product == Product::Ptx, "--emit=ptx is for GPUs: use --emit=asm, or --target=cuda"},
      {gpu && options.product == Product::Asm, "--emit=asm is for CPUs: use --emit=ptx"},
      {gpu && options.product == Product::Obj, "--emit=obj is for CPUs: embed the artifact, as a file or in memory"},
      {gpu && options.weights == codegen::WeightStorage::Reference,
       "--weights=reference is for CPUs: a GPU has its weights in its own memory"},
  };
  llvm::Error failure = llvm::Error::success();
  for (const auto &row : problems) {
    if (row.asked) {
      failure = llvm::joinErrors(std::move(failure), makeError(ExitCode::Usage, row.problem));
    }
  }
  return failure;
}

static llvm::Expected<TargetPointer> check(llvm::Expected<TargetPointer> target, const CompileOptions &options) {
  if (target) {
    if (llvm::Error error = checkUse(**target, options)) {
      return std::move(error);
    }
  }
  return target;
}

namespace {
/// A kind of machine that --target names.
struct TargetKind {
  StringRef name, option;
  std::string CompileOptions::*machines;
  llvm::Expected<TargetPointer> (*find)(StringRef name);
  StringRef triple;
  llvm::Expected<TargetPointer> (*get)(deepseek::TargetAttr attribute);
};
} // namespace

/// The fastest first.
static const TargetKind kKinds[] = {
    {"cuda", "--sm", &CompileOptions::sm, findGpu, codegen::NvptxTarget::kTriple,
     [](deepseek::TargetAttr attribute) { return own(codegen::getNvptxTarget(attribute)); }},
    {"cpu", "--mcpu", &CompileOptions::mcpu, findCpu, codegen::X86Target::kTriple,
     [](deepseek::TargetAttr attribute) { return own(codegen::getX86Target(attribute)); }},
};

/// Of architectures of one level, newer ones have larger numbers; names of processors have none.
static int numberOf(StringRef name) {
  int number = 0;
  return name.consumeInteger(10, number) ? 0 : number;
}

/// Those of one kind, from the level that has most.
static llvm::Error addTargets(const TargetKind &kind, const CompileOptions &options,
                              std::vector<NamedTarget> &targets) {
  llvm::Error failure = llvm::Error::success();
  size_t first = targets.size();
  const std::string &machines = options.*kind.machines;
  if (llvm::is_contained(llvm::split(machines, ','), "")) {
    return makeError(ExitCode::Usage,
                     kind.option + ": expected names with a comma between each two, but got '" + machines + "'");
  }
  for (StringRef name : llvm::split(machines, ',')) {
    if (llvm::Expected<TargetPointer> target = check(kind.find(name), options)) {
      targets.push_back({std::move(*target), kind.option, name.str()});
    } else {
      failure = llvm::joinErrors(std::move(failure), target.takeError());
    }
  }
  std::stable_sort(targets.begin() + first, targets.end(), [](const NamedTarget &a, const NamedTarget &b) {
    return std::pair(a.machine->arch, -numberOf(a.name)) < std::pair(b.machine->arch, -numberOf(b.name));
  });
  return failure;
}

llvm::Expected<std::vector<NamedTarget>> selectTargets(const CompileOptions &options) {
  std::vector<NamedTarget> targets;
  llvm::Error failure = llvm::Error::success();
  for (const TargetKind &kind : kKinds) {
    if (llvm::is_contained(llvm::split(options.target, ','), kind.name)) {
      failure = llvm::joinErrors(std::move(failure), addTargets(kind, options, targets));
    }
  }
  return failure ? llvm::Expected<std::vector<NamedTarget>>(std::move(failure)) : std::move(targets);
}

llvm::Expected<TargetPointer> getTarget(deepseek::TargetAttr attribute, const CompileOptions &options) {
  const auto *kind =
      llvm::find_if(kKinds, [&](const TargetKind &kind) { return kind.triple == attribute.getTriple(); });
  return check(kind == std::end(kKinds) ? own(codegen::getX86Target(attribute)) : kind->get(attribute), options);
}

std::string describeTargets(const codegen::ArtifactContents &contents) {
  llvm::SmallVector<StringRef> kinds, machines;
  std::vector<std::string> options;
  for (const TargetKind &kind : llvm::reverse(kKinds)) {
    machines.clear();
    for (const codegen::ProgramContents &program : contents.variants) {
      if (program.target.triple == kind.triple) {
        machines.push_back(program.target.cpu);
        machines.back().consume_front("sm_");
      }
    }
    if (!machines.empty()) {
      kinds.push_back(kind.name);
      options.push_back((kind.option + "=" + llvm::join(machines, ",")).str());
    }
  }
  return "--target=" + llvm::join(kinds, ",") + " " + llvm::join(options, " ");
}

} // namespace fathom::driver
