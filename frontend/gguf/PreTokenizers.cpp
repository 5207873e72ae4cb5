// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
#include "frontend/gguf/PreTokenizers.h"

#include "frontend/tokenizer/Patterns.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/StringExtras.h"

#include <utility>
#include <vector>

namespace fathom::gguf {

#define CONTRACTIONS_AND_WORDS R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+)"
#define SIGNS_AND_SPACES R"( ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)"

static const std::vector<std::pair<llvm::StringRef, PreTokenizer>> &listKnown() {
  static const PreTokenizer qwen2 = {{CONTRACTIONS_AND_WORDS R"(|\p{N}|)" SIGNS_AND_SPACES}, /*normalizes=*/true};
  static const PreTokenizer llama3 = {{CONTRACTIONS_AND_WORDS R"(|\p{N}{1,3}|)" SIGNS_AND_SPACES},
                                      /*normalizes=*/false,
                                      /*ignoresMerges=*/true,
                                      /*addsBos=*/true};
  static const PreTokenizer deepSeekV3 = {
      {R"(\p{N}{1,3})", "[\u4E00-\u9FA5\u3040-\u309F\u30A0-\u30FF]+",
       R"([!"#$%&'()*+,\-./:;<=>?@\[\\\]^_`{|}~][A-Za-z]+|[^\r\n\p{L}\p{P}\p{S}]?[\p{L}\p{M}]+)"
       R"(| ?[\p{P}\p{S}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)"}};
  static const PreTokenizer deepSeekLlm = {{R"([\r\n])", frontend::getCasedLettersPattern(),
                                            "\\s?[!-/:-~\uFF01-\uFF0F\uFF1A-\uFF5E\u2018-\u201F\u3000-\u3002]+",
                                            R"(\s+$)", "[\u4E00-\u9FA5\u0800-\u4E00\uAC00-\uD7FF]+", R"(\p{N})"}};
  static const PreTokenizer deepSeekCoder = {
      {R"([\r\n])", R"(\s?\p{L}+)", R"(\s?\p{P}+)", "[\u4E00-\u9FA5\u0800-\u4E00\uAC00-\uD7FF]+", R"(\p{N})"}};
  static const std::vector<std::pair<llvm::StringRef, PreTokenizer>> known = {{"deepseek-v3", deepSeekV3},
                                                                              {"deepseek-llm", deepSeekLlm},
                                                                              {"deepseek-coder", deepSeekCoder},
                                                                              {"deepseek-r1-qwen", qwen2},
                                                                              {"qwen2", qwen2},
                                                                              {"llama-bpe", llama3},
                                                                              {"llama3", llama3},
                                                                              {"llama-v3", llama3}};
  return known;
}

const PreTokenizer *findPreTokenizer(llvm::StringRef name) {
  const auto &known = listKnown();
  auto found = llvm::find_if(known, [&](const auto &entry) { return entry.first == name; });
  return found == known.end() ? nullptr : &found->second;
}

std::string listPreTokenizers() {
  return llvm::join(llvm::map_range(listKnown(), [](const auto &entry) { return entry.first; }), ", ");
}

} // namespace fathom::gguf
