// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Text in, text out: the loop of fathom_session_generate.

#include "runtime/src/clock.h"
#include "runtime/src/float_environment.h"
#include "runtime/src/lookahead.h"
#include "runtime/src/options.h"
#include "runtime/src/sampler.h"
#include "runtime/src/session.h"
#include "runtime/src/text.h"

#include <optional>

namespace fathom::runtime {

namespace {
/// Hands tokens and the text they complete to the caller.
class Listener {
public:
  Listener(const Model &model, const fathom_generate_options_t &options) : options(options) {
    if (model.hasTokenizer()) {
      decoder.emplace(model.tokenizer());
    }
  }

  /// Whether the caller wants to go on.
  fathom_status_t hear(int32_t token, bool *goesOn) {
    text.clear();
    if (decoder) {
      tokenizer::Status status = decoder->feed(token, text);
      // The vocabulary of a model may be padded beyond its tokenizer's; such a token has no text.
      if (status != tokenizer::Status::UnknownToken) {
        FATHOM_RETURN_IF_ERROR(checkText(status));
      }
    }
    *goesOn = call(token);
    return FATHOM_STATUS_OK;
  }

  fathom_status_t finish() {
    text.clear();
    if (decoder) {
      FATHOM_RETURN_IF_ERROR(checkText(decoder->finish(text)));
    }
    if (text.size()) {
      call(-1);
    }
    return FATHOM_STATUS_OK;
  }

private:
  bool call(int32_t token) {
    // As an integer: a callback may return what the enum does not name.
    return !options.on_token || static_cast<int>(options.on_token(options.user, token, text.size() ? text.data() : "",
                                                                  text.size())) == FATHOM_CONTINUE;
  }

  const fathom_generate_options_t &options;
  std::optional<tokenizer::StreamDecoder> decoder;
  Buffer<char> text;
};

/// The state of one answer.
class Answer {
public:
  Answer(Session &session, const fathom_generate_options_t &options)
      : session(session), options(options), listener(session.model(), options) {}
  Answer(const Answer &) = delete;
  Answer &operator=(const Answer &) = delete;
  ~Answer() {
    if (id && !options.sequence) {
      session.cache().destroySequence(id);
    }
  }

  fathom_status_t run(fathom_generate_result_t *result);

private:
  fathom_status_t checkLength(size_t tokens) const;
  fathom_status_t takePrompt();
  fathom_status_t prepare();
  fathom_status_t prefill();
  fathom_status_t chooseToken(int32_t *token);
  fathom_status_t speak(fathom_generate_result_t *result);
  bool mayStep(fathom_stop_t *stop, uint64_t generated);

  Session &session;
  const fathom_generate_options_t &options;
  Listener listener;
  Buffer<int32_t> prompt;
  Sampler sampler;
  Lookahead lookahead;
  fathom_sequence_t id = 0;
  Sequence *sequence = nullptr;
};
} // namespace

fathom_status_t Answer::checkLength(size_t tokens) const {
  if (tokens == 0) {
    return fail(FATHOM_STATUS_INVALID_ARGUMENT, "the prompt is empty: there is nothing to answer");
  }
  uint32_t context = session.model().facts().max_context();
  return tokens <= context ? FATHOM_STATUS_OK
                           : fail(FATHOM_STATUS_CONTEXT_FULL,
                                  "the prompt has %zu tokens, but the context has %u positions", tokens, context);
}

fathom_status_t Answer::takePrompt() {
  FATHOM_RETURN_IF_ERROR(checkEncodeFlags(options.encode_flags));
  if (options.tokens) {
    FATHOM_RETURN_IF_ERROR(checkLength(options.token_count));
    if (!prompt.append(options.tokens, options.token_count)) {
      return fail(FATHOM_STATUS_OUT_OF_RESOURCES, "not enough memory for a prompt of %zu tokens", options.token_count);
    }
  } else if (options.prompt) {
    FATHOM_RETURN_IF_ERROR(
        encodeText(session.model(), options.prompt, options.prompt_length, options.encode_flags, &prompt));
  }
  return checkLength(prompt.size());
}

fathom_status_t Answer::prepare() {
  uint32_t vocabulary = session.model().facts().vocabulary();
  FATHOM_RETURN_IF_ERROR(takePrompt());
  FATHOM_RETURN_IF_ERROR(checkSampling(*options.sampling));
  FATHOM_RETURN_IF_ERROR(sampler.initialize(vocabulary, *options.sampling));
  FATHOM_RETURN_IF_ERROR(sampler.observe(options.seen, options.seen_count));
  FATHOM_RETURN_IF_ERROR(sampler.observe(prompt.data(), prompt.size()));
  id = options.sequence;
  if (!id) {
    FATHOM_RETURN_IF_ERROR(session.cache().createSequence(&id));
  }
  FATHOM_RETURN_IF_ERROR(session.cache().find(id, &sequence));
  return lookahead.initialize(session, id, sequence, sampler.isGreedy());
}

fathom_status_t Answer::prefill() {
  fathom_prefill_outputs_t outputs;
  fathom_prefill_outputs_initialize(&outputs);
  if (!lookahead.argmax()) {
    outputs.which = FATHOM_LOGITS_LAST;
    outputs.logits = lookahead.logits();
    outputs.logits_capacity = session.model().facts().vocabulary();
  }
  return session.prefill(sequence, prompt.data(), prompt.size(), outputs, lookahead.argmax());
}

fathom_status_t Answer::chooseToken(int32_t *token) {
  if (const int32_t *argmax = lookahead.argmax()) {
    *token = *argmax;
    return FATHOM_STATUS_OK;
  }
  FloatEnvironment environment;
  return sampler.sample(lookahead.logits(), token);
}

bool Answer::mayStep(fathom_stop_t *stop, uint64_t generated) {
  if (generated >= options.max_tokens) {
    *stop = FATHOM_STOPPED_AT_MAX_TOKENS;
    return false;
  }
  if (sequence->length >= session.model().facts().max_context()) {
    *stop = FATHOM_STOPPED_AT_CONTEXT;
    return false;
  }
  return true;
}

// The logits of the last token are there; choose, say, compute the next ones.
fathom_status_t Answer::speak(fathom_generate_result_t *result) {
  while (result->generated_tokens < options.max_tokens) {
    int32_t token;
    FATHOM_RETURN_IF_ERROR(session.checkCancelled());
    FATHOM_RETURN_IF_ERROR(chooseToken(&token));
    if (!options.ignore_eos && session.model().isEos(token)) {
      result->stop = FATHOM_STOPPED_AT_EOS;
      return FATHOM_STATUS_OK;
    }
    bool goesOn;
    FATHOM_RETURN_IF_ERROR(listener.hear(token, &goesOn));
    result->generated_tokens += 1;
    if (!goesOn) {
      result->stop = FATHOM_STOPPED_BY_CALLBACK;
      return FATHOM_STATUS_OK;
    }
    if (!mayStep(&result->stop, result->generated_tokens)) {
      return FATHOM_STATUS_OK;
    }
    FATHOM_RETURN_IF_ERROR(lookahead.advance(token, options.max_tokens - result->generated_tokens));
  }
  result->stop = FATHOM_STOPPED_AT_MAX_TOKENS;
  return FATHOM_STATUS_OK;
}

fathom_status_t Answer::run(fathom_generate_result_t *result) {
  uint64_t start = now();
  FATHOM_RETURN_IF_ERROR(prepare());
  result->prompt_tokens = prompt.size();
  FATHOM_RETURN_IF_ERROR(prefill());
  uint64_t prefilled = now();
  result->prefill_nanoseconds = prefilled - start;
  fathom_status_t status = speak(result);
  lookahead.finish(result);
  result->decode_nanoseconds = now() - prefilled;
  // What was held back is text the caller has a right to, whatever ended the answer; the first error stays.
  if (status == FATHOM_STATUS_OK && result->stop != FATHOM_STOPPED_BY_CALLBACK) {
    status = listener.finish();
  }
  return status;
}

fathom_status_t Session::generate(const fathom_generate_options_t &options, fathom_generate_result_t *result) {
  return Answer(*this, options).run(result);
}

} // namespace fathom::runtime
