// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// An answer of `chat`: what --reasoning and --output want of it is printed as it comes, all of it is kept.

#ifndef FATHOM_RUNTIME_CLI_REPLY_WRITER_H
#define FATHOM_RUNTIME_CLI_REPLY_WRITER_H

#include "runtime/cli/answer_writer.h"
#include "runtime/cli/reasoning.h"

namespace fathom::cli {

class ReplyWriter {
public:
  /// |terminal|: standard output is one, and thoughts are dimmed.
  ReplyWriter(Output &output, const RunOptions &options, const LoadedModel &loaded, bool terminal);
  ReplyWriter(const ReplyWriter &) = delete;
  ReplyWriter &operator=(const ReplyWriter &) = delete;

  /// |promptThinks|: the answer begins inside a thought.
  void begin(bool promptThinks);
  /// Takes one token, or -1 with the rest of the text. False if nothing more can be written.
  bool take(int32_t token, std::string_view piece);
  /// Ends the answer's line. |result| is for JSON; NULL where there is none.
  void finish(const fathom_generate_result_t *result);

  /// A fathom_token_fn for which |user| is a ReplyWriter.
  static fathom_flow_t onToken(void *user, int32_t token, const char *piece, size_t length);

  /// What was said, without marks.
  std::string_view answer() const { return {said[0].data(), said[0].size()}; }
  std::string_view thought() const { return {said[1].data(), said[1].size()}; }
  bool outOfMemory() const { return failed; }

private:
  /// A ReasoningSplitter::Sink for which |user| is a ReplyWriter.
  static bool onPart(void *user, bool isThought, std::string_view piece);
  bool takePart(bool isThought, std::string_view piece);
  void enterThought();
  void leaveThought();
  void writeJson(const fathom_generate_result_t *result);

  Output &output;
  const LoadedModel &loaded;
  Format format;
  bool showsThought, showsAnswer, drafts, terminal;
  ReasoningSplitter splitter;
  /// The answer, and the thought.
  Buffer<char> said[2];
  Buffer<int32_t> tokens;
  bool inThought = false;
  bool failed = false;
};

} // namespace fathom::cli

#endif // FATHOM_RUNTIME_CLI_REPLY_WRITER_H
