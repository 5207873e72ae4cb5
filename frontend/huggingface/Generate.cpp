// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Writing a generated checkpoint: threads draw pieces of tensors and put each where it belongs in its file.

#include "frontend/huggingface/Generate.h"

#include "frontend/checkpoint/Files.h"
#include "frontend/huggingface/GeneratePlan.h"
#include "frontend/huggingface/RandomWeights.h"

#include <algorithm>
#include <cerrno>
#include <cmath>
#include <cstring>
#include <dirent.h>
#include <fcntl.h>
#include <pthread.h>
#include <sys/stat.h>
#include <thread>
#include <unistd.h>

namespace fathom::huggingface {

using checkpoint::Diagnostics;
using checkpoint::Problem;

/// Elements drawn and written at a time; even.
static constexpr uint64_t pieceElements = 1u << 20;

/// DeepSeek-V3 has 91 thousand, scales included.
static constexpr int64_t maxTensors = 1'000'000;

namespace {

/// Writes one checkpoint; one use.
class CheckpointWriter {
public:
  CheckpointWriter(llvm::StringRef directory, const GenerateOptions &options, Diagnostics &diagnostics)
      : directory(directory), options(options), diagnostics(diagnostics) {}

  bool prepareDirectory();
  bool writeShards(const std::vector<PlannedShard> &shards);
  bool writeText(const std::string &name, llvm::StringRef text);
  /// Removes everything written.
  void undo();

private:
  /// Part of a tensor.
  struct Piece {
    const PlannedTensor *tensor;
    uint64_t first;
  };

  bool fail(llvm::StringRef name, int number);
  bool isCancelled() const { return options.cancelled && options.cancelled->load(); }
  int create(const std::string &name);
  bool writeShard(const PlannedShard &shard);
  void fillShard(int descriptor, const PlannedShard &shard);
  bool writePiece(int descriptor, const Piece &piece, std::vector<char> &buffer);

  std::string directory;
  const GenerateOptions &options;
  Diagnostics &diagnostics;
  std::vector<std::string> written;
  bool madeDirectory = false;
  uint64_t totalBytes = 0;
  std::atomic<uint64_t> doneBytes{0};
  std::atomic<int> errorNumber{0};
};

} // namespace

bool CheckpointWriter::fail(llvm::StringRef name, int number) {
  checkpoint::reportSystemError(number, checkpoint::joinPath(directory, name), "cannot write", diagnostics);
  return false;
}

/// True where the directory has no entries.
static bool isEmpty(const std::string &path) {
  DIR *directory = ::opendir(path.c_str());
  if (!directory) {
    return false;
  }
  int entries = 0;
  while (::readdir(directory)) {
    ++entries;
  }
  ::closedir(directory);
  return entries <= 2;
}

bool CheckpointWriter::prepareDirectory() {
  if (::mkdir(directory.c_str(), 0777) == 0) {
    madeDirectory = true;
    return true;
  }
  if (errno != EEXIST) {
    return fail("", errno);
  }
  if (!isEmpty(directory)) {
    diagnostics.error(Problem::InputOutput, "not-empty", directory, "", "exists and is not an empty directory",
                      "choose another output directory");
    return false;
  }
  return true;
}

int CheckpointWriter::create(const std::string &name) {
  std::string path = checkpoint::joinPath(directory, name);
  int descriptor = ::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
  if (descriptor < 0) {
    fail(name, errno);
  } else {
    written.push_back(path);
  }
  return descriptor;
}

/// Writes all of `bytes` at `offset`; an error number or 0.
static int writeAll(int descriptor, llvm::StringRef bytes, uint64_t offset) {
  while (!bytes.empty()) {
    ssize_t count = ::pwrite(descriptor, bytes.data(), bytes.size(), static_cast<off_t>(offset));
    if (count < 0 && errno == EINTR) {
      continue;
    }
    if (count <= 0) {
      return count == 0 ? EIO : errno;
    }
    bytes = bytes.drop_front(static_cast<size_t>(count));
    offset += static_cast<uint64_t>(count);
  }
  return 0;
}

bool CheckpointWriter::writeText(const std::string &name, llvm::StringRef text) {
  int descriptor = create(name);
  if (descriptor < 0) {
    return false;
  }
  int number = writeAll(descriptor, text, 0);
  number = ::close(descriptor) != 0 && number == 0 ? errno : number;
  return number == 0 || fail(name, number);
}

bool CheckpointWriter::writeShards(const std::vector<PlannedShard> &shards) {
  for (const PlannedShard &shard : shards) {
    totalBytes += shard.fileBytes;
  }
  for (const PlannedShard &shard : shards) {
    if (!writeShard(shard)) {
      return false;
    }
  }
  return true;
}

bool CheckpointWriter::writeShard(const PlannedShard &shard) {
  int descriptor = create(shard.name);
  if (descriptor < 0) {
    return false;
  }
  int number = writeAll(descriptor, shard.header, 0);
  if (number == 0 && ::ftruncate(descriptor, static_cast<off_t>(shard.fileBytes)) != 0) {
    number = errno;
  }
  errorNumber = number;
  if (number == 0 && !options.headersOnly) {
    fillShard(descriptor, shard);
  }
  if (::close(descriptor) != 0 && errorNumber == 0) {
    errorNumber = errno;
  }
  if (errorNumber != 0) {
    return fail(shard.name, errorNumber);
  }
  return !isCancelled();
}

/// Draws and writes the pieces of all tensors on several threads; leaves an error in errorNumber.
void CheckpointWriter::fillShard(int descriptor, const PlannedShard &shard) {
  std::vector<Piece> pieces;
  for (const PlannedTensor &tensor : shard.tensors) {
    for (uint64_t first = 0; first < tensor.elements(); first += pieceElements) {
      pieces.push_back({&tensor, first});
    }
  }
  std::atomic<size_t> next{0};
  auto work = [&](bool reports) {
    std::vector<char> buffer;
    for (size_t i = next++; i < pieces.size() && errorNumber == 0 && !isCancelled(); i = next++) {
      writePiece(descriptor, pieces[i], buffer);
      if (reports && options.progress) {
        options.progress(doneBytes, totalBytes);
      }
    }
  };
  // A thread that cannot be had is one fewer, no failure; std::thread would throw.
  size_t count = std::clamp(options.threads ? options.threads : std::thread::hardware_concurrency(), 1u, 64u);
  std::vector<pthread_t> helpers;
  for (size_t i = 1; i < std::min(count, pieces.size()); ++i) {
    pthread_t helper;
    auto help = [](void *shared) -> void * {
      (*static_cast<decltype(work) *>(shared))(false);
      return nullptr;
    };
    if (pthread_create(&helper, nullptr, help, &work) != 0) {
      break;
    }
    helpers.push_back(helper);
  }
  work(true);
  for (pthread_t helper : helpers) {
    pthread_join(helper, nullptr);
  }
}

/// Rounds up to a power of two.
static float roundUpToPowerOfTwo(float value) {
  int exponent = 0;
  float fraction = std::frexp(value, &exponent);
  return fraction == 0.5f ? value : std::ldexp(1.0f, exponent);
}

bool CheckpointWriter::writePiece(int descriptor, const Piece &piece, std::vector<char> &buffer) {
  const PlannedTensor &tensor = *piece.tensor;
  uint64_t size = checkpoint::bitWidth(tensor.dtype) / 8;
  uint64_t count = std::min(pieceElements, tensor.elements() - piece.first);
  buffer.resize(count * size);
  RandomTensor random(options.seed, tensor.name, tensor.dtype, tensor.mean, tensor.deviation);
  random.draw(piece.first, count, buffer.data());
  for (uint64_t i = 0; tensor.powerOfTwo && i < count; ++i) {
    float value;
    std::memcpy(&value, &buffer[i * size], sizeof value);
    value = roundUpToPowerOfTwo(value);
    std::memcpy(&buffer[i * size], &value, sizeof value);
  }
  int number = writeAll(descriptor, llvm::StringRef(buffer.data(), buffer.size()), tensor.offset + piece.first * size);
  if (number != 0) {
    errorNumber = number;
  }
  doneBytes += buffer.size();
  return number == 0;
}

void CheckpointWriter::undo() {
  for (const std::string &path : written) {
    ::unlink(path.c_str());
  }
  if (madeDirectory) {
    ::rmdir(directory.c_str());
  }
}

bool generateCheckpoint(llvm::StringRef configText, llvm::StringRef configFile, llvm::StringRef directory,
                        const GenerateOptions &options, Diagnostics &diagnostics) {
  size_t errorsBefore = diagnostics.errorCount();
  ModelConfig config = parseModelConfig(configText, configFile, diagnostics);
  if (diagnostics.errorCount() != errorsBefore) {
    return false;
  }
  if (int64_t tensors = countTensors(config); tensors > maxTensors) {
    diagnostics.error(Problem::Resources, "too-many-tensors", configFile, "",
                      "this model has " + llvm::Twine(tensors) + " tensors, more than the limit of " +
                          llvm::Twine(maxTensors));
    return false;
  }
  WeightStorage declared = config.quantization                      ? WeightStorage::Fp8
                           : config.dtype == checkpoint::DType::F32 ? WeightStorage::F32
                                                                    : WeightStorage::Bf16;
  WeightStorage storage = options.storage.value_or(declared);
  std::vector<PlannedShard> shards = planShards(config, storage, options.maxShardBytes);
  CheckpointWriter writer(directory, options, diagnostics);
  if (!writer.prepareDirectory()) {
    return false;
  }
  // config.json comes last: a directory without it is not taken for a checkpoint.
  bool done =
      writer.writeShards(shards) &&
      (shards.size() == 1 || writer.writeText("model.safetensors.index.json", makeIndex(shards))) &&
      writer.writeText("config.json", storage == declared ? configText.str() : adaptConfig(configText, storage));
  if (!done) {
    writer.undo();
  }
  return done;
}

} // namespace fathom::huggingface
