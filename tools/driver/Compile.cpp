// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The verb `compile`: options, progress, findings.

#include "tools/driver/Compile.h"
#include "tools/driver/CompileModel.h"

#include "frontend/checkpoint/Files.h"
#include "frontend/huggingface/ModelConfig.h"
#include "frontend/huggingface/StoredType.h"
#include "frontend/tokenizer/ChatFormats.h"
#include "frontend/tokenizer/TokenizerModel.h"
#include "kernels/Catalog.h"
#include "passes/support/WeightTypes.h"
#include "runtime/cli/messages.h"
#include "runtime/cli/options.h"
#include "tools/driver/FatalErrors.h"
#include "tools/driver/GraphFolder.h"
#include "tools/driver/Isolate.h"
#include "tools/driver/Terminal.h"

#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/raw_ostream.h"

#include <thread>
#include <tuple>

using llvm::StringRef;

namespace fathom::driver {

static constexpr const char *kAbout =
    R"(Compiles a checkpoint directory, a GGUF file, or an ONNX graph of a language model, ahead of time.

examples:
  fathom compile DeepSeek-V2-Lite -o chat --emit=exe && ./chat -p "Once upon a time"
  fathom compile DeepSeek-V2-Lite -o - --emit=fuse
  fathom compile model-Q4_K_M.gguf -o model.fathom --weight-type=q8
)";

/// Weights are recipes until the lower phase, so that IR up to it can be taken back.
static constexpr const char *kFromNames = "deepseek|model|fuse|plan";

/// The place of `name` in "a|b|c".
static int64_t findName(StringRef name, StringRef all) {
  llvm::SmallVector<StringRef> names;
  all.split(names, '|');
  return llvm::find(names, name) - names.begin();
}

Raise parseRaise(StringRef name) { return Raise(findName(name, kRaiseNames)); }

static Phase parsePhase(StringRef name) { return Phase(findName(name, kEmitNames)); }

/// The last phase that --emit=NAME needs, and what it writes.
static std::pair<Phase, Product> parseEmit(StringRef name) {
  Phase phase = parsePhase(name);
  return phase <= Phase::Lower ? std::pair(phase, Product::IR)
                               : std::pair(Phase::Lower, Product(int(phase) - int(Phase::Lower)));
}

namespace {
/// Options as the command line spells them.
struct Arguments {
  const char *input = nullptr;
  const char *output = nullptr;
  const char *emit = "artifact";
  const char *from = nullptr;
  const char *checkpoint = "";
  const char *target = "cpu";
  const char *mcpu = "native";
  const char *sm = "80";
  const char *cubin = "auto";
  const char *weights = "pack";
  const char *weightType = "keep";
  const char *draft = "mtp";
  const char *raise = "auto";
  const char *chatFormat = "";
  const char *activation = "";
  const char *cacheType = "f32";
  const char *cacheDirectory = "";
  bool kernels = true;
  bool tokenizer = true;
  bool isolate = true;
  bool verifyWeights = false;
  uint64_t maxContext = 0;
  uint64_t maxBatch = 16;
  uint64_t prefillRows = 0;
  uint64_t threads = 2;
  bool givenContext = false, givenBatch = false, givenRows = false, givenKernels = false;
  bool givenWeights = false, givenCpu = false, givenSm = false, givenCubin = false, givenTarget = false,
       givenDraft = false, givenCache = false, givenActivation = false, givenWeightType = false;
  bool givenCacheDirectory = false, givenRaise = false;
};
} // namespace

/// Refuses options that act in no phase of this call: nothing an option says may be dropped. Returns cli::kContinue, or
/// an exit code.
static int checkPhases(const char *command, const Arguments &arguments) {
  const struct {
    bool given;
    const char *option;
    const char *acts;
    Phase first;
    /// The first phase whose result it cannot change.
    Phase tooLate;
  } uses[] = {
      {arguments.givenContext, "max-context", "when a checkpoint is read", Phase::DeepSeek, Phase::DeepSeek},
      {arguments.givenDraft, "draft", "when a checkpoint is read", Phase::DeepSeek, Phase::DeepSeek},
      {arguments.givenCache, "cache-type", "when a checkpoint is read", Phase::DeepSeek, Phase::DeepSeek},
      {arguments.givenWeightType, "weight-type", "in phase model", Phase::Model, Phase::Model},
      {arguments.givenBatch, "max-batch", "in phase model", Phase::Model, Phase::Model},
      {arguments.givenRows, "prefill-rows", "in phase model", Phase::Model, Phase::Model},
      {arguments.givenKernels, arguments.kernels ? "kernels" : "no-kernels", "in phases model and fuse", Phase::Model,
       Phase::Fuse},
      {arguments.givenWeights, "weights", "from phase model on", Phase::Model, Phase::Lower},
      {arguments.givenTarget, "target", "in phase fuse", Phase::Fuse, Phase::Fuse},
      {arguments.givenCpu, "mcpu", "in phase fuse", Phase::Fuse, Phase::Fuse},
      {arguments.givenSm, "sm", "in phase fuse", Phase::Fuse, Phase::Fuse},
      {arguments.givenActivation, "act-type", "in phase fuse", Phase::Fuse, Phase::Fuse},
  };
  Phase last = parseEmit(arguments.emit).first;
  for (const auto &use : uses) {
    if (use.given && arguments.from && parsePhase(arguments.from) >= use.tooLate) {
      return cli::printUsageError(command, "--%s has no effect: it acts %s, before --from=%s starts", use.option,
                                  use.acts, arguments.from);
    }
    if (use.given && last < use.first) {
      return cli::printUsageError(command, "--%s has no effect: it acts %s, after --emit=%s stops", use.option,
                                  use.acts, arguments.emit);
    }
  }
  return cli::kContinue;
}

/// What --target, --mcpu and --sm say together, and with --emit.
static int checkTarget(const char *command, const Arguments &arguments) {
  auto [last, product] = parseEmit(arguments.emit);
  bool single = !isProgram(product) && last >= Phase::Fuse;
  bool cpu = StringRef(arguments.target).contains("cpu"), gpu = StringRef(arguments.target).contains("cuda");
  if (single && cpu && gpu) {
    return cli::printUsageError(command, "--target names several kinds of machines, but --emit=%s is for one",
                                arguments.emit);
  }
  if (single && StringRef(arguments.mcpu).contains(',')) {
    return cli::printUsageError(command, "--mcpu names several processors, but --emit=%s is for one", arguments.emit);
  }
  if (single && StringRef(arguments.sm).contains(',')) {
    return cli::printUsageError(command, "--sm names several architectures, but --emit=%s is for one", arguments.emit);
  }
  if ((arguments.givenCpu && !cpu) || (arguments.givenSm && !gpu)) {
    return cli::printUsageError(command, "--%s has no effect with --target=%s", cpu ? "sm" : "mcpu", arguments.target);
  }
  if (arguments.givenCubin && ((!gpu && !arguments.from) || !isProgram(product))) {
    return cli::printUsageError(command, "--cubin has no effect: it goes with --target=cuda and an artifact");
  }
  return cli::kContinue;
}

/// What is converted is packed; integers of 8 bits are read by kernels of CPUs alone, weights as activations.
static int checkWeightType(const char *command, const Arguments &arguments) {
  llvm::Expected<WeightTypes> types = parseWeightTypes(arguments.weightType);
  if (!types) {
    return cli::printUsageError(command, "--weight-type: %s", llvm::toString(types.takeError()).c_str());
  }
  if (types->types != WeightTypes().types && StringRef(arguments.weights) != "pack") {
    return cli::printUsageError(command,
                                "--weight-type=%s makes other weights than the checkpoint has, which "
                                "--weights=%s leaves where they are",
                                arguments.weightType, arguments.weights);
  }
  bool gpu = StringRef(arguments.target).contains("cuda"), integers = StringRef(arguments.activation) == "int8";
  if (gpu && types->use(WeightType::Q8)) {
    return cli::printUsageError(command, "--weight-type=%s is for CPUs: GPUs have no kernels that read q8, but f8",
                                arguments.weightType);
  }
  if (integers && gpu) {
    return cli::printUsageError(command, "--act-type=int8 is for CPUs: GPUs have no kernels that read such rows");
  }
  if (integers && !types->use(WeightType::Q8) && !arguments.from) {
    return cli::printUsageError(command, "--act-type=int8 goes with weights of 8 bits: add --weight-type=q8");
  }
  return cli::kContinue;
}

/// Options that are wrong together, each right by itself.
static int checkUsage(const char *command, const Arguments &arguments) {
  if (!arguments.input || !arguments.output) {
    return cli::printUsageError(command, arguments.input ? "-o FILE is missing" : "no checkpoint given");
  }
  if (!arguments.from && *arguments.checkpoint) {
    return cli::printUsageError(command,
                                "--checkpoint goes with --from; without --from, pass the checkpoint as the argument");
  }
  auto [last, product] = parseEmit(arguments.emit);
  if (arguments.verifyWeights && (StringRef(arguments.weights) == "pack" || !isProgram(product))) {
    return cli::printUsageError(command, "--verify-weights goes with --weights=reference and an artifact: packed "
                                         "weights always have hashes, and IR has no weights");
  }
  if (arguments.from && last < parsePhase(arguments.from)) {
    return cli::printUsageError(command, "--emit=%s comes before --from=%s", arguments.emit, arguments.from);
  }
  if ((*arguments.chatFormat || !arguments.tokenizer) && !isProgram(product)) {
    return cli::printUsageError(command, "--%s has no effect: --emit=%s has no tokenizer",
                                arguments.tokenizer ? "chat-format" : "no-tokenizer", arguments.emit);
  }
  if (*arguments.chatFormat && !arguments.tokenizer) {
    return cli::printUsageError(command, "--chat-format needs the tokenizer that --no-tokenizer leaves out");
  }
  if (arguments.givenRaise && (arguments.from || !isOnnx(arguments.input))) {
    return cli::printUsageError(command, "--raise has no effect: it is about graphs of ONNX");
  }
  if (arguments.givenCacheDirectory && !*arguments.cacheDirectory) {
    return cli::printUsageError(command, "--cache-dir names no folder");
  }
  if (*arguments.cacheDirectory && !isProgram(product)) {
    return cli::printUsageError(command, "--cache-dir has no effect: --emit=%s has no object code", arguments.emit);
  }
  int code = checkTarget(command, arguments);
  code = code == cli::kContinue ? checkWeightType(command, arguments) : code;
  return code == cli::kContinue ? checkPhases(command, arguments) : code;
}

/// Returns cli::kContinue, or an exit code.
static int parseArguments(llvm::ArrayRef<const char *> given, Arguments &arguments) {
  using cli::OptionKind;
  const cli::Option options[] = {
      {"output", 'o', OptionKind::kText, &arguments.output, "FILE", "where the result goes; - is stdout, for IR"},
      {"emit", 0, OptionKind::kChoice, &arguments.emit, "KIND",
       "an artifact, a program (exe), an object with a header, or IR after a phase (artifact)", 0, 0, kEmitNames},
      {"target", 0, OptionKind::kChoice, &arguments.target, "KIND",
       "the kind of machine to compile for; two by commas go into one artifact (cpu)", 0, 0,
       "cpu|cuda|cpu,cuda|cuda,cpu", &arguments.givenTarget},
      {"mcpu", 0, OptionKind::kText, &arguments.mcpu, "CPU",
       "native, x86-64-v3, x86-64-v4 or a processor to tune for; several by commas; see fathom targets (native)", 0, 0,
       nullptr, &arguments.givenCpu},
      {"sm", 0, OptionKind::kText, &arguments.sm, "SM",
       "with --target=cuda: the architecture, 80 or later; several by commas (80)", 0, 0, nullptr, &arguments.givenSm},
      {"cubin", 0, OptionKind::kChoice, &arguments.cubin, "WHEN",
       "with --target=cuda: machine code beside PTX, by ptxas: auto: where it is found; require; none (auto)", 0, 0,
       "auto|require|none", &arguments.givenCubin},
      {"weights", 0, OptionKind::kChoice, &arguments.weights, "WHERE",
       "pack: copied, laid out for the target; reference: left in the checkpoint's files (pack)", 0, 0,
       "pack|reference", &arguments.givenWeights},
      {"weight-type", 0, OptionKind::kText, &arguments.weightType, "TYPES",
       "what weights become: keep, bf16, f8, q8, or by role: q8,head=bf16; attention, experts, mlp, head (keep)", 0, 0,
       nullptr, &arguments.givenWeightType},
      {"draft", 0, OptionKind::kChoice, &arguments.draft, "WHAT",
       "mtp: the multi-token-prediction layer drafts, where the checkpoint has one; none: it is left out (mtp)", 0, 0,
       "mtp|none", &arguments.givenDraft},
      {"max-context", 0, OptionKind::kCount, &arguments.maxContext, "N",
       "positions to serve; 0: as many as the model has (0)", 0, uint64_t(huggingface::kMaxPosition), nullptr,
       &arguments.givenContext},
      {"act-type", 0, OptionKind::kChoice, &arguments.activation, "TYPE",
       "what ops give (f32, bf16), or products with q8 read (int8); CPUs: f32, with q8 int8; GPUs: bf16", 0, 0,
       kActivationTypeNames, &arguments.givenActivation},
      {"cache-type", 0, OptionKind::kChoice, &arguments.cacheType, "TYPE",
       "what the cache keeps numbers as: smaller takes less memory, and is less exact (as activations)", 0, 0,
       huggingface::kStoredTypeNames, &arguments.givenCache},
      {"max-batch", 0, OptionKind::kCount, &arguments.maxBatch, "N", "most sequences in one decode step (16)", 1, 4096,
       nullptr, &arguments.givenBatch},
      {"prefill-rows", 0, OptionKind::kCount, &arguments.prefillRows, "N",
       "most prompt tokens in one step; 0: 256 to 1024, by the experts (0)", 0, 65536, nullptr, &arguments.givenRows},
      {"kernels", 0, OptionKind::kFlag, &arguments.kernels, nullptr,
       "use hand-written kernels; otherwise generate every loop", 0, 0, nullptr, &arguments.givenKernels},
      {"raise", 0, OptionKind::kChoice, &arguments.raise, "WHEN",
       "auto: a language model, else a function of tensors; require: only the one; none: only the other (auto)", 0, 0,
       kRaiseNames, &arguments.givenRaise},
      {"tokenizer", 0, OptionKind::kFlag, &arguments.tokenizer, nullptr,
       "keep the checkpoint's tokenizer; otherwise the model takes and gives token ids only"},
      {"chat-format", 0, OptionKind::kChoice, &arguments.chatFormat, "NAME",
       "use a built-in chat format instead of the checkpoint's template; none: no chat", 0, 0,
       frontend::chatFormatNames()},
      {"from", 0, OptionKind::kChoice, &arguments.from, "PHASE", "the input is IR after that phase; - is stdin", 0, 0,
       kFromNames},
      {"checkpoint", 0, OptionKind::kText, &arguments.checkpoint, "DIR", "with --from: where the weights are"},
      {"verify-weights", 0, OptionKind::kFlag, &arguments.verifyWeights, nullptr,
       "with --weights=reference: read all weights and record their hashes for run --verify-weights"},
      {"threads", 0, OptionKind::kCount, &arguments.threads, "N",
       "threads that generate code and pack weights, 0: one for each processor (2)", 0, 1024},
      {"cache-dir", 0, OptionKind::kText, &arguments.cacheDirectory, "DIR",
       "keep generated code there, and take what is there already", 0, 0, nullptr, &arguments.givenCacheDirectory},
      {"isolate", 0, OptionKind::kFlag, &arguments.isolate, nullptr,
       "compile in a child process, so that a crash becomes an error; --no-isolate is for debuggers"},
  };
  cli::Command command = {
      "fathom compile", "CHECKPOINT -o FILE [options]", kAbout, options, std::size(options), &arguments.input, 1};
  int code = cli::parseOptions(command, int(given.size()), given.data(), 0, nullptr);
  if (code != cli::kContinue) {
    return code;
  }
  return checkUsage(command.name, arguments);
}

/// Keys that come rounded to bf16 on every machine have nothing more to keep.
static huggingface::StoredType getCacheType(const Arguments &arguments) {
  bool narrow = llvm::all_of(kernels::devices(), [&](const kernels::Device &device) {
    bool isTarget = llvm::is_contained(llvm::split(arguments.target, ','), StringRef(device.name));
    return !isTarget || (arguments.givenActivation ? arguments.activation : StringRef(device.activationType)) == "bf16";
  });
  StringRef type = arguments.givenCache ? arguments.cacheType : narrow ? "bf16" : "f32";
  return huggingface::StoredType(findName(type, huggingface::kStoredTypeNames));
}

/// Options that say nothing to a function of tensors, of those that were given.
static std::vector<std::string> listModelOptions(const Arguments &arguments) {
  const std::pair<bool, const char *> options[] = {
      {arguments.givenContext, "max-context"}, {arguments.givenBatch, "max-batch"},
      {arguments.givenRows, "prefill-rows"},   {arguments.givenActivation, "act-type"},
      {arguments.givenCache, "cache-type"},    {arguments.givenWeightType, "weight-type"},
      {arguments.givenDraft, "draft"},         {arguments.givenKernels, arguments.kernels ? "kernels" : "no-kernels"},
      {!arguments.tokenizer, "no-tokenizer"},  {*arguments.chatFormat != '\0', "chat-format"},
  };
  std::vector<std::string> given;
  for (auto [isGiven, name] : options) {
    isGiven ? given.push_back(name) : void();
  }
  return given;
}

static CompileOptions convert(const Arguments &arguments) {
  CompileOptions options;
  options.input = arguments.input;
  options.output = arguments.output;
  std::tie(options.last, options.product) = parseEmit(arguments.emit);
  if (arguments.from) {
    options.from = parsePhase(arguments.from);
  }
  options.checkpoint = arguments.checkpoint;
  options.target = arguments.target;
  options.mcpu = arguments.mcpu;
  options.sm = arguments.sm;
  options.cubin = arguments.cubin;
  options.weights =
      StringRef(arguments.weights) == "pack" ? codegen::WeightStorage::Pack : codegen::WeightStorage::Reference;
  options.weightType = arguments.weightType;
  options.draft = StringRef(arguments.draft) == "mtp";
  options.raise = parseRaise(arguments.raise);
  options.modelOptions = listModelOptions(arguments);
  options.kernels = arguments.kernels;
  options.maxContext = int64_t(arguments.maxContext);
  if (arguments.givenActivation) {
    options.activation = parseActivationType(arguments.activation);
  }
  options.cacheType = getCacheType(arguments);
  options.maxBatch = int64_t(arguments.maxBatch);
  options.prefillRows = int64_t(arguments.prefillRows);
  options.threads = arguments.threads ? unsigned(arguments.threads) : std::max(1u, std::thread::hardware_concurrency());
  options.cacheDirectory = arguments.cacheDirectory;
  options.verifyWeights = arguments.verifyWeights;
  options.tokenizer = arguments.tokenizer;
  options.chatFormat = arguments.chatFormat;
  return options;
}

/// What to do about a checkpoint whose tokenizer has another form than tokenizer.json.
static StringRef explainTokenizer(const std::string &directory) {
  for (const char *other : {"tokenizer.model", "vocab.json", "tiktoken.model"}) {
    if (checkpoint::exists(checkpoint::joinPath(directory, other))) {
      return "convert its tokenizer with the transformers library, whose save_pretrained writes a tokenizer.json";
    }
  }
  return "";
}

/// Says where there is no tokenizer for a model.
static void warnOfTokenizer(const CompileOptions &options, checkpoint::Diagnostics &diagnostics) {
  bool isGraph = !options.from && isOnnx(options.input);
  std::string directory = options.from ? options.checkpoint
                          : isGraph    ? findFolderOfModel(options.input)
                                       : options.input;
  if (!frontend::hasTokenizer(directory) && !checkpoint::isGguf(directory)) {
    diagnostics.warning("no-tokenizer", directory, "",
                        "has no tokenizer.json: the model takes and gives token ids only", explainTokenizer(directory));
  }
}

static int compile(CompileOptions options) {
  checkpoint::Diagnostics diagnostics;
  int code = cli::kInternal;
  bool isFunction = false;
  {
    // On a terminal, IR would follow the line without a break.
    ProgressLine line(options.output != "-" || !llvm::outs().is_displayed());
    options.progress = [&](StringRef step, uint64_t done, uint64_t total) {
      setStep(step);
      line.show(step, done, total);
    };
    code = compileModel(options, diagnostics, &isFunction);
  }
  if (code == cli::kOk && isProgram(options.product) && options.tokenizer && !isFunction) {
    warnOfTokenizer(options, diagnostics);
  }
  diagnostics.print(llvm::errs());
  return code;
}

int runCompile(llvm::ArrayRef<const char *> given) {
  Arguments arguments;
  int code = parseArguments(given, arguments);
  if (code != cli::kContinue) {
    return code;
  }
  CompileOptions options = convert(arguments);
  return arguments.isolate ? runIsolated([&] { return compile(options); }) : compile(options);
}

} // namespace fathom::driver
