// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The options that `run` and `chat` share, and the model and session they ask for.

#ifndef FATHOM_RUNTIME_CLI_RUN_OPTIONS_H
#define FATHOM_RUNTIME_CLI_RUN_OPTIONS_H

#include "fathom/fathom.h"
#include "runtime/cli/cli.h"
#include "runtime/cli/options.h"

namespace fathom::cli {

/// Values of the options, with their defaults.
struct RunOptions {
  const char *model = nullptr;
  const char *prompt = nullptr;
  const char *promptFile = nullptr;
  const char *tokenIds = nullptr;
  const char *batchFile = nullptr;
  const char *system = nullptr;
  const char *chatFormat = "";
  const char *reasoning = "show";
  bool think = true, hasThink = false;
  uint64_t maxTokens = 0;
  bool hasMaxTokens = false;
  bool ignoreEos = false;
  bool special = false;
  bool echo = false;
  bool bos = true, hasBos = false;

  double temperature = 0, topP = 1, minP = 0, repetitionPenalty = 1;
  uint64_t topK = 0, seed = 0;
  bool hasSeed = false;
  bool hasTemperature = false, hasTopP = false, hasTopK = false, hasMinP = false, hasRepetitionPenalty = false;

  const char *draft = "none";
  /// Tokens that --draft says are guessed ahead.
  uint32_t drafts = 0;

  const char *output = "text";
  const char *logits = nullptr;
  const char *states = nullptr;
  const char *trace = nullptr;
  /// Of a named function: which, what it takes ("NAME=@FILE"), and where what it gives goes.
  const char *function = nullptr;
  TextList inputs;
  const char *outputDirectory = nullptr;
  /// Whether it is a named function that shall run.
  bool callsFunction() const { return inputs.count > 0 || outputDirectory || function; }
  bool stats = false;

  uint64_t prefillChunk = 0;
  uint64_t threads = 0;
  const char *device = nullptr;
  const char *compare = nullptr;
  const char *weightsDirectory = nullptr;
  bool verifyWeights = false, hasVerifyWeights = false;
  bool mmap = true;
};

/// Options of `fathom compile` that whoever runs a model asks for, and what to say then (Command::otherOptions).
constexpr const char *kCompileOptions =
    "act-type|cache-type|max-context|max-batch|prefill-rows|mcpu|weights|weight-type|kernels|tokenizer";
constexpr const char *kCompileName = "fathom compile";
constexpr const char *kCompileHint = "acts when a checkpoint is compiled: it goes with 'fathom compile'";

/// What --device says of itself.
constexpr const char *kDeviceHelp =
    "where to compute: cpu, cuda, or cuda:N (default: FATHOM_DEVICE, else the first that the artifact is for)";

enum class Verb { kRun, kChat };

/// Parses; the result is as parseOptions. Only the options of |verb| exist.
int parseRunOptions(Verb verb, const ModelSource &source, int argc, const char *const *argv, int first,
                    RunOptions *options);

/// Reads what --draft says: tokens to guess ahead, 0 for none. False if it says nothing known.
bool parseDraft(const char *text, uint32_t *drafts);
/// What is wrong with it then, and an exit code.
int refuseDraft(const char *program, const char *text);

/// Whether |device|, which the option names, is one that is there: kContinue, or an exit code with a message on stderr.
/// NULL: that of FATHOM_DEVICE, if it names one.
int checkDevice(const char *program, const char *device, const char *option = "device");

/// A model and a session, released at the end of the scope.
class LoadedModel {
public:
  LoadedModel() = default;
  LoadedModel(const LoadedModel &) = delete;
  LoadedModel &operator=(const LoadedModel &) = delete;
  ~LoadedModel();

  /// Without a session. 0, or an exit code with a message on stderr.
  int load(const ModelSource &source, const RunOptions &options);
  /// With one.
  int open(const ModelSource &source, const RunOptions &options, uint32_t maxSequences);

  /// How many the artifact has.
  uint32_t variants() const;

  /// As fathom_session_cache_bytes.
  uint64_t cacheBytes() const;

  /// |status| of a call that ran the model, but OK if all that went wrong is the trace: this says so on stderr, and
  /// traceCode() is not 0 from then on.
  fathom_status_t settle(fathom_status_t status);
  int traceCode() const { return failedTrace; }

  fathom_model_t *model = nullptr;
  fathom_session_t *session = nullptr;
  fathom_model_info_t info;

private:
  const char *program = "";
  int failedTrace = 0;
};

/// What the model recommends, changed by what the options say. 0, or an exit code with a message on stderr.
int chooseSampling(const LoadedModel &loaded, const char *program, const RunOptions &options,
                   fathom_sampling_t *sampling);

/// Prints the message of |status| and returns the exit code that fits it, or that of a signal that came.
int report(const char *program, fathom_status_t status);

} // namespace fathom::cli

#endif // FATHOM_RUNTIME_CLI_RUN_OPTIONS_H
