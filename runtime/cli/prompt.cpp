// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Reads prompts as text and as tokens.

#include "runtime/cli/prompt.h"

#include "runtime/cli/messages.h"
#include "runtime/cli/output.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

namespace fathom::cli {

bool parseTokenIds(const char *text, const char *end, Buffer<int32_t> *tokens) {
  bool wantNumber = true;
  for (const char *at = text; at < end;) {
    if (*at == ' ' || *at == '\t' || *at == '\r') {
      ++at;
      continue;
    }
    if (*at == ',' && !wantNumber) {
      wantNumber = true;
      ++at;
      continue;
    }
    int64_t value = 0;
    const char *start = at;
    for (; at < end && *at >= '0' && *at <= '9' && value <= INT32_MAX; ++at) {
      value = value * 10 + (*at - '0');
    }
    if (at == start || value > INT32_MAX || !tokens->push(static_cast<int32_t>(value))) {
      return false;
    }
    wantNumber = false;
  }
  return !wantNumber;
}

bool hasPrompt(const char *program, const RunOptions &options) {
  if (options.prompt || options.promptFile || options.tokenIds || options.batchFile || !isatty(STDIN_FILENO)) {
    return true;
  }
  printUsageError(program, "no prompt; use -p \"Once upon a time\", or give it on standard input");
  return false;
}

static int encode(const char *program, const RunOptions &options, const LoadedModel &loaded, const char *text,
                  size_t length, Buffer<int32_t> *tokens) {
  if (!loaded.info.has_tokenizer) {
    return printError(program, kUnsupported, "the model has no tokenizer; use --token-ids instead of a text");
  }
  uint32_t flags = (options.bos ? FATHOM_ENCODE_ADD_BOS : 0u) |
                   (options.bos && options.hasBos ? FATHOM_ENCODE_FORCE_BOS : 0u) |
                   (options.special ? FATHOM_ENCODE_SPECIAL : 0u);
  // A text of n bytes has at most n + 1 tokens with byte-level BPE, and rarely a third.
  size_t count = 0, room = length + 16;
  if (!tokens->allocate(room)) {
    return printError(program, kResources, "out of memory");
  }
  fathom_status_t status =
      fathom_model_encode(loaded.model, text, length, flags, tokens->data(), tokens->size(), &count);
  if (status == FATHOM_STATUS_TOO_SMALL && tokens->allocate(count)) {
    status = fathom_model_encode(loaded.model, text, length, flags, tokens->data(), tokens->size(), &count);
  }
  tokens->truncate(count);
  return status == FATHOM_STATUS_OK ? 0 : report(program, status);
}

// The end of the last line is the shell's or the editor's; an answer should go on in that line.
static void dropNewline(Buffer<char> *text) {
  size_t size = text->size();
  if (size > 0 && (*text)[size - 1] == '\n') {
    text->truncate(size > 1 && (*text)[size - 2] == '\r' ? size - 2 : size - 1);
  }
}

int readPrompt(const char *program, const RunOptions &options, const LoadedModel &loaded, Buffer<int32_t> *tokens,
               Buffer<char> *text) {
  if (options.tokenIds) {
    const char *ids = options.tokenIds;
    if (!parseTokenIds(ids, ids + strlen(ids), tokens)) {
      return printError(program, kUsage, "--token-ids: expected numbers below 2^31, separated by commas, got '%.80s'",
                        ids);
    }
    return 0;
  }
  if (!options.prompt) {
    if (int code = readText(program, options.promptFile ? options.promptFile : "-", text)) {
      return code;
    }
    dropNewline(text);
    return encode(program, options, loaded, text->size() ? text->data() : "", text->size(), tokens);
  }
  size_t length = strlen(options.prompt);
  if (!text->append(options.prompt, length)) {
    return printError(program, kResources, "out of memory");
  }
  return encode(program, options, loaded, options.prompt, length, tokens);
}

static bool isBlank(const char *text, const char *end) {
  while (text < end && (*text == ' ' || *text == '\t' || *text == '\r')) {
    ++text;
  }
  return text == end;
}

int readBatch(const char *program, const char *path, Buffer<int32_t> *tokens, Buffer<size_t> *starts) {
  Buffer<char> text;
  if (int code = readText(program, path, &text)) {
    return code;
  }
  const char *at = text.data(), *end = at + text.size();
  int code = starts->push(0) ? 0 : printError(program, kResources, "out of memory");
  for (size_t line = 1; at < end; ++line) {
    const char *newline = static_cast<const char *>(memchr(at, '\n', static_cast<size_t>(end - at)));
    const char *stop = newline ? newline : end;
    if (isBlank(at, stop)) {
      code = printError(program, kBadInput, "%s: %zu: a blank line cannot be a prompt; remove it", path, line);
    } else if (!parseTokenIds(at, stop, tokens)) {
      code = printError(program, kBadInput, "%s: %zu: expected numbers below 2^31, separated by commas or spaces", path,
                        line);
    }
    if (!starts->push(tokens->size())) {
      return printError(program, kResources, "out of memory");
    }
    at = newline ? newline + 1 : end;
  }
  if (!code && starts->size() < 2) {
    code = printError(program, kBadInput, "%s: no prompts in it", path);
  }
  return code;
}

} // namespace fathom::cli
