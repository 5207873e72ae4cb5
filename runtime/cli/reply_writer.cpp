// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Prints thoughts between marks of their own, whatever tokens began and ended them.

#include "runtime/cli/reply_writer.h"

#include <string.h>

namespace fathom::cli {

ReplyWriter::ReplyWriter(Output &output, const RunOptions &options, const LoadedModel &loaded, bool terminal)
    : output(output), loaded(loaded), format(parseFormat(options.output)),
      showsThought(strcmp(options.reasoning, "hide") != 0), showsAnswer(strcmp(options.reasoning, "only") != 0),
      drafts(options.drafts > 0), terminal(terminal), splitter(onPart, this) {}

bool ReplyWriter::onPart(void *user, bool isThought, std::string_view piece) {
  return static_cast<ReplyWriter *>(user)->takePart(isThought, piece);
}

void ReplyWriter::begin(bool promptThinks) {
  splitter.begin(promptThinks);
  said[0].clear();
  said[1].clear();
  tokens.clear();
  inThought = false;
}

/// Marks that are special tokens have no text of their own.
static std::string_view markOf(fathom_model_t *model, int32_t token, char (&text)[16]) {
  size_t size = 0;
  bool known = fathom_model_decode(model, &token, 1, 1, text, sizeof(text), &size) == FATHOM_STATUS_OK;
  std::string_view mark(text, known ? size : 0);
  return mark == kThinkBegin || mark == kThinkEnd ? mark : std::string_view();
}

bool ReplyWriter::take(int32_t token, std::string_view piece) {
  char text[16];
  failed |= token >= 0 && !tokens.push(token);
  return splitter.feed(piece.empty() && token >= 0 ? markOf(loaded.model, token, text) : piece) && !failed &&
         !output.broken();
}

fathom_flow_t ReplyWriter::onToken(void *user, int32_t token, const char *piece, size_t length) {
  return static_cast<ReplyWriter *>(user)->take(token, {piece, length}) ? FATHOM_CONTINUE : FATHOM_STOP;
}

bool ReplyWriter::takePart(bool isThought, std::string_view piece) {
  failed |= !said[isThought].append(piece.data(), piece.size());
  if (format != Format::kText || !(isThought ? showsThought : showsAnswer)) {
    return !failed;
  }
  if (isThought) {
    enterThought();
  } else {
    leaveThought();
  }
  return output.write(piece.data(), piece.size()) && !failed;
}

void ReplyWriter::enterThought() {
  if (!inThought && showsAnswer) {
    output.write(terminal ? "\x1b[2m<think>\n" : "<think>\n");
  }
  inThought = true;
}

void ReplyWriter::leaveThought() {
  if (inThought && showsAnswer) {
    output.write(terminal ? "\n</think>\x1b[0m\n\n" : "\n</think>\n\n");
  }
  inThought = false;
}

void ReplyWriter::writeJson(const fathom_generate_result_t *result) {
  Buffer<char> escaped[2];
  for (int i = 0; i < 2; ++i) {
    failed |= !appendJson(&escaped[i], said[i].data(), said[i].size());
  }
  if (result && !failed) {
    writeAnswerJson(output, tokens, showsThought ? &escaped[1] : nullptr, showsAnswer ? &escaped[0] : nullptr, drafts,
                    &loaded, *result);
  }
}

void ReplyWriter::finish(const fathom_generate_result_t *result) {
  splitter.finish();
  if (format == Format::kJson) {
    writeJson(result);
    return;
  }
  leaveThought();
  if (!output.atLineStart()) {
    output.write("\n");
  }
}

} // namespace fathom::cli
