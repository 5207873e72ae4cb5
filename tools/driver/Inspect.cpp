// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// `fathom inspect`: collects facts and tables from an artifact or a checkpoint, then prints them as text or JSON.

#include "tools/driver/Inspect.h"

#include "frontend/huggingface/Families.h"
#include "frontend/huggingface/ModelWeights.h"
#include "runtime/cli/messages.h"
#include "runtime/cli/options.h"
#include "runtime/src/artifact_reader.h"
#include "runtime/src/stores.h"
#include "tools/driver/InspectCommands.h"
#include "tools/driver/InspectReport.h"
#include "tools/driver/Terminal.h"
#include "llvm/ADT/SmallString.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/ADT/StringRef.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/Format.h"
#include "llvm/Support/raw_ostream.h"

#include <algorithm>
#include <cstring>

namespace fathom::driver {

using checkpoint::Checkpoint;
using checkpoint::Diagnostics;

static constexpr const char *kAbout =
    "Shows what is inside X: a .fathom artifact, an executable made by --emit=exe, or a checkpoint directory.\n";

/// Text of a file that may be hostile, fit for a terminal and for JSON.
static std::string show(llvm::StringRef text) { return escape(text); }

static std::string show(const flatbuffers::String *text) {
  return text ? show(llvm::StringRef(text->c_str(), text->size())) : "";
}

template <typename Range>
static json::Array toArray(const Range &range) {
  json::Array array;
  for (const auto &value : range) {
    array.push_back(value);
  }
  return array;
}

/// A float as a person would write it: 0.9, not 0.899999976.
static double toDecimal(float value) {
  llvm::SmallString<32> text;
  llvm::raw_svector_ostream(text) << llvm::format("%.7g", static_cast<double>(value));
  double decimal = value;
  llvm::to_float(text, decimal);
  return decimal;
}

/// Elements of a vector that may be absent.
template <typename Element>
static auto each(const flatbuffers::Vector<Element> *vector) {
  using Value = typename flatbuffers::Vector<Element>::return_type;
  return vector ? std::vector<Value>(vector->begin(), vector->end()) : std::vector<Value>();
}

/// Only what the model's authors say.
static void describeSampling(const artifact::Model &model, Report &report) {
  auto fact = [&](llvm::StringRef name, flatbuffers::Optional<float> value) {
    if (value) {
      report.fact(name, toDecimal(*value));
    }
  };
  fact("temperature", model.temperature());
  fact("top_p", model.top_p());
  if (model.top_k()) {
    report.fact("top_k", *model.top_k());
  }
  fact("min_p", model.min_p());
  fact("repetition_penalty", model.repetition_penalty());
}

static void describeModel(const artifact::Program &program, Report &report) {
  const artifact::Model &model = *program.model();
  report.section("model");
  report.fact("family", show(model.family()));
  report.fact("vocabulary", model.vocabulary());
  report.fact("hidden", model.hidden());
  report.fact("layers", model.layers());
  report.fact("max_context", model.max_context());
  report.fact("bos_token", model.bos_token());
  report.fact("eos_tokens", toArray(each(model.eos_tokens())));
  describeSampling(model, report);
  report.section("cache");
  report.fact("page_bytes", program.cache()->page_bytes());
  report.fact("token_bytes", runtime::positionBytes(program));
}

static void listStores(const artifact::Program &program, Report &report) {
  report.table("stores", {"name", "type", "layers", "heads", "width", "tail", "row_bytes", "token_bytes", "stride",
                          "window", "offset"});
  for (const artifact::Store *store : each(program.cache()->stores())) {
    report.row({show(store->name()), artifact::EnumNameStoreElement(store->element()), store->layers(), store->heads(),
                store->width(), store->tail(), runtime::rowBytes(*store),
                runtime::rowsOf(*store) * runtime::rowBytes(*store), store->stride(), store->window(),
                store->offset()});
  }
}

/// What cuts text into pieces: a list of alternatives for every split.
static json::Array describeSplits(const artifact::Tokenizer &tokenizer) {
  json::Array splits;
  for (const artifact::Split *split : *tokenizer.pre_tokenizer()) {
    std::string alternatives;
    for (artifact::Matcher matcher : *split->alternatives()) {
      alternatives += (alternatives.empty() ? "" : "|") + std::string(artifact::EnumNameMatcher(matcher));
    }
    splits.push_back(std::move(alternatives));
  }
  return splits;
}

static void describeSurroundings(const artifact::Program &program, Report &report) {
  report.section("target");
  report.fact("triple", show(program.target()->triple()));
  report.fact("activations", artifact::EnumNameStoreElement(program.target()->activation()));
  report.fact("cpu", show(program.target()->cpu()));
  json::Array features;
  for (const flatbuffers::String *feature : each(program.target()->features())) {
    features.push_back(show(feature));
  }
  report.fact("features", std::move(features));
  report.section("tokenizer");
  const artifact::Tokenizer *tokenizer = program.tokenizer();
  report.fact("tokens", tokenizer ? json::Value(std::max(tokenizer->token_offsets()->size(), 1u) - 1) : nullptr);
  if (tokenizer) {
    report.fact("pre_tokenizer", describeSplits(*tokenizer));
    report.fact("chat_templates", tokenizer->chat_templates() ? tokenizer->chat_templates()->size() : 0);
  }
  if (const artifact::BuildRecord *build = program.build()) {
    report.section("build");
    report.fact("compiler_version", show(build->compiler_version()));
    report.fact("llvm_version", show(build->llvm_version()));
    report.fact("options", show(build->options()));
  }
}

static void listCode(const artifact::Program &program, Report &report) {
  report.table("entry_points", {"name", "form", "min_rows", "max_rows", "max_positions", "logits", "hidden",
                                "hidden_out", "arena_bytes", "function"});
  for (const artifact::EntryPoint *entry : each(program.entry_points())) {
    uint32_t positions = entry->max_positions() ? entry->max_positions() : program.model()->max_context();
    report.row({show(entry->name()), EnumNameForm(entry->form()), entry->min_rows(), entry->max_rows(), positions,
                entry->logits(), entry->hidden(), entry->hidden_out(), entry->arena_bytes(),
                show(program.functions()->Get(entry->function())->name())});
  }
  report.table("kernels", {"name", "op", "generated", "dispatches"});
  for (const artifact::Kernel *kernel : each(program.kernels())) {
    report.row({show(kernel->name()), show(kernel->op()), kernel->generated(), kernel->dispatches()});
  }
  report.table("buffers", {"name", "offset", "size_bytes"});
  for (const artifact::Buffer *buffer : each(program.buffers())) {
    report.row({show(buffer->name()), buffer->offset(), buffer->size()});
  }
}

static void listWeights(const artifact::Program &program, Report &report) {
  report.table("weights", {"name", "type", "shape", "layout", "experts", "scale", "slices", "size_bytes", "segment"});
  for (const artifact::Weight *weight : each(program.weights())) {
    // Checked by the reader: the slices exist, and so do their segments.
    uint64_t bytes = 0;
    uint32_t segment = 0;
    for (uint32_t i = 0; i < weight->slice_count(); ++i) {
      const artifact::WeightSlice *slice = program.weight_slices()->Get(weight->first_slice() + i);
      bytes += slice->size();
      segment = slice->segment();
    }
    std::string name = weight->slice_count() ? show(program.segments()->Get(segment)->name()) : "";
    report.row({show(weight->name()), show(weight->element_type()), toArray(each(weight->shape())),
                show(weight->layout()), weight->experts(), weight->scale(), weight->slice_count(), bytes, name});
  }
  report.table("segments", {"name", "directory", "offset", "size_bytes", "xxh3"});
  for (const artifact::Segment *segment : each(program.segments())) {
    std::string hash;
    llvm::raw_string_ostream(hash) << llvm::format_hex_no_prefix(segment->hash(), 16);
    report.row({show(segment->name()), show(segment->directory()), segment->offset(), segment->size(), hash});
  }
}

/// Where the artifact starts in a file: at 0, or where an executable's trailer says.
static fathom_status_t findArtifact(const runtime::ByteSource &file, uint64_t &offset) {
  fathom_artifact_trailer_t trailer;
  char magic[FATHOM_ARTIFACT_MAGIC_SIZE] = {};
  offset = 0;
  if (file.size() < sizeof(trailer)) {
    return FATHOM_STATUS_OK;
  }
  FATHOM_RETURN_IF_ERROR(file.read(0, sizeof(magic), magic));
  FATHOM_RETURN_IF_ERROR(file.read(file.size() - sizeof(trailer), sizeof(trailer), &trailer));
  bool atStart = memcmp(magic, FATHOM_ARTIFACT_MAGIC, sizeof(magic)) == 0;
  if (!atStart && memcmp(trailer.magic, FATHOM_ARTIFACT_MAGIC, sizeof(magic)) == 0) {
    offset = trailer.artifact_offset;
  }
  return FATHOM_STATUS_OK;
}

static fathom_status_t inspectArtifact(const std::string &path, bool commands, Report &report) {
  runtime::ByteSource file;
  runtime::ByteSource source;
  runtime::Metadata metadata;
  uint64_t offset = 0;
  FATHOM_RETURN_IF_ERROR(file.openFile(path.c_str(), 0));
  FATHOM_RETURN_IF_ERROR(findArtifact(file, offset));
  FATHOM_RETURN_IF_ERROR(source.openFile(path.c_str(), offset));
  FATHOM_RETURN_IF_ERROR(metadata.read(source));
  const fathom_artifact_header_t &header = metadata.header();
  report.section("artifact");
  report.fact("file", show(path));
  report.fact("kind", offset ? "executable" : "artifact");
  report.fact("format", std::to_string(header.version_major) + "." + std::to_string(header.version_minor));
  report.fact("file_bytes", file.size());
  report.fact("artifact_bytes", header.total_size);
  report.fact("metadata_bytes", header.metadata_size);
  report.fact("thread_scratch_bytes", metadata.program().code()->scratch_bytes());
  describeModel(metadata.program(), report);
  describeSurroundings(metadata.program(), report);
  listStores(metadata.program(), report);
  listCode(metadata.program(), report);
  listWeights(metadata.program(), report);
  return commands ? listCommands(metadata.program(), report) : FATHOM_STATUS_OK;
}

/// Ascending numbers with runs folded: "0, 3..60".
static std::string foldRuns(const std::vector<int64_t> &numbers) {
  std::string text;
  for (size_t i = 0; i < numbers.size();) {
    size_t end = i + 1;
    while (end < numbers.size() && numbers[end] == numbers[end - 1] + 1) {
      ++end;
    }
    text += (text.empty() ? "" : ", ") + std::to_string(numbers[i]);
    text += end - i > 1 ? ".." + std::to_string(numbers[end - 1]) : "";
    i = end;
  }
  return text;
}

static void listStacks(llvm::StringRef group, const std::vector<huggingface::WeightStack> &stacks, Report &report) {
  for (const huggingface::WeightStack &stack : stacks) {
    report.row({show(stack.part), group.str(), foldRuns(stack.layers), stack.experts, checkpoint::name(stack.dtype),
                toArray(stack.shape), stack.locations.size(), stack.tensorBytes() * stack.locations.size()});
  }
}

static void describeConfig(huggingface::ModelConfig config, Report &report) {
  report.section("model");
  report.fact("model_type", show(config.modelType));
  for (const huggingface::Part *part : huggingface::partsOf(*config.family)) {
    for (const huggingface::Field &field : part->fields) {
      if (!field.wanted || field.wanted(config)) {
        report.fact(field.key, std::visit([&](auto slot) { return json::Value(slot(config)); }, field.slot));
      }
    }
  }
  report.fact("rope_type", name(config.rope.scaling));
}

static void listShards(const Checkpoint &checkpoint, Report &report) {
  report.table("shards", {"name", "tensors", "size_bytes"});
  for (const checkpoint::Shard &shard : checkpoint.shards()) {
    report.row({show(shard.name), shard.header->tensors().size(), shard.size});
  }
}

static void listWeights(const huggingface::ModelWeights &weights, Report &report) {
  report.table("weights", {"part", "group", "layers", "experts", "type", "shape", "tensors", "size_bytes"});
  listStacks("model", weights.model, report);
  for (const huggingface::LayerGroup *group : weights.allGroups()) {
    listStacks(group->name, group->stacks, report);
  }
}

static void describeCheckpoint(const Checkpoint &checkpoint, Report &report) {
  uint64_t bytes = 0;
  for (const checkpoint::TensorRef &tensor : checkpoint.allTensors()) {
    bytes += tensor.tensor->size;
  }
  report.fact("shards", checkpoint.shards().size());
  report.fact("tensors", checkpoint.tensorCount());
  report.fact("weight_bytes", bytes);
}

/// Reports what is sound; findings about the rest go to `diagnostics`.
static void inspectCheckpoint(const std::string &path, Diagnostics &diagnostics, Report &report) {
  huggingface::ModelConfig config = huggingface::loadModelConfig(path, diagnostics);
  bool goodConfig = !diagnostics.hasErrors();
  std::unique_ptr<Checkpoint> checkpoint = Checkpoint::openSound(path, diagnostics);
  report.section("checkpoint");
  report.fact("directory", show(path));
  if (!checkpoint->shards().empty()) {
    describeCheckpoint(*checkpoint, report);
  }
  if (goodConfig) {
    describeConfig(config, report);
  }
  if (!diagnostics.hasErrors()) {
    huggingface::ModelWeights weights = huggingface::findModelWeights(config, *checkpoint, diagnostics);
    if (!diagnostics.hasErrors()) {
      listWeights(weights, report);
    }
  }
  if (!checkpoint->shards().empty()) {
    listShards(*checkpoint, report);
  }
}

/// Fills the report; returns the exit code after printing findings.
static int inspect(const std::string &path, bool commands, Report &report) {
  if (llvm::sys::fs::is_directory(path)) {
    Diagnostics diagnostics;
    inspectCheckpoint(path, diagnostics, report);
    diagnostics.print(llvm::errs());
    return diagnostics.exitCode();
  }
  fathom_status_t status = inspectArtifact(path, commands, report);
  if (status != FATHOM_STATUS_OK) {
    runtime::failInFile(status, path.c_str());
    cli::printError("fathom", fathom_status_exit_code(status), "%s", fathom_status_message());
  }
  return fathom_status_exit_code(status);
}

int runInspect(int argc, const char *const *argv) {
  const char *path = nullptr;
  bool asJson = false, commands = false;
  const cli::Option options[] = {
      {"json", 0, cli::OptionKind::kFlag, &asJson, nullptr, "one JSON object on stdout; sizes are bytes"},
      {"commands", 0, cli::OptionKind::kFlag, &commands, nullptr,
       "of an artifact, what its entry points run, in order"},
  };
  cli::Command command = {"fathom inspect", "X [--json] [--commands]", kAbout, options, std::size(options), &path, 1};
  int code = cli::parseOptions(command, argc, argv, 0, nullptr);
  if (code != cli::kContinue) {
    return code;
  }
  if (!path) {
    return cli::printUsageError(command.name, "name an artifact, an executable or a checkpoint directory");
  }
  Report report;
  code = inspect(path, commands, report);
  if (report.isEmpty()) {
    return code;
  }
  asJson ? report.printJson(llvm::outs()) : report.printText(llvm::outs());
  return flushOutput(code);
}

} // namespace fathom::driver
