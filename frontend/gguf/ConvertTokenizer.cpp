// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
#include "frontend/gguf/ConvertTokenizer.h"

#include "frontend/gguf/PreTokenizers.h"
#include "llvm/Support/JSON.h"
#include "llvm/Support/raw_ostream.h"

namespace fathom::gguf {

namespace json = llvm::json;

static constexpr llvm::StringLiteral kModel = "tokenizer.ggml.model";
static constexpr llvm::StringLiteral kPre = "tokenizer.ggml.pre";
static constexpr llvm::StringLiteral kTokens = "tokenizer.ggml.tokens";
static constexpr llvm::StringLiteral kTypes = "tokenizer.ggml.token_type";
static constexpr llvm::StringLiteral kMerges = "tokenizer.ggml.merges";
static constexpr llvm::StringLiteral kTemplate = "tokenizer.chat_template";
static constexpr llvm::StringLiteral kToolTemplate = "tokenizer.chat_template.tool_use";

/// Types of tokens that differ in what becomes of them.
enum TokenType : int64_t { kNormal = 1, kControl = 3, kUserDefined = 4, kUnused = 5 };

namespace {
class TokenizerConverter {
public:
  explicit TokenizerConverter(MetadataReader &metadata) : metadata(metadata) {}

  std::optional<ConvertedTokenizer> run();

private:
  bool readVocabulary();
  bool findPre();
  void writeAdded(json::OStream &out) const;
  void writePreTokenizer(json::OStream &out) const;
  void writeModel(json::OStream &out) const;
  void writeTokenizer(json::OStream &out) const;
  void writeToken(json::OStream &out, llvm::StringRef name);
  void writeTemplates(json::OStream &out);
  void writeConfig(json::OStream &out);

  MetadataReader &metadata;
  const PreTokenizer *pre = nullptr;
  std::vector<llvm::StringRef> tokens, merges;
  /// Of each token; empty: all are normal.
  std::vector<int64_t> types;
  bool isSound = true;
};
} // namespace

static std::string write(llvm::function_ref<void(json::OStream &)> contents) {
  std::string text;
  llvm::raw_string_ostream stream(text);
  json::OStream out(stream);
  out.object([&] { contents(out); });
  return text;
}

std::optional<ConvertedTokenizer> TokenizerConverter::run() {
  if (!metadata.has(kTokens) && metadata.string(kModel).value_or("none") == "none") {
    return std::nullopt;
  }
  if (!readVocabulary() || !findPre()) {
    return std::nullopt;
  }
  ConvertedTokenizer result;
  result.tokenizer = write([&](json::OStream &out) { writeTokenizer(out); });
  result.config = write([&](json::OStream &out) { writeConfig(out); });
  return isSound ? std::optional(std::move(result)) : std::nullopt;
}

bool TokenizerConverter::readVocabulary() {
  if (std::optional<llvm::StringRef> model = metadata.string(kModel); !model || *model != "gpt2") {
    metadata.unsupported(kModel, model ? "is \"" + escape(*model, 80) +
                                             "\", but the only supported value is gpt2, byte-level BPE"
                                       : "is missing, but the only supported value is gpt2, byte-level BPE");
    return false;
  }
  auto texts = metadata.strings(kTokens), pairs = metadata.strings(kMerges);
  if (!texts || !pairs) {
    if (!metadata.has(kTokens) || !metadata.has(kMerges)) {
      metadata.bad(metadata.has(kTokens) ? kMerges : kTokens, "is missing, but the vocabulary needs it");
    }
    return false;
  }
  tokens = std::move(*texts);
  merges = std::move(*pairs);
  if (metadata.has(kTypes)) {
    auto numbers = metadata.integers(kTypes);
    types = numbers.value_or(std::vector<int64_t>());
    if (numbers && types.size() != tokens.size()) {
      metadata.bad(kTypes, "has " + llvm::Twine(types.size()) + " elements, but there are " +
                               llvm::Twine(tokens.size()) + " tokens");
    }
    return numbers && types.size() == tokens.size();
  }
  return true;
}

bool TokenizerConverter::findPre() {
  std::optional<llvm::StringRef> name = metadata.string(kPre);
  pre = name ? findPreTokenizer(*name) : nullptr;
  if (!pre && (name || !metadata.has(kPre))) {
    metadata.unsupported(kPre,
                         (name ? "is \"" + escape(*name, 80) + "\"" : std::string("is missing")) +
                             ", expected one of " + listPreTokenizers(),
                         "fathom compile --no-tokenizer makes a model that takes and gives token ids only");
  }
  return pre;
}

void TokenizerConverter::writeAdded(json::OStream &out) const {
  for (size_t id = 0; id < types.size(); ++id) {
    if (types[id] != kControl && types[id] != kUserDefined) {
      continue;
    }
    out.object([&] {
      out.attribute("id", static_cast<int64_t>(id));
      out.attribute("content", tokens[id]);
      out.attribute("special", types[id] == kControl);
      out.attribute("normalized", false);
    });
  }
}

void TokenizerConverter::writePreTokenizer(json::OStream &out) const {
  out.attribute("type", "Sequence");
  out.attributeArray("pretokenizers", [&] {
    for (llvm::StringRef split : pre->splits) {
      out.object([&] {
        out.attribute("type", "Split");
        out.attributeObject("pattern", [&] { out.attribute("Regex", split); });
        out.attribute("behavior", "Isolated");
        out.attribute("invert", false);
      });
    }
    out.object([&] {
      out.attribute("type", "ByteLevel");
      out.attribute("add_prefix_space", false);
      out.attribute("use_regex", false);
    });
  });
}

void TokenizerConverter::writeModel(json::OStream &out) const {
  out.attribute("type", "BPE");
  out.attribute("ignore_merges", pre->ignoresMerges);
  out.attributeObject("vocab", [&] {
    for (size_t id = 0; id < tokens.size(); ++id) {
      // Unused ones only fill the rows of the embedding.
      if (types.empty() || types[id] != kUnused) {
        out.attribute(tokens[id], static_cast<int64_t>(id));
      }
    }
  });
  out.attributeArray("merges", [&] {
    for (llvm::StringRef merge : merges) {
      out.value(merge);
    }
  });
}

void TokenizerConverter::writeTokenizer(json::OStream &out) const {
  out.attribute("version", "1.0");
  out.attributeArray("added_tokens", [&] { writeAdded(out); });
  if (pre->normalizes) {
    out.attributeObject("normalizer", [&] { out.attribute("type", "NFC"); });
  }
  out.attributeObject("pre_tokenizer", [&] { writePreTokenizer(out); });
  out.attributeObject("decoder", [&] { out.attribute("type", "ByteLevel"); });
  out.attributeObject("model", [&] { writeModel(out); });
}

/// "bos" and the like, which files name by number.
void TokenizerConverter::writeToken(json::OStream &out, llvm::StringRef name) {
  std::string key = ("tokenizer.ggml." + name + "_token_id").str();
  std::optional<int64_t> id = metadata.integer(key);
  if (!id) {
    isSound &= !metadata.has(key);
  } else if (*id < 0 || static_cast<uint64_t>(*id) >= tokens.size()) {
    metadata.bad(key, "is " + llvm::Twine(*id) + ", but there are tokens 0 to " + llvm::Twine(tokens.size()) + " only");
    isSound = false;
  } else {
    out.attribute((name + "_token").str(), tokens[*id]);
  }
}

void TokenizerConverter::writeTemplates(json::OStream &out) {
  std::optional<llvm::StringRef> text = metadata.string(kTemplate), ofTools = metadata.string(kToolTemplate);
  if (text && !ofTools) {
    out.attribute("chat_template", *text);
  } else if (text) {
    out.attributeObject("chat_template", [&] {
      out.attribute("default", *text);
      out.attribute("tool_use", *ofTools);
    });
  }
}

void TokenizerConverter::writeConfig(json::OStream &out) {
  writeToken(out, "bos");
  writeToken(out, "eos");
  bool hasBos = metadata.has("tokenizer.ggml.bos_token_id");
  out.attribute("add_bos_token", metadata.boolean("tokenizer.ggml.add_bos_token").value_or(pre->addsBos && hasBos));
  out.attribute("add_eos_token", metadata.boolean("tokenizer.ggml.add_eos_token").value_or(false));
  writeTemplates(out);
}

std::optional<ConvertedTokenizer> convertTokenizer(MetadataReader &metadata) {
  return TokenizerConverter(metadata).run();
}

} // namespace fathom::gguf
