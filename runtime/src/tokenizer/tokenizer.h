// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The tokenizer of a model: text to tokens and back, straight from the artifact's memory.

#ifndef FATHOM_RUNTIME_SRC_TOKENIZER_TOKENIZER_H
#define FATHOM_RUNTIME_SRC_TOKENIZER_TOKENIZER_H

#include "fathom/exit_code.h"
#include "fathom/tokenizer_generated.h"
#include "runtime/src/buffer.h"

#include <cstdint>
#include <string_view>

namespace fathom::tokenizer {

enum class Status : uint8_t {
  Ok,
  /// Memory is out.
  OutOfMemory,
  /// The text has 2^31 bytes or more.
  TextTooLong,
  /// A token id that the tokenizer does not have.
  UnknownToken,
  /// The tokenizer has no chat template.
  NoChatTemplate,
  /// The tokenizer has no bos token to put in front.
  NoBos,
  /// What is to be rendered is not a conversation.
  BadConversation,
  /// The template refuses the conversation, or is wrong.
  ChatFailed,
  /// The template does what Jinja2 can and the subset here cannot.
  ChatUnsupported,
  /// A rendering that takes too many steps or too much memory.
  ChatLimit,
};

/// How a process ends that fails with a status; statuses of the C API have the same numbers.
ExitCode exitCodeOf(Status status);

/// A sentence about a status, lower case, without final period; static.
const char *describe(Status status);

struct EncodeOptions {
  /// Put the bos token in front if the tokenizer does so, and the text does not already begin with it.
  bool addBos = false;
  /// Read the text of added tokens ("<｜User｜>") as those tokens. Off: as ordinary text, which is what text
  /// from users needs to be.
  bool parseSpecial = false;
  /// Put it in front also where the tokenizer does not.
  bool forceBos = false;
};

struct Message {
  std::string_view role;
  std::string_view content;
};

/// What a chat template wrote, and for each byte whether it came from the conversation (not 0) or the template.
struct RenderedChat {
  Buffer<char> text;
  Buffer<char> marks;
  /// After BadConversation, ChatFailed, ChatUnsupported and ChatLimit: what is wrong, with its place in the template.
  char error[512] = {};
};

/// How chat templates use a name: as a variable, or as a field of something (or a text that may name one).
struct NameUse {
  bool variable = false;
  bool field = false;
};

/// Checks what the FlatBuffers verifier cannot: that every id, offset and size is in range and every search
/// ends. Returns null or what is wrong (static). Nothing else of this library may see a table that failed.
const char *verify(const artifact::Tokenizer &table);

/// A view of a verified table, which must outlive it. Cheap to copy; const functions are thread-safe.
class Tokenizer {
public:
  explicit Tokenizer(const artifact::Tokenizer &table) : table(&table) {}

  /// Appends the tokens of `text` to `ids`. Bytes that are not UTF-8 become the tokens of single bytes, so
  /// that decoding gives them back. Nearly linear time, memory proportional to the longest piece. On failure
  /// `ids` may have grown.
  Status encode(std::string_view text, const EncodeOptions &options, Buffer<int32_t> &ids) const;

  bool hasChat() const;
  NameUse chatUses(std::string_view name) const;

  /// Renders a conversation with the model's own template: JSON, an array of messages or an object of variables with
  /// "messages" among them. Bounded in steps, memory and depth. The bos token is the template's to write.
  Status renderChat(std::string_view json, bool addGenerationPrompt, RenderedChat &out) const;
  Status renderChat(const Message *messages, size_t count, bool addGenerationPrompt, RenderedChat &out) const;

  /// Appends the tokens of a rendered conversation. What came from the conversation is read as special tokens only
  /// with `parseSpecial`; the template's own text always is.
  Status encodeChat(const RenderedChat &chat, bool parseSpecial, Buffer<int32_t> &ids) const;

  /// Ids are in [0, size()).
  uint32_t size() const { return table->token_offsets()->size() - 1; }
  bool contains(int32_t id) const { return id >= 0 && uint32_t(id) < size(); }
  /// The bytes of a token, perhaps a part of a character; empty for ids out of range.
  std::string_view bytes(int32_t id) const;
  /// Whether decoding leaves the token out when asked to leave out special ones.
  bool isSpecial(int32_t id) const;

  /// -1 where there is none.
  int32_t bos() const { return table->bos(); }
  int32_t eos() const { return table->eos(); }

private:
  const artifact::Tokenizer *table;
};

/// Turns a stream of tokens into well-formed UTF-8, holding back the bytes of a character until it is whole.
class StreamDecoder {
public:
  explicit StreamDecoder(Tokenizer tokenizer, bool skipSpecial = true)
      : tokenizer(tokenizer), skipSpecial(skipSpecial) {}

  /// Appends the text that `id` completes to `out`; bytes that cannot become UTF-8 appear as U+FFFD.
  Status feed(int32_t id, Buffer<char> &out);
  /// Ends the stream: a character that is still incomplete appears as one U+FFFD. The decoder can start anew.
  Status finish(Buffer<char> &out);

private:
  bool drain(Buffer<char> &out, bool atEnd);

  Tokenizer tokenizer;
  bool skipSpecial;
  Buffer<char> pending;
};

} // namespace fathom::tokenizer

#endif // FATHOM_RUNTIME_SRC_TOKENIZER_TOKENIZER_H
