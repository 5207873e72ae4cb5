// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Medians, fractions and their printing.

#include "tools/driver/BenchReport.h"

#include <algorithm>
#include <cstdio>

namespace fathom::driver {

double Samples::median() const {
  std::vector<double> sorted = values;
  std::sort(sorted.begin(), sorted.end());
  size_t n = sorted.size();
  return n == 0 ? 0 : n % 2 ? sorted[n / 2] : (sorted[n / 2 - 1] + sorted[n / 2]) / 2;
}

double Samples::least() const { return values.empty() ? 0 : *std::min_element(values.begin(), values.end()); }

double Samples::most() const { return values.empty() ? 0 : *std::max_element(values.begin(), values.end()); }

double BenchResults::decodeFraction(uint64_t batch) const {
  double steps = decode.median() / static_cast<double>(batch);
  return bandwidth.median() > 0 ? bytesPerStep * steps / bandwidth.median() : 0;
}

double BenchResults::prefillFraction() const {
  return fma.median() > 0 ? flopsPerPromptToken * prefill.median() / fma.median() : 0;
}

void printBench(const BenchOptions &o, const BenchResults &r) {
  std::printf("%u threads, %llu repetitions: median (least to most)\n", r.threads, (unsigned long long)o.repetitions);
  if (o.prompt > 0) {
    std::printf("prefill  %10.1f tokens/s (%.1f to %.1f)  %llu tokens; %.0f %% of %.1f GFLOP/s f32\n",
                r.prefill.median(), r.prefill.least(), r.prefill.most(), (unsigned long long)o.prompt,
                100 * r.prefillFraction(), r.fma.median() / 1e9);
  }
  std::printf("decode   %10.1f tokens/s (%.1f to %.1f)  %llu tokens of %llu sequences after %llu; %s%.0f %% of "
              "%.1f GB/s\n",
              r.decode.median(), r.decode.least(), r.decode.most(), (unsigned long long)o.tokens,
              (unsigned long long)o.batch, (unsigned long long)o.depth, r.bytesMeasured ? "" : "at most ",
              100 * r.decodeFraction(o.batch), r.bandwidth.median() / 1e9);
  std::printf("weights  %10.1f MB read a step%s, of %.1f MB\n", r.bytesPerStep / 1e6,
              r.bytesMeasured ? "" : " (upper bound; this system does not report it)",
              static_cast<double>(r.weightBytes) / 1e6);
}

void printBenchJson(const BenchOptions &o, const BenchResults &r) {
  std::printf("{\"threads\": %u, \"prompt\": %llu, \"tokens\": %llu, \"depth\": %llu, \"batch\": %llu, "
              "\"repetitions\": %llu,\n",
              r.threads, (unsigned long long)o.prompt, (unsigned long long)o.tokens, (unsigned long long)o.depth,
              (unsigned long long)o.batch, (unsigned long long)o.repetitions);
  std::printf(" \"prefill_tokens_per_second\": %.3f, \"prefill_least\": %.3f, \"prefill_most\": %.3f,\n",
              r.prefill.median(), r.prefill.least(), r.prefill.most());
  std::printf(" \"decode_tokens_per_second\": %.3f, \"decode_least\": %.3f, \"decode_most\": %.3f,\n",
              r.decode.median(), r.decode.least(), r.decode.most());
  std::printf(" \"weight_bytes\": %llu, \"weight_bytes_per_step\": %.0f, \"weight_bytes_measured\": %s,\n",
              (unsigned long long)r.weightBytes, r.bytesPerStep, r.bytesMeasured ? "true" : "false");
  std::printf(" \"read_bytes_per_second\": %.0f, \"decode_bandwidth_fraction\": %.4f,\n", r.bandwidth.median(),
              r.decodeFraction(o.batch));
  std::printf(" \"fma_flops\": %.0f, \"prefill_flops_per_token\": %.0f, \"prefill_fma_fraction\": %.4f}\n",
              r.fma.median(), r.flopsPerPromptToken, r.prefillFraction());
}

} // namespace fathom::driver
