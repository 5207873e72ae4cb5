// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// `chat`: lines of the user in, answers out. The whole conversation is rendered anew for each answer; the part of it
// that was prefilled before stays in the cache, so that an answer is exactly what a fresh session would give.

#include "runtime/cli/cli.h"
#include "runtime/cli/conversation.h"
#include "runtime/cli/messages.h"
#include "runtime/cli/options.h"
#include "runtime/cli/reply_writer.h"
#include "runtime/cli/run_options.h"
#include "runtime/cli/signals.h"

#include <algorithm>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

namespace fathom::cli {

namespace {
class Chat {
public:
  Chat(const ModelSource &source, const RunOptions &options) : source(source), options(options) {}
  Chat(const Chat &) = delete;
  Chat &operator=(const Chat &) = delete;

  int run();

private:
  int answer(const char *text, size_t length);
  int talk();
  int open();
  int render(Buffer<int32_t> *tokens, bool *thinks);
  int rewind(const Buffer<int32_t> &tokens, size_t *common);
  int generate(const Buffer<int32_t> &tokens, size_t common, ReplyWriter &reply);
  int finishAnswer(fathom_status_t status, const fathom_generate_result_t &result);
  int keep(const Buffer<int32_t> &tokens);
  int failMemory() const;

  const ModelSource &source;
  const RunOptions &options;
  Output output;
  LoadedModel loaded;
  fathom_sampling_t sampling;
  fathom_sequence_t sequence = 0;
  Conversation conversation;
  /// What the sequence holds.
  Buffer<int32_t> prefilled;
  bool outOfMemory = false;
  /// Somebody types at a terminal, and can go on after an interrupt.
  bool terminal = false;
};
} // namespace

int Chat::failMemory() const { return printError(source.program, kResources, "out of memory"); }

int Chat::render(Buffer<int32_t> *tokens, bool *thinks) {
  fathom_status_t status = conversation.encode(tokens, thinks);
  if (status != FATHOM_STATUS_OK) {
    return report(source.program, status);
  }
  if (tokens->size() > loaded.info.max_context) {
    return printError(
        source.program, kBadInput,
        "with this message the conversation has %zu tokens, but the context has %u positions; shorten it, or start "
        "a new one",
        tokens->size(), loaded.info.max_context);
  }
  return 0;
}

// Keeps of the cache what the new prompt starts with.
int Chat::rewind(const Buffer<int32_t> &tokens, size_t *common) {
  size_t same = 0;
  // At least one token must be computed, for its logits.
  while (same < prefilled.size() && same + 1 < tokens.size() && prefilled[same] == tokens[same]) {
    ++same;
  }
  *common = same;
  fathom_status_t status = fathom_session_rewind_sequence(loaded.session, sequence, static_cast<uint32_t>(same));
  return status ? report(source.program, status) : 0;
}

int Chat::generate(const Buffer<int32_t> &tokens, size_t common, ReplyWriter &reply) {
  fathom_generate_options_t request;
  fathom_generate_options_initialize(&request);
  request.tokens = tokens.data() + common;
  request.token_count = tokens.size() - common;
  request.max_tokens = options.hasMaxTokens ? options.maxTokens : loaded.info.max_context;
  request.ignore_eos = options.ignoreEos;
  request.sampling = &sampling;
  request.on_token = ReplyWriter::onToken;
  request.user = &reply;
  request.sequence = sequence;
  request.seen = tokens.data();
  request.seen_count = common;
  fathom_generate_result_t result;
  fathom_generate_result_initialize(&result);
  fathom_status_t status = loaded.settle(fathom_session_generate(loaded.session, &request, &result));
  bool complete = status == FATHOM_STATUS_OK || status == FATHOM_STATUS_CANCELLED;
  reply.finish(complete ? &result : nullptr);
  // An interrupt that came too late to stop anything does not mean that the user wants to leave.
  bool stopped = terminal && forgetInterrupt();
  return finishAnswer(status == FATHOM_STATUS_CANCELLED && stopped ? FATHOM_STATUS_OK : status, result);
}

int Chat::finishAnswer(fathom_status_t status, const fathom_generate_result_t &result) {
  if (status != FATHOM_STATUS_OK) {
    return report(source.program, status);
  }
  if (result.stop == FATHOM_STOPPED_AT_CONTEXT) {
    printNote(source.program, "the answer is truncated: the context of %u positions is full", loaded.info.max_context);
  }
  if (options.stats) {
    printStats(source.program, loaded, result, 1);
  }
  return 0;
}

// Remembers of the prompt what the sequence holds: not all of it if an interrupt came while it was read.
int Chat::keep(const Buffer<int32_t> &tokens) {
  uint32_t length = 0;
  fathom_status_t status = fathom_session_sequence_length(loaded.session, sequence, &length);
  if (status != FATHOM_STATUS_OK) {
    return report(source.program, status);
  }
  prefilled.clear();
  outOfMemory |= !prefilled.append(tokens.data(), std::min<size_t>(tokens.size(), length));
  return 0;
}

int Chat::answer(const char *text, size_t length) {
  Buffer<int32_t> tokens;
  size_t common = 0;
  bool thinks = false;
  size_t before = conversation.size();
  if (!conversation.add("user", {text, length})) {
    return failMemory();
  }
  if (int code = render(&tokens, &thinks)) {
    // Too long, or refused by the template: who types can say something else.
    bool refused = terminal && code == kBadInput;
    conversation.forget(before);
    return refused ? 0 : code;
  }
  ReplyWriter reply(output, options, loaded, isatty(STDOUT_FILENO));
  int code = rewind(tokens, &common);
  reply.begin(thinks);
  code = code ? code : generate(tokens, common, reply);
  code = code ? code : keep(tokens);
  if (code) {
    return code;
  }
  // The next seed of a conversation is another one, or equal questions would get equal answers.
  sampling.seed += 1;
  outOfMemory |= reply.outOfMemory() || !conversation.addAnswer(reply.answer(), reply.thought());
  return outOfMemory ? failMemory() : output.finish(source.program);
}

int Chat::talk() {
  terminal = isatty(STDIN_FILENO);
  char *line = nullptr;
  size_t room = 0;
  int code = 0;
  while (code == 0) {
    if (terminal) {
      fputs("> ", stderr);
    }
    ssize_t length = getline(&line, &room, stdin);
    if (length < 0 || interruptedCode()) {
      bool ended = feof(stdin) || interruptedCode();
      int error = errno;
      if (terminal) {
        // What comes next, maybe a shell's prompt, has a line of its own.
        fputs("\n", stderr);
      }
      code = ended ? 0 : printError(source.program, kInputOutput, "standard input: cannot read: %s", strerror(error));
      break;
    }
    while (length > 0 && (line[length - 1] == '\n' || line[length - 1] == '\r')) {
      --length;
    }
    code = length > 0 ? answer(line, static_cast<size_t>(length)) : 0;
  }
  free(line);
  return code;
}

// The model, and whether it can do what the options say.
int Chat::open() {
  if (int code = loaded.open(source, options, 1)) {
    return code;
  }
  if (!loaded.info.has_tokenizer) {
    return printError(source.program, kUnsupported,
                      "the model has no tokenizer, so there is no chat; compile it with a tokenizer.json");
  }
  if (!loaded.info.has_chat) {
    return printError(source.program, kUnsupported,
                      "the model has no chat template; compile it with --chat-format=NAME, or use 'run' with a plain "
                      "prompt");
  }
  fathom_status_t status = conversation.open(loaded.model);
  if (status == FATHOM_STATUS_OK) {
    status = fathom_session_create_sequence(loaded.session, &sequence);
  }
  if (status != FATHOM_STATUS_OK) {
    return report(source.program, status);
  }
  if (options.hasThink && !conversation.hasThinkSwitch()) {
    return printError(source.program, kUnsupported,
                      "--%sthink: the model's chat template has no switch for it: it reads neither enable_thinking nor "
                      "thinking",
                      options.think ? "" : "no-");
  }
  return chooseSampling(loaded, source.program, options, &sampling);
}

int Chat::run() {
  if (int code = open()) {
    return code;
  }
  if (options.hasThink) {
    conversation.setThink(options.think);
  }
  if (options.system && !conversation.add("system", options.system)) {
    return failMemory();
  }
  int code = options.prompt ? answer(options.prompt, strlen(options.prompt)) : talk();
  return code ? code : loaded.traceCode();
}

int chatMain(const ModelSource &source, int argc, const char *const *argv, int first) {
  RunOptions options;
  int code = parseRunOptions(Verb::kChat, source, argc, argv, first, &options);
  if (code != kContinue) {
    return code;
  }
  code = Chat(source, options).run();
  int interrupted = interruptedCode();
  return interrupted ? interrupted : code;
}

} // namespace fathom::cli
