// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What is measured is what the C API does; only depths beyond what prefill computes are reached below it.

#include "tools/driver/MeasureModel.h"

#include "runtime/cli/messages.h"
#include "runtime/cli/signals.h"
#include "tools/driver/RepeatRows.h"

#include <algorithm>

namespace fathom::driver {

int32_t benchToken(uint64_t index, uint64_t vocabulary) {
  return static_cast<int32_t>((index * 2654435761u + 12345) % vocabulary);
}

cli::RunOptions runOptionsOf(const BenchOptions &options, const char *model) {
  cli::RunOptions run;
  run.model = model;
  run.threads = options.threads;
  run.prefillChunk = options.prefillChunk;
  run.weightsDirectory = options.weightsDirectory;
  run.device = options.device;
  run.mmap = options.mmap;
  run.hasVerifyWeights = true;
  return run;
}

int32_t Measurement::token(uint64_t index) const { return benchToken(index, loaded.info.vocabulary); }

int Measurement::fitToContext() {
  uint64_t context = loaded.info.max_context, deepest = *std::max_element(options.depths.begin(), options.depths.end());
  results.prompt = options.promptGiven ? options.prompt : std::min(options.prompt, context);
  uint64_t left = deepest < context ? context - deepest : 0;
  results.tokens = options.tokensGiven ? options.tokens : std::min(options.tokens, left);
  if (results.prompt > context || results.tokens > left || results.tokens == 0) {
    return cli::printUsageError(source.program, "-p %llu or -d %llu with -n %llu exceeds the context of %llu",
                                (unsigned long long)results.prompt, (unsigned long long)deepest,
                                (unsigned long long)results.tokens, (unsigned long long)context);
  }
  return 0;
}

int Measurement::open() {
  if (int code = loaded.open(source, runOptionsOf(options, model),
                             static_cast<uint32_t>(options.depths.size() * options.batch + 1))) {
    return code;
  }
  if (int code = fitToContext()) {
    return code;
  }
  fathom_status_t status =
      options.drafts > 0 ? drafts.open(loaded.model, loaded.info.vocabulary, options) : FATHOM_STATUS_OK;
  return status ? cli::report(source.program, status) : 0;
}

fathom_status_t Measurement::rewind(fathom_sequence_t sequence, uint64_t length) {
  return fathom_session_rewind_sequence(loaded.session, sequence, static_cast<uint32_t>(length));
}

fathom_status_t Measurement::rewind(const Depth &depth) {
  fathom_status_t status = FATHOM_STATUS_OK;
  for (size_t s = 0; !status && s < depth.sequences.size(); ++s) {
    status = rewind(depth.sequences[s], depth.results.depth);
  }
  return status;
}

/// A sequence of `depth` tokens, of which prefill computes the first.
fathom_status_t Measurement::createSequence(uint64_t depth, fathom_sequence_t *sequence) {
  uint64_t computed = std::min(depth, options.computed);
  fathom_status_t status = cli::checkInterrupted();
  status = status ? status : fathom_session_create_sequence(loaded.session, sequence);
  if (!status && computed > 0) {
    status = fathom_session_prefill(loaded.session, *sequence, prompt.data(), computed, nullptr);
  }
  if (!status && depth > computed) {
    status = repeatRows(loaded.session, *sequence, static_cast<uint32_t>(depth), *sequence);
  }
  return status;
}

fathom_status_t Measurement::createSequences() {
  for (uint64_t i = 0; i < std::max(results.prompt, options.computed); ++i) {
    prompt.push_back(token(i));
  }
  results.model = model ? model : "";
  results.batch = options.batch;
  results.activationType = loaded.info.activation_type;
  results.variant = loaded.info.variant;
  results.variants = loaded.variants();
  results.weightBytes = loaded.info.weight_bytes;
  logits.resize(loaded.info.vocabulary * options.batch);
  stepTokens.resize(options.batch);
  results.depths.resize(options.depths.size());
  fathom_status_t status = fathom_session_threads(loaded.session, &results.threads);
  status = status ? status : fathom_session_create_sequence(loaded.session, &promptSequence);
  for (size_t d = 0; d < options.depths.size(); ++d) {
    DepthResults &at = results.depths[d];
    at.depth = options.depths[d];
    // The mean over the steps, each of which reads its own row too.
    at.cache = countCacheBytes(loaded.info, static_cast<double>(at.depth) + (results.tokens + 1) / 2.0);
    for (StoreBytes &store : at.cache) {
      store.bytes *= static_cast<double>(options.batch);
    }
    depths.push_back({at, std::vector<fathom_sequence_t>(options.batch)});
    for (size_t s = 0; !status && s < options.batch; ++s) {
      status = createSequence(at.depth, &depths[d].sequences[s]);
    }
  }
  return status;
}

fathom_status_t Measurement::step(const Depth &depth, uint64_t index) {
  for (uint64_t i = 0; i < options.batch; ++i) {
    stepTokens[i] = token(index * options.batch + i + 77);
  }
  fathom_status_t status = cli::checkInterrupted();
  return status ? status
                : fathom_session_decode(loaded.session, depth.sequences.data(), stepTokens.data(), options.batch,
                                        logits.data(), logits.size());
}

/// Steps that are not counted, until most pages are mapped.
fathom_status_t Measurement::warm(const Depth &depth) {
  fathom_status_t status = FATHOM_STATUS_OK;
  for (uint64_t i = 0; !status && i < std::min<uint64_t>(results.tokens, 32); ++i) {
    status = step(depth, i);
  }
  return status ? status : rewind(depth);
}

/// The mean of some steps. What a step reads of weights does not depend on the depth.
fathom_status_t Measurement::measureTouched(const Depth &depth) {
  uint64_t counted = std::min<uint64_t>(results.tokens, 8);
  WeightCount count = countWeights(loaded.info);
  fathom_status_t status = FATHOM_STATUS_OK;
  double sum = 0;
  bool works = options.mmap;
  for (uint64_t i = 0; !status && works && i < counted; ++i) {
    status = rewind(depth);
    works = touched.forget();
    status = status ? status : step(depth, i);
    sum += static_cast<double>(touched.measure().bytes);
  }
  status = status ? status : rewind(depth);
  results.bytesMeasured = works && sum > 0;
  // Without the system's help: as if every expert were read, which is too much unless the batch is large.
  double all = static_cast<double>(count.denseBytes + count.expertBytes);
  results.weightBytesPerStep = results.bytesMeasured ? sum / static_cast<double>(counted) : all;
  double dense = static_cast<double>(count.denseBytes);
  double experts =
      count.expertBytes > 0 ? (results.weightBytesPerStep - dense) / static_cast<double>(count.expertBytes) : 0;
  // Only a batch of one tells how many experts a token has.
  bool single = options.batch == 1 && results.bytesMeasured;
  results.flopsPerPromptToken =
      2 * (count.denseElements + (single ? std::clamp(experts, 0.0, 1.0) * count.expertElements : 0));
  return status;
}

fathom_status_t Measurement::measurePrefill() {
  if (results.prompt == 0) {
    return FATHOM_STATUS_OK;
  }
  fathom_prefill_outputs_t outputs;
  fathom_prefill_outputs_initialize(&outputs);
  outputs.which = FATHOM_LOGITS_LAST;
  outputs.logits = logits.data();
  outputs.logits_capacity = logits.size();
  double start = now();
  fathom_status_t status =
      fathom_session_prefill(loaded.session, promptSequence, prompt.data(), results.prompt, &outputs);
  results.prefill.add(static_cast<double>(results.prompt) / (now() - start));
  return status ? status : rewind(promptSequence, 0);
}

fathom_status_t Measurement::measureDecode(const Depth &depth) {
  fathom_status_t status = FATHOM_STATUS_OK;
  double start = now();
  for (uint64_t i = 0; !status && i < results.tokens; ++i) {
    status = step(depth, i);
  }
  depth.results.decode.add(static_cast<double>(results.tokens * options.batch) / (now() - start));
  return status ? status : rewind(depth);
}

int Measurement::prepare() {
  if (int code = open()) {
    return code;
  }
  fathom_status_t status = createSequences();
  for (size_t d = 0; !status && d < depths.size(); ++d) {
    status = warm(depths[d]);
  }
  status = status ? status : measureTouched(depths.front());
  if (!status && options.drafts > 0) {
    WeightCount count = countWeights(loaded.info);
    bool counts = touched.countExperts(loaded.info) && count.experts > 0;
    results.draft.expertBytes =
        counts ? static_cast<double>(count.expertBytes) / static_cast<double>(count.experts) : 0;
    // As deep as the first depth, as far as prefill computes it.
    uint64_t length = std::clamp<uint64_t>(options.depths.front(), 1, options.computed);
    status = drafts.prepare({prompt.begin(), prompt.begin() + std::ptrdiff_t(length)}, results.tokens, touched,
                            results.draft);
  }
  return status ? cli::report(source.program, status) : 0;
}

int Measurement::measure(ReadBandwidth &bandwidth) {
  fathom_status_t status = FATHOM_STATUS_OK;
  results.bandwidth.add(bandwidth.measure());
  for (size_t d = 0; !status && d < depths.size(); ++d) {
    status = measureDecode(depths[d]);
    results.bandwidth.add(bandwidth.measure());
  }
  results.fma.add(measureFmaPeak(results.threads));
  status = status ? status : cli::checkInterrupted();
  status = status ? status : measurePrefill();
  results.fma.add(measureFmaPeak(results.threads));
  if (!status && options.drafts > 0) {
    status = drafts.measure(results.draft);
  }
  return status ? cli::report(source.program, status) : cli::interruptedCode();
}

} // namespace fathom::driver
