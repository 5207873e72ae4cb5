// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What `fathom inspect` says about an artifact.

#include "tools/driver/InspectArtifact.h"

#include "dialects/support/Escape.h"
#include "runtime/src/artifact_reader.h"
#include "runtime/src/functions.h"
#include "runtime/src/stores.h"
#include "tools/driver/InspectCommands.h"

#include "llvm/ADT/SmallString.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/Format.h"
#include "llvm/Support/raw_ostream.h"

#include <algorithm>
#include <cstring>

namespace fathom::driver {

/// Escaped; nothing where it is absent.
static std::string show(const flatbuffers::String *text) {
  return text ? escape(llvm::StringRef(text->c_str(), text->size())) : "";
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

static void describeModel(const artifact::Artifact &contents, Report &report) {
  const artifact::Model &model = *contents.model();
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
  report.fact("page_bytes", contents.cache()->page_bytes());
  report.fact("token_bytes", runtime::positionBytes(contents));
}

static void listStores(const artifact::Artifact &contents, Report &report) {
  report.table("stores", {"name", "type", "layers", "heads", "width", "tail", "row_bytes", "token_bytes", "stride",
                          "window", "offset"});
  for (const artifact::Store *store : each(contents.cache()->stores())) {
    report.row({show(store->name()), artifact::EnumNameStoreElement(store->element()), store->layers(), store->heads(),
                store->width(), store->tail(), runtime::rowBytes(*store),
                runtime::rowsOf(*store) * runtime::rowBytes(*store), store->stride(), store->window(),
                store->offset()});
  }
}

/// As ONNX writes it: "[batch, 64]".
static std::string describeShape(const artifact::TensorType &type) {
  std::string text;
  for (uint32_t i = 0; i < type.sizes()->size(); ++i) {
    int64_t size = type.sizes()->Get(i);
    std::string symbol = show(type.symbols()->Get(i));
    text += (i ? ", " : "") + (size >= 0 ? std::to_string(size) : symbol.empty() ? "?" : symbol);
  }
  return "[" + text + "]";
}

static void listFunctions(const artifact::Program &program, Report &report) {
  report.table("functions", {"function", "direction", "tensor", "type", "shape"});
  for (const artifact::NamedFunction *function : each(program.named_functions())) {
    auto list = [&](const char *direction, const auto &types) {
      for (const artifact::TensorType *type : types) {
        report.row({show(function->name()), direction, show(type->name()), EnumNameTensorElement(type->element()),
                    describeShape(*type)});
      }
    };
    list("input", *function->inputs());
    list("output", *function->outputs());
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

static json::Array listFeatures(const artifact::Target &target) {
  json::Array features;
  for (const flatbuffers::String *feature : each(target.features())) {
    features.push_back(show(feature));
  }
  return features;
}

/// All programs of the artifact; everything else is about one.
static void listVariants(const artifact::Artifact &contents, Report &report) {
  report.table("variants",
               {"variant", "triple", "cpu", "features", "activations", "code_bytes", "thread_scratch_bytes"});
  for (uint32_t i = 0; i < contents.variants()->size(); ++i) {
    const artifact::Program &program = *contents.variants()->Get(i);
    const artifact::Target &target = *program.target();
    report.row({i, show(target.triple()), show(target.cpu()), listFeatures(target),
                artifact::EnumNameStoreElement(target.activation()),
                contents.segments()->Get(program.code()->segment())->size(), program.code()->scratch_bytes()});
  }
}

static void describeTarget(const artifact::Program &program, Report &report) {
  const artifact::Target &target = *program.target();
  report.section("target");
  report.fact("triple", show(target.triple()));
  report.fact("activations", artifact::EnumNameStoreElement(target.activation()));
  report.fact("cpu", show(target.cpu()));
  report.fact("features", listFeatures(target));
}

static void describeSurroundings(const artifact::Artifact &contents, Report &report) {
  report.section("tokenizer");
  const artifact::Tokenizer *tokenizer = contents.tokenizer();
  report.fact("tokens", tokenizer ? json::Value(std::max(tokenizer->token_offsets()->size(), 1u) - 1) : nullptr);
  if (tokenizer) {
    report.fact("pre_tokenizer", describeSplits(*tokenizer));
    report.fact("chat_templates", tokenizer->chat_templates() ? tokenizer->chat_templates()->size() : 0);
  }
  if (const artifact::BuildRecord *build = contents.build()) {
    report.section("build");
    report.fact("compiler_version", show(build->compiler_version()));
    report.fact("llvm_version", show(build->llvm_version()));
    report.fact("options", show(build->options()));
  }
}

static void listCode(const artifact::Artifact &contents, const artifact::Program &program, Report &report) {
  report.table("entry_points", {"name", "form", "min_rows", "max_rows", "max_positions", "logits", "hidden",
                                "hidden_out", "argmax", "arena_bytes", "function"});
  for (const artifact::EntryPoint *entry : each(program.entry_points())) {
    uint32_t positions = entry->max_positions() ? entry->max_positions() : contents.model()->max_context();
    report.row({show(entry->name()), EnumNameForm(entry->form()), entry->min_rows(), entry->max_rows(), positions,
                entry->logits(), entry->hidden(), entry->hidden_out(), entry->argmax(), entry->arena_bytes(),
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

/// How a GPU launches the kernels, and what a thread or a block of each takes: nothing of a CPU.
static void listGrids(const artifact::Program &program, Report &report) {
  if (each(program.code()->modules()).empty()) {
    return;
  }
  report.table("grids", {"kernel", "threads", "blocks", "rows_per_block", "registers", "shared_bytes", "spill_bytes",
                         "scratch_bytes", "ptx_bytes", "cubin_bytes"});
  for (const artifact::Kernel *kernel : each(program.kernels())) {
    const artifact::Grid &grid = *kernel->grid();
    const artifact::Module &module = *program.code()->modules()->Get(grid.module_());
    // What an assembler counts is not known where the driver is to be one.
    auto counted = [&](auto count) { return module.cubin_size() ? json::Value(count) : json::Value(nullptr); };
    report.row({show(kernel->name()), grid.threads(), grid.blocks(), grid.rows_per_block(), counted(grid.registers()),
                grid.shared_bytes() + grid.dynamic_shared_bytes(), counted(grid.spill_bytes()), grid.scratch_bytes(),
                module.ptx_size(), counted(module.cubin_size())});
  }
}

static void listWeights(const artifact::Artifact &contents, const artifact::Program &program, Report &report) {
  report.table("weights", {"name", "type", "shape", "layout", "experts", "scale", "slices", "size_bytes", "segment"});
  for (const artifact::Weight *weight : *program.weights()) {
    // Checked by the reader: the slices exist, and so do their segments.
    uint64_t bytes = 0;
    uint32_t segment = 0;
    for (uint32_t i = 0; i < weight->slice_count(); ++i) {
      const artifact::WeightSlice *slice = program.weight_slices()->Get(weight->first_slice() + i);
      bytes += slice->size();
      segment = slice->segment();
    }
    std::string name = weight->slice_count() ? show(contents.segments()->Get(segment)->name()) : "";
    report.row({show(weight->name()), show(weight->element_type()), toArray(each(weight->shape())),
                show(weight->layout()), weight->experts(), weight->scale(), weight->slice_count(), bytes, name});
  }
  report.table("segments", {"name", "directory", "offset", "size_bytes", "xxh3"});
  for (const artifact::Segment *segment : each(contents.segments())) {
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

fathom_status_t inspectArtifact(const std::string &path, const Selection &selection, Report &report) {
  runtime::ByteSource file;
  runtime::ByteSource source;
  runtime::Metadata metadata;
  uint64_t offset = 0;
  FATHOM_RETURN_IF_ERROR(file.openFile(path.c_str(), 0));
  FATHOM_RETURN_IF_ERROR(findArtifact(file, offset));
  FATHOM_RETURN_IF_ERROR(source.openFile(path.c_str(), offset));
  FATHOM_RETURN_IF_ERROR(metadata.read(source));
  const fathom_artifact_header_t &header = metadata.header();
  const artifact::Artifact &contents = metadata.contents();
  uint32_t variants = contents.variants()->size();
  if (selection.variant >= variants) {
    return runtime::fail(FATHOM_STATUS_INVALID_ARGUMENT, "--variant: the artifact has %u, counted from 0", variants);
  }
  const artifact::Program &program = *contents.variants()->Get(static_cast<uint32_t>(selection.variant));
  report.section("artifact");
  report.fact("file", escape(path));
  report.fact("kind", offset ? "executable" : "artifact");
  report.fact("format", std::to_string(header.version_major) + "." + std::to_string(header.version_minor));
  report.fact("file_bytes", file.size());
  report.fact("artifact_bytes", header.total_size);
  report.fact("metadata_bytes", header.metadata_size);
  bool isGraph = runtime::hasFunctions(program);
  isGraph ? void() : describeModel(contents, report);
  describeTarget(program, report);
  describeSurroundings(contents, report);
  listVariants(contents, report);
  isGraph ? listFunctions(program, report) : listStores(contents, report);
  listCode(contents, program, report);
  listGrids(program, report);
  listWeights(contents, program, report);
  return selection.commands ? listCommands(contents, program, report) : FATHOM_STATUS_OK;
}

} // namespace fathom::driver
