// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// `bench`: its options, and one measurement after the other.

#include "tools/driver/Bench.h"

#include "dialects/support/AtomicFile.h"
#include "dialects/support/ExitError.h"
#include "runtime/cli/messages.h"
#include "runtime/cli/options.h"
#include "runtime/cli/output.h"
#include "runtime/cli/run_options.h"
#include "tools/driver/BenchQuality.h"
#include "tools/driver/BenchReport.h"
#include "tools/driver/CountKernels.h"
#include "tools/driver/MeasureModel.h"

#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/SmallVector.h"

#include <algorithm>
#include <memory>
#include <string>

namespace fathom::driver {

static constexpr uint64_t kMostTokens = 1u << 24;
static constexpr size_t kBandwidthBuffer = size_t(512) << 20;
static constexpr size_t kMostModels = 8, kMostDepths = 64;
static constexpr const char *kAbout =
    "Measures prefill and decode of models, in turns with the machine's own read bandwidth and multiply-add\n"
    "throughput, and prints medians. A list of depths gives a table with a row for each:\n\n"
    "  fathom bench sparse.fathom dense.fathom -p 0 -n 8 -d 1k,4k,16k,64k --svg=curve.svg\n\n"
    "Of a depth, --computed says how many tokens prefill computes. What the cache holds of the others are copies of\n"
    "theirs in random order: decoding reads as much, and no depth takes long to reach.\n\n"
    "  fathom bench model.fathom -p 0 --draft=mtp:2\n\n"
    "Drafts gain where the tokens that a step gives more pay for what drafting and verifying cost. The last line says\n"
    "by how much they do, or do not, and from which acceptance on they would.\n\n"
    "  fathom bench model.fathom -p 16 --device=ptxsim\n\n"
    "The simulated GPU has no speed. Of it, counts are printed: a row for each kernel, of a prompt and of one step.\n\n"
    "  fathom bench q8.fathom --quality -f text.txt --against=keep.fathom\n\n"
    "Perplexities, and how far from another model: Kullback-Leibler divergences in nats, and how often both have the "
    "same\n"
    "most likely token. What is predicted in the first half of a window is not counted.";
static constexpr const char *kOnlyCounted = "with --device=ptxsim the kernels of one prompt and one step are counted";

/// Reads "1k,4k,16k", each once. Returns cli::kContinue, or an exit code.
static int parseDepths(const char *program, llvm::StringRef text, std::vector<uint64_t> &depths) {
  llvm::SmallVector<llvm::StringRef> parts;
  text.split(parts, ',');
  depths.clear();
  for (llvm::StringRef part : parts) {
    uint64_t depth = 0;
    if (!cli::parseCount(part.str().c_str(), &depth) || depth > kMostTokens || parts.size() > kMostDepths) {
      return cli::printUsageError(program,
                                  "option '--depth': expected at most %zu integers between 0 and %llu, separated by "
                                  "commas, but got '%s'",
                                  kMostDepths, (unsigned long long)kMostTokens, text.str().c_str());
    }
    if (!llvm::is_contained(depths, depth)) {
      depths.push_back(depth);
    }
  }
  return cli::kContinue;
}

/// What is of no use to the one or the other of speed and quality.
static int checkQuality(const char *program, const BenchOptions &o, bool computedGiven, bool windowGiven) {
  static constexpr const char *kNoSpeed = "with --quality nothing is timed", *kNoText = "it goes with --quality";
  const cli::Useless useless[] = {
      {o.quality && o.promptGiven, "prompt", kNoSpeed}, {o.quality && o.tokensGiven, "tokens", kNoSpeed},
      {o.quality && o.depthsGiven, "depth", kNoSpeed},  {o.quality && computedGiven, "computed", kNoSpeed},
      {o.quality && o.batchGiven, "batch", kNoSpeed},   {o.quality && o.repetitionsGiven, "repetitions", kNoSpeed},
      {o.quality && o.drafts > 0, "draft", kNoSpeed},   {o.quality && o.svg, "svg", kNoSpeed},
      {!o.quality && o.text, "file", kNoText},          {!o.quality && o.tokenIds, "token-ids", kNoText},
      {!o.quality && o.against, "against", kNoText},    {!o.quality && windowGiven, "window", kNoText},
  };
  if (o.quality && !o.text == !o.tokenIds) {
    return cli::printUsageError(program, "--quality is of a text: say which with either -f or --token-ids");
  }
  return cli::refuseUseless(program, useless, std::size(useless));
}

/// Refuses what would do nothing.
static int check(const cli::ModelSource &source, BenchOptions &o, bool computedGiven, bool windowGiven) {
  if (!source.path && o.models.empty()) {
    return cli::printUsageError(source.program, "no model given; name an artifact or a checkpoint");
  }
  if (!cli::parseDraft(o.draft, &o.drafts)) {
    return cli::refuseDraft(source.program, o.draft);
  }
  if (int code = cli::checkDevice(source.program, o.device); code != cli::kContinue) {
    return code;
  }
  if (o.svg && !*o.svg) {
    return cli::printUsageError(source.program, "--svg: the file's name is empty");
  }
  if (o.drafts > 0 && o.depths.size() > 1) {
    return cli::printUsageError(source.program, "--draft answers at one depth; say one with --depth, not %zu",
                                o.depths.size());
  }
  if (int code = checkQuality(source.program, o, computedGiven, windowGiven); code != cli::kContinue || o.quality) {
    return code;
  }
  o.counts = isSimulated(o.device);
  const cli::Useless useless[] = {
      {o.counts && o.tokensGiven, "tokens", kOnlyCounted},
      {o.counts && o.depthsGiven, "depth", kOnlyCounted},
      {o.counts && computedGiven, "computed", kOnlyCounted},
      {o.counts && o.batchGiven, "batch", kOnlyCounted},
      {o.counts && o.repetitionsGiven, "repetitions", kOnlyCounted},
      {o.counts && o.drafts > 0, "draft", kOnlyCounted},
      {o.counts && o.svg, "svg", kOnlyCounted},
      {o.drafts > 0 && o.tokens == 1, "draft", "with -n 1 there is nothing to guess"},
      {o.svg && o.depths.size() == 1, "svg", "a curve needs more than one depth, as in -d 1k,4k"},
      {computedGiven && llvm::all_of(o.depths, [&](uint64_t depth) { return depth <= o.computed; }), "computed",
       "no depth is greater"},
  };
  return cli::refuseUseless(source.program, useless, std::size(useless));
}

/// Returns cli::kContinue, or an exit code.
static int parse(const cli::ModelSource &source, int argc, const char *const *argv, int first, BenchOptions &o) {
  using cli::OptionKind;
  const char *depths = "0", *models[kMostModels] = {};
  bool computedGiven = false, windowGiven = false;
  const cli::Option table[] = {
      {"prompt", 'p', OptionKind::kCount, &o.prompt, "N", "tokens of the prompt that prefill reads, 0: none (512)", 0,
       kMostTokens, nullptr, &o.promptGiven},
      {"tokens", 'n', OptionKind::kCount, &o.tokens, "N", "tokens to decode (128)", 1, kMostTokens, nullptr,
       &o.tokensGiven},
      {"depth", 'd', OptionKind::kText, &depths, "N,...", "tokens in the context before decoding starts (0)", 0,
       UINT64_MAX, nullptr, &o.depthsGiven},
      {"computed", 0, OptionKind::kCount, &o.computed, "N", "tokens of a depth that prefill computes (512)", 1,
       kMostTokens, nullptr, &computedGiven},
      {"batch", 'b', OptionKind::kCount, &o.batch, "N", "sequences decoded together (1)", 1, 4096, nullptr,
       &o.batchGiven},
      {"repetitions", 'r', OptionKind::kCount, &o.repetitions, "N", "number of measurements (5)", 1, 10000, nullptr,
       &o.repetitionsGiven},
      {"threads", 0, OptionKind::kCount, &o.threads, "N", "threads, 0: one for each processor (0)", 0, 1024},
      {"prefill-chunk", 0, OptionKind::kCount, &o.prefillChunk, "N", "prompt tokens computed at once (all)", 0,
       1u << 20},
      {"device", 0, OptionKind::kText, &o.device, "DEVICE", cli::kDeviceHelp},
      {"weights-directory", 0, OptionKind::kText, &o.weightsDirectory, "DIR",
       "where the weight files of --weights=reference are"},
      {"mmap", 0, OptionKind::kFlag, &o.mmap, nullptr, "map weights; otherwise read them into this process's memory"},
      {"draft", 0, OptionKind::kText, &o.draft, "WHAT",
       "mtp or mtp:K: say what it gains to answer, for one sequence, with so many tokens guessed ahead (none)"},
      {"quality", 0, OptionKind::kFlag, &o.quality, nullptr,
       "say how well models predict the text of -f or --token-ids, and nothing of speed"},
      {"file", 'f', OptionKind::kText, &o.text, "FILE", "with --quality: a file with the text, - for standard input"},
      {"token-ids", 0, OptionKind::kText, &o.tokenIds, "IDS", "with --quality: the text as tokens, e.g. 0,5,9"},
      {"against", 0, OptionKind::kText, &o.against, "MODEL", "with --quality: how far models are from this one"},
      {"window", 0, OptionKind::kCount, &o.window, "N", "with --quality: tokens that a model reads at once (512)", 2,
       kMostTokens, nullptr, &windowGiven},
      {"json", 0, OptionKind::kFlag, &o.json, nullptr, "print JSON"},
      {"svg", 0, OptionKind::kText, &o.svg, "FILE", "draw milliseconds a step over depth"},
  };
  const char *usage = source.path ? "[options]" : "MODEL... [options]";
  cli::Command command = {
      source.program, usage, kAbout, table, std::size(table), models, source.path ? 0 : kMostModels};
  command.otherOptions = cli::kCompileOptions;
  command.otherHint = cli::kCompileHint;
  command.otherName = cli::kCompileName;
  int code = cli::parseOptions(command, argc, argv, first, nullptr);
  code = code == cli::kContinue ? parseDepths(source.program, depths, o.depths) : code;
  size_t count = 0;
  while (count < kMostModels && models[count]) {
    ++count;
  }
  o.models.assign(models, models + (source.path ? 1 : count));
  return code == cli::kContinue ? check(source, o, computedGiven, windowGiven) : code;
}

static int fail(const char *program, llvm::Error error) {
  ExitStatus status = takeExitStatus(std::move(error));
  return cli::printError(program, status.code, "%s", status.message.c_str());
}

static llvm::Error finish(AtomicFile &file, llvm::StringRef text) {
  llvm::Error error = file.writeAt(0, text);
  return error ? std::move(error) : file.commit();
}

/// 0, or an exit code with a message on stderr.
static int measure(const cli::ModelSource &source, const BenchOptions &options, std::vector<BenchResults> &results) {
  results.resize(options.models.size());
  std::vector<std::unique_ptr<Measurement>> models;
  for (size_t i = 0; i < results.size(); ++i) {
    models.push_back(std::make_unique<Measurement>(source, options.models[i], options, results[i]));
    if (int code = models[i]->prepare()) {
      return code;
    }
  }
  ReadBandwidth bandwidth(std::max(results.front().threads, 1u), kBandwidthBuffer);
  if (!bandwidth.isUsable()) {
    return cli::printError(source.program, cli::kResources, "not enough memory for a buffer of %zu MiB",
                           kBandwidthBuffer >> 20);
  }
  for (uint64_t i = 0; i < options.repetitions; ++i) {
    for (const std::unique_ptr<Measurement> &model : models) {
      if (int code = model->measure(bandwidth)) {
        return code;
      }
    }
  }
  return 0;
}

static int count(const cli::ModelSource &source, const BenchOptions &options) {
  std::vector<CountResults> results(options.models.size());
  for (size_t i = 0; i < results.size(); ++i) {
    if (int code = countKernels(source, options.models[i], options, results[i])) {
      return code;
    }
  }
  options.json ? printCountsJson(results) : printCounts(results);
  return cli::flushStandardOutput(source.program);
}

int runBench(const cli::ModelSource &source, int argc, const char *const *argv, int first) {
  BenchOptions options;
  int code = parse(source, argc, argv, first, options);
  if (code != cli::kContinue) {
    return code;
  }
  if (options.quality) {
    return benchQuality(source, options);
  }
  if (options.counts) {
    return count(source, options);
  }
  std::unique_ptr<AtomicFile> curve;
  if (options.svg) {
    // Opened first: who waited for measurements wants to see them.
    llvm::Expected<std::unique_ptr<AtomicFile>> opened = AtomicFile::create(options.svg, {});
    if (!opened) {
      return fail(source.program, opened.takeError());
    }
    curve = std::move(*opened);
  }
  std::vector<BenchResults> results;
  if (int failed = measure(source, options, results)) {
    return failed;
  }
  options.json ? printBenchJson(options, results) : printBench(options, results);
  if (llvm::Error error = curve ? finish(*curve, drawCurve(results)) : llvm::Error::success()) {
    return fail(source.program, std::move(error));
  }
  return cli::flushStandardOutput(source.program);
}

} // namespace fathom::driver
