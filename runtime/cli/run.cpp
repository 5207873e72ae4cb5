// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// `run`: one prompt, or a batch of them.

#include "runtime/cli/answer_writer.h"
#include "runtime/cli/batch.h"
#include "runtime/cli/call.h"
#include "runtime/cli/cli.h"
#include "runtime/cli/compare.h"
#include "runtime/cli/messages.h"
#include "runtime/cli/npy.h"
#include "runtime/cli/options.h"
#include "runtime/cli/prompt.h"
#include "runtime/cli/signals.h"

namespace fathom::cli {

static constexpr uint64_t kDefaultTokens = 256;

// Computes the prompt once more for --logits and --states, in a sequence of its own.
static int writeTensors(const ModelSource &source, const RunOptions &options, LoadedModel &loaded,
                        const Buffer<int32_t> &tokens) {
  const fathom_model_info_t &info = loaded.info;
  Buffer<float> logits, states;
  fathom_prefill_outputs_t outputs;
  fathom_prefill_outputs_initialize(&outputs);
  uint64_t stateCount = uint64_t(info.layers) * info.hidden;
  if ((options.logits && !logits.allocate(tokens.size() * info.vocabulary)) ||
      (options.states && !states.allocate(tokens.size() * stateCount))) {
    return printError(source.program, kResources, "not enough memory for the values of %zu positions", tokens.size());
  }
  outputs.which = options.logits ? FATHOM_LOGITS_ALL : FATHOM_LOGITS_NONE;
  outputs.logits = logits.data();
  outputs.logits_capacity = logits.size();
  outputs.states = states.data();
  outputs.states_capacity = states.size();
  fathom_sequence_t sequence = 0;
  fathom_status_t status = fathom_session_create_sequence(loaded.session, &sequence);
  if (status == FATHOM_STATUS_OK) {
    status = loaded.settle(fathom_session_prefill(loaded.session, sequence, tokens.data(), tokens.size(), &outputs));
  }
  if (status != FATHOM_STATUS_OK) {
    return report(source.program, status);
  }
  fathom_session_destroy_sequence(loaded.session, sequence);
  const uint64_t logitShape[] = {tokens.size(), info.vocabulary};
  const uint64_t stateShape[] = {info.layers, tokens.size(), info.hidden};
  int code = options.logits ? writeNpy(source.program, options.logits, logits.data(), logitShape, 2) : 0;
  return code || !options.states ? code : writeNpy(source.program, options.states, states.data(), stateShape, 3);
}

static int answer(const ModelSource &source, const RunOptions &options, LoadedModel &loaded,
                  const Buffer<int32_t> &tokens, Output &output) {
  fathom_sampling_t sampling;
  if (int code = chooseSampling(loaded, source.program, options, &sampling)) {
    return code;
  }
  AnswerWriter writer(output, options, &loaded);
  fathom_generate_options_t request;
  fathom_generate_options_initialize(&request);
  request.tokens = tokens.data();
  request.token_count = tokens.size();
  request.max_tokens = options.hasMaxTokens ? options.maxTokens : kDefaultTokens;
  request.ignore_eos = options.ignoreEos;
  request.sampling = &sampling;
  request.on_token = AnswerWriter::onToken;
  request.user = &writer;
  fathom_generate_result_t result;
  fathom_generate_result_initialize(&result);
  fathom_status_t status = loaded.settle(fathom_session_generate(loaded.session, &request, &result));
  if (status == FATHOM_STATUS_OK || status == FATHOM_STATUS_CANCELLED) {
    writer.finish(result);
  }
  if (status == FATHOM_STATUS_OK && options.stats) {
    printStats(source.program, loaded, result, 1);
  }
  if (status != FATHOM_STATUS_OK && !output.atLineStart()) {
    output.write("\n");
  }
  return status == FATHOM_STATUS_OK ? 0 : report(source.program, status);
}

static int runPrompt(const ModelSource &source, const RunOptions &options, LoadedModel &loaded, Output &output) {
  Buffer<int32_t> tokens;
  Buffer<char> text;
  if (int code = readPrompt(source.program, options, loaded, &tokens, &text)) {
    return code;
  }
  if (int code = checkFormat(source.program, options, loaded)) {
    return code;
  }
  if (options.logits || options.states) {
    if (int code = writeTensors(source, options, loaded, tokens)) {
      return code;
    }
  }
  if (options.echo) {
    output.write(text.data(), text.size());
  }
  return answer(source, options, loaded, tokens, output);
}

int runMain(const ModelSource &source, int argc, const char *const *argv, int first) {
  RunOptions options;
  int code = parseRunOptions(Verb::kRun, source, argc, argv, first, &options);
  if (code != kContinue) {
    return code;
  }
  bool calls = options.callsFunction();
  if (!calls && !hasPrompt(source.program, options)) {
    return kUsage;
  }
  Output output;
  if (calls) {
    code = runCall(source, options, output);
  } else if (options.compare) {
    code = runComparison(source, options, output);
  } else if (options.batchFile) {
    code = runBatch(source, options, output);
  } else {
    LoadedModel loaded;
    code = loaded.open(source, options, 1);
    if (code == 0) {
      code = runPrompt(source, options, loaded, output);
      code = code ? code : loaded.traceCode();
    }
  }
  if (int interrupted = interruptedCode()) {
    return interrupted;
  }
  int written = output.finish(source.program);
  return code ? code : written;
}

} // namespace fathom::cli
