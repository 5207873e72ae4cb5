// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Opening a checkpoint directory: find its shards, parse them all, compare them with the index.

#include "frontend/checkpoint/Checkpoint.h"

#include "frontend/checkpoint/WeightIndex.h"
#include "llvm/ADT/STLExtras.h"

#include <algorithm>
#include <cerrno>
#include <sys/stat.h>

namespace fathom::checkpoint {

static constexpr llvm::StringLiteral kIndexName = "model.safetensors.index.json";
static constexpr llvm::StringLiteral kSingleName = "model.safetensors";
/// DeepSeek-V3's index has 9 MB.
static constexpr uint64_t kIndexLimit = 64u << 20;

/// Opens one checkpoint; one use.
class CheckpointOpener {
public:
  CheckpointOpener(Checkpoint &checkpoint, Diagnostics &diagnostics)
      : checkpoint(checkpoint), diagnostics(diagnostics) {}

  void run();
  void take(Shard shard);

private:
  void explainMissing();
  void refuseAll(const char *code, const llvm::Twine &what, llvm::StringRef hint);
  void openIndexed();
  void openShard(llvm::StringRef name);
  void reportMissingShard(const std::string &path, int number);
  void collectTensors();
  void compareWithIndex(const WeightIndex &index);
  void warnOfOthers(llvm::ArrayRef<std::string> read, const llvm::Twine &source);
  std::string show(llvm::StringRef name) const { return joinPath(checkpoint.root, name); }

  Checkpoint &checkpoint;
  Diagnostics &diagnostics;
};

void CheckpointOpener::run() {
  struct stat status;
  if (::stat(checkpoint.root.c_str(), &status) != 0) {
    reportSystemError(errno, checkpoint.root, "cannot open", diagnostics);
    return;
  }
  if (!S_ISDIR(status.st_mode)) {
    diagnostics.error(Problem::InputOutput, "not-a-directory", checkpoint.root, "",
                      "not a directory, expected one with config.json and safetensors files");
    return;
  }
  if (exists(show(kIndexName))) {
    openIndexed();
  } else if (exists(show(kSingleName))) {
    warnOfOthers(kSingleName.str(), kSingleName);
    openShard(kSingleName);
    collectTensors();
  } else {
    explainMissing();
  }
}

/// Whether a name is one that programs give to a download until it is complete.
static bool isUnfinished(llvm::StringRef name) {
  static constexpr const char *kSuffixes[] = {".incomplete", ".part", ".partial", ".aria2", ".crdownload"};
  return llvm::any_of(kSuffixes, [&](const char *suffix) { return name.ends_with(suffix); });
}

/// What to do where files are missing.
static std::string adviseOnMissing(const std::string &root) {
  // huggingface_hub downloads to its cache, or to a directory below the one that the user chose.
  for (const char *place : {"", ".cache/huggingface/download", "../../blobs"}) {
    bool cache = llvm::StringRef(place).starts_with("..");
    std::string directory = joinPath(root, place);
    for (llvm::StringRef name : listDirectory(cache && !isInCache(root) ? "" : directory)) {
      if (isUnfinished(name)) {
        return "the download is incomplete: it left " + joinPath(directory, name) + "; run it again until it ends";
      }
    }
  }
  return "download the missing files again";
}

void CheckpointOpener::refuseAll(const char *code, const llvm::Twine &what, llvm::StringRef hint) {
  diagnostics.error(Problem::Unsupported, code, checkpoint.root, "", what, hint);
}

/// Says what the directory holds instead of a whole model in safetensors files.
void CheckpointOpener::explainMissing() {
  bool pickle = false, shards = false, adapter = false, gguf = false;
  for (llvm::StringRef name : listDirectory(checkpoint.root)) {
    pickle |=
        (name.starts_with("pytorch_model") && name.contains(".bin")) || name.ends_with(".pt") || name.ends_with(".pth");
    adapter |= name == "adapter_model.safetensors" || name == "adapter_model.bin";
    shards |= name.ends_with(".safetensors") && !name.starts_with("adapter");
    gguf |= name.ends_with(".gguf");
  }
  if (shards && !gguf) {
    diagnostics.error(Problem::BadInput, "no-weights", checkpoint.root, "",
                      "has safetensors files but neither " + kSingleName + " nor " + kIndexName,
                      "download the index as well");
  } else if (adapter) {
    refuseAll("adapter", "has a PEFT adapter, but not the model that it adapts",
              "merge the adapter into the weights (merge_and_unload) and save the model that this gives");
  } else if (pickle) {
    refuseAll("pickle", "has only pickled weights, which are refused: loading a pickle runs code",
              "convert the model to safetensors");
  } else if (gguf) {
    refuseAll("gguf", "has GGUF files and no whole model in safetensors files",
              "pass one of the .gguf files itself, or download the original checkpoint");
  } else {
    diagnostics.error(Problem::BadInput, "no-weights", checkpoint.root, "",
                      "has neither " + kSingleName + " nor " + kIndexName, adviseOnMissing(checkpoint.root));
  }
}

void CheckpointOpener::openIndexed() {
  if (!staysInside(checkpoint.root, kIndexName, diagnostics)) {
    return;
  }
  std::optional<std::string> text = readTextFile(show(kIndexName), show(kIndexName), kIndexLimit, diagnostics);
  WeightIndex index;
  if (!text || !index.parse(std::move(*text), show(kIndexName), diagnostics)) {
    return;
  }
  warnOfOthers(index.shards(), "the shards that " + kIndexName + " lists");
  size_t errorsBefore = diagnostics.errorCount();
  for (const std::string &shard : index.shards()) {
    openShard(shard);
  }
  collectTensors();
  // Without all shards, a comparison would repeat each missing one a thousand times.
  if (diagnostics.errorCount() == errorsBefore) {
    compareWithIndex(index);
  }
}

/// Weights beside those that are read: which are meant, other programs may see otherwise.
void CheckpointOpener::warnOfOthers(llvm::ArrayRef<std::string> read, const llvm::Twine &source) {
  for (llvm::StringRef name : listDirectory(checkpoint.root)) {
    if (name == "adapter_config.json") {
      diagnostics.warning("adapter", show(name), "", "is not read: answers are those of the model without the adapter",
                          "merge the adapter into the weights");
    } else if (name.starts_with("model") && name.ends_with(".safetensors") && !llvm::is_contained(read, name)) {
      diagnostics.warning("two-weights", show(name), "",
                          "is not read: weights come from " + source +
                              (name == kSingleName ? "; the transformers library reads this file instead" : ""),
                          "remove the one that is not wanted");
    } else if (name.ends_with(".gguf") || (name.starts_with("consolidated") && name.ends_with(".safetensors"))) {
      diagnostics.note("two-weights", show(name), "", "is not read: weights come from " + source);
    } else if (isUnfinished(name)) {
      diagnostics.warning("unfinished-download", show(name), "",
                          "is left of a download that did not finish; files beside it may have holes",
                          "run the download again until it ends, or remove this file if it did");
    }
  }
}

void CheckpointOpener::reportMissingShard(const std::string &path, int number) {
  if (number != ENOENT && number != ELOOP) {
    return reportSystemError(number, path, "cannot open", diagnostics);
  }
  diagnostics.error(Problem::BadInput, "missing-shard", path, "",
                    number == ELOOP ? "cannot open: Too many levels of symbolic links"
                    : exists(path)  ? "is a link to a file that does not exist"
                                    : "the index lists this shard, but it does not exist",
                    adviseOnMissing(checkpoint.root));
}

void CheckpointOpener::openShard(llvm::StringRef name) {
  std::string path = show(name);
  struct stat status;
  if (::stat(path.c_str(), &status) != 0) {
    reportMissingShard(path, errno);
    return;
  }
  if (!staysInside(checkpoint.root, name, diagnostics)) {
    return;
  }
  std::optional<File> file = openFile(path, path, Problem::BadInput, diagnostics);
  if (!file) {
    return;
  }
  std::unique_ptr<SafetensorsHeader> header = SafetensorsHeader::read(*file, path, diagnostics);
  if (header) {
    checkpoint.files.push_back({name.str(), path, file->size(), std::move(header), nullptr});
  }
}

/// Joins the tensors of all shards; a name in two shards is a finding.
void CheckpointOpener::collectTensors() {
  size_t count = 0;
  for (const Shard &shard : checkpoint.files) {
    count += shard.header->tensors().size();
  }
  checkpoint.tensors.reserve(count);
  checkpoint.names.reserve(count);
  for (uint32_t i = 0; i < checkpoint.files.size(); ++i) {
    for (const TensorInfo &tensor : checkpoint.files[i].header->tensors()) {
      auto [number, isNew] = checkpoint.names.insert(tensor.name);
      if (isNew) {
        checkpoint.tensors.push_back({i, &tensor});
        continue;
      }
      const Shard &first = checkpoint.files[checkpoint.tensors[number].shard];
      diagnostics.error(Problem::BadInput, "duplicate-tensor", checkpoint.files[i].path, tensor.name,
                        "this tensor is also in " + first.name);
    }
  }
}

void CheckpointOpener::take(Shard shard) {
  checkpoint.files.push_back(std::move(shard));
  collectTensors();
}

void CheckpointOpener::compareWithIndex(const WeightIndex &index) {
  uint64_t bytes = 0;
  for (const TensorRef &ref : checkpoint.tensors) {
    bytes += ref.tensor->size;
    const Shard &shard = checkpoint.files[ref.shard];
    std::optional<uint32_t> listed = index.tensors().find(ref.tensor->name);
    if (!listed) {
      diagnostics.error(Problem::BadInput, "not-in-index", shard.path, ref.tensor->name,
                        "the index does not list this tensor", "shard and index may be of different revisions");
    } else if (index.shardOf(*listed) != ref.shard) {
      diagnostics.error(Problem::BadInput, "wrong-shard", shard.path, ref.tensor->name,
                        "the index says this tensor is in " + index.shards()[index.shardOf(*listed)],
                        "shard and index may be of different revisions");
    }
  }
  for (uint32_t i = 0; i < index.tensors().size(); ++i) {
    llvm::StringRef name = index.tensors().key(i);
    if (!checkpoint.names.find(name)) {
      diagnostics.error(Problem::BadInput, "not-in-shard", show(index.shards()[index.shardOf(i)]), name,
                        "the index lists this tensor, but the shard does not have it",
                        "shard and index may be of different revisions");
    }
  }
  if (index.totalSize() && *index.totalSize() != bytes) {
    diagnostics.warning("total-size", show(kIndexName), "metadata.total_size",
                        "says " + llvm::Twine(*index.totalSize()) + " bytes, but the tensors have " +
                            llvm::Twine(bytes));
  }
}

std::unique_ptr<Checkpoint> Checkpoint::open(llvm::StringRef directory, Diagnostics &diagnostics) {
  size_t errorsBefore = diagnostics.errorCount();
  std::unique_ptr<Checkpoint> checkpoint = openSound(directory, diagnostics);
  return diagnostics.errorCount() == errorsBefore ? std::move(checkpoint) : nullptr;
}

std::unique_ptr<Checkpoint> Checkpoint::openSound(llvm::StringRef directory, Diagnostics &diagnostics) {
  auto checkpoint = std::make_unique<Checkpoint>();
  checkpoint->root = directory.str();
  while (checkpoint->root.size() > 1 && checkpoint->root.back() == '/') {
    checkpoint->root.pop_back();
  }
  CheckpointOpener(*checkpoint, diagnostics).run();
  return checkpoint;
}

std::unique_ptr<Checkpoint> Checkpoint::assemble(llvm::StringRef directory, Shard shard, Diagnostics &diagnostics) {
  auto checkpoint = std::make_unique<Checkpoint>();
  checkpoint->root = directory.str();
  CheckpointOpener(*checkpoint, diagnostics).take(std::move(shard));
  return checkpoint;
}

std::optional<size_t> Checkpoint::find(llvm::StringRef name) const {
  std::optional<uint32_t> number = names.find(name);
  return number ? std::optional<size_t>(*number) : std::nullopt;
}

std::optional<bool> Checkpoint::holdSame(const TensorRef &a, const TensorRef &b, Diagnostics &diagnostics,
                                         uint64_t maxPieces) const {
  constexpr uint64_t pieceBytes = 1 << 20;
  uint64_t stride = pieceBytes * std::max<uint64_t>(1, llvm::divideCeil(a.tensor->size / pieceBytes, maxPieces));
  std::string pieces[2];
  std::optional<File> opened[2];
  const TensorRef *refs[2] = {&a, &b};
  for (int i : {0, 1}) {
    const Shard &shard = files[refs[i]->shard];
    opened[i] = openFile(shard.path, shard.path, Problem::InputOutput, diagnostics);
    if (!opened[i]) {
      return std::nullopt;
    }
  }
  for (uint64_t at = 0; at < a.tensor->size; at += stride) {
    for (int i : {0, 1}) {
      pieces[i].resize(std::min(pieceBytes, a.tensor->size - at));
      const Shard &shard = files[refs[i]->shard];
      uint64_t offset = refs[i]->tensor->offset + at;
      bool isRead = shard.view ? shard.view->read(pieces[i].data(), pieces[i].size(), offset)
                               : opened[i]->read(pieces[i].data(), pieces[i].size(), offset);
      if (!isRead) {
        reportSystemError(errno, shard.path, "cannot read", diagnostics);
        return std::nullopt;
      }
    }
    if (pieces[0] != pieces[1]) {
      return false;
    }
  }
  return true;
}

} // namespace fathom::checkpoint
