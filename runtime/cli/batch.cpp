// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Prefills the sequences one after the other, then decodes all that still speak in one batch a step.

#include "runtime/cli/batch.h"

#include "fathom/artifact_generated.h"
#include "runtime/cli/answer_writer.h"
#include "runtime/cli/batch_step.h"
#include "runtime/cli/messages.h"
#include "runtime/cli/npy.h"
#include "runtime/cli/prompt.h"
#include "runtime/cli/signals.h"
#include "runtime/src/clock.h"
#include "runtime/src/status.h"
#include "runtime/src/tokenizer/tokenizer.h"

#include <string.h>

namespace fathom::cli {

namespace {
struct Speaker {
  fathom_sequence_t sequence;
  fathom_sampler_t *sampler;
  int32_t token;
  fathom_stop_t stop;
  bool done;
  uint64_t steps, drafted, accepted;
};

class Batch {
public:
  Batch(const ModelSource &source, const RunOptions &options, Output &output)
      : source(source), options(options), output(output) {}
  Batch(const Batch &) = delete;
  Batch &operator=(const Batch &) = delete;
  ~Batch();

  int run();

private:
  fathom_status_t start(size_t index, const fathom_sampling_t &sampling, float *logits);
  fathom_status_t choose(size_t index, const float *logits);
  fathom_status_t hear(const BatchStep &step, size_t entry);
  fathom_status_t speak();
  fathom_status_t compute(const fathom_sampling_t &sampling, float *logits);
  int checkPrompts() const;
  int prepare();
  int write(size_t index);
  void addCounts(size_t index, fathom_generate_result_t *result) const;
  size_t promptLength(size_t index) const { return starts[index + 1] - starts[index]; }

  const ModelSource &source;
  const RunOptions &options;
  Output &output;
  LoadedModel loaded;
  Buffer<int32_t> tokens;
  Buffer<size_t> starts;
  Buffer<Speaker> speakers;
  /// [speakers][limit] and how many each has.
  Buffer<int32_t> answers;
  Buffer<size_t> lengths;
  Buffer<float> promptLogits;
  size_t limit = 0;
};
} // namespace

Batch::~Batch() {
  for (Speaker &speaker : speakers) {
    if (speaker.sampler) {
      fathom_sampler_release(speaker.sampler);
    }
  }
}

// Takes a token from the logits of a sequence, or ends it.
fathom_status_t Batch::choose(size_t index, const float *logits) {
  Speaker &speaker = speakers[index];
  speaker.done = lengths[index] >= limit;
  speaker.stop = FATHOM_STOPPED_AT_MAX_TOKENS;
  if (speaker.done) {
    return FATHOM_STATUS_OK;
  }
  fathom_status_t status = fathom_sampler_sample(speaker.sampler, logits, &speaker.token);
  if (status != FATHOM_STATUS_OK) {
    return status;
  }
  for (size_t i = 0; !options.ignoreEos && i < loaded.info.eos_token_count; ++i) {
    speaker.done |= speaker.token == loaded.info.eos_tokens[i];
  }
  if (speaker.done) {
    speaker.stop = FATHOM_STOPPED_AT_EOS;
    return FATHOM_STATUS_OK;
  }
  answers[index * limit + lengths[index]++] = speaker.token;
  speaker.done = lengths[index] >= limit;
  if (!speaker.done && promptLength(index) + lengths[index] > loaded.info.max_context) {
    speaker.done = true;
    speaker.stop = FATHOM_STOPPED_AT_CONTEXT;
  }
  return FATHOM_STATUS_OK;
}

fathom_status_t Batch::start(size_t index, const fathom_sampling_t &sampling, float *logits) {
  Speaker &speaker = speakers[index];
  const int32_t *prompt = tokens.data() + starts[index];
  size_t length = promptLength(index), vocabulary = loaded.info.vocabulary;
  fathom_prefill_outputs_t outputs;
  fathom_prefill_outputs_initialize(&outputs);
  outputs.which = options.logits ? FATHOM_LOGITS_ALL : FATHOM_LOGITS_LAST;
  outputs.logits = options.logits ? promptLogits.data() + starts[index] * vocabulary : logits;
  outputs.logits_capacity = options.logits ? length * vocabulary : vocabulary;
  fathom_sampling_t own = sampling;
  // Sequences with one prompt should not all give one answer.
  own.seed += index;
  fathom_status_t status = fathom_sampler_create(loaded.info.vocabulary, &own, &speaker.sampler);
  status = status ? status : fathom_session_create_sequence(loaded.session, &speaker.sequence);
  status = status ? status
                  : loaded.settle(fathom_session_prefill(loaded.session, speaker.sequence, prompt, length, &outputs));
  status = status ? status : fathom_sampler_observe(speaker.sampler, prompt, length);
  return status ? status : choose(index, outputs.logits + outputs.logits_capacity - vocabulary);
}

// Takes what a step says of one of its sequences, as far as its drafts are what the sequence says.
fathom_status_t Batch::hear(const BatchStep &step, size_t entry) {
  size_t index = step.who(entry);
  Speaker &speaker = speakers[index];
  uint32_t right = 0;
  fathom_status_t status = choose(index, step.logits(entry, 0));
  while (!status && !speaker.done && right < step.drafts(entry) && step.draft(entry, right + 1) == speaker.token) {
    status = choose(index, step.logits(entry, ++right));
  }
  speaker.steps += 1;
  speaker.drafted += step.drafts(entry);
  speaker.accepted += right;
  if (status != FATHOM_STATUS_OK || right == step.drafts(entry)) {
    return status;
  }
  // The last token is not part of the sequence yet.
  size_t length = promptLength(index) + lengths[index] - (speaker.stop == FATHOM_STOPPED_AT_EOS ? 0 : 1);
  return fathom_session_rewind_sequence(loaded.session, speaker.sequence, static_cast<uint32_t>(length));
}

// One step after the other for all sequences that are not done.
fathom_status_t Batch::speak() {
  BatchStep step;
  if (!step.allocate(speakers.size(), options.drafts, loaded.info.vocabulary)) {
    return runtime::fail(FATHOM_STATUS_OUT_OF_RESOURCES, "not enough memory for the batch");
  }
  for (;;) {
    step.clear();
    for (size_t i = 0; i < speakers.size(); ++i) {
      if (!speakers[i].done) {
        step.add(i, speakers[i].sequence, speakers[i].token, limit - lengths[i]);
      }
    }
    if (step.empty()) {
      return FATHOM_STATUS_OK;
    }
    fathom_status_t status = checkInterrupted();
    status = status ? status : step.compute(loaded);
    for (size_t i = 0; !status && i < step.size(); ++i) {
      status = hear(step, i);
    }
    if (status != FATHOM_STATUS_OK) {
      return status;
    }
  }
}

// What the model cannot read, line by line.
int Batch::checkPrompts() const {
  int code = 0;
  for (size_t i = 0; i + 1 < starts.size(); ++i) {
    if (promptLength(i) > loaded.info.max_context) {
      code =
          printError(source.program, kBadInput, "%s: %zu: the prompt has %zu tokens, but the context has %u positions",
                     options.batchFile, i + 1, promptLength(i), loaded.info.max_context);
    }
    for (size_t at = starts[i]; at < starts[i + 1]; ++at) {
      if (static_cast<uint32_t>(tokens[at]) >= loaded.info.vocabulary) {
        code = printError(source.program, kBadInput, "%s: %zu: token %zu is %d, expected 0 to %u", options.batchFile,
                          i + 1, at - starts[i], tokens[at], loaded.info.vocabulary - 1);
        break;
      }
    }
  }
  return code;
}

int Batch::prepare() {
  if (int code = readBatch(source.program, options.batchFile, &tokens, &starts)) {
    return code;
  }
  size_t count = starts.size() - 1;
  if (int code = loaded.open(source, options, static_cast<uint32_t>(count))) {
    return code;
  }
  if (int code = checkFormat(source.program, options, loaded)) {
    return code;
  }
  if (int code = checkPrompts()) {
    return code;
  }
  limit = options.hasMaxTokens ? options.maxTokens : 256;
  limit = limit < loaded.info.max_context ? limit : loaded.info.max_context;
  if (!speakers.allocate(count) || !answers.allocate(count * limit) || !lengths.allocate(count) ||
      (options.logits && !promptLogits.allocate(tokens.size() * loaded.info.vocabulary))) {
    return printError(source.program, kResources, "not enough memory for %zu sequences", count);
  }
  return 0;
}

// The text of an answer as well-formed UTF-8. False if memory runs out.
static bool decodeText(const LoadedModel &loaded, const int32_t *answer, size_t count, Buffer<char> *text) {
  if (!loaded.info.has_tokenizer) {
    return true;
  }
  tokenizer::StreamDecoder decoder(tokenizer::Tokenizer(*artifact::GetArtifact(loaded.info.metadata)->tokenizer()));
  for (size_t i = 0; i < count; ++i) {
    if (decoder.feed(answer[i], *text) == tokenizer::Status::OutOfMemory) {
      return false;
    }
  }
  return decoder.finish(*text) == tokenizer::Status::Ok;
}

void Batch::addCounts(size_t index, fathom_generate_result_t *result) const {
  result->generated_tokens += lengths[index];
  result->decode_steps += speakers[index].steps;
  result->drafted_tokens += speakers[index].drafted;
  result->accepted_tokens += speakers[index].accepted;
}

int Batch::write(size_t index) {
  AnswerWriter writer(output, options, nullptr);
  const int32_t *answer = answers.data() + index * limit;
  Buffer<char> text;
  if (!decodeText(loaded, answer, lengths[index], &text)) {
    return printError(source.program, kResources, "not enough memory for the text of an answer");
  }
  for (size_t i = 0; i < lengths[index]; ++i) {
    writer.take(answer[i], "", 0);
  }
  writer.take(-1, text.data(), text.size());
  fathom_generate_result_t result;
  fathom_generate_result_initialize(&result);
  result.stop = speakers[index].stop;
  result.prompt_tokens = promptLength(index);
  addCounts(index, &result);
  writer.finish(result);
  return 0;
}

// Reads all prompts, then speaks.
fathom_status_t Batch::compute(const fathom_sampling_t &sampling, float *logits) {
  fathom_generate_result_t total;
  fathom_generate_result_initialize(&total);
  fathom_status_t status = FATHOM_STATUS_OK;
  uint64_t begin = runtime::now();
  for (size_t i = 0; !status && i < speakers.size(); ++i) {
    status = checkInterrupted();
    status = status ? status : start(i, sampling, logits);
  }
  uint64_t prefilled = runtime::now();
  status = status ? status : speak();
  total.prefill_nanoseconds = prefilled - begin;
  total.decode_nanoseconds = runtime::now() - prefilled;
  total.prompt_tokens = tokens.size();
  for (size_t i = 0; i < speakers.size(); ++i) {
    addCounts(i, &total);
  }
  if (!status && options.stats) {
    printStats(source.program, loaded, total, speakers.size());
  }
  return status;
}

int Batch::run() {
  if (int code = prepare()) {
    return code;
  }
  fathom_sampling_t sampling;
  Buffer<float> logits;
  if (int code = chooseSampling(loaded, source.program, options, &sampling)) {
    return code;
  }
  if (!logits.allocate(loaded.info.vocabulary)) {
    return printError(source.program, kResources, "not enough memory for %u logits", loaded.info.vocabulary);
  }
  fathom_status_t status = compute(sampling, logits.data());
  if (status != FATHOM_STATUS_OK) {
    return report(source.program, status);
  }
  const uint64_t shape[] = {tokens.size(), loaded.info.vocabulary};
  int code = options.logits ? writeNpy(source.program, options.logits, promptLogits.data(), shape, 2) : 0;
  for (size_t i = 0; !code && i < speakers.size(); ++i) {
    code = write(i);
  }
  return code ? code : loaded.traceCode();
}

int runBatch(const ModelSource &source, const RunOptions &options, Output &output) {
  return Batch(source, options, output).run();
}

} // namespace fathom::cli
