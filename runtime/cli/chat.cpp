// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// `chat`: lines of the user in, answers out. The whole conversation is rendered anew for each answer; the part of it
// that was prefilled before stays in the cache, so that an answer is exactly what a fresh session would give.

#include "runtime/cli/answer_writer.h"
#include "runtime/cli/cli.h"
#include "runtime/cli/messages.h"
#include "runtime/cli/options.h"
#include "runtime/cli/run_options.h"
#include "runtime/cli/signals.h"

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
  ~Chat();

  int run();

private:
  int answer(const char *text, size_t length);
  int talk();
  bool remember(const char *role, const char *text, size_t length);
  int render(runtime::Array<int32_t> *tokens);
  int rewind(const runtime::Array<int32_t> &tokens, size_t *common);
  int generate(const runtime::Array<int32_t> &tokens, size_t common);
  int finishAnswer(fathom_status_t status, const fathom_generate_result_t &result);
  int keep(const runtime::Array<int32_t> &tokens);
  static fathom_flow_t onToken(void *user, int32_t token, const char *piece, size_t length);
  int failMemory() const;

  const ModelSource &source;
  const RunOptions &options;
  Output output;
  LoadedModel loaded;
  fathom_sampling_t sampling;
  fathom_sequence_t sequence = 0;
  /// Contents are owned.
  runtime::Array<fathom_chat_message_t> messages;
  /// What the sequence holds.
  runtime::Array<int32_t> prefilled;
  runtime::Array<char> reply;
  bool outOfMemory = false;
  /// Somebody types at a terminal, and can go on after an interrupt.
  bool terminal = false;
};

Chat::~Chat() {
  for (fathom_chat_message_t &message : messages) {
    free(const_cast<char *>(message.content));
  }
}

int Chat::failMemory() const { return printError(source.program, kResources, "out of memory"); }

bool Chat::remember(const char *role, const char *text, size_t length) {
  char *copy = static_cast<char *>(malloc(length ? length : 1));
  if (!copy) {
    return false;
  }
  if (length) {
    memcpy(copy, text, length);
  }
  if (!messages.append({role, copy, length})) {
    free(copy);
    return false;
  }
  return true;
}

int Chat::render(runtime::Array<int32_t> *tokens) {
  size_t count = 0;
  fathom_status_t status = fathom_model_encode_chat(loaded.model, messages.data(), messages.size(), nullptr, 0, &count);
  if (status == FATHOM_STATUS_TOO_SMALL) {
    if (!tokens->allocate(count)) {
      return failMemory();
    }
    status = fathom_model_encode_chat(loaded.model, messages.data(), messages.size(), tokens->data(), count, &count);
  }
  if (status != FATHOM_STATUS_OK) {
    return report(source.program, status);
  }
  if (count > loaded.info.max_context) {
    return printError(source.program, kBadInput,
                      "the conversation has %zu tokens, the context %u positions; begin a new one", count,
                      loaded.info.max_context);
  }
  return 0;
}

// Keeps of the cache what the new prompt starts with.
int Chat::rewind(const runtime::Array<int32_t> &tokens, size_t *common) {
  size_t same = 0;
  // At least one token must be computed, for its logits.
  while (same < prefilled.size() && same + 1 < tokens.size() && prefilled[same] == tokens[same]) {
    ++same;
  }
  *common = same;
  fathom_status_t status = fathom_session_rewind_sequence(loaded.session, sequence, static_cast<uint32_t>(same));
  return status ? report(source.program, status) : 0;
}

fathom_flow_t Chat::onToken(void *user, int32_t, const char *piece, size_t length) {
  Chat *self = static_cast<Chat *>(user);
  for (size_t i = 0; i < length; ++i) {
    self->outOfMemory |= !self->reply.append(piece[i]);
  }
  return self->output.write(piece, length) && !self->outOfMemory ? FATHOM_CONTINUE : FATHOM_STOP;
}

int Chat::generate(const runtime::Array<int32_t> &tokens, size_t common) {
  fathom_generate_options_t request;
  fathom_generate_options_initialize(&request);
  request.tokens = tokens.data() + common;
  request.token_count = tokens.size() - common;
  request.max_tokens = options.hasMaxTokens ? options.maxTokens : loaded.info.max_context;
  request.ignore_eos = options.ignoreEos;
  request.sampling = &sampling;
  request.on_token = onToken;
  request.user = this;
  request.sequence = sequence;
  request.seen = tokens.data();
  request.seen_count = common;
  fathom_generate_result_t result;
  fathom_generate_result_initialize(&result);
  fathom_status_t status = fathom_session_generate(loaded.session, &request, &result);
  if (!output.atLineStart()) {
    output.write("\n");
  }
  // An interrupt that came too late to stop anything is no wish to leave either.
  bool stopped = terminal && forgetInterrupt();
  return finishAnswer(status == FATHOM_STATUS_CANCELLED && stopped ? FATHOM_STATUS_OK : status, result);
}

int Chat::finishAnswer(fathom_status_t status, const fathom_generate_result_t &result) {
  if (status != FATHOM_STATUS_OK) {
    return report(source.program, status);
  }
  if (result.stop == FATHOM_STOPPED_AT_CONTEXT) {
    printNote(source.program, "the answer is cut off: the context (%u positions) is full", loaded.info.max_context);
  }
  if (options.stats) {
    printStats(source.program, result, 1);
  }
  return 0;
}

// Remembers of the prompt what the sequence holds: not all of it if an interrupt came while it was read.
int Chat::keep(const runtime::Array<int32_t> &tokens) {
  uint32_t length = 0;
  fathom_status_t status = fathom_session_sequence_length(loaded.session, sequence, &length);
  if (status != FATHOM_STATUS_OK) {
    return report(source.program, status);
  }
  prefilled.shrink(0);
  for (size_t i = 0; i < tokens.size() && i < length; ++i) {
    outOfMemory |= !prefilled.append(tokens[i]);
  }
  return 0;
}

int Chat::answer(const char *text, size_t length) {
  runtime::Array<int32_t> tokens;
  size_t common = 0;
  reply.shrink(0);
  if (!remember("user", text, length)) {
    return failMemory();
  }
  int code = render(&tokens);
  code = code ? code : rewind(tokens, &common);
  code = code ? code : generate(tokens, common);
  code = code ? code : keep(tokens);
  if (code) {
    return code;
  }
  // The next seed of a conversation is another one, or equal questions would get equal answers.
  sampling.seed += 1;
  outOfMemory |= !remember("assistant", reply.data(), reply.size());
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

int Chat::run() {
  if (int code = loaded.open(source, options, 1)) {
    return code;
  }
  if (!loaded.info.has_chat) {
    return printError(
        source.program, kUnsupported,
        "the model has no chat template; compile it with --chat-format=NAME, or use 'run' with a plain prompt");
  }
  if (int code = chooseSampling(loaded, source.program, options, &sampling)) {
    return code;
  }
  fathom_status_t status = fathom_session_create_sequence(loaded.session, &sequence);
  if (status != FATHOM_STATUS_OK) {
    return report(source.program, status);
  }
  if (options.system && !remember("system", options.system, strlen(options.system))) {
    return failMemory();
  }
  return options.prompt ? answer(options.prompt, strlen(options.prompt)) : talk();
}

} // namespace

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
