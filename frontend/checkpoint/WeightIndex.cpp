// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Reading the index of a sharded checkpoint.

#include "frontend/checkpoint/WeightIndex.h"

#include "frontend/checkpoint/Files.h"
#include "frontend/checkpoint/Json.h"

#include <algorithm>
#include <numeric>

namespace fathom::checkpoint {

llvm::StringRef faultOfFileName(llvm::StringRef name) {
  if (name.empty()) {
    return "is empty";
  }
  if (name.size() > 255) {
    return "is longer than 255 bytes";
  }
  if (name == "." || name == "..") {
    return "is not a file";
  }
  if (name.contains('/') || name.contains('\\') || name.contains(':')) {
    return name.contains("..") || name.starts_with("/") ? "leads out of the checkpoint directory" : "names a directory";
  }
  auto isControl = [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; };
  return std::any_of(name.begin(), name.end(), isControl) ? "has control characters" : "";
}

/// The largest released checkpoints have some 200.
static constexpr size_t kMaxShards = 4096;

/// Checks that a shard's name is safe to open; reports otherwise.
static bool acceptShardName(llvm::StringRef name, llvm::StringRef file, llvm::StringRef where,
                            Diagnostics &diagnostics) {
  llvm::StringRef fault = faultOfFileName(name);
  if (!fault.empty()) {
    diagnostics.error(Problem::BadInput, "bad-shard-name", file, where,
                      "the shard name \"" + escape(name) + "\" " + fault +
                          ", expected the plain name of a file in the checkpoint directory");
    return false;
  }
  if (!name.ends_with(".safetensors")) {
    diagnostics.error(Problem::Unsupported, "not-safetensors", file, where,
                      "the shard \"" + escape(name) + "\" is not a .safetensors file",
                      "pickles are refused; convert the model to safetensors");
    return false;
  }
  return true;
}

void WeightIndex::sortShards() {
  std::vector<uint32_t> order(shardNames.size());
  std::iota(order.begin(), order.end(), 0);
  std::sort(order.begin(), order.end(), [&](uint32_t a, uint32_t b) { return shardNames[a] < shardNames[b]; });
  std::vector<std::string> sorted;
  std::vector<uint32_t> position(shardNames.size());
  for (uint32_t old : order) {
    position[old] = static_cast<uint32_t>(sorted.size());
    sorted.push_back(std::move(shardNames[old]));
  }
  shardNames = std::move(sorted);
  for (uint32_t &shard : shardOfTensor) {
    shard = position[shard];
  }
}

void WeightIndex::readTotalSize(const json::Document &document, llvm::StringRef file, Diagnostics &diagnostics) {
  json::Value size = document.root().find("metadata").find("total_size");
  if (size.integer().value_or(-1) >= 0) {
    total = static_cast<uint64_t>(*size.integer());
  } else if (size) {
    diagnostics.warning("total-size", file, "metadata.total_size",
                        "is " + escape(size.spelling(), 40) + ", expected a number of bytes");
  }
}

bool WeightIndex::add(llvm::StringRef tensor, llvm::StringRef shard, StringIndex &shards, llvm::StringRef file,
                      Diagnostics &diagnostics) {
  auto [number, isNew] = shards.insert(shard);
  if (number == kMaxShards) {
    diagnostics.error(Problem::Resources, "too-many-shards", file, tensor,
                      "the index lists more than " + llvm::Twine(kMaxShards) + " shards");
    return false;
  }
  if (isNew) {
    acceptShardName(shard, file, tensor, diagnostics);
    shardNames.push_back(shard.str());
  }
  // A name with escapes lives in the document, which ends with parse().
  const std::string &text = storage.front();
  bool inText = tensor.data() >= text.data() && tensor.data() < text.data() + text.size();
  tensorNames.insert(inText ? tensor : llvm::StringRef(storage.emplace_back(tensor.str())));
  shardOfTensor.push_back(number);
  return true;
}

bool WeightIndex::parse(std::string text, llvm::StringRef file, Diagnostics &diagnostics) {
  size_t errorsBefore = diagnostics.errorCount();
  storage.push_back(std::move(text));
  json::Document document;
  json::SyntaxError error;
  if (!document.parse(storage.front(), error)) {
    diagnostics.error(Problem::BadInput, "bad-json", file, error.where(), error.message, recognize(storage.front()));
    return false;
  }
  json::Value map = document.root().find("weight_map");
  if (!map.isObject()) {
    diagnostics.error(Problem::BadInput, "bad-index", file, map ? map.where() : "",
                      "expected an object \"weight_map\" from tensor names to shards");
    return false;
  }
  readTotalSize(document, file, diagnostics);
  StringIndex shards;
  tensorNames.reserve(map.size());
  for (auto [tensor, shard] : map.members()) {
    if (!shard.isString()) {
      diagnostics.error(Problem::BadInput, "bad-index", file, tensor,
                        "maps to " + json::describe(shard.kind()) + ", expected the name of a shard");
    } else if (!add(tensor, shard.string(), shards, file, diagnostics)) {
      return false;
    }
  }
  if (map.size() == 0) {
    diagnostics.error(Problem::BadInput, "bad-index", file, map.where(), "\"weight_map\" is empty");
  }
  sortShards();
  return diagnostics.errorCount() == errorsBefore;
}

} // namespace fathom::checkpoint
