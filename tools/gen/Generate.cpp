// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Writing a generated checkpoint: threads draw pieces of tensors and put each where it belongs in its file.

#include "tools/gen/Generate.h"

#include "dialects/support/AtomicFile.h"
#include "dialects/support/ExitError.h"
#include "dialects/support/Threads.h"
#include "frontend/checkpoint/Files.h"
#include "tools/gen/GeneratePlan.h"
#include "tools/gen/RandomWeights.h"

#include "llvm/Support/FileSystem.h"

#include <cmath>
#include <cstring>
#include <mutex>
#include <pthread.h>
#include <thread>
#include <unistd.h>

namespace fathom::gen {

using checkpoint::Diagnostics;
using checkpoint::Problem;
using huggingface::ModelConfig;

/// Elements drawn and written at a time; even.
static constexpr uint64_t kPieceElements = 1u << 20;

/// DeepSeek-V3 has 91 thousand, scales included.
static constexpr int64_t kMaxTensors = 1'000'000;

namespace {

/// Writes one checkpoint; one use.
class CheckpointWriter {
public:
  CheckpointWriter(llvm::StringRef directory, const GenerateOptions &options)
      : directory(directory), options(options) {}

  llvm::Error prepareDirectory();
  llvm::Error writeShards(const std::vector<PlannedShard> &shards);
  llvm::Error writeText(const std::string &name, llvm::StringRef text);
  /// Removes everything written.
  void undo();
  bool isCancelled() const { return options.cancelled && options.cancelled->load(); }

private:
  /// Part of a tensor.
  struct Piece {
    const PlannedTensor *tensor;
    uint64_t first;
  };

  llvm::Error commit(AtomicFile &file, const std::string &path);
  llvm::Error writeShard(const PlannedShard &shard);
  llvm::Error fillShard(AtomicFile &file, const PlannedShard &shard);
  llvm::Error writePiece(AtomicFile &file, const Piece &piece, std::vector<char> &buffer);

  std::string directory;
  const GenerateOptions &options;
  std::vector<std::string> written;
  bool madeDirectory = false;
  uint64_t totalBytes = 0;
  std::atomic<uint64_t> doneBytes{0};
};

} // namespace

llvm::Error CheckpointWriter::prepareDirectory() {
  std::error_code error = llvm::sys::fs::create_directory(directory, /*IgnoreExisting=*/false, llvm::sys::fs::all_all);
  if (!error) {
    madeDirectory = true;
    return llvm::Error::success();
  }
  if (error != std::errc::file_exists) {
    return makeSystemError("cannot create directory " + quotePath(directory), error.value());
  }
  std::error_code unreadable;
  llvm::sys::fs::directory_iterator first(directory, unreadable);
  return !unreadable && first == llvm::sys::fs::directory_iterator()
             ? llvm::Error::success()
             : makeError(ExitCode::InputOutput, quotePath(directory) + " exists and is not an empty directory; choose "
                                                                       "another output directory");
}

llvm::Error CheckpointWriter::commit(AtomicFile &file, const std::string &path) {
  written.push_back(path);
  return file.commit();
}

llvm::Error CheckpointWriter::writeText(const std::string &name, llvm::StringRef text) {
  std::string path = checkpoint::joinPath(directory, name);
  auto file = AtomicFile::create(path, {});
  if (!file) {
    return file.takeError();
  }
  llvm::Error error = (*file)->writeAt(0, text);
  return error ? std::move(error) : commit(**file, path);
}

llvm::Error CheckpointWriter::writeShards(const std::vector<PlannedShard> &shards) {
  for (const PlannedShard &shard : shards) {
    totalBytes += shard.fileBytes;
  }
  for (const PlannedShard &shard : shards) {
    if (llvm::Error error = writeShard(shard)) {
      return error;
    }
  }
  return llvm::Error::success();
}

llvm::Error CheckpointWriter::writeShard(const PlannedShard &shard) {
  std::string path = checkpoint::joinPath(directory, shard.name);
  auto file = AtomicFile::create(path, {});
  if (!file) {
    return file.takeError();
  }
  llvm::Error error = (*file)->writeAt(0, shard.header);
  if (!error && options.headersOnly) {
    // What lies between becomes a hole.
    error = (*file)->writeAt(shard.fileBytes - 1, llvm::StringRef("", 1));
  } else if (!error) {
    error = fillShard(**file, shard);
  }
  return error || isCancelled() ? std::move(error) : commit(**file, path);
}

/// Draws and writes the pieces of all tensors on several threads.
llvm::Error CheckpointWriter::fillShard(AtomicFile &file, const PlannedShard &shard) {
  std::vector<Piece> pieces;
  for (const PlannedTensor &tensor : shard.tensors) {
    for (uint64_t first = 0; first < tensor.elements(); first += kPieceElements) {
      pieces.push_back({&tensor, first});
    }
  }
  llvm::Error failure = file.reserve(shard.fileBytes);
  std::atomic<bool> failed{bool(failure)};
  std::atomic<size_t> next{0};
  std::mutex failing;
  pthread_t caller = pthread_self();
  shareWork(options.threads ? options.threads : std::thread::hardware_concurrency(), [&] {
    std::vector<char> buffer;
    for (size_t i = next++; i < pieces.size() && !failed && !isCancelled(); i = next++) {
      if (llvm::Error error = writePiece(file, pieces[i], buffer)) {
        std::lock_guard<std::mutex> lock(failing);
        failure = llvm::joinErrors(std::move(failure), std::move(error));
        failed = true;
      }
      if (options.progress && pthread_equal(caller, pthread_self())) {
        options.progress(doneBytes, totalBytes);
      }
    }
  });
  return failure;
}

/// Rounds up to a power of two.
static float roundUpToPowerOfTwo(float value) {
  int exponent = 0;
  float fraction = std::frexp(value, &exponent);
  return fraction == 0.5f ? value : std::ldexp(1.0f, exponent);
}

llvm::Error CheckpointWriter::writePiece(AtomicFile &file, const Piece &piece, std::vector<char> &buffer) {
  const PlannedTensor &tensor = *piece.tensor;
  uint64_t size = checkpoint::bitWidth(tensor.dtype) / 8;
  uint64_t count = std::min(kPieceElements, tensor.elements() - piece.first);
  buffer.resize(count * size);
  RandomTensor random(options.seed, tensor.original, tensor.dtype, tensor.mean, tensor.deviation);
  random.draw(piece.first, count, buffer.data());
  for (uint64_t i = 0; tensor.powerOfTwo && i < count; ++i) {
    float value;
    std::memcpy(&value, &buffer[i * size], sizeof value);
    value = roundUpToPowerOfTwo(value);
    std::memcpy(&buffer[i * size], &value, sizeof value);
  }
  doneBytes += buffer.size();
  return file.writeAt(tensor.offset + piece.first * size, llvm::StringRef(buffer.data(), buffer.size()));
}

void CheckpointWriter::undo() {
  for (const std::string &path : written) {
    ::unlink(path.c_str());
  }
  if (madeDirectory) {
    ::rmdir(directory.c_str());
  }
}

/// Writes everything; success also when cancelled.
static llvm::Error writeCheckpoint(CheckpointWriter &writer, const std::vector<PlannedShard> &shards,
                                   llvm::StringRef config) {
  if (llvm::Error error = writer.writeShards(shards)) {
    return error;
  }
  if (writer.isCancelled()) {
    return llvm::Error::success();
  }
  if (shards.size() > 1) {
    if (llvm::Error error = writer.writeText("model.safetensors.index.json", makeIndex(shards))) {
      return error;
    }
  }
  return writer.writeText("config.json", config);
}

bool generateCheckpoint(llvm::StringRef configText, llvm::StringRef configFile, llvm::StringRef directory,
                        const GenerateOptions &options, Diagnostics &diagnostics) {
  size_t errorsBefore = diagnostics.errorCount();
  ModelConfig config = huggingface::parseModelConfig(configText, configFile, diagnostics);
  if (diagnostics.errorCount() != errorsBefore) {
    return false;
  }
  if (int64_t tensors = countTensors(config); tensors > kMaxTensors) {
    diagnostics.error(Problem::Resources, "too-many-tensors", configFile, "",
                      "this model has " + llvm::Twine(tensors) + " tensors, more than the limit of " +
                          llvm::Twine(kMaxTensors));
    return false;
  }
  ProjectionType declared = config.quantization                      ? ProjectionType::Fp8
                            : config.dtype == checkpoint::DType::F32 ? ProjectionType::F32
                                                                     : ProjectionType::Bf16;
  ProjectionType type = options.projections.value_or(declared);
  CheckpointWriter writer(directory, options);
  llvm::Error error = writer.prepareDirectory();
  if (error) {
    report(std::move(error), "output", diagnostics);
    return false;
  }
  error = writeCheckpoint(writer, planShards(config, type, options.maxShardBytes),
                          type == declared ? configText.str() : adaptConfig(configText, type));
  bool done = !error && !writer.isCancelled();
  if (!done) {
    writer.undo();
  }
  report(std::move(error), "output", diagnostics);
  return done;
}

} // namespace fathom::gen
