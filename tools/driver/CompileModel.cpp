// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Frontend, phases, code generation and artifact, in order.

#include "tools/driver/CompileModel.h"

#include "codegen/x86/Image.h"
#include "dialects/RegisterDialects.h"
#include "dialects/deepseek/DeepSeek.h"
#include "dialects/deepseek/Phase.h"
#include "dialects/plan/Plan.h"
#include "dialects/support/Escape.h"
#include "passes/RegisterPasses.h"
#include "passes/fuse/Passes.h"
#include "passes/lower/Passes.h"
#include "passes/model/Passes.h"
#include "passes/plan/Passes.h"
#include "runtime/device/cpu/cpu_features.h"
#include "tools/driver/CheckModule.h"
#include "tools/driver/CompileOutput.h"
#include "tools/driver/ExeStub.h"
#include "tools/driver/ProgramFacts.h"
#include "tools/driver/ReadInput.h"
#include "tools/driver/Version.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/Diagnostics.h"
#include "mlir/Pass/PassManager.h"
#include "llvm/Support/Path.h"

using namespace mlir;

namespace fathom::driver {

namespace {
using checkpoint::Problem;
} // namespace

StringRef getName(Phase phase) {
  SmallVector<StringRef> names;
  StringRef(kEmitNames).split(names, '|');
  return names[size_t(phase)];
}

namespace {
/// One compilation. Every step returns false after it reported why it failed.
class Compilation {
  /// A row of the table of phases.
  struct Step {
    Phase phase;
    void (Compilation::*addPasses)(OpPassManager &manager) const;
    /// What must be taken from the module before, if anything.
    bool (Compilation::*prepare)();
  };

public:
  Compilation(const CompileOptions &options, checkpoint::Diagnostics &diagnostics)
      : options(options), diagnostics(diagnostics) {
    DialectRegistry registry;
    registerDialects(registry);
    context.appendDialectRegistry(registry);
    context.loadDialect<deepseek::DeepSeekDialect, plan::PlanDialect, func::FuncDialect, arith::ArithDialect,
                        tensor::TensorDialect>();
    // Messages are one line each.
    context.printOpOnDiagnostic(false);
    context.getDiagEngine().registerHandler([this](Diagnostic &diagnostic) { takeDiagnostic(diagnostic); });
  }

  /// The exit code; all findings are reported.
  int run() { return compile() ? 0 : std::max({1, output.exitCode(), diagnostics.exitCode()}); }

private:
  bool compile() {
    if (!output.check() || !selectTarget() || !takeInput()) {
      return false;
    }
    Phase start = options.from.value_or(Phase::DeepSeek);
    for (const Step &row : kSteps) {
      if (start < row.phase && row.phase <= options.last && !runPhase(row)) {
        return false;
      }
    }
    return options.product == Product::IR ? writeModule() : generateCode();
  }

  bool selectTarget();
  bool takeInput();
  bool checkStorage();
  bool verifyModule();
  bool runPhase(const Step &row);
  bool runPasses(PassManager &manager, const Twine &blame);
  void addModel(OpPassManager &manager) const;
  void addFuse(OpPassManager &manager) const;
  void addPlan(OpPassManager &manager) const { addPlanPipeline(manager); }
  void addLower(OpPassManager &manager) const { addLowerPipeline(manager); }
  bool rewritesWeights() const { return options.weights == codegen::WeightStorage::Pack && options.kernels; }
  bool generateCode();
  bool readTarget();
  bool collectPlan();
  bool writeModule();
  bool writeCode(const codegen::ModelCode &code);
  bool writeBinary(const codegen::CodeImage &image);
  void takeDiagnostic(Diagnostic &diagnostic);
  void step(StringRef name) {
    if (options.progress) {
      options.progress(name, 0, 0);
    }
  }
  bool fail(Problem problem, StringRef code, const Twine &message) {
    diagnostics.error(problem, code, options.input, "", message);
    return false;
  }
  bool fail(llvm::Error error, StringRef code) {
    // A module that somebody wrote or changed may say what no code can be made for.
    report(std::move(error), code, diagnostics, options.from ? Problem::BadInput : Problem::Internal);
    return false;
  }

  static constexpr Step kSteps[] = {
      {Phase::Model, &Compilation::addModel, nullptr},
      {Phase::Fuse, &Compilation::addFuse, nullptr},
      {Phase::Plan, &Compilation::addPlan, nullptr},
      {Phase::Lower, &Compilation::addLower, &Compilation::collectPlan},
  };

  const CompileOptions &options;
  checkpoint::Diagnostics &diagnostics;
  CompileOutput output{options, diagnostics};
  MLIRContext context;
  CompileInput input;
  codegen::X86Target target;
  artifact::StoreElement activation = artifact::StoreElement::f32;
  codegen::ArtifactContents contents;
};
} // namespace

bool Compilation::selectTarget() {
  if (options.product == Product::Exe && getExeStub().getBufferSize() == 0) {
    return fail(Problem::Unsupported, "exe-stub", "this build of Fathom (with sanitizers) cannot write executables");
  }
  if (options.from >= Phase::Fuse || options.last < Phase::Fuse) {
    return true; // the module says it, or nothing depends on it
  }
  StringRef native = codegen::findProcessor(runtime::hasFeature);
  llvm::Expected<codegen::X86Target> found = codegen::findX86Target(options.mcpu == "native" ? native : options.mcpu);
  if (!found) {
    return fail(found.takeError(), "target");
  }
  target = *found;
  return true;
}

/// MLIR's diagnostics in the form of all others.
void Compilation::takeDiagnostic(Diagnostic &diagnostic) {
  std::string file = options.input, where;
  if (auto location = diagnostic.getLocation()->findInstanceOf<FileLineColLoc>()) {
    file = location.getFilename().str();
    where = std::to_string(location.getLine()) + ":" + std::to_string(location.getColumn());
  } else if (auto name = diagnostic.getLocation()->findInstanceOf<NameLoc>()) {
    where = name.getName().str();
  }
  if (diagnostic.getSeverity() == DiagnosticSeverity::Error) {
    diagnostics.error(options.from ? Problem::BadInput : Problem::Internal, "mlir", file, where, diagnostic.str());
  } else if (diagnostic.getSeverity() == DiagnosticSeverity::Warning) {
    diagnostics.warning("mlir", file, where, diagnostic.str());
  }
  for (Diagnostic &note : diagnostic.getNotes()) {
    diagnostics.note("mlir", file, where, note.str());
  }
}

bool Compilation::takeInput() {
  if (!options.from) {
    step("read checkpoint");
    return importCheckpoint(options, context, diagnostics, input);
  }
  return readModule(options, context, diagnostics, input) && verifyModule() && checkStorage() &&
         (!input.files || checkWeights(*input.module, *input.files));
}

/// Weights that a phase has joined, or experts in a stack, must be packed, whatever the options of this call are.
bool Compilation::checkStorage() {
  bool apart =
      options.weights == codegen::WeightStorage::Reference || (options.from == Phase::Model && !options.kernels);
  bool joined = llvm::any_of(input.module->getOps<deepseek::RecipeOp>(),
                             [](deepseek::RecipeOp recipe) { return !recipe.getOps<deepseek::SourceOp>().empty(); });
  auto machine = (*input.module)->getAttrOfType<deepseek::TargetAttr>(deepseek::kTargetAttr);
  if (apart && (joined || (machine && machine.getLayout()))) {
    return fail(
        Problem::Usage, "usage",
        "holds joined weights or stacked experts: use the same --weights and --no-kernels as when it was emitted");
  }
  return true;
}

/// A module is of the phase that it is said to come from.
bool Compilation::verifyModule() {
  StringRef expected = getName(*options.from);
  auto phase = (*input.module)->getAttrOfType<StringAttr>(deepseek::kPhaseAttr);
  if (!phase) {
    return fail(Problem::BadInput, "phase",
                "expects the module's phase in attribute '" + deepseek::kPhaseAttr + "', but got none");
  }
  if (phase != expected) {
    return fail(Problem::BadInput, "phase",
                "is IR of phase '" + escape(phase.getValue(), 40) + "', but --from says '" + expected + "'");
  }
  PassManager manager(&context);
  addContract(manager, expected);
  return runPasses(manager, "is not valid output of the " + expected + " phase");
}

void Compilation::addModel(OpPassManager &manager) const {
  ModelPipelineOptions model;
  model.prefillRows = options.prefillRows;
  model.decodeRows = options.maxBatch;
  model.rewriteWeights = rewritesWeights();
  addModelPipeline(manager, model);
}

void Compilation::addFuse(OpPassManager &manager) const {
  FusePipelineOptions fuse;
  fuse.arch = std::string(target.arch->name);
  fuse.tune = target.tune;
  fuse.kernels = options.kernels;
  fuse.packWeights = options.weights == codegen::WeightStorage::Pack;
  fuse.activation = options.activation;
  addFusePipeline(manager, fuse);
}

bool Compilation::runPhase(const Step &row) {
  if (row.prepare && !(this->*row.prepare)()) {
    return false;
  }
  PassManager manager(&context);
  StringRef name = getName(row.phase);
  step(name);
  (this->*row.addPasses)(manager);
  return runPasses(manager, "is not valid input of the " + name + " phase");
}

bool Compilation::runPasses(PassManager &manager, const Twine &blame) {
  if (failed(manager.run(*input.module))) {
    // A module that somebody wrote or changed may break a phase's contract.
    return options.from ? fail(Problem::BadInput, "pass", blame)
                        : fail(Problem::Internal, "pass", "a pass failed; this is a bug in Fathom");
  }
  return true;
}

/// The machine that the phases before went by; less of it where they use less.
bool Compilation::readTarget() {
  auto attribute = (*input.module)->getAttrOfType<deepseek::TargetAttr>(deepseek::kTargetAttr);
  llvm::Expected<codegen::X86Target> found = codegen::getX86Target(attribute);
  if (!found) {
    return fail(found.takeError(), "target");
  }
  target = *found;
  activation = attribute.getActivation() ? artifact::StoreElement::bf16 : artifact::StoreElement::f32;
  target.narrow([&](llvm::StringRef arch) { return hasKernelsFor(*input.module, arch); });
  return true;
}

/// What code does not say.
bool Compilation::collectPlan() {
  if (!readTarget()) {
    return false;
  }
  llvm::Expected<std::vector<codegen::WeightContents>> weights = codegen::lowerRecipes(*input.module, options.weights);
  if (!weights) {
    return fail(weights.takeError(), "recipe");
  }
  contents.weights = std::move(*weights);
  collectProgramFacts(*input.module, contents);
  return true;
}

bool Compilation::generateCode() {
  // Temporaries of generated functions have their places only now.
  contents.scratchBytes = input.module->getOperation()->getAttrOfType<IntegerAttr>(plan::kScratchBytesAttr).getInt();
  step("generate code");
  llvm::Expected<codegen::ModelCode> code = codegen::translateModel(*input.module, target);
  if (!code) {
    return fail(code.takeError(), "codegen");
  }
  if (!isProgram(options.product)) {
    return writeCode(*code);
  }
  std::optional<codegen::UnitCache> cache;
  if (!options.cacheDirectory.empty()) {
    cache.emplace(options.cacheDirectory, (getLLVMVersion() + getCompilerHash()).str());
  }
  llvm::Expected<codegen::CodeImage> image =
      codegen::emitImage(*code, target, options.threads, cache ? &*cache : nullptr);
  return image ? writeBinary(*image) : fail(image.takeError(), "codegen");
}

bool Compilation::writeCode(const codegen::ModelCode &code) {
  llvm::LLVMContext llvmContext;
  llvm::Expected<std::unique_ptr<llvm::Module>> module = codegen::buildLLVMModule(code, target, llvmContext);
  if (!module) {
    return fail(module.takeError(), "codegen");
  }
  if (options.product == Product::LLVM) {
    std::string text;
    llvm::raw_string_ostream stream(text);
    (*module)->print(stream, nullptr);
    return output.writeText(text);
  }
  llvm::Expected<std::string> text = codegen::emitAssembly(**module, target);
  return text ? output.writeText(*text) : fail(text.takeError(), "codegen");
}

bool Compilation::writeBinary(const codegen::CodeImage &image) {
  if (!input.files) {
    return fail(Problem::Usage, "checkpoint", "an artifact needs the weights: use --checkpoint=DIR");
  }
  contents.code = image.bytes;
  const kernels::Arch &arch = *target.arch;
  contents.target = {{},
                     codegen::X86Target::kTriple.str(),
                     std::string(arch.processor),
                     {arch.features.begin(), arch.features.end()},
                     activation};
  for (artifact::KernelT &kernel : contents.kernels) {
    kernel.task = image.addresses.lookup(codegen::getTaskName(kernel.name));
    kernel.items = image.addresses.lookup(codegen::getItemsName(kernel.name));
  }
  if (input.tokenizer) {
    contents.tokenizer = [&](flatbuffers::FlatBufferBuilder &builder) {
      return frontend::writeTokenizer(builder, *input.tokenizer);
    };
  }
  return output.writeBinary(contents, *input.files);
}

bool Compilation::writeModule() {
  std::string text;
  llvm::raw_string_ostream stream(text);
  input.module->print(stream);
  stream << '\n';
  return output.writeText(text);
}

int compileModel(const CompileOptions &options, checkpoint::Diagnostics &diagnostics) {
  return Compilation(options, diagnostics).run();
}

} // namespace fathom::driver
