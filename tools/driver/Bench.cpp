// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// `bench`: prefill and decode through the C API alone, in turns with measurements of the machine.

#include "tools/driver/Bench.h"

#include "fathom/fathom.h"
#include "runtime/cli/messages.h"
#include "runtime/cli/options.h"
#include "runtime/cli/output.h"
#include "runtime/cli/run_options.h"
#include "runtime/cli/signals.h"
#include "tools/driver/BenchReport.h"
#include "tools/driver/MachineSpeed.h"
#include "tools/driver/TouchedWeights.h"

#include <algorithm>
#include <vector>

namespace fathom::driver {

static constexpr size_t kBandwidthBuffer = size_t(512) << 20;

namespace {
class Bench {
public:
  Bench(const cli::ModelSource &source, const BenchOptions &options) : source(source), options(options) {}

  int run();

private:
  int open();
  int fitToContext();
  fathom_status_t prepare();
  fathom_status_t measureTouched();
  fathom_status_t measurePrefill();
  fathom_status_t measureDecode();
  fathom_status_t step(uint64_t index);
  fathom_status_t rewind(fathom_sequence_t sequence, uint64_t length);
  int32_t token(uint64_t index) const;

  const cli::ModelSource &source;
  BenchOptions options;
  TouchedWeights touched;
  cli::LoadedModel loaded;
  BenchResults results;
  std::vector<fathom_sequence_t> sequences;
  fathom_sequence_t promptSequence = 0;
  std::vector<int32_t> prompt, stepTokens;
  std::vector<float> logits;
};
} // namespace

// Tokens that look random: experts are chosen as they would be by text.
int32_t Bench::token(uint64_t index) const {
  return static_cast<int32_t>((index * 2654435761u + 12345) % loaded.info.vocabulary);
}

int Bench::fitToContext() {
  uint64_t context = loaded.info.max_context;
  options.prompt = options.promptGiven ? options.prompt : std::min(options.prompt, context);
  uint64_t left = options.depth < context ? context - options.depth : 0;
  options.tokens = options.tokensGiven ? options.tokens : std::min(options.tokens, left);
  if (options.prompt > context || options.tokens > left || options.tokens == 0) {
    return cli::printUsageError(source.program, "-p %llu or -d %llu with -n %llu exceeds the context of %llu",
                                (unsigned long long)options.prompt, (unsigned long long)options.depth,
                                (unsigned long long)options.tokens, (unsigned long long)context);
  }
  return 0;
}

int Bench::open() {
  cli::RunOptions run;
  run.model = options.model;
  run.threads = options.threads;
  run.prefillChunk = options.prefillChunk;
  run.weightsDirectory = options.weightsDirectory;
  run.mmap = options.mmap;
  run.hasVerifyWeights = true;
  if (int code = loaded.open(source, run, static_cast<uint32_t>(options.batch + 1))) {
    return code;
  }
  return fitToContext();
}

fathom_status_t Bench::rewind(fathom_sequence_t sequence, uint64_t length) {
  return fathom_session_rewind_sequence(loaded.session, sequence, static_cast<uint32_t>(length));
}

fathom_status_t Bench::prepare() {
  uint64_t longest = std::max(options.prompt, options.depth);
  for (uint64_t i = 0; i < longest; ++i) {
    prompt.push_back(token(i));
  }
  logits.resize(loaded.info.vocabulary * options.batch);
  stepTokens.resize(options.batch);
  sequences.resize(options.batch);
  fathom_status_t status = fathom_session_threads(loaded.session, &results.threads);
  status = status ? status : fathom_session_create_sequence(loaded.session, &promptSequence);
  for (uint64_t i = 0; !status && i < options.batch; ++i) {
    status = fathom_session_create_sequence(loaded.session, &sequences[i]);
    if (!status && options.depth > 0) {
      status = fathom_session_prefill(loaded.session, sequences[i], prompt.data(), options.depth, nullptr);
    }
  }
  return status;
}

fathom_status_t Bench::step(uint64_t index) {
  for (uint64_t i = 0; i < options.batch; ++i) {
    stepTokens[i] = token(index * options.batch + i + 77);
  }
  return fathom_session_decode(loaded.session, sequences.data(), stepTokens.data(), options.batch, logits.data(),
                               logits.size());
}

// Steps first without counting, until most pages are mapped; then the mean of some steps.
fathom_status_t Bench::measureTouched() {
  uint64_t warm = std::min<uint64_t>(options.tokens, 32), counted = std::min<uint64_t>(options.tokens, 8);
  WeightCount count = countWeights(loaded.info.metadata);
  fathom_status_t status = FATHOM_STATUS_OK;
  for (uint64_t i = 0; !status && i < warm; ++i) {
    status = step(i);
  }
  double sum = 0;
  bool works = options.mmap;
  for (uint64_t i = 0; !status && works && i < counted; ++i) {
    status = rewind(sequences[0], options.depth);
    for (size_t s = 1; !status && s < sequences.size(); ++s) {
      status = rewind(sequences[s], options.depth);
    }
    works = touched.forget();
    status = status ? status : step(i);
    sum += static_cast<double>(touched.measure());
  }
  for (size_t s = 0; !status && s < sequences.size(); ++s) {
    status = rewind(sequences[s], options.depth);
  }
  results.bytesMeasured = works && sum > 0;
  // Without the system's help: as if every expert were read, which is too much unless the batch is large.
  double all = static_cast<double>(count.denseBytes + count.expertBytes);
  results.bytesPerStep = results.bytesMeasured ? sum / static_cast<double>(counted) : all;
  double dense = static_cast<double>(count.denseBytes);
  double experts = count.expertBytes > 0 ? (results.bytesPerStep - dense) / static_cast<double>(count.expertBytes) : 0;
  // Only a batch of one tells how many experts a token has.
  bool single = options.batch == 1 && results.bytesMeasured;
  results.flopsPerPromptToken =
      2 * (count.denseElements + (single ? std::clamp(experts, 0.0, 1.0) * count.expertElements : 0));
  return status;
}

fathom_status_t Bench::measurePrefill() {
  if (options.prompt == 0) {
    return FATHOM_STATUS_OK;
  }
  fathom_prefill_outputs_t outputs;
  fathom_prefill_outputs_initialize(&outputs);
  outputs.which = FATHOM_LOGITS_LAST;
  outputs.logits = logits.data();
  outputs.logits_capacity = logits.size();
  double start = now();
  fathom_status_t status =
      fathom_session_prefill(loaded.session, promptSequence, prompt.data(), options.prompt, &outputs);
  results.prefill.add(static_cast<double>(options.prompt) / (now() - start));
  return status ? status : rewind(promptSequence, 0);
}

fathom_status_t Bench::measureDecode() {
  fathom_status_t status = FATHOM_STATUS_OK;
  double start = now();
  for (uint64_t i = 0; !status && i < options.tokens; ++i) {
    status = step(i);
  }
  results.decode.add(static_cast<double>(options.tokens * options.batch) / (now() - start));
  for (size_t s = 0; !status && s < sequences.size(); ++s) {
    status = rewind(sequences[s], options.depth);
  }
  return status;
}

int Bench::run() {
  if (int code = open()) {
    return code;
  }
  fathom_status_t status = prepare();
  status = status ? status : measureTouched();
  ReadBandwidth bandwidth(std::max(results.threads, 1u), kBandwidthBuffer);
  if (!status && !bandwidth.isUsable()) {
    return cli::printError(source.program, cli::kResources, "not enough memory for a buffer of %zu MiB",
                           kBandwidthBuffer >> 20);
  }
  // In turns, so that all of them see the same machine.
  for (uint64_t i = 0; !status && i < options.repetitions; ++i) {
    results.bandwidth.add(bandwidth.measure());
    status = measureDecode();
    results.bandwidth.add(bandwidth.measure());
    results.fma.add(measureFmaPeak(results.threads));
    status = status ? status : measurePrefill();
    results.fma.add(measureFmaPeak(results.threads));
    if (!status && cli::interruptedCode()) {
      return cli::interruptedCode();
    }
  }
  if (status != FATHOM_STATUS_OK) {
    return cli::report(source.program, status);
  }
  results.weightBytes = loaded.info.weight_bytes;
  options.json ? printBenchJson(options, results) : printBench(options, results);
  return cli::flushStandardOutput(source.program);
}

int runBench(const cli::ModelSource &source, int argc, const char *const *argv, int first) {
  using cli::OptionKind;
  BenchOptions o;
  const cli::Option table[] = {
      {"prompt", 'p', OptionKind::kCount, &o.prompt, "N", "tokens of the prompt that prefill reads, 0: none (512)", 0,
       1u << 24, nullptr, &o.promptGiven},
      {"tokens", 'n', OptionKind::kCount, &o.tokens, "N", "tokens to decode (128)", 1, 1u << 24, nullptr,
       &o.tokensGiven},
      {"depth", 'd', OptionKind::kCount, &o.depth, "N", "tokens in the context before decoding starts (0)", 0,
       1u << 24},
      {"batch", 'b', OptionKind::kCount, &o.batch, "N", "sequences decoded together (1)", 1, 4096},
      {"repetitions", 'r', OptionKind::kCount, &o.repetitions, "N", "number of measurements (5)", 1, 10000},
      {"threads", 0, OptionKind::kCount, &o.threads, "N", "threads, 0: one for each processor (0)", 0, 1024},
      {"prefill-chunk", 0, OptionKind::kCount, &o.prefillChunk, "N", "prompt tokens computed at once (all)", 0,
       1u << 20},
      {"weights-directory", 0, OptionKind::kText, &o.weightsDirectory, "DIR",
       "where the weight files of --weights=reference are"},
      {"mmap", 0, OptionKind::kFlag, &o.mmap, nullptr, "map weights; otherwise read them into this process's memory"},
      {"json", 0, OptionKind::kFlag, &o.json, nullptr, "print JSON"},
  };
  cli::Command command = {source.program,
                          source.path ? "[options]" : "MODEL [options]",
                          "Measures prefill and decode of a model, in turns with the machine's own read bandwidth\n"
                          "and multiply-add throughput, and prints medians.",
                          table,
                          std::size(table),
                          &o.model,
                          source.path ? size_t(0) : size_t(1)};
  int code = cli::parseOptions(command, argc, argv, first, nullptr);
  if (code != cli::kContinue) {
    return code;
  }
  if (!source.path && !o.model) {
    return cli::printUsageError(source.program, "no model given; name an artifact or a checkpoint");
  }
  return Bench(source, o).run();
}

} // namespace fathom::driver
