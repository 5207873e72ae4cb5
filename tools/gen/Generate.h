// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Checkpoints with random weights, made from a config.json: for tests, benchmarks and bug reports.

#ifndef FATHOM_TOOLS_GEN_GENERATE_H
#define FATHOM_TOOLS_GEN_GENERATE_H

#include "frontend/huggingface/ModelConfig.h"

#include <atomic>
#include <functional>

namespace fathom::gen {

/// What projections are stored as; norms and embeddings are bf16 under Fp8.
enum class ProjectionType { Bf16, F32, Fp8 };

struct GenerateOptions {
  uint64_t seed = 0;
  /// Write headers and make the rest a hole: files of the right size that take no space and hold zeros.
  bool headersOnly = false;
  /// Absent: as config.json says.
  std::optional<ProjectionType> projections;
  /// Shards hold at most this many bytes of weights, but at least one tensor.
  uint64_t maxShardBytes = 5'000'000'000;
  /// Threads that draw and write; 0: one per processor.
  unsigned threads = 0;
  /// Called from one thread now and then with bytes written so far and in all.
  std::function<void(uint64_t done, uint64_t total)> progress;
  /// Set from outside to stop early; what was written is removed.
  const std::atomic<bool> *cancelled = nullptr;
};

/// Writes config.json and safetensors shards for the model that `configText` describes into `directory`, which
/// must be absent or empty. The bytes depend on `configText`, seed, types and shard size only. Each file appears when
/// it is complete, config.json last: a directory without it is not taken for a checkpoint. Reports findings (naming
/// `configFile`); false after an error or when cancelled, and then nothing is left behind.
bool generateCheckpoint(llvm::StringRef configText, llvm::StringRef configFile, llvm::StringRef directory,
                        const GenerateOptions &options, checkpoint::Diagnostics &diagnostics);

} // namespace fathom::gen

#endif // FATHOM_TOOLS_GEN_GENERATE_H
