// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Recognizing the stages of a tokenizer.

#include "frontend/tokenizer/Pipeline.h"

#include "fathom/tokenizer_abi.h"
#include "frontend/tokenizer/Patterns.h"
#include "llvm/ADT/STLExtras.h"

using llvm::StringRef;
using llvm::Twine;

namespace fathom::frontend {

static constexpr StringRef kReadable =
    "only byte-level BPE is supported, as in the tokenizers of DeepSeek, Qwen2 and Llama 3";

static StringRef typeOf(Value stage) {
  Value type = stage ? stage.find("type") : Value();
  return type ? type.string() : StringRef();
}

static bool isNothing(Value value) { return !value || value.isNull(); }

/// Calls `take` for every stage: those of a "Sequence" under `key`, which may hold sequences, or the one there is. The
/// JSON reader bounds the depth.
template <class Take>
static void forEachStage(const Context &context, Value stage, StringRef key, StringRef where, Take take) {
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
    forEachStage(context, element, key, where, take);
  }
}

static void requireEmpty(const Context &context, Value model, StringRef key, StringRef what) {
  Value value = model.find(key);
  bool empty = isNothing(value) || (value.isString() && value.string().empty());
  if (!empty) {
    context.unsupported("tokenizer-model", ("model." + key).str(), value,
                        show(value) + ": " + what + " is not supported");
  }
}

namespace {
/// Reads the stages of "pre_tokenizer".
class PreTokenizerReader {
public:
  PreTokenizerReader(const Context &context, TokenizerModel &model) : context(context), splits(model.preTokenizer) {}

  void read(Value preTokenizer);

private:
  void readStage(Value stage);
  void readByteLevel(Value stage);
  void readSplit(Value stage);
  void checkBehavior(Value stage, const Split &split) const;
  void refuse(Value stage, const Twine &message, StringRef hint = {}) const {
    context.unsupported("pre-tokenizer", "pre_tokenizer", stage, message, hint);
  }

  const Context &context;
  std::vector<Split> &splits;
  bool isByteLevel = false;
};
} // namespace

void PreTokenizerReader::read(Value preTokenizer) {
  size_t before = context.diagnostics.errorCount();
  forEachStage(context, preTokenizer, "pretokenizers", "pre_tokenizer", [&](Value stage) { readStage(stage); });
  if (context.diagnostics.errorCount() != before) {
    return;
  }
  if (!isByteLevel) {
    refuse(preTokenizer, "no ByteLevel stage", "only byte-level BPE is supported");
  } else if (splits.size() > FATHOM_MAX_SPLITS) {
    refuse(preTokenizer, Twine(splits.size()) + " stages; at most " + Twine(FATHOM_MAX_SPLITS) + " are supported");
  }
}

void PreTokenizerReader::readStage(Value stage) {
  StringRef type = typeOf(stage);
  if (isByteLevel) {
    refuse(stage, "stage " + show(stage.find("type")) + " after ByteLevel");
  } else if (type == "ByteLevel") {
    readByteLevel(stage);
  } else if (type == "Digits") {
    bool each = context.boolean(stage, "individual_digits", "pre_tokenizer", false);
    splits.push_back({each ? artifact::Matcher::number : artifact::Matcher::numbers});
  } else if (type == "Split") {
    readSplit(stage);
  } else {
    refuse(stage, "stage " + show(stage.find("type")), "only Split, Digits and ByteLevel are supported");
  }
}

void PreTokenizerReader::readByteLevel(Value stage) {
  isByteLevel = true;
  for (StringRef key : {"add_prefix_space", "use_regex"}) {
    // Both are true where absent.
    if (context.boolean(stage, key, "pre_tokenizer", true)) {
      refuse(stage, "ByteLevel with " + key + " true is not supported");
    }
  }
}

void PreTokenizerReader::readSplit(Value stage) {
  Value pattern = stage.find("pattern");
  Value regex = pattern ? pattern.find("Regex") : Value();
  if (!regex || !regex.isString()) {
    refuse(stage, "a Split whose pattern is not {\"Regex\": ...} is not supported");
    return;
  }
  std::optional<Split> split = compilePattern(regex.string());
  if (!split) {
    refuse(regex, "unknown pattern '" + escape(regex.string(), 160) + "'",
           "patterns are never run, only compared with those of DeepSeek, Qwen and Llama-3 tokenizers, alternative by "
           "alternative");
    return;
  }
  checkBehavior(stage, *split);
  bool newlinesAreGone = llvm::is_contained(splits, Split{artifact::Matcher::newline});
  if (split->front() == artifact::Matcher::trailing_space && !newlinesAreGone) {
    refuse(regex, "'\\s+$' without a Split of '[\\r\\n]' before it is not supported");
  }
  splits.push_back(std::move(*split));
}

/// "Isolated" makes pieces of matches and of what lies between them, so "invert" changes nothing. "Removed" drops the
/// matches, or inverted what lies between them: that is the same where nothing does.
void PreTokenizerReader::checkBehavior(Value stage, const Split &split) const {
  Value behavior = stage.find("behavior");
  bool inverted = context.boolean(stage, "invert", "pre_tokenizer", false);
  bool isIsolated = behavior && behavior.string() == "Isolated";
  bool removesNothing = behavior && behavior.string() == "Removed" && inverted && leavesNoGaps(split);
  if (!isIsolated && !removesNothing) {
    refuse(stage, "a Split with behavior " + show(behavior) + (inverted ? ", inverted," : "") + " is not supported",
           "only 'Isolated' is supported");
  }
}

/// The token of a part {"SpecialToken": {"id": ...}} of a template; empty for the text.
static std::string tokenOfPart(Value part) {
  Value special = part.find("SpecialToken");
  Value id = special ? special.find("id") : Value();
  return id ? id.string().str() : "";
}

bool checkModelKind(const Context &context, Value model) {
  Value type = model.find("type");
  // Files of before there was a type are what their members are, as for the tokenizers library.
  bool isBpe = isNothing(type) ? bool(model.find("merges")) : type.string() == "BPE";
  if (!isBpe) {
    context.unsupported("tokenizer-model", "model.type", type, "model " + show(type) + "; only 'BPE' is supported",
                        kReadable);
    return false;
  }
  if (context.boolean(model, "byte_fallback", "model", false)) {
    context.unsupported("tokenizer-model", "model.byte_fallback", model.find("byte_fallback"),
                        "true: SentencePiece tokenizers, whose bytes are tokens <0xNN>, are not supported", kReadable);
    return false;
  }
  return true;
}

bool readModelOptions(const Context &context, Value model) {
  Value dropout = model.find("dropout");
  if (!isNothing(dropout) && dropout.number() != 0.0) {
    context.unsupported("tokenizer-model", "model.dropout", dropout, show(dropout) + ": dropout is not supported");
  }
  // fuse_unk has no meaning here: where every byte has a token, nothing is unknown.
  context.boolean(model, "fuse_unk", "model", false);
  requireEmpty(context, model, "unk_token", "an unknown token");
  requireEmpty(context, model, "continuing_subword_prefix", "a subword prefix");
  requireEmpty(context, model, "end_of_word_suffix", "a word suffix");
  return context.boolean(model, "ignore_merges", "model", false);
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
  PreTokenizerReader(context, model).read(preTokenizer);
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

std::optional<AddedBos> readPostProcessor(const Context &context, Value postProcessor) {
  std::optional<AddedBos> bos;
  forEachStage(context, postProcessor, "processors", "post_processor", [&](Value stage) {
    if (typeOf(stage) == "ByteLevel") {
      return;
    }
    std::vector<std::string> parts;
    if (Value single = typeOf(stage) == "TemplateProcessing" ? stage.find("single") : Value()) {
      for (Value part : single.elements()) {
        parts.push_back(tokenOfPart(part));
      }
    }
    // An empty part is the text itself. Templates for pairs of texts and tokens behind the text are for other models.
    bool onlyText = parts.size() == 1 && parts[0].empty();
    bool bosAndText = parts.size() == 2 && !parts[0].empty() && parts[1].empty();
    if (!onlyText && !bosAndText) {
      context.unsupported("post-processor", "post_processor", stage,
                          "post-processor " + show(stage.find("type")) +
                              "; only none, ByteLevel and a template of one token and the text are supported");
    } else if (bosAndText) {
      Value tokens = stage.find("special_tokens");
      Value token = tokens ? tokens.find(parts[0]) : Value();
      bos = AddedBos{parts[0], token ? token.find("ids") : Value()};
    }
  });
  return bos;
}

} // namespace fathom::frontend
