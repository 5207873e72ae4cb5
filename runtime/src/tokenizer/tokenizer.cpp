// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Encoding: added tokens, normalization, pieces, merges.

#include "runtime/src/tokenizer/tokenizer.h"

#include "runtime/src/tokenizer/added_tokens.h"
#include "runtime/src/tokenizer/merge.h"
#include "runtime/src/tokenizer/split.h"
#include "runtime/src/tokenizer/unicode.h"

#include <algorithm>

namespace fathom::tokenizer {

namespace {

/// One call of encode. Functions return false when memory is out.
class Encoder {
public:
  Encoder(const artifact::Tokenizer &table, Buffer<int32_t> &ids) : table(table), merger(table), ids(ids) {}

  /// `marks`, where there are any, say which bytes are not part of special tokens.
  bool encode(std::string_view text, bool parseSpecial, const char *marks = nullptr) {
    if (!parseSpecial) {
      return encodeBetween(text, false, nullptr);
    }
    return splitAdded(*table.added(), text, marks, [&](std::string_view part) {
      return encodeBetween(part, true, marks == nullptr ? nullptr : marks + (part.data() - text.data()));
    });
  }

private:
  /// Text between the added tokens that are looked for before normalization.
  bool encodeBetween(std::string_view text, bool parseSpecial, const char *marks) {
    if (table.normalizer() == artifact::Normalizer::nfc) {
      normalized.clear();
      if (!normalizeNfc(text, normalized)) {
        return false;
      }
      if (marks != nullptr && view(normalized) != text) {
        // Marks have no place in text whose bytes changed.
        parseSpecial &= std::find(marks, marks + text.size(), 1) == marks + text.size();
        marks = nullptr;
      }
      text = view(normalized);
    }
    if (!parseSpecial) {
      return encodePlain(text);
    }
    return splitAdded(*table.added_normalized(), text, marks, [&](std::string_view part) { return encodePlain(part); });
  }

  bool encodePlain(std::string_view text) {
    auto take = [](void *self, std::string_view piece) {
      Encoder &encoder = *static_cast<Encoder *>(self);
      return encoder.merger.merge(piece, encoder.ids);
    };
    return split(*table.pre_tokenizer(), text, {take, this});
  }

  template <class EncodePart>
  bool splitAdded(const artifact::AddedTokens &group, std::string_view text, const char *marks, EncodePart encodePart) {
    AddedTokenFinder finder(table, group, text, marks);
    AddedMatch match{};
    size_t done = 0;
    while (finder.next(match)) {
      if (!encodePart(text.substr(done, match.begin - done)) || !ids.push(int32_t(match.id))) {
        return false;
      }
      done = match.end;
    }
    return encodePart(text.substr(done));
  }

  const artifact::Tokenizer &table;
  Merger merger;
  Buffer<int32_t> &ids;
  Buffer<char> normalized;
};

} // namespace

ExitCode exitCodeOf(Status status) {
  switch (status) {
  case Status::Ok:
    return ExitCode::Ok;
  case Status::OutOfMemory:
  case Status::ChatLimit:
    return ExitCode::Resources;
  case Status::TextTooLong:
  case Status::UnknownToken:
  case Status::BadConversation:
  case Status::ChatFailed:
    return ExitCode::BadInput;
  case Status::NoChatTemplate:
  case Status::NoBos:
  case Status::ChatUnsupported:
    return ExitCode::Unsupported;
  }
  return ExitCode::Internal;
}

const char *describe(Status status) {
  switch (status) {
  case Status::Ok:
    return "ok";
  case Status::OutOfMemory:
    return "not enough memory for the text";
  case Status::TextTooLong:
    return "the text has 2 GiB or more; split it";
  case Status::UnknownToken:
    return "a token id that the tokenizer does not have";
  case Status::NoChatTemplate:
    return "the tokenizer has no chat template, so there is no chat; compile with --chat-format=NAME, or use "
           "plain prompts";
  case Status::NoBos:
    return "the tokenizer has no bos token to put in front of a prompt";
  case Status::BadConversation:
    return "not a conversation";
  case Status::ChatFailed:
    return "the chat template cannot render the conversation";
  case Status::ChatUnsupported:
    return "the chat template needs more of Jinja2 than is supported";
  case Status::ChatLimit:
    return "rendering the conversation takes too many steps or too much memory";
  }
  return "unknown status";
}

Status Tokenizer::encode(std::string_view text, const EncodeOptions &options, Buffer<int32_t> &ids) const {
  if (text.size() > INT32_MAX) {
    return Status::TextTooLong;
  }
  size_t start = ids.size();
  if (options.forceBos && bos() < 0) {
    return Status::NoBos;
  }
  bool wantsBos = options.forceBos || (options.addBos && table->add_bos() && bos() >= 0);
  if (wantsBos && !ids.push(bos())) {
    return Status::OutOfMemory;
  }
  if (!Encoder(*table, ids).encode(text, options.parseSpecial)) {
    return Status::OutOfMemory;
  }
  // A text that brings its own bos token gets no second one.
  if (wantsBos && ids.size() > start + 1 && ids[start + 1] == bos()) {
    std::copy(ids.begin() + start + 1, ids.end(), ids.begin() + start);
    ids.truncate(ids.size() - 1);
  }
  return Status::Ok;
}

Status Tokenizer::encodeChat(const RenderedChat &chat, bool parseSpecial, Buffer<int32_t> &ids) const {
  const char *marks = parseSpecial ? nullptr : chat.marks.data();
  return Encoder(*table, ids).encode(view(chat.text), true, marks) ? Status::Ok : Status::OutOfMemory;
}

std::string_view Tokenizer::bytes(int32_t id) const {
  return contains(id) ? tokenBytes(*table, uint32_t(id)) : std::string_view();
}

bool Tokenizer::isSpecial(int32_t id) const {
  const uint32_t *first = table->special()->data();
  return id >= 0 && std::binary_search(first, first + table->special()->size(), uint32_t(id));
}

} // namespace fathom::tokenizer
