// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Turns tokens and pieces of text into what --output asks for.

#ifndef FATHOM_RUNTIME_CLI_ANSWER_WRITER_H
#define FATHOM_RUNTIME_CLI_ANSWER_WRITER_H

#include "fathom/fathom.h"
#include "runtime/cli/output.h"
#include "runtime/cli/run_options.h"

namespace fathom::cli {

enum class Format { kText, kTokenIds, kJson };

Format parseFormat(const char *name);

/// Whether the model can answer as --output asks. 0, or 2 with a message on stderr.
int checkFormat(const char *program, const RunOptions &options, const LoadedModel &loaded);

/// Prints times, speeds and what the cache takes for --stats to stderr: |result| sums up the answers of |sequences|
/// sequences.
void printStats(const char *program, const LoadedModel &loaded, const fathom_generate_result_t &result,
                size_t sequences);

/// "eos", "length", "context" or "callback".
const char *stopName(fathom_stop_t stop);

/// Writes an answer as a line of JSON. |reasoning| and |text| are the insides of JSON strings, or NULL to leave them
/// out; |drafts|: what was drafted is said, even if that is nothing; |loaded|: times are said, and what its cache
/// takes; NULL for a sequence of a batch, which has neither of its own.
void writeAnswerJson(Output &output, const Buffer<int32_t> &tokens, const Buffer<char> *reasoning,
                     const Buffer<char> *text, bool drafts, const LoadedModel *loaded,
                     const fathom_generate_result_t &result);

/// One answer. Text and tokens are written as they come, JSON when the answer is complete.
class AnswerWriter {
public:
  /// |loaded| as in writeAnswerJson.
  AnswerWriter(Output &output, const RunOptions &options, const LoadedModel *loaded)
      : output(output), loaded(loaded), format(parseFormat(options.output)), drafts(options.drafts > 0) {}

  /// Takes one token, or -1 with the rest of the text. False if nothing more can be written.
  bool take(int32_t token, const char *piece, size_t length);

  /// Ends the answer's line. |result| is for JSON.
  void finish(const fathom_generate_result_t &result);

  /// A fathom_token_fn for which |user| is an AnswerWriter.
  static fathom_flow_t onToken(void *user, int32_t token, const char *piece, size_t length);

private:
  Output &output;
  const LoadedModel *loaded;
  Format format;
  bool drafts;
  size_t count = 0;
  bool outOfMemory = false;
  Buffer<int32_t> tokens;
  Buffer<char> text;
};

} // namespace fathom::cli

#endif // FATHOM_RUNTIME_CLI_ANSWER_WRITER_H
