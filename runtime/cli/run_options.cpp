// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The table of options of `run` and `chat`.

#include "runtime/cli/run_options.h"

#include "fathom/artifact_generated.h"
#include "runtime/cli/compare.h"
#include "runtime/cli/messages.h"
#include "runtime/cli/options.h"
#include "runtime/cli/output.h"
#include "runtime/cli/signals.h"
#include "runtime/device/device.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

namespace fathom::cli {

#define FATHOM_RUN_ABOUT                                                                                               \
  "Answers a prompt with a compiled model. The answer goes to standard output as it comes.\n"                          \
  "Without -p, -f, --token-ids or --batch-file the prompt is read from standard input.\n\n"

static const char kRunAbout[] =
    FATHOM_RUN_ABOUT "  fathom run MODEL -p \"Once upon a time\" -n 200\n"
                     "  fathom run MODEL --token-ids=0,5,9 -n 24 --temperature=0 --output=token-ids";
/// Of executables, which have no verb in front.
static const char kExecutableAbout[] = FATHOM_RUN_ABOUT
    "With 'chat' as the first argument it is a conversation instead: see 'chat --help'. --version says which runtime\n"
    "is inside.";
static const char kChatAbout[] =
    "Talks with a compiled model in its own prompt format: one message a line on standard input.\n"
    "With -p it answers that message and ends. At a terminal Ctrl-C ends an answer, Ctrl-D the conversation.";

static constexpr uint64_t kMostTokens = uint64_t(1) << 32;

namespace {
/// Rows of the table; each group is appended on its own.
struct Table {
  Option rows[48];
  size_t count = 0;

  void group(const char *title) { rows[count++] = {nullptr, 0, OptionKind::kFlag, nullptr, nullptr, title}; }
  Option &add(Option option) { return rows[count++] = option; }
};
} // namespace

static void addPrompt(Table &table, Verb verb, const ModelSource &source, RunOptions *o) {
  table.group("prompt");
  if (source.chatFormats) {
    table.add({"chat-format", 0, OptionKind::kChoice, &o->chatFormat, "NAME",
               "of a checkpoint: use a built-in chat format; none: no chat", 0, 0, source.chatFormats});
  }
  table.add({"prompt", 'p', OptionKind::kText, &o->prompt, "TEXT", "the prompt"});
  if (verb == Verb::kChat) {
    table.add({"system", 0, OptionKind::kText, &o->system, "TEXT", "what the model should be told first"});
    table.add({"think", 0, OptionKind::kFlag, &o->think, nullptr,
               "think before answering, or do not, where the model's template has a switch", 0, 0, nullptr,
               &o->hasThink});
    return;
  }
  table.add({"file", 'f', OptionKind::kText, &o->promptFile, "FILE", "a file with the prompt, - for standard input"});
  table.add({"token-ids", 0, OptionKind::kText, &o->tokenIds, "IDS", "the prompt as tokens, e.g. 0,5,9"});
  table.add({"batch-file", 0, OptionKind::kText, &o->batchFile, "FILE", "many prompts: tokens of one a line"});
  table.add({"special", 0, OptionKind::kFlag, &o->special, nullptr, "read special tokens in the prompt's text"});
  table.add({"bos", 0, OptionKind::kFlag, &o->bos, nullptr,
             "put the model's bos token in front, or do not (default: as its tokenizer says)", 0, 0, nullptr,
             &o->hasBos});
}

static void addGeneration(Table &table, RunOptions *o) {
  table.group("generation");
  table.add({"max-tokens", 'n', OptionKind::kCount, &o->maxTokens, "N",
             "tokens to generate at most (256; in a chat what fits)", 0, kMostTokens, nullptr, &o->hasMaxTokens});
  table.add({"temperature", 0, OptionKind::kNumber, &o->temperature, "T",
             "0: always the likeliest token (default: the model's own)", 0, 0, nullptr, &o->hasTemperature});
  table.add({"top-k", 0, OptionKind::kCount, &o->topK, "K",
             "choose among the K likeliest, 0: all (default: the model's own)", 0, INT32_MAX, nullptr, &o->hasTopK});
  table.add({"top-p", 0, OptionKind::kNumber, &o->topP, "P",
             "choose among the likeliest that make up P, 1: all (default: the model's own)", 0, 0, nullptr,
             &o->hasTopP});
  table.add({"min-p", 0, OptionKind::kNumber, &o->minP, "P",
             "drop what is less than P times as likely as the best, 0: nothing (default: the model's own)", 0, 0,
             nullptr, &o->hasMinP});
  table.add({"repetition-penalty", 0, OptionKind::kNumber, &o->repetitionPenalty, "R",
             "above 1: avoid tokens that were there before, 1: off (default: the model's own)", 0, 0, nullptr,
             &o->hasRepetitionPenalty});
  table.add({"seed", 0, OptionKind::kCount, &o->seed, "S", "equal seeds give equal answers (0)", 0, UINT64_MAX, nullptr,
             &o->hasSeed});
  table.add({"ignore-eos", 0, OptionKind::kFlag, &o->ignoreEos, nullptr, "go on after the end of the text"});
  table.add({"draft", 0, OptionKind::kText, &o->draft, "WHAT",
             "mtp or mtp:K: the model guesses 1 or K tokens ahead, 4 at most; answers stay the same (none)"});
}

static void addOutput(Table &table, Verb verb, RunOptions *o) {
  table.group("output");
  table.add({"output", 0, OptionKind::kChoice, &o->output, "FORMAT", "what to print (text)", 0, 0,
             verb == Verb::kRun ? "text|token-ids|json" : "text|json"});
  if (verb == Verb::kChat) {
    table.add({"reasoning", 0, OptionKind::kChoice, &o->reasoning, "WHAT",
               "what the model thinks before it answers: beside the answer, not at all, or alone (show)", 0, 0,
               "show|hide|only"});
  }
  if (verb == Verb::kRun) {
    table.add({"echo", 0, OptionKind::kFlag, &o->echo, nullptr, "print the prompt's text first"});
    table.add(
        {"logits", 0, OptionKind::kText, &o->logits, "F.npy", "write f32 [T, V]: logits at every prompt position"});
    table.add({"states", 0, OptionKind::kText, &o->states, "F.npy",
               "write f32 [L, T, H]: the residual stream after every layer"});
  }
  table.add({"trace", 0, OptionKind::kText, &o->trace, "F.json",
             "write which thread or GPU ran which kernel when, for Perfetto or chrome://tracing"});
  table.add({"stats", 0, OptionKind::kFlag, &o->stats, nullptr,
             "print times, speeds and the memory of the cache to standard error"});
}

static void addCall(Table &table, RunOptions *o) {
  table.group("functions of tensors, which graphs are that were compiled as they stand");
  table.add({"input", 0, OptionKind::kTexts, &o->inputs, "NAME=@F.npy", "an input; once for each that it takes"});
  table.add({"output-dir", 0, OptionKind::kText, &o->outputDirectory, "DIR", "write each output as NAME.npy there"});
  table.add({"function", 0, OptionKind::kText, &o->function, "NAME", "which one to call (the first)"});
}

static void addMachine(Table &table, bool canCompare, RunOptions *o) {
  table.group("machine");
  table.add({"threads", 0, OptionKind::kCount, &o->threads, "N", "threads, 0: one for each processor (0)", 0, 1024});
  table.add({"prefill-chunk", 0, OptionKind::kCount, &o->prefillChunk, "N",
             "prompt tokens computed at once, 0: as many as can be (0)", 0, 1u << 20});
  table.add({"device", 0, OptionKind::kText, &o->device, "DEVICE", kDeviceHelp});
  if (canCompare) {
    table.add({"compare", 0, OptionKind::kText, &o->compare, "A,B",
               "say which layer is not the same on two devices, and by how much, instead of the answer"});
  }
  table.add({"weights-directory", 0, OptionKind::kText, &o->weightsDirectory, "DIR",
             "where the weight files of --weights=reference are"});
  table.add({"verify-weights", 0, OptionKind::kFlag, &o->verifyWeights, nullptr,
             "compare weights with their hashes (default: up to 64 MiB)", 0, 0, nullptr, &o->hasVerifyWeights});
  table.add(
      {"mmap", 0, OptionKind::kFlag, &o->mmap, nullptr, "map weights; otherwise read them into this process's memory"});
}

// Whether options may write the files they name, each its own.
static int checkOutputFiles(const ModelSource &source, const RunOptions &o) {
  const struct {
    const char *option, *path;
    const runtime::FileKind &kind;
  } outputs[] = {{"logits", o.logits, runtime::kNpyFile},
                 {"states", o.states, runtime::kNpyFile},
                 {"trace", o.trace, runtime::kTraceFile}};
  for (const auto &output : outputs) {
    if (int code = output.path ? checkOutputPath(source.program, output.path, output.kind) : kOk) {
      return code;
    }
    for (const auto *other = outputs; output.path && other != &output; ++other) {
      if (other->path && !strcmp(other->path, output.path)) {
        return printUsageError(source.program, "--%s and --%s name one file, '%s'", other->option, output.option,
                               output.path);
      }
    }
  }
  return kContinue;
}

bool parseDraft(const char *text, uint32_t *drafts) {
  uint64_t count = 0;
  if (!strncmp(text, "mtp:", 4)) {
    *drafts = parseCount(text + 4, &count) && count <= FATHOM_MOST_DRAFTS ? static_cast<uint32_t>(count) : 0;
    return *drafts > 0;
  }
  *drafts = !strcmp(text, "mtp");
  return *drafts > 0 || !strcmp(text, "none");
}

int refuseDraft(const char *program, const char *text) {
  return printUsageError(program, "option '--draft': expected none, mtp, or mtp:K with K from 1 to %d, but got '%s'",
                         FATHOM_MOST_DRAFTS, text);
}

int checkDevice(const char *program, const char *device, const char *option) {
  runtime::DeviceChoice choice;
  fathom_status_t status = runtime::chooseDevice(device, &choice);
  if (device && status == FATHOM_STATUS_INVALID_ARGUMENT) {
    return printUsageError(program, "option '--%s': %s", option, fathom_status_message());
  }
  return status == FATHOM_STATUS_OK ? int(kContinue) : report(program, status);
}

// The two devices, and nothing beside them that says what to compute otherwise.
static int checkCompare(const ModelSource &source, const RunOptions &o) {
  DevicePair pair;
  if (!parseDevicePair(o.compare, &pair)) {
    return printUsageError(source.program, "option '--compare': expected two devices, such as cpu,cuda, but got '%s'",
                           o.compare);
  }
  const char *why = "--compare prints how an answer differs, of one prompt and the likeliest tokens";
  const Useless useless[] = {{o.device != nullptr, "device", "--compare names the devices"},
                             {o.batchFile != nullptr, "batch-file", why},
                             {o.drafts > 0, "draft", why},
                             {o.hasTemperature && o.temperature != 0, "temperature", why},
                             {o.logits != nullptr, "logits", why},
                             {o.states != nullptr, "states", why},
                             {o.trace != nullptr, "trace", why},
                             {o.echo, "echo", why},
                             {o.stats, "stats", why},
                             {!strcmp(o.output, "token-ids"), "output=token-ids", "--compare prints text or JSON"}};
  int code = refuseUseless(source.program, useless, sizeof(useless) / sizeof(*useless));
  for (int i = 0; code == kContinue && i < 2; ++i) {
    code = checkDevice(source.program, pair.names[i], "compare");
  }
  return code;
}

// Nothing beside the tensors of a function that only a language model has.
static int checkCall(const ModelSource &source, const RunOptions &o) {
  const char *why = "a function of tensors is called, and no language model (--input, --output-dir, --function)";
  const Useless useless[] = {{o.prompt != nullptr, "prompt", why},
                             {o.promptFile != nullptr, "file", why},
                             {o.tokenIds != nullptr, "token-ids", why},
                             {o.batchFile != nullptr, "batch-file", why},
                             {*o.chatFormat != 0, "chat-format", why},
                             {o.special, "special", why},
                             {o.hasBos, o.bos ? "bos" : "no-bos", why},
                             {o.hasMaxTokens, "max-tokens", why},
                             {o.hasTemperature, "temperature", why},
                             {o.hasTopK, "top-k", why},
                             {o.hasTopP, "top-p", why},
                             {o.hasMinP, "min-p", why},
                             {o.hasRepetitionPenalty, "repetition-penalty", why},
                             {o.hasSeed, "seed", why},
                             {o.ignoreEos, "ignore-eos", why},
                             {o.drafts > 0, "draft", why},
                             {strcmp(o.output, "text") != 0, "output", why},
                             {o.echo, "echo", why},
                             {o.logits != nullptr, "logits", why},
                             {o.states != nullptr, "states", why},
                             {o.trace != nullptr, "trace", why},
                             {o.stats, "stats", why},
                             {o.prefillChunk > 0, "prefill-chunk", why},
                             {o.compare != nullptr, "compare", why}};
  return refuseUseless(source.program, useless, sizeof(useless) / sizeof(*useless));
}

// What a table cannot say.
static int checkOptions(const ModelSource &source, const RunOptions &o) {
  int prompts = (o.prompt != nullptr) + (o.promptFile != nullptr) + (o.tokenIds != nullptr) + (o.batchFile != nullptr);
  int code = kContinue;
  auto refuse = [&](const char *text) { code = printUsageError(source.program, "%s", text); };
  if (prompts > 1) {
    refuse("give one of -p, -f, --token-ids and --batch-file");
  }
  if (!source.path && !o.model) {
    refuse("no model given; name an artifact (made by 'fathom compile')");
  }
  if (o.states && o.batchFile) {
    refuse("--states needs a single prompt, not --batch-file");
  }
  if (o.echo && (o.tokenIds || o.batchFile || strcmp(o.output, "text") != 0)) {
    refuse("--echo needs a prompt given as text, and --output=text");
  }
  code = code == kContinue && o.callsFunction() ? checkCall(source, o) : code;
  code = code != kContinue ? code : o.compare ? checkCompare(source, o) : checkDevice(source.program, o.device);
  const bool tokens = o.tokenIds || o.batchFile;
  const Useless useless[] = {
      {tokens && o.hasBos, o.bos ? "bos" : "no-bos", "the prompt is given as tokens"},
      {tokens && o.special, "special", "the prompt is given as tokens"},
  };
  if (code == kContinue) {
    noteUseless(source.program, useless, sizeof(useless) / sizeof(*useless));
  }
  return code == kContinue ? checkOutputFiles(source, o) : code;
}

int parseRunOptions(Verb verb, const ModelSource &source, int argc, const char *const *argv, int first,
                    RunOptions *options) {
  Table table;
  addPrompt(table, verb, source, options);
  addGeneration(table, options);
  addOutput(table, verb, options);
  bool run = verb == Verb::kRun;
  if (run) {
    addCall(table, options);
  }
  addMachine(table, run && !source.path, options);
  Command command = {source.program,
                     !source.path ? "MODEL [options]"
                     : run        ? "[options]"
                                  : "chat [options]",
                     !run          ? kChatAbout
                     : source.path ? kExecutableAbout
                                   : kRunAbout,
                     table.rows,
                     table.count,
                     &options->model,
                     source.path ? size_t(0) : size_t(1),
                     "say -p TEXT"};
  command.otherOptions = kCompileOptions;
  command.otherHint = kCompileHint;
  command.otherName = kCompileName;
  int code = parseOptions(command, argc, argv, first, nullptr);
  if (code == kContinue && !parseDraft(options->draft, &options->drafts)) {
    return refuseDraft(source.program, options->draft);
  }
  return code == kContinue ? checkOptions(source, *options) : code;
}

LoadedModel::~LoadedModel() {
  unwatchSession();
  if (session) {
    fathom_session_release(session);
  }
  if (model) {
    fathom_model_release(model);
  }
}

static bool hasExternalWeights(const fathom_model_info_t &info) {
  for (const artifact::Segment *segment : *artifact::GetArtifact(info.metadata)->segments()) {
    if (segment->external()) {
      return true;
    }
  }
  return false;
}

// A line that is overwritten, and wiped at the end.
static fathom_flow_t showLoading(void *, uint64_t done, uint64_t total) {
  fprintf(stderr, "\r\033[K");
  if (done < total) {
    fprintf(stderr, "load weights: %.1f of %.1f GB", double(done) / 1e9, double(total) / 1e9);
  }
  return FATHOM_CONTINUE;
}

int LoadedModel::load(const ModelSource &source, const RunOptions &options) {
  program = source.program;
  ResolvedModel resolved = {source.path ? source.path : options.model};
  if (int code = !source.path && source.resolve ? source.resolve(source.program, options, &resolved) : 0) {
    return code;
  }
  if (resolved.data && options.hasVerifyWeights && options.verifyWeights) {
    return printUsageError(source.program,
                           "--verify-weights has no effect: %s is compiled on the spot, from its weights as they are; "
                           "compile it with --verify-weights to compare them later",
                           resolved.path);
  }
  fathom_model_options_t modelOptions;
  fathom_model_options_initialize(&modelOptions);
  modelOptions.call_threads = options.threads;
  modelOptions.file_offset = source.offset;
  if (!source.path && !resolved.data &&
      fathom_model_find_embedded(resolved.path, &modelOptions.file_offset) != FATHOM_STATUS_OK) {
    // No executable of --emit=exe. What else it is, loading tells.
    modelOptions.file_offset = 0;
  }
  modelOptions.weights_directory = options.weightsDirectory;
  modelOptions.copy_weights = !options.mmap;
  modelOptions.device = options.device;
  modelOptions.on_load = isatty(STDERR_FILENO) ? showLoading : nullptr;
  if (options.hasVerifyWeights) {
    modelOptions.verify_weights = options.verifyWeights ? FATHOM_VERIFY_ALWAYS : FATHOM_VERIFY_NEVER;
  }
  fathom_status_t status = resolved.data ? fathom_model_load_memory(resolved.data, resolved.size, &modelOptions, &model)
                                         : fathom_model_load_file(resolved.path, &modelOptions, &model);
  fathom_model_info_initialize(&info);
  if (status == FATHOM_STATUS_OK) {
    status = fathom_model_info(model, &info);
  }
  return status == FATHOM_STATUS_OK ? kOk : report(source.program, status);
}

int LoadedModel::open(const ModelSource &source, const RunOptions &options, uint32_t maxSequences) {
  if (int code = load(source, options)) {
    return code;
  }
  fathom_session_options_t sessionOptions;
  fathom_session_options_initialize(&sessionOptions);
  sessionOptions.threads = static_cast<uint32_t>(options.threads);
  sessionOptions.prefill_chunk = static_cast<uint32_t>(options.prefillChunk);
  sessionOptions.max_sequences = maxSequences;
  sessionOptions.draft = options.drafts;
  sessionOptions.trace = options.trace;
  fathom_status_t status = fathom_session_create(model, &sessionOptions, &session);
  if (status != FATHOM_STATUS_OK) {
    return report(source.program, status);
  }
  const Useless useless = {options.weightsDirectory && !hasExternalWeights(info), "weights-directory",
                           "the weights are in the artifact"};
  noteUseless(source.program, &useless, 1);
  watchSignals(session);
  return 0;
}

fathom_status_t LoadedModel::settle(fathom_status_t status) {
  uint64_t bytes = 0;
  // A session whose own files are gone would refuse this call too.
  if (status != FATHOM_STATUS_IO || fathom_session_cache_bytes(session, &bytes) != FATHOM_STATUS_OK) {
    return status;
  }
  failedTrace = report(program, status);
  return FATHOM_STATUS_OK;
}

uint32_t LoadedModel::variants() const { return artifact::GetArtifact(info.metadata)->variants()->size(); }

uint64_t LoadedModel::cacheBytes() const {
  uint64_t bytes = 0;
  fathom_session_cache_bytes(session, &bytes);
  return bytes;
}

int chooseSampling(const LoadedModel &loaded, const char *program, const RunOptions &options,
                   fathom_sampling_t *sampling) {
  fathom_sampling_initialize(sampling);
  fathom_status_t status = fathom_model_sampling(loaded.model, sampling);
  if (status != FATHOM_STATUS_OK) {
    return report(program, status);
  }
  if (options.hasTemperature) {
    sampling->temperature = static_cast<float>(options.temperature);
  }
  if (options.hasTopP) {
    sampling->top_p = static_cast<float>(options.topP);
  }
  if (options.hasTopK) {
    sampling->top_k = static_cast<int32_t>(options.topK);
  }
  if (options.hasMinP) {
    sampling->min_p = static_cast<float>(options.minP);
  }
  if (options.hasRepetitionPenalty) {
    sampling->repetition_penalty = static_cast<float>(options.repetitionPenalty);
  }
  sampling->seed = options.seed;
  const char *greedy = "temperature is 0: the likeliest token is always taken";
  const bool still = sampling->temperature == 0;
  const Useless useless[] = {
      {still && options.hasTopP, "top-p", greedy},
      {still && options.hasTopK, "top-k", greedy},
      {still && options.hasMinP, "min-p", greedy},
      {still && options.hasSeed, "seed", greedy},
  };
  noteUseless(program, useless, sizeof(useless) / sizeof(*useless));
  return 0;
}

int report(const char *program, fathom_status_t status) {
  int interrupted = interruptedCode();
  if (status == FATHOM_STATUS_CANCELLED && interrupted) {
    return interrupted;
  }
  int code = fathom_status_exit_code(status);
  return status == FATHOM_STATUS_OK ? code : printError(program, code, "%s", fathom_status_message());
}

} // namespace fathom::cli
