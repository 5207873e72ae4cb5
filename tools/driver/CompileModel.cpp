// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Frontend, phases, code generation and artifact, in order.

#include "tools/driver/CompileModel.h"

#include "codegen/artifact/ArtifactWriter.h"
#include "codegen/artifact/ExitError.h"
#include "codegen/artifact/OutputPath.h"
#include "codegen/x86/Image.h"
#include "dialects/deepseek/DeepSeek.h"
#include "frontend/checkpoint/Files.h"
#include "frontend/huggingface/ImportModel.h"
#include "frontend/tokenizer/TokenizerModel.h"
#include "passes/fuse/Passes.h"
#include "passes/lower/Passes.h"
#include "passes/model/Passes.h"
#include "passes/plan/Passes.h"
#include "tools/driver/ExeStub.h"
#include "tools/driver/ProgramFacts.h"
#include "tools/driver/Terminal.h"
#include "tools/driver/Version.h"

#include "mlir/Dialect/Bufferization/Transforms/FuncBufferizableOpInterfaceImpl.h"
#include "mlir/Dialect/Func/Extensions/InlinerExtension.h"
#include "mlir/InitAllDialects.h"
#include "mlir/InitAllExtensions.h"
#include "mlir/Parser/Parser.h"
#include "mlir/Pass/PassManager.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/Path.h"

using namespace mlir;

namespace fathom::driver {

namespace {

using checkpoint::Problem;

/// One compilation. Every step returns false after it reported why it failed.
class Compilation {
public:
  Compilation(const CompileOptions &options, checkpoint::Diagnostics &diagnostics)
      : options(options), diagnostics(diagnostics) {
    DialectRegistry registry;
    registerAllDialects(registry);
    registerAllExtensions(registry);
    registry.insert<deepseek::DeepSeekDialect, plan::PlanDialect>();
    context.appendDialectRegistry(registry);
    context.loadDialect<deepseek::DeepSeekDialect, plan::PlanDialect, func::FuncDialect, arith::ArithDialect,
                        tensor::TensorDialect>();
    context.getDiagEngine().registerHandler([this](Diagnostic &diagnostic) { takeDiagnostic(diagnostic); });
  }

  /// The exit code; all findings are reported.
  int run() { return compile() ? cli::kOk : exitCode ? exitCode : std::max(1, diagnostics.exitCode()); }

private:
  bool compile() {
    if (!checkOutput() || !selectTarget() || !(options.from ? parseModule() : importCheckpoint())) {
      return false;
    }
    Emit start = options.from.value_or(Emit::DeepSeek);
    for (Emit phase : {Emit::Model, Emit::Fuse, Emit::Plan}) {
      if (phase > options.emit || phase <= start) {
        continue;
      }
      if (!runPhase(phase)) {
        return false;
      }
    }
    if (options.emit <= Emit::Plan) {
      return writeModule();
    }
    return generateCode();
  }

  bool checkOutput();
  bool selectTarget();
  bool importCheckpoint();
  bool parseModule();
  bool runPhase(Emit phase);
  bool generateCode();
  bool collectPlan();
  bool writeModule();
  bool writeText(StringRef text);
  bool writeBinary(const codegen::CodeImage &image);
  std::string describeOptions() const;
  std::string headerPath() const;
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
  bool fail(llvm::Error error, StringRef code);

  const CompileOptions &options;
  checkpoint::Diagnostics &diagnostics;
  MLIRContext context;
  OwningOpRef<ModuleOp> module;
  codegen::X86Target target;
  std::unique_ptr<checkpoint::Checkpoint> files;
  std::optional<frontend::TokenizerModel> tokenizer;
  codegen::ArtifactContents contents;
  /// Of a failure that is reported already and no finding.
  int exitCode = cli::kOk;
};

bool Compilation::fail(llvm::Error error, StringRef code) {
  Problem problem = Problem::BadInput;
  std::string message;
  llvm::handleAllErrors(
      std::move(error),
      [&](const codegen::ExitError &known) {
        problem = Problem(int(known.getExitClass()));
        llvm::raw_string_ostream stream(message);
        known.log(stream);
      },
      [&](const llvm::ErrorInfoBase &other) {
        problem = Problem(int(codegen::ExitClass::Internal));
        message = other.message();
      });
  // Failures of the target, the code and the output: the message names the file it is about.
  diagnostics.error(problem, code, "", "", message);
  return false;
}

/// What can be said about the output before anything is computed; creating the file tells the rest.
bool Compilation::checkOutput() {
  bool text = options.emit < Emit::Artifact;
  if (text && options.output == "-") {
    return true;
  }
  if (options.emit == Emit::Obj && headerPath() == options.output) {
    llvm::StringRef message = "-o: the C header beside the object would replace it; name the object .o";
    return fail(codegen::makeError(codegen::ExitClass::Usage, message), "output");
  }
  llvm::Error error = codegen::checkOutputPath(options.output, {options.input});
  if (!error && options.emit == Emit::Obj) {
    error = codegen::checkOutputPath(headerPath(), {options.input});
  }
  if (!error && !options.fileSystem) {
    error = codegen::checkOutputDirectory(options.output);
  }
  return error ? fail(std::move(error), "output") : true;
}

/// The options that decide what an artifact holds, as the command line spells them.
std::string Compilation::describeOptions() const {
  std::string text = "--mcpu=" + target.cpu;
  text += options.weights == codegen::WeightStorage::Pack ? " --weights=pack" : " --weights=reference";
  text += " --max-context=" + std::to_string(contents.model.maxContext);
  for (const codegen::EntryPointFacts &entry : contents.entryPoints) {
    text += (entry.name == "decode" ? " --max-batch=" : " --prefill-rows=") + std::to_string(entry.maxRows);
  }
  return text + (options.kernels ? "" : " --no-kernels");
}

std::string Compilation::headerPath() const {
  llvm::SmallString<256> header(options.output);
  llvm::sys::path::replace_extension(header, "h");
  return header.str().str();
}

bool Compilation::selectTarget() {
  if (options.emit == Emit::Exe && getExeStub().getBufferSize() == 0) {
    return fail(Problem::Unsupported, "exe-stub", "this build of Fathom (with sanitizers) cannot write executables");
  }
  llvm::Expected<codegen::X86Target> found = codegen::findX86Target(options.mcpu);
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

bool Compilation::importCheckpoint() {
  step("read checkpoint");
  huggingface::ModelConfig config = huggingface::loadModelConfig(options.input, diagnostics);
  if (diagnostics.hasErrors()) {
    return false;
  }
  files = checkpoint::Checkpoint::open(options.input, diagnostics);
  if (!files || diagnostics.hasErrors()) {
    return false;
  }
  huggingface::ModelWeights weights = huggingface::findModelWeights(config, *files, diagnostics);
  if (frontend::hasTokenizer(options.input)) {
    tokenizer = frontend::readTokenizer(options.input, diagnostics, config.vocabulary);
  }
  if (diagnostics.hasErrors()) {
    return false;
  }
  huggingface::ImportOptions import;
  import.maxContext = options.maxContext > 0 ? options.maxContext : config.maxPositions;
  if (import.maxContext > config.maxPositions) {
    return fail(Problem::BadInput, "max-context",
                "--max-context=" + Twine(import.maxContext) + " is above the model's max_position_embeddings, " +
                    Twine(config.maxPositions));
  }
  module = huggingface::importModel(context, config, weights, *files, import);
  return true;
}

bool Compilation::parseModule() {
  constexpr uint64_t mostText = uint64_t(1) << 30;
  std::optional<std::string> text = checkpoint::readTextFile(options.input, options.input, mostText, diagnostics);
  if (!text) {
    return false;
  }
  module = parseSourceString<ModuleOp>(*text, ParserConfig(&context), options.input);
  if (!module) {
    return fail(Problem::BadInput, "mlir", "is no module that can be parsed");
  }
  if (!options.checkpoint.empty()) {
    files = checkpoint::Checkpoint::open(options.checkpoint, diagnostics);
    if (files && frontend::hasTokenizer(options.checkpoint)) {
      tokenizer = frontend::readTokenizer(options.checkpoint, diagnostics);
    }
  }
  return !diagnostics.hasErrors();
}

bool Compilation::runPhase(Emit phase) {
  PassManager manager(&context);
  bool packed = options.weights == codegen::WeightStorage::Pack && options.kernels;
  if (phase == Emit::Model) {
    step("model");
    ModelPipelineOptions model;
    model.prefillRows = options.prefillRows;
    model.decodeRows = options.maxBatch;
    model.rewriteWeights = packed;
    addModelPipeline(manager, model);
  } else if (phase == Emit::Fuse) {
    step("fuse");
    FusePipelineOptions fuse;
    fuse.arch = target.arch;
    fuse.kernels = options.kernels;
    fuse.packWeights = packed;
    addFusePipeline(manager, fuse);
  } else if (phase == Emit::Plan) {
    step("plan");
    addPlanPipeline(manager);
  } else {
    step("lower");
    addLowerPipeline(manager);
  }
  if (failed(manager.run(*module))) {
    // A module that somebody wrote or changed may break a phase's contract.
    return options.from ? fail(Problem::BadInput, "pass", "is no module that this phase can compile")
                        : fail(Problem::Internal, "pass", "a pass failed; this is a bug in Fathom");
  }
  return true;
}

bool Compilation::collectPlan() {
  llvm::Expected<std::vector<codegen::WeightContents>> weights = codegen::lowerRecipes(*module, options.weights);
  if (!weights) {
    return fail(weights.takeError(), "recipe");
  }
  contents.weights = std::move(*weights);
  collectProgramFacts(*module, contents);
  return true;
}

bool Compilation::generateCode() {
  if (!collectPlan() || !runPhase(Emit::Lower)) {
    return false;
  }
  if (options.emit == Emit::Lower) {
    return writeModule();
  }
  step("optimise");
  llvm::LLVMContext llvmContext;
  llvm::Expected<std::unique_ptr<llvm::Module>> code = codegen::buildLLVMModule(*module, target, llvmContext);
  if (!code) {
    return fail(code.takeError(), "codegen");
  }
  if (options.emit == Emit::LLVM) {
    std::string text;
    llvm::raw_string_ostream stream(text);
    (*code)->print(stream, nullptr);
    return writeText(text);
  }
  if (options.emit == Emit::Asm) {
    llvm::Expected<std::string> text = codegen::emitAssembly(**code, target);
    return text ? writeText(*text) : fail(text.takeError(), "codegen");
  }
  step("emit code");
  std::vector<std::string> names;
  for (const codegen::EntryPointFacts &entry : contents.entryPoints) {
    names.push_back(entry.name);
  }
  llvm::Expected<codegen::CodeImage> image = codegen::emitImage(**code, target, names);
  return image ? writeBinary(*image) : fail(image.takeError(), "codegen");
}

bool Compilation::writeModule() {
  std::string text;
  llvm::raw_string_ostream stream(text);
  module->print(stream);
  stream << '\n';
  return writeText(text);
}

bool Compilation::writeText(StringRef text) {
  if (options.output == "-") {
    llvm::outs() << text;
    exitCode = flushOutput(cli::kOk);
    return exitCode == cli::kOk;
  }
  auto file = codegen::AtomicFile::create(options.output, {false, {options.input}, options.fileSystem});
  if (!file) {
    return fail(file.takeError(), "output");
  }
  llvm::Error error = (*file)->writeAt(0, text);
  error = error ? std::move(error) : (*file)->commit();
  return error ? fail(std::move(error), "output") : true;
}

bool Compilation::writeBinary(const codegen::CodeImage &image) {
  if (!files) {
    return fail(Problem::BadInput, "checkpoint", "an artifact needs the weights: say --checkpoint=DIR");
  }
  contents.code = image.bytes;
  contents.target = {codegen::X86Target::triple.str(), target.cpu, target.features};
  for (codegen::EntryPointFacts &entry : contents.entryPoints) {
    entry.address = image.entryPoints.lookup(entry.name);
  }
  for (const checkpoint::Shard &shard : files->shards()) {
    contents.shards.push_back({shard.path, shard.size});
    if (options.weights == codegen::WeightStorage::Reference) {
      contents.externalShards.push_back({shard.name, shard.size, shard.header->hash()});
    }
  }
  codegen::WriteOptions write;
  write.fileSystem = options.fileSystem;
  if (options.weights == codegen::WeightStorage::Reference) {
    llvm::SmallString<256> absolute(files->directory());
    llvm::sys::fs::make_absolute(absolute);
    contents.checkpointDirectory = absolute.str().str();
  }
  if (tokenizer) {
    contents.tokenizer = [&](flatbuffers::FlatBufferBuilder &builder) {
      return frontend::writeTokenizer(builder, *tokenizer);
    };
  }
  contents.build = {getVersion().str(), getLLVMVersion().str(), describeOptions()};
  write.inputs = {files->directory()};
  for (const checkpoint::Shard &shard : files->shards()) {
    write.inputs.push_back(shard.path);
  }
  write.pack.threads = options.threads;
  write.pack.progress = [&](uint64_t done, uint64_t total) {
    if (options.progress) {
      options.progress("pack weights", done, total);
    }
  };
  llvm::Expected<codegen::WriteReport> report = [&]() -> llvm::Expected<codegen::WriteReport> {
    if (options.emit == Emit::Exe) {
      return codegen::writeExecutable(contents, getExeStub(), options.output, write);
    }
    if (options.emit == Emit::Obj) {
      return codegen::writeObject(contents, llvm::sys::path::stem(options.output), options.output, headerPath(), write);
    }
    return codegen::writeArtifact(contents, options.output, write);
  }();
  if (!report) {
    return fail(report.takeError(), "output");
  }
  for (const std::string &warning : report->warnings) {
    diagnostics.warning("odd-weights", options.input, "", warning);
  }
  return true;
}

} // namespace

int compileModel(const CompileOptions &options, checkpoint::Diagnostics &diagnostics) {
  return Compilation(options, diagnostics).run();
}

} // namespace fathom::driver
