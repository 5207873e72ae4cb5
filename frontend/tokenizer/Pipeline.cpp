// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Recognising the stages of a tokenizer.

#include "frontend/tokenizer/Pipeline.h"

#include "frontend/tokenizer/Patterns.h"

using llvm::StringRef;
using llvm::Twine;

namespace fathom::frontend {

namespace {

StringRef typeOf(Value stage) {
  Value type = stage ? stage.find("type") : Value();
  return type ? type.string() : StringRef();
}

bool isNothing(Value value) { return !value || value.isNull(); }

/// Calls `take` for every stage: those of a "Sequence" under `key`, or the one there is.
template <class Take>
void forEachStage(const Context &context, Value stage, StringRef key, StringRef where, Take take) {
  if (isNothing(stage)) {
    return;
  }
  if (typeOf(stage) != "Sequence") {
    take(stage);
    return;
  }
  Value list = stage.find(key);
  if (!list || !list.isArray()) {
    context.bad("tokenizer-type", (where + "." + key).str(), list, "expected an array, found " + show(list));
    return;
  }
  for (Value element : list.elements()) {
    take(element);
  }
}

void requireEmpty(const Context &context, Value model, StringRef key, StringRef what) {
  Value value = model.find(key);
  bool empty = isNothing(value) || (value.isString() && value.string().empty());
  if (!empty) {
    context.unsupported("tokenizer-model", ("model." + key).str(), value,
                        show(value) + ": " + what + " is not supported");
  }
}

void requireFalse(const Context &context, Value model, StringRef key, StringRef what) {
  if (context.boolean(model, key, "model", false)) {
    context.unsupported("tokenizer-model", ("model." + key).str(), model.find(key),
                        "true: " + what + " is not supported");
  }
}

/// "Split" and "Digits" stages as one text each, to be compared with the known ones.
void readPatternStage(const Context &context, Value stage, std::vector<std::string> &patterns) {
  if (typeOf(stage) == "Digits") {
    bool each = context.boolean(stage, "individual_digits", "pre_tokenizer", false);
    patterns.push_back(each ? kEachDigit : "Digits in runs");
    return;
  }
  Value pattern = stage.find("pattern");
  Value regex = pattern ? pattern.find("Regex") : Value();
  Value behavior = stage.find("behavior");
  bool inverted = context.boolean(stage, "invert", "pre_tokenizer", false);
  if (!regex || !regex.isString() || !behavior || behavior.string() != "Isolated" || inverted) {
    context.unsupported(
        "pre-tokenizer", "pre_tokenizer", stage,
        "a Split that is not {\"pattern\": {\"Regex\": ...}, \"behavior\": \"Isolated\", \"invert\": false}");
    patterns.emplace_back();
    return;
  }
  patterns.push_back(canonicalPattern(regex.string()));
}

void readByteLevelStage(const Context &context, Value stage) {
  for (StringRef key : {"add_prefix_space", "use_regex"}) {
    // Both are true where absent.
    if (context.boolean(stage, key, "pre_tokenizer", true)) {
      context.unsupported("pre-tokenizer", "pre_tokenizer", stage, "ByteLevel with " + key + " true is not supported");
    }
  }
}

} // namespace

void readModelOptions(const Context &context, Value model) {
  Value type = model.find("type");
  if (!type || type.string() != "BPE") {
    context.unsupported("tokenizer-model", "model.type", type, "model " + show(type) + "; only 'BPE' is supported");
  }
  Value dropout = model.find("dropout");
  if (!isNothing(dropout) && dropout.number() != 0.0) {
    context.unsupported("tokenizer-model", "model.dropout", dropout, show(dropout) + ": dropout is not supported");
  }
  // fuse_unk has no meaning here: where every byte has a token, nothing is unknown.
  context.boolean(model, "fuse_unk", "model", false);
  requireEmpty(context, model, "unk_token", "an unknown token");
  requireEmpty(context, model, "continuing_subword_prefix", "a subword prefix");
  requireEmpty(context, model, "end_of_word_suffix", "a word suffix");
  requireFalse(context, model, "byte_fallback", "byte fallback to <0xNN> tokens");
  requireFalse(context, model, "ignore_merges", "taking whole words from the vocabulary");
}

void readNormalizer(const Context &context, Value normalizer, TokenizerModel &model) {
  forEachStage(context, normalizer, "normalizers", "normalizer", [&](Value stage) {
    if (typeOf(stage) == "NFC") {
      model.normalizer = artifact::Normalizer::nfc;
      return;
    }
    context.unsupported("normalizer", "normalizer", stage,
                        "normalizer " + show(stage.find("type")) + "; only 'NFC' and none are supported");
  });
}

void readPreTokenizer(const Context &context, Value preTokenizer, TokenizerModel &model) {
  std::vector<std::string> patterns;
  bool byteLevel = false;
  size_t before = context.diagnostics.errorCount();
  forEachStage(context, preTokenizer, "pretokenizers", "pre_tokenizer", [&](Value stage) {
    StringRef type = typeOf(stage);
    if (byteLevel || (type != "ByteLevel" && type != "Split" && type != "Digits")) {
      context.unsupported("pre-tokenizer", "pre_tokenizer", stage,
                          "stage " + show(stage.find("type")) + (byteLevel ? " after ByteLevel" : ""));
    } else if (type == "ByteLevel") {
      byteLevel = true;
      readByteLevelStage(context, stage);
    } else {
      readPatternStage(context, stage, patterns);
    }
  });
  if (context.diagnostics.errorCount() != before) {
    return;
  }
  if (!byteLevel) {
    context.unsupported("pre-tokenizer", "pre_tokenizer", preTokenizer, "no ByteLevel stage",
                        "only byte-level BPE is supported");
    return;
  }
  if (std::optional<artifact::PreTokenizer> known = findPreTokenizer(patterns)) {
    model.preTokenizer = *known;
    return;
  }
  std::string listed;
  for (const std::string &pattern : patterns) {
    listed += (listed.empty() ? "" : ", ") + ("'" + checkpoint::escape(pattern, 120) + "'");
  }
  context.unsupported("pre-tokenizer", "pre_tokenizer", preTokenizer,
                      "unknown patterns: " + (listed.empty() ? "none" : listed),
                      "known are those of DeepSeek-LLM/V2, DeepSeek-Coder, DeepSeek-V3/R1/V4 and Qwen2/Qwen3; patterns "
                      "of files are compared, never run");
}

void readDecoder(const Context &context, Value decoder) {
  bool byteLevel = false;
  forEachStage(context, decoder, "decoders", "decoder", [&](Value stage) {
    byteLevel = typeOf(stage) == "ByteLevel";
    if (!byteLevel) {
      context.unsupported("decoder", "decoder", stage,
                          "decoder " + show(stage.find("type")) + "; only 'ByteLevel' is supported");
    }
  });
  if (isNothing(decoder)) {
    context.unsupported("decoder", "decoder", decoder, "no decoder; only 'ByteLevel' is supported");
  }
}

std::optional<std::string> readPostProcessor(const Context &context, Value postProcessor) {
  std::optional<std::string> bos;
  forEachStage(context, postProcessor, "processors", "post_processor", [&](Value stage) {
    StringRef type = typeOf(stage);
    if (type == "ByteLevel") {
      return;
    }
    Value single = type == "TemplateProcessing" ? stage.find("single") : Value();
    std::vector<std::string> parts;
    if (single) {
      for (Value part : single.elements()) {
        Value special = part.find("SpecialToken");
        parts.push_back(special && special.find("id") ? "+" + special.find("id").string().str() : "");
      }
    }
    bool onlyText = parts.size() == 1 && parts[0].empty();
    bool bosAndText = parts.size() == 2 && !parts[0].empty() && parts[1].empty();
    if (!onlyText && !bosAndText) {
      context.unsupported("post-processor", "post_processor", stage,
                          "post-processor " + show(stage.find("type")) +
                              "; supported are none, ByteLevel and a template of one token and the text");
    } else if (bosAndText) {
      bos = parts[0].substr(1);
    }
  });
  return bos;
}

} // namespace fathom::frontend
