// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Both devices are given the same tokens, so that a difference is never that of what went before.

#include "runtime/cli/compare.h"

#include "runtime/cli/comparison.h"
#include "runtime/cli/messages.h"
#include "runtime/cli/prompt.h"
#include "runtime/cli/signals.h"
#include "runtime/src/argmax.h"
#include "runtime/src/session.h"

#include <algorithm>
#include <string.h>

namespace fathom::cli {

/// Simulators are slow.
static constexpr uint64_t kDefaultTokens = 8;

bool parseDevicePair(const char *text, DevicePair *pair) {
  const char *comma = strchr(text, ',');
  const size_t most = sizeof(pair->names[0]) - 1;
  if (!comma || strchr(comma + 1, ',')) {
    return false;
  }
  size_t first = static_cast<size_t>(comma - text), second = strlen(comma + 1);
  if (first == 0 || second == 0 || first > most || second > most) {
    return false;
  }
  *pair = {};
  memcpy(pair->names[0], text, first);
  memcpy(pair->names[1], comma + 1, second);
  return true;
}

namespace {
/// The model on one of the devices, and what its last call gave.
class Side {
public:
  int open(const ModelSource &source, RunOptions options, const char *device) {
    program = source.program;
    options.device = device;
    int code = loaded.open(source, options, 1);
    return code ? code : settle(fathom_session_create_sequence(loaded.session, &sequence));
  }

  int prefill(const Buffer<int32_t> &tokens) {
    if (int code = allocate(tokens.size())) {
      return code;
    }
    fathom_prefill_outputs_t outputs;
    fathom_prefill_outputs_initialize(&outputs);
    outputs.which = FATHOM_LOGITS_ALL;
    outputs.logits = logits.data();
    outputs.logits_capacity = logits.size();
    outputs.states = states.data();
    outputs.states_capacity = states.size();
    watchSignals(loaded.session);
    return settle(fathom_session_prefill(loaded.session, sequence, tokens.data(), tokens.size(), &outputs));
  }

  int decode(int32_t token) {
    if (int code = allocate(1)) {
      return code;
    }
    watchSignals(loaded.session);
    return settle(decodeStates(token));
  }

  /// What the model says next.
  int32_t next() const {
    size_t width = loaded.info.vocabulary;
    return runtime::argmax(logits.data() + logits.size() - width, width);
  }

  Values values() const { return {states.data(), logits.data()}; }

  LoadedModel loaded;

private:
  int settle(fathom_status_t status) { return status == FATHOM_STATUS_OK ? kOk : report(program, status); }

  int allocate(size_t rows) {
    const fathom_model_info_t &info = loaded.info;
    return logits.allocate(rows * info.vocabulary) && states.allocate(rows * info.layers * info.hidden)
               ? kOk
               : printError(program, kResources, "not enough memory for the values of %zu positions", rows);
  }

  // The C API has no states of decode.
  fathom_status_t decodeStates(int32_t token) {
    runtime::Pin<runtime::Session> session(loaded.session, __func__);
    FATHOM_RETURN_IF_ERROR(session.status);
    session->begin();
    return session->decode({&sequence, nullptr, &token, 1}, {logits.data(), nullptr, states.data()}, logits.size());
  }

  const char *program = "";
  fathom_sequence_t sequence = 0;
  Buffer<float> states, logits;
};
} // namespace

static bool isEnd(const fathom_model_info_t &info, int32_t token) {
  return std::find(info.eos_tokens, info.eos_tokens + info.eos_token_count, token) !=
         info.eos_tokens + info.eos_token_count;
}

// The prompt is one piece, and each token of the answer but the last another.
static int compareAll(const char *program, const RunOptions &options, Side *sides, const Buffer<int32_t> &prompt,
                      Comparison &comparison) {
  const fathom_model_info_t &info = sides[0].loaded.info;
  uint64_t most = options.hasMaxTokens ? options.maxTokens : kDefaultTokens;
  for (Side *side : {&sides[0], &sides[1]}) {
    if (int code = side->prefill(prompt)) {
      return code;
    }
  }
  comparison.take(sides[0].values(), sides[1].values(), 0, prompt.size());
  for (uint64_t position = prompt.size(), count = 0; count < most; ++position) {
    int32_t token = sides[0].next();
    if (!comparison.chose(token, sides[1].next(), position - 1)) {
      return printError(program, kResources, "not enough memory for %llu tokens",
                        static_cast<unsigned long long>(count));
    }
    if (++count == most || position == info.max_context || (!options.ignoreEos && isEnd(info, token))) {
      return kOk;
    }
    for (Side *side : {&sides[0], &sides[1]}) {
      if (int code = side->decode(token)) {
        return code;
      }
    }
    comparison.take(sides[0].values(), sides[1].values(), position, 1);
  }
  return kOk;
}

int runComparison(const ModelSource &source, const RunOptions &options, Output &output) {
  DevicePair pair;
  parseDevicePair(options.compare, &pair);
  const char *names[] = {pair.names[0], pair.names[1]};
  Side sides[2];
  for (int i : {0, 1}) {
    if (int code = sides[i].open(source, options, names[i])) {
      return code;
    }
  }
  Buffer<int32_t> prompt;
  Buffer<char> text;
  if (int code = readPrompt(source.program, options, sides[0].loaded, &prompt, &text)) {
    return code;
  }
  Comparison comparison(sides[0].loaded.info, sides[1].loaded.info);
  if (int code = compareAll(source.program, options, sides, prompt, comparison)) {
    return code;
  }
  !strcmp(options.output, "json") ? comparison.printJson(output, names, prompt.size())
                                  : comparison.print(output, names, prompt.size());
  if (comparison.isWithinBounds()) {
    return kOk;
  }
  char worst[200];
  comparison.describe(worst, sizeof(worst));
  return printError(source.program, kFailed, "'%s' and '%s' differ by more than %s explain: %s", names[0], names[1],
                    comparison.isRounded() ? "rounding (--act-type=f32 does without) and sums in another order"
                                           : "sums in another order",
                    worst);
}

} // namespace fathom::cli
