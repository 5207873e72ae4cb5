// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Edits of the small configurations in test/models, as text.

#ifndef FATHOM_TEST_FRONTEND_HUGGINGFACE_CONFIGTEXT_H
#define FATHOM_TEST_FRONTEND_HUGGINGFACE_CONFIGTEXT_H

#include "frontend/huggingface/ModelConfig.h"
#include "test/frontend/Support.h"

#include <regex>

namespace fathom::test {

inline std::string configText(const std::string &model) { return readFile(modelPath(model + "/config.json")); }

/// `text` without the line of `key`, or with `replacement` in its place; nested objects of the indented files are
/// taken whole.
inline std::string replaceLine(const std::string &text, const std::string &key, const std::string &replacement) {
  std::regex line("\n( +)\"" + key + "\": (\\{[^}]*\\}|\\[[^\\]]*\\]|[^\n]*?)(,?)(?=\n)");
  EXPECT_TRUE(std::regex_search(text, line)) << key;
  std::string result = std::regex_replace(text, line, replacement.empty() ? "" : "\n" + replacement + "$3",
                                          std::regex_constants::format_first_only);
  // The last member of an object may have gone: drop the comma before its brace.
  return std::regex_replace(result, std::regex(",(\\s*\\})"), "$1");
}

inline std::string without(const std::string &text, const std::string &key) { return replaceLine(text, key, ""); }

inline std::string with(const std::string &text, const std::string &key, const std::string &value) {
  return replaceLine(text, key, "\"" + key + "\": " + value);
}

/// `text` with one more member in the outer object.
inline std::string adding(const std::string &text, const std::string &member) {
  return "{" + member + "," + text.substr(1);
}

/// Parses a text that must be good.
inline huggingface::ModelConfig goodConfig(const std::string &text) {
  checkpoint::Diagnostics diagnostics;
  huggingface::ModelConfig config = huggingface::parseModelConfig(text, "config.json", diagnostics);
  EXPECT_FALSE(diagnostics.hasErrors()) << printed(diagnostics);
  return config;
}

/// Parses a text that must give exit code `code` and a finding that contains `message`.
inline void expectBadConfig(const std::string &text, int code, const std::string &message) {
  checkpoint::Diagnostics diagnostics;
  huggingface::parseModelConfig(text, "config.json", diagnostics);
  EXPECT_EQ(diagnostics.exitCode(), code) << message;
  EXPECT_NE(printed(diagnostics).find(message), std::string::npos) << message << " in\n" << printed(diagnostics);
}

} // namespace fathom::test

#endif // FATHOM_TEST_FRONTEND_HUGGINGFACE_CONFIGTEXT_H
