// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
#include "frontend/gguf/GgufModel.h"

#include "dialects/support/Hash.h"
#include "frontend/checkpoint/Files.h"
#include "frontend/gguf/TensorNames.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/Endian.h"
#include "llvm/Support/Path.h"

#include <cmath>
#include <deque>
#include <map>

namespace fathom::gguf {

using checkpoint::DType;

static constexpr llvm::StringLiteral kRopeDivisors = "rope_freqs.weight";

namespace {

/// Tensors of a view.
class ViewTable : public checkpoint::TensorTable {
public:
  void add(std::string name, std::vector<int64_t> shape, const ViewedTensor &tensor, uint64_t offset) {
    names.push_back(std::move(name));
    shapes.push_back(std::move(shape));
    all.push_back({names.back(), shapes.back(), offset, tensor.size(), tensor.dtype});
  }
  void setHash(uint64_t hash) { tableHash = hash; }

private:
  std::deque<std::string> names;
  std::deque<std::vector<int64_t>> shapes;
};

/// A tensor and the file that it is in.
struct Found {
  uint32_t file = 0;
  const TensorEntry *entry = nullptr;
};

/// The two halves of kv_b_proj of one layer, where it is not stored as one.
struct Halves {
  Found keys, values;
  bool isWhole = false;
};

} // namespace

class GgufOpener {
public:
  GgufOpener(GgufModel &model, Diagnostics &diagnostics) : model(model), diagnostics(diagnostics) {}

  void run();

private:
  bool openPart(const std::string &path);
  std::optional<int64_t> countParts();
  bool openOthers(int64_t count);
  void checkParts(int64_t count);
  void readDivisors(const Found &found);
  void viewTensors();
  void viewTensor(const Found &found);
  void viewHalves(int64_t layer, const Halves &halves);
  void add(llvm::StringRef name, std::vector<int64_t> shape, ViewedTensor tensor);
  int64_t headsOf(llvm::StringRef name) const;
  bool isOfDraft(int64_t layer) const { return layer >= model.converted.layers; }

  GgufModel &model;
  Diagnostics &diagnostics;
  const Architecture *architecture = nullptr;
  std::vector<File> handles;
  std::shared_ptr<GgufView> view;
  std::unique_ptr<ViewTable> table = std::make_unique<ViewTable>();
  std::map<int64_t, Halves> halves;
};

void GgufOpener::run() {
  if (!openPart(model.path)) {
    return;
  }
  MetadataReader metadata(*model.files[0].file, model.path, diagnostics);
  std::optional<int64_t> count = countParts();
  if (!count || !openOthers(*count)) {
    return;
  }
  checkParts(*count);
  architecture = findArchitecture(metadata);
  if (architecture) {
    model.converted = convertConfig(metadata, *architecture, diagnostics);
  }
  if (!model.converted.text.empty()) {
    viewTensors();
  }
}

bool GgufOpener::openPart(const std::string &path) {
  std::optional<File> file = checkpoint::openFile(path, path, Problem::InputOutput, diagnostics);
  if (!file) {
    return false;
  }
  std::unique_ptr<GgufFile> read = GgufFile::read(*file, path, diagnostics);
  if (!read) {
    return false;
  }
  model.files.push_back({llvm::sys::path::filename(path).str(), path, file->size(), std::move(read)});
  handles.push_back(std::move(*file));
  return true;
}

/// In how many files the model is; nothing after a finding.
std::optional<int64_t> GgufOpener::countParts() {
  MetadataReader metadata(*model.files[0].file, model.path, diagnostics);
  int64_t count = std::max<int64_t>(metadata.integer("split.count").value_or(0), 1);
  int64_t number = metadata.integer("split.no").value_or(0);
  if (count > 1 && number != 0) {
    metadata.bad("split.no",
                 "is " + llvm::Twine(number) + ": this is part " + llvm::Twine(number + 1) + " of " +
                     llvm::Twine(count),
                 "pass the first part, whose name ends with -00001-of-" + llvm::utostr(count) + ".gguf");
    return std::nullopt;
  }
  return count > UINT16_MAX ? metadata.bad("split.count", "is above 65535"), std::nullopt : std::optional(count);
}

/// "-00002-of-00003.gguf".
static std::string suffixOf(int64_t number, int64_t count) {
  char text[32];
  snprintf(text, sizeof(text), "-%05d-of-%05d.gguf", static_cast<int>(number), static_cast<int>(count));
  return text;
}

bool GgufOpener::openOthers(int64_t count) {
  llvm::StringRef base = model.path;
  if (count > 1 && !base.consume_back(suffixOf(1, count))) {
    diagnostics.error(Problem::BadInput, "bad-split", model.path, "split.count",
                      "is " + llvm::Twine(count) + ", but the file's name does not end with " + suffixOf(1, count),
                      "give all parts the names that they were made with");
    return false;
  }
  size_t errorsBefore = diagnostics.errorCount();
  for (int64_t number = 2; number <= count; ++number) {
    openPart(base.str() + suffixOf(number, count));
  }
  return diagnostics.errorCount() == errorsBefore;
}

/// Parts say which they are, and the first how many tensors all have together.
void GgufOpener::checkParts(int64_t count) {
  int64_t tensors = 0;
  for (auto [number, part] : llvm::enumerate(model.files)) {
    MetadataReader metadata(*part.file, part.path, diagnostics);
    tensors += static_cast<int64_t>(part.file->tensors().size());
    if (count > 1 &&
        (metadata.integer("split.no") != static_cast<int64_t>(number) || metadata.integer("split.count") != count)) {
      metadata.bad("split.no", "expected part " + llvm::Twine(number) + " of " + llvm::Twine(count) +
                                   ", counted from 0, as the file's name says");
    }
  }
  MetadataReader first(*model.files[0].file, model.path, diagnostics);
  std::optional<int64_t> declared = first.integer("split.tensors.count");
  if (count > 1 && declared && *declared != tensors) {
    first.bad("split.tensors.count",
              "is " + llvm::Twine(*declared) + ", but the parts have " + llvm::Twine(tensors) + " tensors");
  }
}

void GgufOpener::readDivisors(const Found &found) {
  const TensorEntry &entry = *found.entry;
  constexpr uint64_t most = 1 << 16;
  std::vector<uint8_t> bytes(std::min(entry.size, most));
  const GgufModel::Part &part = model.files[found.file];
  if (entry.format->code != TypeCode::F32 || entry.size > most) {
    diagnostics.error(Problem::Unsupported, "unsupported-dtype", part.path, entry.name,
                      "expected a vector of F32, not longer than " + llvm::Twine(most / 4));
    return;
  }
  if (!handles[found.file].read(bytes.data(), bytes.size(), entry.offset)) {
    checkpoint::reportSystemError(errno, part.path, "cannot read", diagnostics);
    return;
  }
  for (size_t i = 0; i < bytes.size(); i += 4) {
    float divisor = __builtin_bit_cast(float, llvm::support::endian::read32le(&bytes[i]));
    if (!std::isfinite(divisor) || divisor <= 0) {
      diagnostics.error(Problem::BadInput, "bad-rope-divisor", part.path, entry.name,
                        "number " + llvm::Twine(i / 4) + " divides a frequency, but is not above 0 and finite");
      return;
    }
    model.divisors.push_back(divisor);
  }
}

void GgufOpener::viewTensors() {
  RunningHash hash;
  view = std::make_shared<GgufView>();
  for (auto [number, part] : llvm::enumerate(model.files)) {
    uint64_t bits = part.file->hash();
    hash.update({reinterpret_cast<const char *>(&bits), sizeof(bits)});
    for (const TensorEntry &entry : part.file->tensors()) {
      viewTensor({static_cast<uint32_t>(number), &entry});
    }
  }
  for (const auto &[layer, both] : halves) {
    viewHalves(layer, both);
  }
  table->setHash(hash.digest());
  view->setFiles(std::move(handles));
  model.shard = {model.files[0].name, model.path, view->size(), std::move(table), view};
}

static StoredMatrix storedAt(const Found &found) {
  return {found.file, found.entry->offset, found.entry->format, static_cast<uint64_t>(found.entry->shape.back())};
}

/// What a view has of a format: floats stay, blocks become f32.
static DType typeOf(const BlockFormat &format) {
  return format.dequantize ? DType::F32 : *checkpoint::parseDType(format.name);
}

int64_t GgufOpener::headsOf(llvm::StringRef name) const {
  bool isQuery = name.starts_with("attn_q."), isKey = name.starts_with("attn_k.");
  return !architecture->alternates ? 0 : isQuery ? model.converted.heads : isKey ? model.converted.keyValueHeads : 0;
}

void GgufOpener::viewTensor(const Found &found) {
  const TensorEntry &entry = *found.entry;
  llvm::StringRef name = entry.name;
  int64_t layer = takeLayer(name);
  if (entry.name == kRopeDivisors) {
    readDivisors(found);
    return;
  }
  if (layer >= 0 && isOfDraft(layer) &&
      model.files[0].file->find(architecture->name + std::string(".nextn_predict_layers"))) {
    return;
  }
  if (layer >= 0 && (name == "attn_k_b.weight" || name == "attn_v_b.weight")) {
    (name == "attn_k_b.weight" ? halves[layer].keys : halves[layer].values) = found;
    return;
  }
  if (layer >= 0 && name == "attn_kv_b.weight") {
    halves[layer].isWhole = true;
  }
  ViewedTensor tensor;
  tensor.dtype = typeOf(*entry.format);
  tensor.matrix = storedAt(found);
  // The numbers of a vector are rows where they change places.
  uint64_t heads = static_cast<uint64_t>(headsOf(name));
  bool isVector = entry.shape.size() == 1 && heads > 0 && !entry.format->dequantize;
  tensor.columns = tensor.matrix.columns = isVector ? 1 : tensor.matrix.columns;
  tensor.rows = 1;
  for (int64_t extent : llvm::ArrayRef(entry.shape).drop_back(isVector ? 0 : 1)) {
    tensor.rows *= static_cast<uint64_t>(extent);
  }
  if (heads > 0 && heads <= tensor.rows && tensor.rows % (2 * heads) == 0) {
    tensor.arrangement = Arrangement::Alternating;
    tensor.heads = heads;
  }
  add(entry.name, {entry.shape.begin(), entry.shape.end()}, tensor);
}

/// Keys, [heads, latent, width], and values, [heads, width, latent], as the one matrix [heads · widths, latent].
void GgufOpener::viewHalves(int64_t layer, const Halves &both) {
  std::string prefix = "blk." + std::to_string(layer) + ".";
  if (both.isWhole) {
    return; // ik_llama.cpp's converter writes all three
  }
  if (!both.keys.entry || !both.values.entry) {
    diagnostics.error(Problem::BadInput, "missing-tensor", model.path,
                      prefix + (both.keys.entry ? "attn_v_b.weight" : "attn_k_b.weight"), "no file has this tensor");
    return;
  }
  llvm::ArrayRef<int64_t> k = both.keys.entry->shape, v = both.values.entry->shape;
  if (k.size() != 3 || v.size() != 3 || k[0] != v[0] || k[1] != v[2]) {
    diagnostics.error(Problem::BadInput, "misshapen-tensor", model.path, prefix + "attn_k_b.weight",
                      "and attn_v_b.weight are not [heads, latent, keys] and [heads, values, latent] of as many heads "
                      "and the same latent");
    return;
  }
  ViewedTensor tensor;
  tensor.arrangement = Arrangement::KeysAndValues;
  tensor.dtype = both.keys.entry->format == both.values.entry->format ? typeOf(*both.keys.entry->format) : DType::F32;
  tensor.heads = static_cast<uint64_t>(k[0]);
  tensor.rows = static_cast<uint64_t>(k[0] * (k[2] + v[1]));
  tensor.columns = static_cast<uint64_t>(k[1]);
  tensor.matrix = storedAt(both.keys);
  tensor.values = storedAt(both.values);
  add(prefix + "attn_kv_b.weight", {k[0] * (k[2] + v[1]), k[1]}, tensor);
}

void GgufOpener::add(llvm::StringRef name, std::vector<int64_t> shape, ViewedTensor tensor) {
  if (std::optional<uint64_t> offset = view->add(tensor)) {
    table->add(toCheckpointName(name), std::move(shape), tensor, *offset);
  } else {
    diagnostics.error(Problem::Resources, "too-large", model.path, escape(name), "ends beyond 2^63 bytes of numbers");
  }
}

std::unique_ptr<GgufModel> GgufModel::open(llvm::StringRef path, Diagnostics &diagnostics) {
  size_t errorsBefore = diagnostics.errorCount();
  auto model = std::make_unique<GgufModel>();
  model->path = path.str();
  GgufOpener(*model, diagnostics).run();
  return diagnostics.errorCount() == errorsBefore ? std::move(model) : nullptr;
}

std::unique_ptr<checkpoint::Checkpoint> GgufModel::takeCheckpoint(Diagnostics &diagnostics) {
  return checkpoint::Checkpoint::assemble(path, std::move(shard), diagnostics);
}

std::optional<ConvertedTokenizer> readTokenizer(llvm::StringRef path, Diagnostics &diagnostics) {
  std::string name = path.str();
  std::optional<File> file = checkpoint::openFile(name, name, Problem::InputOutput, diagnostics);
  std::unique_ptr<GgufFile> read = file ? GgufFile::read(*file, name, diagnostics) : nullptr;
  if (!read) {
    return std::nullopt;
  }
  MetadataReader metadata(*read, name, diagnostics);
  return convertTokenizer(metadata);
}

/// "3:17", a place in a text that is nowhere.
static bool isPlace(llvm::StringRef where) {
  auto [line, column] = where.split(':');
  return !column.empty() && llvm::all_of(line, llvm::isDigit) && llvm::all_of(column, llvm::isDigit);
}

static void replaceAll(std::string &text, llvm::StringRef from, llvm::StringRef to) {
  for (size_t at = text.find(from); at != std::string::npos; at = text.find(from, at + to.size())) {
    text.replace(at, from.size(), to);
  }
}

void forward(const Diagnostics &findings, llvm::StringRef path, llvm::ArrayRef<KeyName> keys,
             Diagnostics &diagnostics) {
  for (checkpoint::Finding finding : findings.findings()) {
    for (std::string *text : {&finding.message, &finding.hint}) {
      for (const auto &[key, metadata] : keys) {
        replaceAll(*text, "\"" + key + "\"", "\"" + metadata + "\"");
      }
      replaceAll(*text, "tokenizer_config.json", "the metadata");
      replaceAll(*text, "tokenizer.json", "the vocabulary");
      replaceAll(*text, "config.json", "the metadata");
    }
    finding.file = path.str();
    finding.where = isPlace(finding.where) ? "" : toGgufName(finding.where);
    diagnostics.report(std::move(finding));
  }
}

void GgufModel::forward(const Diagnostics &findings, Diagnostics &diagnostics) const {
  gguf::forward(findings, path, converted.keys, diagnostics);
}

} // namespace fathom::gguf
