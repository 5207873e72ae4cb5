// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The packer: runs the recipes of all weight slices of an artifact, in bounded memory.

#include "codegen/artifact/WeightPacker.h"

#include "dialects/support/Hash.h"
#include "dialects/support/Threads.h"

#include <algorithm>
#include <condition_variable>
#include <mutex>
#include <optional>
#include <set>

namespace fathom::codegen {

namespace {

/// A piece on its way: what to build, where it goes, and its number in the order of the segment's bytes.
struct Ticket {
  uint64_t number;
  const PackJob *job;
  Piece piece;
  uint64_t offset;
  uint64_t bytes;
  /// The last piece of the job.
  bool last;
};

/// What the workers share. Pieces are handed out in order, built in parallel, hashed in order, written in parallel.
class Packing {
public:
  Packing(llvm::ArrayRef<PackJob> jobs, size_t weightCount, llvm::ArrayRef<ShardFile> shards, AtomicFile &file,
          uint64_t segmentOffset, uint64_t segmentSize, const PackOptions &options)
      : jobs(jobs), reader(shards), file(file), segmentOffset(segmentOffset), segmentSize(segmentSize),
        options(options) {
    result.findings.resize(weightCount);
  }

  llvm::Expected<PackResult> run();

private:
  void work();
  llvm::Error workOn(PieceBuilder &builder, const Ticket &ticket);
  std::optional<Ticket> takeTicket();
  /// Waits for the ticket's turn and adds its bytes to the hash. False when another worker failed.
  bool commit(const PieceBuilder &builder, const Ticket &ticket);
  void record(const PackJob &job, const OddValues &odd);
  void recordZeros(const Ticket &ticket, llvm::ArrayRef<char> nonzeroSources);
  void fail(llvm::Error error);

  llvm::ArrayRef<PackJob> jobs;
  ShardReader reader;
  AtomicFile &file;
  uint64_t segmentOffset;
  uint64_t segmentSize;
  const PackOptions &options;

  std::mutex mutex;
  std::condition_variable turnChanged;
  // Guarded by the mutex:
  size_t nextJob = 0;
  MatrixShape shape;
  std::optional<PieceCursor> cursor;
  uint64_t cursorOffset = 0;
  uint64_t nextTicket = 0;
  uint64_t turn = 0;
  uint64_t hashed = 0;
  RunningHash hash;
  PackResult result;
  /// Sources of the current job that are not all zero; tensors (shard and offset) that are.
  std::vector<char> nonzero;
  std::set<std::pair<uint32_t, uint64_t>> zeroTensors;
  llvm::Error firstError = llvm::Error::success();
  bool failed = false;
};

} // namespace

std::optional<Ticket> Packing::takeTicket() {
  std::lock_guard<std::mutex> lock(mutex);
  if (failed) {
    return std::nullopt;
  }
  if (!cursor || cursor->isDone()) {
    if (nextJob == jobs.size()) {
      return std::nullopt;
    }
    shape = getResultShape(*jobs[nextJob].recipe);
    cursor.emplace(shape, options.pieceBytes);
    cursorOffset = jobs[nextJob].offset;
    ++nextJob;
  }
  Piece piece = cursor->next();
  Ticket ticket{nextTicket++, &jobs[nextJob - 1], piece, cursorOffset, shape.countBytes(piece), cursor->isDone()};
  cursorOffset += ticket.bytes;
  return ticket;
}

bool Packing::commit(const PieceBuilder &builder, const Ticket &ticket) {
  std::unique_lock<std::mutex> lock(mutex);
  // A hash needs the bytes in order; what is written need not wait.
  turnChanged.wait(lock, [&] { return failed || turn == ticket.number; });
  if (failed) {
    return false;
  }
  hash.updateZeros(ticket.offset - hashed);
  hash.update(builder.bytes());
  hashed = ticket.offset + ticket.bytes;
  record(*ticket.job, builder.oddValues());
  recordZeros(ticket, builder.nonzeroSources());
  ++turn;
  turnChanged.notify_all();
  if (options.progress) {
    options.progress(hashed, segmentSize);
  }
  return true;
}

void Packing::record(const PackJob &job, const OddValues &odd) {
  WeightFindings &findings = result.findings[job.weight];
  if (odd.any() && !findings.odd.any()) {
    findings.firstSlice = job.slice;
    findings.odd.firstNonFinite = odd.firstNonFinite;
  } else if (odd.nonFinite != 0 && findings.firstSlice == job.slice) {
    findings.odd.firstNonFinite = std::min(findings.odd.firstNonFinite, odd.firstNonFinite);
  }
  findings.odd.nonFinite += odd.nonFinite;
  findings.odd.badScales += odd.badScales;
}

static bool isVector(const Source &source) { return source.rows == 1 || source.columns == 1; }

void Packing::recordZeros(const Ticket &ticket, llvm::ArrayRef<char> nonzeroSources) {
  const SliceRecipe &recipe = *ticket.job->recipe;
  nonzero.resize(recipe.sources.size());
  for (size_t i = 0; i < nonzero.size(); ++i) {
    nonzero[i] = nonzero[i] || nonzeroSources[i];
    const Source &source = recipe.sources[i];
    // What packed zeros stand for is not known here.
    bool mayBeZero = source.type == ElementType::Byte || (isVector(source) && !source.scale);
    if (!ticket.last || nonzero[i] || mayBeZero) {
      continue;
    }
    if (zeroTensors.empty()) {
      result.zeros = {0, ticket.job->weight, ticket.job->slice, i};
    }
    zeroTensors.emplace(source.shard, source.offset);
  }
  if (ticket.last) {
    nonzero.clear();
  }
}

void Packing::fail(llvm::Error error) {
  std::lock_guard<std::mutex> lock(mutex);
  if (failed) {
    llvm::consumeError(std::move(error));
    return;
  }
  failed = true;
  firstError = std::move(error);
  turnChanged.notify_all();
}

llvm::Error Packing::workOn(PieceBuilder &builder, const Ticket &ticket) {
  if (llvm::Error error = builder.build(*ticket.job->recipe, ticket.piece)) {
    return error;
  }
  if (!commit(builder, ticket)) {
    return llvm::Error::success();
  }
  return file.writeAt(segmentOffset + ticket.offset, builder.bytes());
}

void Packing::work() {
  PieceBuilder builder(reader);
  while (std::optional<Ticket> ticket = takeTicket()) {
    if (llvm::Error error = workOn(builder, *ticket)) {
      fail(std::move(error));
    }
  }
}

llvm::Expected<PackResult> Packing::run() {
  shareWork(options.threads, [this] { work(); });
  if (firstError) {
    return std::move(firstError);
  }
  // Nothing was written behind the last slice, nor between slices: one byte at the end gives the file its size, and
  // holes read as zeros.
  if (segmentSize > hashed) {
    uint64_t padding = segmentSize - hashed;
    hash.updateZeros(padding);
    if (llvm::Error error = file.writeAt(segmentOffset + segmentSize - 1, llvm::StringRef("", 1))) {
      return std::move(error);
    }
  }
  result.hash = hash.digest();
  result.zeros.count = zeroTensors.size();
  return std::move(result);
}

llvm::Expected<PackResult> packWeights(llvm::ArrayRef<PackJob> jobs, size_t weightCount,
                                       llvm::ArrayRef<ShardFile> shards, AtomicFile &file, uint64_t segmentOffset,
                                       uint64_t segmentSize, const PackOptions &options) {
  return Packing(jobs, weightCount, shards, file, segmentOffset, segmentSize, options).run();
}

} // namespace fathom::codegen
