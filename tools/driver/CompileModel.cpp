// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Frontend, phases, code generation and artifact, in order.

#include "tools/driver/CompileModel.h"

#include "codegen/llvm/ModelCode.h"
#include "codegen/weights/LowerInitializers.h"
#include "dialects/RegisterDialects.h"
#include "dialects/deepseek/DeepSeek.h"
#include "dialects/onnx/Onnx.h"
#include "dialects/plan/Plan.h"
#include "dialects/support/Escape.h"
#include "tools/driver/CheckModule.h"
#include "tools/driver/CompileOutput.h"
#include "tools/driver/EmitPrograms.h"
#include "tools/driver/ExeStub.h"
#include "tools/driver/FunctionFacts.h"
#include "tools/driver/GraphFolder.h"
#include "tools/driver/ProgramFacts.h"
#include "tools/driver/ReadGraph.h"
#include "tools/driver/RunPhases.h"
#include "tools/driver/SelectTarget.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/Diagnostics.h"

#include <malloc.h>

using namespace mlir;

namespace fathom::driver {

using checkpoint::Problem;

namespace {
/// One compilation. Every step returns false after it reported why it failed.
class Compilation {
public:
  Compilation(const CompileOptions &options, checkpoint::Diagnostics &diagnostics)
      : options(options), diagnostics(diagnostics) {
    DialectRegistry registry;
    registerDialects(registry);
    context.appendDialectRegistry(registry);
    context.loadDialect<deepseek::DeepSeekDialect, plan::PlanDialect, func::FuncDialect, onnx::OnnxDialect,
                        arith::ArithDialect, tensor::TensorDialect>();
    // Messages are one line each.
    context.printOpOnDiagnostic(false);
    context.getDiagEngine().registerHandler([this](Diagnostic &diagnostic) { takeDiagnostic(diagnostic); });
  }

  /// The exit code; all findings are reported.
  int run() { return getCode(compile()); }
  bool isFunction() const { return standsAsItIs; }
  /// The same of what a module of the deepseek phase takes, which `visit` sees, or a function of tensors.
  int lint(llvm::function_ref<void(ModuleOp)> visit);

private:
  int getCode(bool done) const { return done ? 0 : std::max({1, output.exitCode(), diagnostics.exitCode()}); }
  bool compile();
  bool takeTargets();
  bool takeInput();
  bool raise();
  bool mayStand() const;
  bool checkStanding();
  bool lintGraph();
  bool compileAsItStands(ModuleOp graph);
  bool compileAsItStandsFor(const NamedTarget &named, ModuleOp graph);
  bool checkStorage();
  bool compileFor(const NamedTarget &named, ModuleOp module);
  std::unique_ptr<codegen::CodeTarget> readTarget(ModuleOp module, artifact::TargetT &table);
  bool collectPlan(ModuleOp module, codegen::ProgramContents &program);
  bool generateCode(ModuleOp module, const codegen::CodeTarget &target, codegen::ProgramContents &program);
  bool writeModule(ModuleOp module);
  bool writeBinary();
  std::pair<std::string, std::string> findPlace(Location location) const;
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

  const CompileOptions &options;
  checkpoint::Diagnostics &diagnostics;
  /// Why a graph is not a language model.
  checkpoint::Diagnostics unraised;
  /// Where what MLIR says goes.
  checkpoint::Diagnostics *heard = &diagnostics;
  CompileOutput output{options, diagnostics};
  PhaseRunner phases{options, diagnostics};
  MLIRContext context;
  CompileInput input;
  /// Faster ones first. Where a module says its machine, one that says nothing.
  std::vector<NamedTarget> targets;
  codegen::ArtifactContents contents;
  ProgramEmitter programs{options, diagnostics, output, contents};
  /// Whether the result is a function of tensors.
  bool standsAsItIs = false;
};
} // namespace

/// A checkpoint is imported, and its model rewritten, once; then every target has a module of its own.
bool Compilation::compile() {
  Phase start = options.from.value_or(isOnnx(options.input) ? Phase::Onnx : Phase::DeepSeek);
  if (!output.check() || !takeTargets() || !takeInput()) {
    return false;
  }
  if (start == Phase::Onnx && options.last > Phase::Onnx) {
    if (options.raise == Raise::None) {
      return compileAsItStands(*input.module);
    }
    OwningOpRef<ModuleOp> graph = input.module->clone();
    if (!raise()) {
      return !diagnostics.hasErrors() && compileAsItStands(*graph);
    }
    if (!readFilesOfModel(options, diagnostics, input)) {
      return false;
    }
    start = Phase::DeepSeek;
    // What thousands of nodes leave between what is kept is of no use to the phases behind: a quarter of their memory.
    graph = nullptr;
    malloc_trim(0);
  }
  if (!phases.run(*input.module, start, std::min(options.last, Phase::Model), targets.front().machine.get())) {
    return false;
  }
  if (options.last < Phase::Fuse) {
    return writeModule(*input.module);
  }
  for (const NamedTarget &target : targets) {
    OwningOpRef<ModuleOp> own(input.module->clone());
    if (!compileFor(target, *own)) {
      return false;
    }
  }
  return !isProgram(options.product) || writeBinary();
}

int Compilation::lint(llvm::function_ref<void(ModuleOp)> visit) {
  bool done = takeInput() && (!isOnnx(options.input) || lintGraph());
  if (done && visit && !standsAsItIs) {
    visit(*input.module);
  }
  return getCode(done);
}

/// What compiling a graph may refuse: raising or, where it may be compiled as it stands, nodes without a meaning there.
bool Compilation::lintGraph() {
  OwningOpRef<ModuleOp> graph = input.module->clone();
  if (options.raise != Raise::None && raise()) {
    return readFilesOfModel(options, diagnostics, input);
  }
  standsAsItIs = true;
  return !diagnostics.hasErrors() && phases.decompose(*graph);
}

/// Whether what is asked for is something of graphs that are not language models, too.
bool Compilation::mayStand() const {
  bool isCode = options.product != Product::IR || options.last == Phase::Lower;
  return isCode && options.raise != Raise::Require;
}

/// Makes a language model of a graph. Where it is none, says why: in notes, if it may be compiled as it stands.
bool Compilation::raise() {
  PhaseRunner raising(options, unraised);
  heard = &unraised;
  bool raised = raising.run(*input.module, Phase::Onnx, Phase::DeepSeek, nullptr);
  heard = &diagnostics;
  for (checkpoint::Finding finding : unraised.findings()) {
    bool isWhy = !raised && mayStand();
    // The last one says what to do about it, which is done.
    if (!isWhy || finding.code != "raise") {
      finding.severity = isWhy ? checkpoint::Severity::Note : finding.severity;
      diagnostics.report(std::move(finding));
    }
  }
  if (!raised && mayStand()) {
    diagnostics.note("raise", options.input, "",
                     "was not recognized as a language model: it is compiled as it stands, to a function of tensors");
  }
  return raised;
}

/// Whether everything that was asked for can be had of a function of tensors.
bool Compilation::checkStanding() {
  size_t before = diagnostics.errorCount();
  for (const std::string &option : options.modelOptions) {
    fail(Problem::Usage, "raise",
         "--" + option + " has no effect: it is about language models, not functions of tensors");
  }
  if (!mayStand()) {
    fail(Problem::Usage, "raise", "a graph as it stands has no IR of the phases from deepseek to plan");
  }
  if (options.target != "cpu") {
    fail(Problem::Unsupported, "raise",
         "a function of tensors is code for processors alone, and not for --target=" + options.target +
             ": use --target=cpu");
  }
  return diagnostics.errorCount() == before;
}

bool Compilation::compileAsItStands(ModuleOp graph) {
  if (!checkStanding()) {
    return false;
  }
  standsAsItIs = true;
  contents.model.family = "onnx";
  for (const NamedTarget &target : targets) {
    OwningOpRef<ModuleOp> own(graph.clone());
    if (!compileAsItStandsFor(target, *own)) {
      return false;
    }
  }
  return !isProgram(options.product) || writeBinary();
}

bool Compilation::compileAsItStandsFor(const NamedTarget &named, ModuleOp graph) {
  codegen::ProgramContents program;
  named.machine->narrow([](StringRef) { return false; });
  program.target = named.machine->describe();
  if (!programs.add(program.target, named)) {
    return true;
  }
  program.weights = codegen::lowerInitializers(graph, options.weights);
  step("decompose");
  if (!phases.decompose(graph)) {
    return false;
  }
  llvm::Expected<std::vector<artifact::NamedFunctionT>> functions = listNamedFunctions(graph);
  if (!functions) {
    return fail(functions.takeError(), "function");
  }
  program.namedFunctions = std::move(*functions);
  if (!phases.lowerFunctions(graph)) {
    return false;
  }
  if (options.product == Product::IR) {
    return writeModule(graph);
  }
  step("generate code");
  llvm::Expected<codegen::ModelCode> code = codegen::translateModel(graph, *named.machine, program.kernels);
  if (!code) {
    return fail(code.takeError(), "codegen");
  }
  return programs.emit(*code, *named.machine, program);
}

bool Compilation::takeTargets() {
  if (options.product == Product::Exe && getExeStub(/*dynamic=*/false).getBufferSize() == 0) {
    return fail(Problem::Unsupported, "exe-stub", "this build of Fathom (with sanitizers) cannot write executables");
  }
  if (options.from >= Phase::Fuse || options.last < Phase::Fuse) {
    targets.emplace_back(); // the module says it, or nothing depends on it
    return true;
  }
  llvm::Expected<std::vector<NamedTarget>> selected = selectTargets(options);
  if (!selected) {
    return fail(selected.takeError(), "target");
  }
  targets = std::move(*selected);
  return true;
}

/// The file that a location is in, and where: a line and column, or a node's name.
std::pair<std::string, std::string> Compilation::findPlace(Location location) const {
  if (auto place = location->findInstanceOf<FileLineColLoc>()) {
    return {place.getFilename().str(), std::to_string(place.getLine()) + ":" + std::to_string(place.getColumn())};
  }
  auto name = location->findInstanceOf<NameLoc>();
  return {options.input, name ? name.getName().str() : ""};
}

/// MLIR's diagnostics in the form of all others.
void Compilation::takeDiagnostic(Diagnostic &diagnostic) {
  auto [file, where] = findPlace(diagnostic.getLocation());
  if (diagnostic.getSeverity() == DiagnosticSeverity::Error) {
    Problem blame = heard == &unraised ? Problem::Unsupported : phases.getBlame();
    heard->error(blame, "mlir", file, where, diagnostic.str());
  } else if (diagnostic.getSeverity() == DiagnosticSeverity::Warning) {
    heard->warning("mlir", file, where, diagnostic.str());
  }
  for (Diagnostic &note : diagnostic.getNotes()) {
    auto [fileOfNote, whereOfNote] = findPlace(note.getLocation());
    heard->note("mlir", fileOfNote, whereOfNote, note.str());
  }
}

bool Compilation::takeInput() {
  if (!options.from) {
    step(isOnnx(options.input) ? "read model" : "read checkpoint");
    return importModel(options, context, diagnostics, input);
  }
  return readModule(options, context, diagnostics, input) && phases.verify(*input.module) && checkStorage() &&
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

/// The phases that go by the target, and what comes of them.
bool Compilation::compileFor(const NamedTarget &named, ModuleOp module) {
  Phase start = std::max(options.from.value_or(Phase::DeepSeek), Phase::Model);
  if (!phases.run(module, start, std::min(options.last, Phase::Plan), named.machine.get())) {
    return false;
  }
  if (options.last < Phase::Lower) {
    return writeModule(module);
  }
  codegen::ProgramContents program;
  std::unique_ptr<codegen::CodeTarget> target = readTarget(module, program.target);
  if (!target) {
    return false;
  }
  if (!programs.add(program.target, named)) {
    return true;
  }
  if (!collectPlan(module, program) || !phases.run(module, Phase::Plan, Phase::Lower, target.get())) {
    return false;
  }
  return options.product == Product::IR ? writeModule(module) : generateCode(module, *target, program);
}

static artifact::StoreElement getActivation(Type rounded) {
  return !rounded           ? artifact::StoreElement::f32
         : rounded.isBF16() ? artifact::StoreElement::bf16
                            : artifact::StoreElement::int8;
}

/// The machine that the phases before went by; less of it where they use less. Null: it was reported.
std::unique_ptr<codegen::CodeTarget> Compilation::readTarget(ModuleOp module, artifact::TargetT &table) {
  auto attribute = module->getAttrOfType<deepseek::TargetAttr>(deepseek::kTargetAttr);
  llvm::Expected<std::unique_ptr<codegen::CodeTarget>> target = getTarget(attribute, options);
  if (!target) {
    fail(target.takeError(), "target");
    return nullptr;
  }
  (*target)->narrow([&](llvm::StringRef arch) { return hasKernelsFor(module, arch); });
  table = (*target)->describe();
  table.activation = getActivation(attribute.getActivation());
  return std::move(*target);
}

/// What code does not say.
bool Compilation::collectPlan(ModuleOp module, codegen::ProgramContents &program) {
  llvm::Expected<std::vector<codegen::WeightContents>> weights = codegen::lowerRecipes(module, options.weights);
  if (!weights) {
    return fail(weights.takeError(), "recipe");
  }
  program.weights = std::move(*weights);
  collectModelFacts(module, contents); // the same of every variant: no target decides about the cache
  collectProgramFacts(module, program);
  return true;
}

bool Compilation::generateCode(ModuleOp module, const codegen::CodeTarget &target, codegen::ProgramContents &program) {
  // Temporaries of generated functions have their places only now.
  program.scratchBytes = module->getAttrOfType<IntegerAttr>(plan::kScratchBytesAttr).getInt();
  step("generate code");
  llvm::Expected<codegen::ModelCode> code = codegen::translateModel(module, target, program.kernels);
  if (!code) {
    return fail(code.takeError(), "codegen");
  }
  return programs.emit(*code, target, program);
}

bool Compilation::writeBinary() {
  if (!input.files) {
    return fail(Problem::Usage, "checkpoint", "an artifact needs the weights: use --checkpoint=DIR");
  }
  if (input.tokenizer) {
    contents.tokenizer = [&](flatbuffers::FlatBufferBuilder &builder) {
      return frontend::writeTokenizer(builder, *input.tokenizer);
    };
  }
  return output.writeBinary(contents, *input.files);
}

bool Compilation::writeModule(ModuleOp module) {
  std::string text;
  llvm::raw_string_ostream stream(text);
  module.print(stream);
  stream << '\n';
  return output.writeText(text);
}

int compileModel(const CompileOptions &options, checkpoint::Diagnostics &diagnostics, bool *isFunction) {
  Compilation compilation(options, diagnostics);
  int code = compilation.run();
  isFunction ? void(*isFunction = compilation.isFunction()) : void();
  return code;
}

int lintModel(const CompileOptions &options, checkpoint::Diagnostics &diagnostics,
              llvm::function_ref<void(ModuleOp)> visit) {
  return Compilation(options, diagnostics).lint(visit);
}

} // namespace fathom::driver
