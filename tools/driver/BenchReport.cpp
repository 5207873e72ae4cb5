// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Text and JSON.

#include "tools/driver/BenchReport.h"

#include "tools/driver/DraftReport.h"

#include "llvm/Support/JSON.h"
#include "llvm/Support/raw_ostream.h"

#include <cstdio>

namespace fathom::driver {

using ull = unsigned long long;

static void printConditions(const BenchOptions &options, const BenchResults &r) {
  std::printf("%u threads, activations of %s", r.threads, r.activationType.c_str());
  if (r.variants > 1) {
    std::printf(", variant %u", r.variant);
  }
  std::printf("; %llu repetitions: median (least to most)\n", ull(options.repetitions));
}

static void printPrefill(const BenchResults &r) {
  if (r.prompt > 0) {
    std::printf("prefill  %10.1f tokens/s (%.1f to %.1f)  %llu tokens; %.0f %% of %.1f GFLOP/s f32\n",
                r.prefill.median(), r.prefill.least(), r.prefill.most(), ull(r.prompt), 100 * r.prefillFraction(),
                r.fma.median() / 1e9);
  }
}

static void printDecode(const BenchResults &r) {
  const DepthResults &at = r.depths.front();
  std::printf("decode   %10.1f tokens/s (%.1f to %.1f)  %llu tokens of %llu sequences after %llu; %s%.0f %% of "
              "%.1f GB/s\n",
              at.decode.median(), at.decode.least(), at.decode.most(), ull(r.tokens), ull(r.batch), ull(at.depth),
              r.bytesMeasured ? "" : "at most ", 100 * r.decodeFraction(at), r.bandwidth.median() / 1e9);
  std::printf("weights  %10.1f MB read a step%s, of %.1f MB\n", r.weightBytesPerStep / 1e6,
              r.bytesMeasured ? "" : " (upper bound; this system does not report it)",
              static_cast<double>(r.weightBytes) / 1e6);
  std::printf("cache    %10.1f MB read a step\n", at.cacheBytes() / 1e6);
}

/// A row a depth: bytes are those of a step, and the least time is what reading them takes.
static void printTable(const BenchResults &r) {
  std::printf("decode: %llu tokens of %llu sequences; %.1f GB/s read; MB a step%s\n", ull(r.tokens), ull(r.batch),
              r.bandwidth.median() / 1e9, r.bytesMeasured ? "" : ", of weights at most");
  std::printf("%9s %10s %10s %10s", "depth", "tokens/s", "ms a step", "weights");
  for (const StoreBytes &store : r.depths.front().cache) {
    std::printf(" %10s", store.name.c_str());
  }
  std::printf(" %10s %10s %6s\n", "read", "least ms", "part");
  for (const DepthResults &at : r.depths) {
    std::printf("%9llu %10.2f %10.2f %10.1f", ull(at.depth), at.decode.median(), 1e3 * r.stepSeconds(at),
                r.weightBytesPerStep / 1e6);
    for (const StoreBytes &store : at.cache) {
      std::printf(" %10.1f", store.bytes / 1e6);
    }
    std::printf(" %10.1f %10.2f %5.0f%%\n", r.bytesPerStep(at) / 1e6, 1e3 * r.leastStepSeconds(at),
                100 * r.decodeFraction(at));
  }
}

void printBench(const BenchOptions &options, const std::vector<BenchResults> &results) {
  for (const BenchResults &r : results) {
    if (results.size() > 1) {
      std::printf("%s\n", r.model.c_str());
    }
    printConditions(options, r);
    printPrefill(r);
    r.depths.size() == 1 ? printDecode(r) : printTable(r);
    if (options.drafts > 0) {
      printDraft(options, r.draft);
    }
  }
}

static void writeDepth(llvm::json::OStream &out, const BenchResults &r, const DepthResults &at) {
  out.object([&] {
    out.attribute("depth", int64_t(at.depth));
    out.attribute("decode_tokens_per_second", at.decode.median());
    out.attribute("decode_least", at.decode.least());
    out.attribute("decode_most", at.decode.most());
    out.attribute("step_seconds", r.stepSeconds(at));
    out.attribute("least_step_seconds", r.leastStepSeconds(at));
    out.attributeObject("cache_bytes_per_step", [&] {
      for (const StoreBytes &store : at.cache) {
        out.attribute(store.name, store.bytes);
      }
    });
    out.attribute("bytes_per_step", r.bytesPerStep(at));
    out.attribute("decode_bandwidth_fraction", r.decodeFraction(at));
  });
}

/// Fields of decoding beside those that all depths share are those of the first depth.
static void writeResults(llvm::json::OStream &out, const BenchOptions &options, const BenchResults &r) {
  const DepthResults &first = r.depths.front();
  out.object([&] {
    out.attribute("model", r.model);
    out.attribute("threads", r.threads);
    out.attribute("activation_type", r.activationType);
    out.attribute("variant", r.variant);
    out.attribute("prompt", int64_t(r.prompt));
    out.attribute("tokens", int64_t(r.tokens));
    out.attribute("depth", int64_t(first.depth));
    out.attribute("batch", int64_t(r.batch));
    out.attribute("repetitions", int64_t(options.repetitions));
    out.attribute("prefill_tokens_per_second", r.prefill.median());
    out.attribute("prefill_least", r.prefill.least());
    out.attribute("prefill_most", r.prefill.most());
    out.attribute("decode_tokens_per_second", first.decode.median());
    out.attribute("decode_least", first.decode.least());
    out.attribute("decode_most", first.decode.most());
    out.attribute("weight_bytes", int64_t(r.weightBytes));
    out.attribute("weight_bytes_per_step", r.weightBytesPerStep);
    out.attribute("weight_bytes_measured", r.bytesMeasured);
    out.attribute("read_bytes_per_second", r.bandwidth.median());
    out.attribute("decode_bandwidth_fraction", r.decodeFraction(first));
    out.attribute("fma_flops", r.fma.median());
    out.attribute("prefill_flops_per_token", r.flopsPerPromptToken);
    out.attribute("prefill_fma_fraction", r.prefillFraction());
    if (options.drafts > 0) {
      writeDraft(out, r.draft);
    }
    out.attributeArray("depths", [&] {
      for (const DepthResults &at : r.depths) {
        writeDepth(out, r, at);
      }
    });
  });
}

void printBenchJson(const BenchOptions &options, const std::vector<BenchResults> &results) {
  std::string text;
  llvm::raw_string_ostream stream(text);
  llvm::json::OStream out(stream, 2);
  auto writeAll = [&] {
    for (const BenchResults &r : results) {
      writeResults(out, options, r);
    }
  };
  results.size() == 1 ? writeAll() : out.array(writeAll);
  std::printf("%s\n", text.c_str());
}

} // namespace fathom::driver
