// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Where the prompt of `run` comes from.

#ifndef FATHOM_RUNTIME_CLI_PROMPT_H
#define FATHOM_RUNTIME_CLI_PROMPT_H

#include "runtime/cli/run_options.h"
#include "runtime/src/buffer.h"

namespace fathom::cli {

/// Reads tokens separated by commas or blanks from [text, end), appending them. False at anything else.
bool parseTokenIds(const char *text, const char *end, Buffer<int32_t> *tokens);

/// Whether the options, or standard input, have a prompt; prints a hint and returns false if not.
bool hasPrompt(const char *program, const RunOptions &options);

/// The tokens of the prompt that the options name, and its text in |text| if it had one. 0, or an exit code with a
/// message on stderr.
int readPrompt(const char *program, const RunOptions &options, const LoadedModel &loaded, Buffer<int32_t> *tokens,
               Buffer<char> *text);

/// Prompts of --batch-file, all tokens in one array; prompt i is [starts[i], starts[i + 1]). Exit code as readPrompt.
int readBatch(const char *program, const char *path, Buffer<int32_t> *tokens, Buffer<size_t> *starts);

} // namespace fathom::cli

#endif // FATHOM_RUNTIME_CLI_PROMPT_H
