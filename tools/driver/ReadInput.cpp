// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Finds and reads what is compiled.

#include "tools/driver/ReadInput.h"

#include "dialects/support/TensorName.h"
#include "fathom/artifact_abi.h"
#include "frontend/checkpoint/Checkpoint.h"
#include "frontend/checkpoint/Files.h"
#include "frontend/checkpoint/WeightIndex.h"
#include "frontend/huggingface/Families.h"
#include "frontend/huggingface/ImportModel.h"
#include "frontend/tokenizer/ReadChat.h"
#include "tools/driver/GraphFolder.h"
#include "tools/driver/ReadGguf.h"
#include "tools/driver/ReadGraph.h"

#include "mlir/Parser/Parser.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/MemoryBuffer.h"

using namespace mlir;

namespace fathom::driver {

using checkpoint::Diagnostics;
using checkpoint::Problem;

static_assert(huggingface::kMaxPosition == FATHOM_LARGEST_DIMENSION, "what is compiled must run");

/// What to do about an input that is not a directory.
static StringRef explainInput(StringRef input) {
  if (input.ends_with(".mlir")) {
    return "use --from=PHASE to compile IR";
  }
  if (llvm::sys::fs::is_regular_file(input)) {
    auto head = llvm::MemoryBuffer::getFileSlice(input, FATHOM_ARTIFACT_MAGIC_SIZE, 0);
    return head && (*head)->getBuffer() == FATHOM_ARTIFACT_MAGIC ? "it is already compiled; run it with 'fathom run'"
                                                                 : "";
  }
  constexpr StringLiteral download = "Fathom reads local directories; download the checkpoint first";
  if (input.contains("://")) {
    return download;
  }
  auto [owner, name] = input.split('/');
  bool hub =
      !owner.empty() && !name.empty() && !name.contains('/') && !owner.starts_with(".") && !owner.starts_with("~");
  return hub && !llvm::sys::fs::exists(owner) ? StringRef(download) : "";
}

void adviseWithoutTokenizer(StringRef path, Diagnostics &diagnostics) {
  diagnostics.note("no-tokenizer", path, "",
                   "fathom compile --no-tokenizer makes a model that takes and gives token ids only");
}

void readTokenizer(StringRef directory, const CompileOptions &options, Diagnostics &diagnostics,
                   std::optional<uint32_t> vocabulary, CompileInput &input) {
  size_t before = diagnostics.errorCount();
  if (!options.tokenizer) {
    return;
  }
  if (frontend::hasTokenizer(directory)) {
    input.tokenizer = frontend::readTokenizer(directory, diagnostics, vocabulary, options.chatFormat);
    if (diagnostics.errorCount() != before) {
      adviseWithoutTokenizer(directory, diagnostics);
    }
  } else if (!options.chatFormat.empty()) {
    diagnostics.error(Problem::Usage, "no-tokenizer", directory, "",
                      "has no tokenizer.json, which --chat-format needs");
  }
}

/// The tokenizer and the model each say where a text begins and ends. The model's files take precedence.
static void compareEnds(StringRef directory, const huggingface::GenerationConfig &generation,
                        const frontend::TokenizerModel &tokenizer, Diagnostics &diagnostics) {
  auto warn = [&](StringRef key, int32_t id, const std::string &other) {
    diagnostics.warning("special-token", directory, key,
                        "tokenizer_config.json says token " + Twine(id) + " ('" + escape(tokenizer.tokens[id], 80) +
                            "'), config.json and generation_config.json say " + other);
  };
  if (tokenizer.bos >= 0 && generation.bosToken && *generation.bosToken != tokenizer.bos) {
    warn("bos_token", tokenizer.bos, std::to_string(*generation.bosToken) + "; prompts begin with the tokenizer's");
  }
  const std::vector<int64_t> &ends = generation.eosTokens;
  if (tokenizer.eos >= 0 && !ends.empty() && !llvm::is_contained(ends, tokenizer.eos)) {
    std::string all;
    for (int64_t end : ends) {
      all += (all.empty() ? "" : ", ") + std::to_string(end);
    }
    warn("eos_token", tokenizer.eos, all + "; generation ends at those only");
  }
}

/// Takes the family's chat format where neither the checkpoint nor an option has one.
static void chooseChatFormat(const CompileOptions &options, const huggingface::Family &family,
                             frontend::TokenizerModel &tokenizer, Diagnostics &diagnostics) {
  StringRef format = family.chatFormat;
  if (!format.empty() && options.chatFormat.empty() && tokenizer.chats.empty()) {
    diagnostics.note("no-chat-template", options.input, "",
                     "has no chat template: as --chat-format=" + format + " says, the format of its family");
    frontend::addChatFormat(format, tokenizer);
  }
}

/// Reports what a directory without a config.json is, if that is known.
static bool refuseDirectory(StringRef path, Diagnostics &diagnostics) {
  if (llvm::sys::fs::is_directory(path + "/snapshots")) {
    diagnostics.error(Problem::BadInput, "hub-cache", path, "",
                      "is an entry of huggingface_hub's cache, which holds checkpoints in snapshots/",
                      "pass one of the directories in snapshots/");
    return true;
  }
  return llvm::any_of(checkpoint::listDirectory(path.str()), [&](StringRef name) {
    return name.ends_with(".gguf") && checkpoint::refuseGguf(checkpoint::joinPath(path, name), diagnostics);
  });
}

static bool isDirectory(StringRef path, Diagnostics &diagnostics) {
  if (llvm::sys::fs::is_directory(path)) {
    bool mayBe = llvm::sys::fs::exists(path + "/config.json") || !refuseDirectory(path, diagnostics);
    return mayBe && !refuseFolderOfGraphs(path, diagnostics);
  }
  llvm::sys::fs::file_status status;
  std::error_code error = llvm::sys::fs::status(path, status);
  if (error) {
    checkpoint::reportSystemError(error.value(), path, "cannot open", diagnostics, explainInput(path));
  } else {
    diagnostics.error(Problem::InputOutput, "not-a-directory", path, "",
                      "is not a directory; a checkpoint is the directory that holds config.json and the weights",
                      explainInput(path));
  }
  return false;
}

/// Weights that stay where they are must be of types that code reads; says so once, of the first that is not.
static void refuseF16InPlace(const huggingface::ModelWeights &weights, const checkpoint::Checkpoint &files,
                             Diagnostics &diagnostics) {
  std::vector<huggingface::WeightStack> stacks = weights.model;
  for (const huggingface::LayerGroup *group : weights.allGroups()) {
    stacks.insert(stacks.end(), group->stacks.begin(), group->stacks.end());
  }
  for (const huggingface::WeightStack &stack : stacks) {
    if (stack.dtype == checkpoint::DType::F16) {
      std::string tensor;
      expandPattern(stack.pattern, stack.layers.empty() ? 0 : stack.layers.front(), 0, tensor);
      diagnostics.error(Problem::Unsupported, "f16-in-place", files.shards()[stack.locations.front().shard].path,
                        tensor, "is F16, which can be packed, as F32, but not be read where it is",
                        "use 'fathom compile' with --weights=pack, and run what it writes");
      return;
    }
  }
}

static WeightFiles listFiles(const checkpoint::Checkpoint &checkpoint) {
  WeightFiles files = {checkpoint.directory(), {}};
  for (const checkpoint::Shard &shard : checkpoint.shards()) {
    files.files.push_back({shard.name, shard.path, shard.size, shard.header->hash(), std::nullopt, shard.view});
  }
  return files;
}

void fitTokenizer(const CompileOptions &options, const huggingface::ModelConfig &config, Diagnostics &diagnostics,
                  CompileInput &input) {
  if (input.tokenizer) {
    compareEnds(options.input, config.generation, *input.tokenizer, diagnostics);
    chooseChatFormat(options, *config.family, *input.tokenizer, diagnostics);
  }
}

static bool importCheckpoint(const CompileOptions &options, MLIRContext &context, Diagnostics &diagnostics,
                             CompileInput &input) {
  if (!isDirectory(options.input, diagnostics)) {
    return false;
  }
  huggingface::ModelConfig config = huggingface::loadModelConfig(options.input, diagnostics);
  bool goodConfig = !diagnostics.hasErrors();
  std::unique_ptr<checkpoint::Checkpoint> files = checkpoint::Checkpoint::open(options.input, diagnostics);
  readTokenizer(options.input, options, diagnostics,
                goodConfig ? std::optional<uint32_t>(config.vocabulary) : std::nullopt, input);
  if (goodConfig) {
    fitTokenizer(options, config, diagnostics, input);
  }
  huggingface::ModelWeights weights;
  if (goodConfig && files) {
    weights = huggingface::findModelWeights(config, *files, diagnostics, options.draft);
  }
  if (!diagnostics.hasErrors() && options.weights == codegen::WeightStorage::Reference) {
    refuseF16InPlace(weights, *files, diagnostics);
  }
  return goodConfig && buildModule(options, context, config, weights, files.get(), diagnostics, input);
}

bool buildModule(const CompileOptions &options, MLIRContext &context, const huggingface::ModelConfig &config,
                 const huggingface::ModelWeights &weights, const checkpoint::Checkpoint *files,
                 Diagnostics &diagnostics, CompileInput &input) {
  huggingface::ImportOptions import;
  import.maxContext = options.maxContext > 0 ? options.maxContext : config.maxPositions;
  import.cacheType = options.cacheType;
  if (import.maxContext > config.maxPositions) {
    diagnostics.error(Problem::Usage, "max-context", options.input, "",
                      "--max-context=" + Twine(import.maxContext) + " is above the model's max_position_embeddings, " +
                          Twine(config.maxPositions));
  }
  if (diagnostics.hasErrors()) {
    return false;
  }
  input.module = huggingface::importModel(context, config, weights, *files, import);
  input.files = listFiles(*files);
  return true;
}

bool importModel(const CompileOptions &options, MLIRContext &context, Diagnostics &diagnostics, CompileInput &input) {
  if (isOnnx(options.input)) {
    return importOnnx(options, context, diagnostics, input);
  }
  return checkpoint::isGguf(options.input) ? importGguf(options, context, diagnostics, input)
                                           : importCheckpoint(options, context, diagnostics, input);
}

static std::optional<std::string> readStandardInput(Diagnostics &diagnostics) {
  auto text = llvm::MemoryBuffer::getSTDIN();
  if (!text) {
    checkpoint::reportSystemError(text.getError().value(), "-", "cannot read standard input", diagnostics);
    return std::nullopt;
  }
  return (*text)->getBuffer().str();
}

/// A folder of safetensors files, or a GGUF file.
static std::unique_ptr<checkpoint::Checkpoint> openCheckpoint(StringRef path, Diagnostics &diagnostics) {
  if (!checkpoint::isGguf(path)) {
    return checkpoint::Checkpoint::open(path, diagnostics);
  }
  std::unique_ptr<gguf::GgufModel> model = gguf::GgufModel::open(path, diagnostics);
  return model ? model->takeCheckpoint(diagnostics) : nullptr;
}

/// Whether weights of a module are in files of a graph, none of which is a shard of a checkpoint.
static bool isOfGraph(ArrayRef<Attribute> shards) {
  return !shards.empty() && llvm::none_of(shards, [](Attribute shard) {
    StringRef file = cast<deepseek::ShardAttr>(shard).getFile();
    return file.ends_with(".safetensors") || file.ends_with(".gguf");
  });
}

/// Where the weights of a module are: in the files of a graph, or in a checkpoint.
static void findFiles(const CompileOptions &options, Diagnostics &diagnostics, CompileInput &input) {
  auto shards = (*input.module)->getAttrOfType<ArrayAttr>(deepseek::kShardsAttr);
  if (!shards || !isOfGraph(shards.getValue())) {
    if (auto files = openCheckpoint(options.checkpoint, diagnostics)) {
      input.files = listFiles(*files);
    }
    return;
  }
  input.files = WeightFiles{options.checkpoint, {}};
  for (Attribute shard : shards) {
    StringRef name = cast<deepseek::ShardAttr>(shard).getFile();
    if (std::optional<WeightFile> file = findGraphFile(options.checkpoint, name, diagnostics)) {
      input.files->files.push_back(std::move(*file));
    }
  }
}

bool readModule(const CompileOptions &options, MLIRContext &context, Diagnostics &diagnostics, CompileInput &input) {
  constexpr uint64_t mostText = uint64_t(1) << 30;
  std::optional<std::string> text = options.input == "-"
                                        ? readStandardInput(diagnostics)
                                        : checkpoint::readTextFile(options.input, options.input, mostText, diagnostics);
  if (!text) {
    return false;
  }
  input.module = parseSourceString<ModuleOp>(*text, ParserConfig(&context), options.input);
  if (!input.module) {
    diagnostics.error(Problem::BadInput, "mlir", options.input, "", "is not a module that can be parsed");
    return false;
  }
  if (!options.checkpoint.empty()) {
    findFiles(options, diagnostics, input);
    if (input.files && checkpoint::isGguf(options.checkpoint)) {
      readVocabulary(options, options.checkpoint, diagnostics, std::nullopt, input);
    } else if (input.files) {
      readTokenizer(options.checkpoint, options, diagnostics, std::nullopt, input);
    }
  }
  return !diagnostics.hasErrors();
}

} // namespace fathom::driver
