// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What was said so far, and its prompt.

#ifndef FATHOM_RUNTIME_CLI_CONVERSATION_H
#define FATHOM_RUNTIME_CLI_CONVERSATION_H

#include "fathom/fathom.h"
#include "runtime/src/buffer.h"

#include <string_view>

namespace fathom::cli {

/// Messages as the model's chat template wants them: with thoughts in a field of their own where it reads such a field,
/// between marks in the answer where it looks for those, so that it keeps or drops them; else without. Functions that
/// return false are out of memory.
class Conversation {
public:
  /// |model| must outlive it. Returns a status of the model.
  fathom_status_t open(fathom_model_t *model);

  /// Whether the template can be told to think or not.
  bool hasThinkSwitch() const { return switches[0] || switches[1]; }
  void setThink(bool on) { think = on ? 1 : 0; }

  [[nodiscard]] bool add(const char *role, std::string_view text);
  /// How much was said; forget() takes back what came after.
  size_t size() const { return messages.size(); }
  void forget(size_t size) { messages.truncate(size); }
  [[nodiscard]] bool addAnswer(std::string_view answer, std::string_view thought);

  /// The tokens of the prompt for the next answer. The answer begins inside a thought if |*thinks|.
  fathom_status_t encode(Buffer<int32_t> *tokens, bool *thinks) const;

private:
  bool begin(const char *role);
  bool append(std::string_view json);
  bool appendField(const char *name, std::string_view text);
  bool appendText(std::string_view text);
  bool writeJson(Buffer<char> *json) const;

  fathom_model_t *model = nullptr;
  bool switches[2] = {};
  bool readsThoughts = false, findsThoughts = false;
  /// -1: as the template does by itself.
  int think = -1;
  /// JSON, without the brackets.
  Buffer<char> messages;
};

} // namespace fathom::cli

#endif // FATHOM_RUNTIME_CLI_CONVERSATION_H
