// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// `fathom inspect`: collects facts and tables from an artifact, a checkpoint or an ONNX model, then prints them as text
// or JSON.

#include "tools/driver/Inspect.h"

#include "dialects/support/Escape.h"
#include "frontend/checkpoint/Files.h"
#include "frontend/huggingface/Families.h"
#include "frontend/huggingface/ModelWeights.h"
#include "runtime/cli/messages.h"
#include "runtime/cli/options.h"
#include "runtime/src/status.h"
#include "tools/driver/GraphFolder.h"
#include "tools/driver/InspectArtifact.h"
#include "tools/driver/InspectOnnx.h"
#include "tools/driver/ReadGguf.h"
#include "tools/driver/Terminal.h"

#include "fathom/artifact_abi.h"
#include "llvm/ADT/MapVector.h"
#include "llvm/ADT/StringRef.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/raw_ostream.h"

namespace fathom::driver {

using checkpoint::Checkpoint;
using checkpoint::Diagnostics;

static constexpr const char *kAbout =
    "Shows what is inside X: a .fathom artifact, an executable made by --emit=exe, a checkpoint directory,\n"
    "a GGUF file, or an ONNX model.\n";

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
    report.row({escape(stack.part), group.str(), foldRuns(stack.layers), stack.experts, checkpoint::name(stack.dtype),
                toArray(stack.shape), stack.locations.size(), stack.tensorBytes() * stack.locations.size()});
  }
}

static void describeConfig(huggingface::ModelConfig config, Report &report) {
  report.section("model");
  report.fact("model_type", escape(config.modelType));
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
    report.row({escape(shard.name), shard.header->tensors().size(), shard.size});
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
  if (refuseFolderOfGraphs(path, diagnostics)) {
    return;
  }
  huggingface::ModelConfig config = huggingface::loadModelConfig(path, diagnostics);
  bool goodConfig = !diagnostics.hasErrors();
  std::unique_ptr<Checkpoint> checkpoint = Checkpoint::openSound(path, diagnostics);
  report.section("checkpoint");
  report.fact("directory", escape(path));
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

/// How many tensors and bytes there are of each type, as files have them.
static void listFormats(const gguf::GgufModel &model, Report &report) {
  struct Total {
    uint64_t tensors = 0, bytes = 0;
  };
  llvm::MapVector<const gguf::BlockFormat *, Total> totals;
  for (const gguf::GgufModel::Part &part : model.parts()) {
    for (const gguf::TensorEntry &entry : part.file->tensors()) {
      totals[entry.format].tensors += 1;
      totals[entry.format].bytes += entry.size;
    }
  }
  report.table("types", {"name", "tensors", "size_bytes"});
  for (const auto &[format, total] : totals) {
    report.row({format->name, total.tensors, total.bytes});
  }
}

static void listParts(const gguf::GgufModel &model, Report &report) {
  report.table("files", {"name", "tensors", "size_bytes"});
  for (const gguf::GgufModel::Part &part : model.parts()) {
    report.row({escape(part.name), part.file->tensors().size(), part.size});
  }
}

/// Weights are listed as they are read; the types of the files stand beside them.
static void inspectGguf(const std::string &path, Diagnostics &diagnostics, Report &report) {
  std::unique_ptr<gguf::GgufModel> model = gguf::GgufModel::open(path, diagnostics);
  if (!model) {
    return;
  }
  std::optional<huggingface::ModelConfig> config = readConfig(*model, path, diagnostics);
  std::unique_ptr<Checkpoint> checkpoint = model->takeCheckpoint(diagnostics);
  report.section("gguf");
  report.fact("file", escape(path));
  if (config) {
    describeConfig(*config, report);
    Diagnostics findings;
    huggingface::ModelWeights weights = huggingface::findModelWeights(*config, *checkpoint, findings);
    model->forward(findings, diagnostics);
    if (!findings.hasErrors()) {
      listWeights(weights, report);
    }
  }
  listFormats(*model, report);
  listParts(*model, report);
}

/// Fills the report; returns the exit code after printing findings.
static int inspect(const std::string &path, const Selection &selection, Report &report) {
  auto *inspectFiles = llvm::sys::fs::is_directory(path) ? inspectCheckpoint
                       : isOnnx(path)                    ? inspectOnnx
                       : checkpoint::isGguf(path)        ? inspectGguf
                                                         : nullptr;
  if (inspectFiles) {
    Diagnostics diagnostics;
    inspectFiles(path, diagnostics, report);
    diagnostics.print(llvm::errs());
    return diagnostics.exitCode();
  }
  fathom_status_t status = inspectArtifact(path, selection, report);
  if (status != FATHOM_STATUS_OK) {
    runtime::failInFile(status, path.c_str());
    cli::printError("fathom", fathom_status_exit_code(status), "%s", fathom_status_message());
  }
  return fathom_status_exit_code(status);
}

int runInspect(int argc, const char *const *argv) {
  const char *path = nullptr;
  bool asJson = false, givenVariant = false;
  Selection selection;
  const cli::Option options[] = {
      {"json", 0, cli::OptionKind::kFlag, &asJson, nullptr, "one JSON object on stdout; sizes are bytes"},
      {"commands", 0, cli::OptionKind::kFlag, &selection.commands, nullptr,
       "of an artifact, what its entry points run, in order"},
      {"variant", 0, cli::OptionKind::kCount, &selection.variant, "N",
       "of an artifact for several processors, the one to show (0)", 0, FATHOM_MOST_VARIANTS - 1, nullptr,
       &givenVariant},
  };
  cli::Command command = {"fathom inspect", "X [options]", kAbout, options, std::size(options), &path, 1};
  int code = cli::parseOptions(command, argc, argv, 0, nullptr);
  if (code != cli::kContinue) {
    return code;
  }
  if (!path) {
    return cli::printUsageError(
        command.name, "name an artifact, an executable, a checkpoint directory, a GGUF file or an ONNX model");
  }
  if (llvm::sys::fs::is_directory(path) && (givenVariant || selection.commands)) {
    return cli::printUsageError(command.name, "--%s is about artifacts, but '%s' is a folder",
                                givenVariant ? "variant" : "commands", escape(path).c_str());
  }
  Report report;
  code = inspect(path, selection, report);
  if (report.isEmpty()) {
    return code;
  }
  asJson ? report.printJson(llvm::outs()) : report.printText(llvm::outs());
  return flushOutput(code);
}

} // namespace fathom::driver
