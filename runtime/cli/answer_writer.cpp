// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Writes answers as text, token ids or JSON.

#include "runtime/cli/answer_writer.h"

#include "runtime/cli/messages.h"

#include <stdio.h>
#include <string.h>

namespace fathom::cli {

Format parseFormat(const char *name) {
  return !strcmp(name, "json") ? Format::kJson : !strcmp(name, "token-ids") ? Format::kTokenIds : Format::kText;
}

int checkFormat(const char *program, const RunOptions &options, const LoadedModel &loaded) {
  bool silent = options.hasMaxTokens && options.maxTokens == 0;
  if (loaded.info.has_tokenizer || silent || parseFormat(options.output) != Format::kText) {
    return kOk;
  }
  return printUsageError(program, "the model has no tokenizer; use --output=token-ids");
}

// The part of drafts that were right, where there are any, and what they made of a step.
static double acceptance(const fathom_generate_result_t &result) {
  return static_cast<double>(result.accepted_tokens) / static_cast<double>(result.drafted_tokens);
}

static double tokensPerStep(const fathom_generate_result_t &result) {
  return 1 + static_cast<double>(result.accepted_tokens) / static_cast<double>(result.decode_steps);
}

void printStats(const char *program, const LoadedModel &loaded, const fathom_generate_result_t &result,
                size_t sequences) {
  double prefill = static_cast<double>(result.prefill_nanoseconds) / 1e9;
  double decode = static_cast<double>(result.decode_nanoseconds) / 1e9;
  // The first token of each sequence comes with its prompt.
  double steps = result.generated_tokens > sequences ? static_cast<double>(result.generated_tokens - sequences) : 0;
  fprintf(stderr, "%s: prompt: %llu tokens in %.3f s (%.1f/s); answer: %llu tokens in %.3f s (%.1f/s)\n", program,
          static_cast<unsigned long long>(result.prompt_tokens), prefill,
          prefill > 0 ? static_cast<double>(result.prompt_tokens) / prefill : 0,
          static_cast<unsigned long long>(result.generated_tokens), decode, decode > 0 ? steps / decode : 0);
  if (result.drafted_tokens > 0) {
    fprintf(stderr, "%s: drafts: %llu of %llu accepted (%.1f %%); %.2f tokens a step\n", program,
            static_cast<unsigned long long>(result.accepted_tokens),
            static_cast<unsigned long long>(result.drafted_tokens), 100 * acceptance(result), tokensPerStep(result));
  }
  char variant[32] = "";
  if (loaded.variants() > 1) {
    snprintf(variant, sizeof(variant), "variant: %u; ", loaded.info.variant);
  }
  fprintf(stderr, "%s: device: %s; %sactivations: %s; cache: %.2f MB of %s; %llu bytes a token\n", program,
          loaded.info.device, variant, loaded.info.activation_type, static_cast<double>(loaded.cacheBytes()) / 1e6,
          loaded.info.cache_type, static_cast<unsigned long long>(loaded.info.cache_token_bytes));
}

const char *stopName(fathom_stop_t stop) {
  switch (stop) {
  case FATHOM_STOPPED_AT_EOS:
    return "eos";
  case FATHOM_STOPPED_AT_MAX_TOKENS:
    return "length";
  case FATHOM_STOPPED_AT_CONTEXT:
    return "context";
  case FATHOM_STOPPED_BY_CALLBACK:
    return "callback";
  }
  return "unknown";
}

bool AnswerWriter::take(int32_t token, const char *piece, size_t length) {
  switch (format) {
  case Format::kText:
    return output.write(piece, length);
  case Format::kTokenIds:
    return token < 0 || output.print(count++ ? ",%d" : "%d", token);
  case Format::kJson:
    if (!appendJson(&text, piece, length) || (token >= 0 && !tokens.push(token))) {
      outOfMemory = true;
    }
    return !outOfMemory;
  }
  return false;
}

fathom_flow_t AnswerWriter::onToken(void *user, int32_t token, const char *piece, size_t length) {
  return static_cast<AnswerWriter *>(user)->take(token, piece, length) ? FATHOM_CONTINUE : FATHOM_STOP;
}

static void writeText(Output &output, const char *name, const Buffer<char> &escaped) {
  output.print("\"%s\": \"", name);
  output.write(escaped.data(), escaped.size());
  output.write("\", ");
}

// A quotient, or null where there is nothing to divide by.
static void writeRatio(Output &output, const char *name, uint64_t divisor, double value) {
  if (divisor > 0) {
    output.print(", \"%s\": %.4f", name, value);
  } else {
    output.print(", \"%s\": null", name);
  }
}

static void writeDrafts(Output &output, const fathom_generate_result_t &result) {
  output.print(", \"decode_steps\": %llu, \"drafted_tokens\": %llu, \"accepted_tokens\": %llu",
               static_cast<unsigned long long>(result.decode_steps),
               static_cast<unsigned long long>(result.drafted_tokens),
               static_cast<unsigned long long>(result.accepted_tokens));
  writeRatio(output, "acceptance", result.drafted_tokens, acceptance(result));
  writeRatio(output, "tokens_per_step", result.decode_steps, tokensPerStep(result));
}

static void writeModel(Output &output, const LoadedModel &loaded) {
  output.print(", \"cache_bytes\": %llu, \"cache_type\": \"%s\", \"cache_token_bytes\": %llu, "
               "\"activation_type\": \"%s\", \"device\": \"%s\", \"variant\": %u",
               static_cast<unsigned long long>(loaded.cacheBytes()), loaded.info.cache_type,
               static_cast<unsigned long long>(loaded.info.cache_token_bytes), loaded.info.activation_type,
               loaded.info.device, loaded.info.variant);
}

void writeAnswerJson(Output &output, const Buffer<int32_t> &tokens, const Buffer<char> *reasoning,
                     const Buffer<char> *text, bool drafts, const LoadedModel *loaded,
                     const fathom_generate_result_t &result) {
  output.write("{\"tokens\": [");
  for (size_t i = 0; i < tokens.size(); ++i) {
    output.print(i ? ", %d" : "%d", tokens[i]);
  }
  output.write("], ");
  if (reasoning) {
    writeText(output, "reasoning", *reasoning);
  }
  if (text) {
    writeText(output, "text", *text);
  }
  output.print("\"stop\": \"%s\", \"prompt_tokens\": %llu, \"generated_tokens\": %llu", stopName(result.stop),
               static_cast<unsigned long long>(result.prompt_tokens),
               static_cast<unsigned long long>(result.generated_tokens));
  if (drafts) {
    writeDrafts(output, result);
  }
  if (loaded) {
    writeModel(output, *loaded);
    output.print(", \"prefill_ms\": %.3f, \"decode_ms\": %.3f", static_cast<double>(result.prefill_nanoseconds) / 1e6,
                 static_cast<double>(result.decode_nanoseconds) / 1e6);
  }
  output.write("}\n");
}

void AnswerWriter::finish(const fathom_generate_result_t &result) {
  if (format == Format::kJson) {
    writeAnswerJson(output, tokens, nullptr, &text, drafts, loaded, result);
  } else if (format == Format::kTokenIds || !output.atLineStart()) {
    output.write("\n");
  }
}

} // namespace fathom::cli
