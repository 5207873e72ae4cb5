// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Calls the device as a session does, but with positions and pages of its own.

#include "test/mutants/SmallModel.h"

#include "fathom/fathom.h"
#include "test/e2e/Model.h"
#include "test/e2e/OpenedArtifact.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <numeric>
#include <random>
#include <unistd.h>

namespace fathom::test {

/// Sequences of a call, the most pages of one, pages that all share, and pages in whole groups, a power of two.
static constexpr size_t kSequences = 20, kPages = 20, kShared = 16, kAllPages = 64;

#define EXPECT_STATUS_OK(call) EXPECT_EQ(call, FATHOM_STATUS_OK) << fathom_status_message()

namespace {
/// Rows of a call: where they are, and in which sequences.
struct Rows {
  std::vector<int32_t> positions, sequences;
};

class Runner : OpenedArtifact {
public:
  Runner(const std::string &artifact, const SmallModel &model);
  void runAll();

private:
  void fillCache();
  void run(const artifact::EntryPoint &entry, const Rows &rows, int64_t asked);
  void placePages(const Rows &rows);

  const SmallModel &model;
  std::mt19937 random{1};
};
} // namespace

Runner::Runner(const std::string &artifact, const SmallModel &model)
    : OpenedArtifact(artifact, /*threads=*/1), model(model) {
  EXPECT_TRUE(pages.grow(kAllPages * metadata.contents().cache()->page_bytes()));
  EXPECT_TRUE(tables.grow(kSequences * kPages * sizeof(int32_t)));
  fillCache();
}

/// Bytes that are small numbers, whether read as f32, as bf16 or as FP8.
void Runner::fillCache() {
  std::vector<uint8_t> bytes(pages.size());
  for (size_t i = 0; i < bytes.size(); i += 2) {
    bytes[i] = static_cast<uint8_t>(random() % 0x7f);
    bytes[i + 1] = static_cast<uint8_t>(0x3e | (random() % 2) << 7);
  }
  EXPECT_STATUS_OK(pages.upload(0, bytes.data(), bytes.size()));
}

/// Each sequence has shared pages in an order of its own, twice in a row, so that scores of keys are the same, and two
/// pages for itself where its rows are; all are anywhere in groups of pages.
void Runner::placePages(const Rows &rows) {
  std::vector<int32_t> all(kSequences * kPages);
  for (size_t i = 0; i < all.size(); ++i) {
    all[i] = static_cast<int32_t>((i / kPages * 7 + i % kPages / 2 * 5 + 3) % kShared);
  }
  for (size_t i = 0; i < rows.positions.size(); ++i) {
    size_t sequence = static_cast<size_t>(rows.sequences[i]), page = static_cast<size_t>(rows.positions[i]) / 64;
    all[sequence * kPages + page] = static_cast<int32_t>(kShared + page % 2 * kSequences + sequence);
  }
  for (int32_t &page : all) {
    page = page * 37 % static_cast<int32_t>(kAllPages);
  }
  EXPECT_STATUS_OK(tables.upload(0, all.data(), all.size() * sizeof(int32_t)));
}

void Runner::run(const artifact::EntryPoint &entry, const Rows &rows, int64_t asked) {
  placePages(rows);
  const auto &shape = *metadata.contents().model();
  size_t count = rows.positions.size();
  std::vector<int32_t> tokens(count), all(count);
  for (int32_t &token : tokens) {
    token = static_cast<int32_t>(random() % shape.vocabulary());
  }
  std::iota(all.begin(), all.end(), 0);
  std::vector<float> logits(count * shape.vocabulary()), hidden(count * shape.hidden());
  // With states of layers, a step is launched kernel by kernel.
  std::vector<float> states((shape.layers() + 1) * hidden.size());
  fathom_call_t call = {};
  call.rows = static_cast<int64_t>(count);
  call.tokens = tokens.data();
  call.positions = rows.positions.data();
  call.page_tables = rows.sequences.data();
  call.logit_rows = asked;
  call.logit_row_ids = all.data();
  call.logits = logits.data();
  call.hidden_out = hidden.data();
  call.states = states.data();
  runtime::CacheMemory cache = {pages.address(), metadata.contents().cache()->page_bytes(), tables.address(), kPages};
  EXPECT_STATUS_OK(space.device->run(executor, entry, call, cache));
}

/// `count` rows of two sequences, the last ones at position `end` - 1: kernels do not ask for one sequence, and one
/// alone would hide a wrong table.
static Rows ofTwo(size_t count, int32_t end) {
  Rows rows = {std::vector<int32_t>(count), std::vector<int32_t>(count, 3)};
  auto half = static_cast<std::ptrdiff_t>(count / 2);
  std::iota(rows.positions.begin(), rows.positions.end(), end - static_cast<int32_t>(count));
  std::iota(rows.positions.begin(), rows.positions.begin() + half, end - static_cast<int32_t>(half));
  std::fill(rows.sequences.begin() + half, rows.sequences.end(), 8);
  return rows;
}

/// A row of each of several sequences: at edges of pages, at none, and where a context is searched in parts.
static Rows ofSeveral(size_t count) {
  static constexpr int32_t kPositions[] = {1200, 0, 62, 63, 64, 230, 17, 1000};
  Rows rows;
  for (size_t i = 0; i < count; ++i) {
    rows.positions.push_back(kPositions[i % std::size(kPositions)]);
    rows.sequences.push_back(static_cast<int32_t>(count - 1 - i));
  }
  return rows;
}

void Runner::runAll() {
  for (const auto *entry : *code.program().entry_points()) {
    if (!entry->logits()) {
      continue; // All that it has, another one has as well.
    }
    for (const SmallCall &call : model.calls) {
      int32_t end = entry->max_positions() ? static_cast<int32_t>(entry->max_positions()) : call.end;
      size_t count = std::min<size_t>({call.rows, entry->max_rows(), static_cast<size_t>(end)});
      Rows rows =
          entry->form() == artifact::Form::absorbed ? ofSeveral(std::min(count, kSequences)) : ofTwo(count, end);
      bool isFirst = &call == &model.calls.front();
      run(*entry, rows, isFirst ? 0 : static_cast<int64_t>(rows.positions.size()) - 1);
    }
  }
}

void runModel(const SmallModel &model) {
  // Models are compiled once per folder.
  std::string name = "fathom-mutants-" + std::to_string(getpid()) + "-" + model.name;
  std::filesystem::path folder = std::filesystem::temp_directory_path() / name;
  gen::GenerateOptions generated;
  generated.projections = model.weights;
  checkpoint::Diagnostics diagnostics;
  ASSERT_TRUE(gen::generateCheckpoint(model.config, model.name, folder.string(), generated, diagnostics));
  driver::CompileOptions options;
  options.input = folder.string();
  options.target = "cuda";
  options.cubin = "none";
  options.activation = model.activation;
  options.cacheType = model.cache;
  options.sm = model.sm;
  options.prefillRows = std::max<int64_t>(72, static_cast<int64_t>(model.calls.back().rows));
  options.maxBatch = model.batch;
  std::string artifact = compile(options);
  std::filesystem::remove_all(folder);
  Runner(artifact, model).runAll();
}

} // namespace fathom::test
