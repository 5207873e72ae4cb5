// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Text to tokens and back, and conversations to prompts.

#include "runtime/src/text.h"

#include <string.h>

namespace fathom::runtime {

static const char *subjectOf(tokenizer::Status status) {
  switch (status) {
  case tokenizer::Status::NoChatTemplate:
  case tokenizer::Status::BadConversation:
    return "chat prompt: ";
  case tokenizer::Status::ChatFailed:
  case tokenizer::Status::ChatUnsupported:
  case tokenizer::Status::ChatLimit:
    return "chat template: ";
  case tokenizer::Status::NoBos:
    return "";
  default:
    return "tokenizer: ";
  }
}

fathom_status_t checkText(tokenizer::Status status, const char *detail) {
  if (status == tokenizer::Status::Ok) {
    return FATHOM_STATUS_OK;
  }
  const char *text = detail && *detail ? detail : tokenizer::describe(status);
  return fail(static_cast<fathom_status_t>(tokenizer::exitCodeOf(status)), "%s%s", subjectOf(status), text);
}

static fathom_status_t checkTokenizer(const Model &model) {
  return model.hasTokenizer()
             ? FATHOM_STATUS_OK
             : fail(FATHOM_STATUS_UNSUPPORTED, "the artifact has no tokenizer; pass tokens instead of text");
}

fathom_status_t checkEncodeFlags(uint32_t flags, uint32_t known) {
  return flags & ~known ? fail(FATHOM_STATUS_INVALID_ARGUMENT, "unknown encode flags 0x%x", flags & ~known)
                        : FATHOM_STATUS_OK;
}

fathom_status_t encodeText(const Model &model, const char *text, size_t length, uint32_t flags,
                           Buffer<int32_t> *tokens) {
  FATHOM_RETURN_IF_ERROR(checkTokenizer(model));
  tokenizer::EncodeOptions options;
  options.addBos = (flags & FATHOM_ENCODE_ADD_BOS) != 0;
  options.parseSpecial = (flags & FATHOM_ENCODE_SPECIAL) != 0;
  options.forceBos = (flags & FATHOM_ENCODE_FORCE_BOS) != 0;
  return checkText(model.tokenizer().encode({text, length}, options, *tokens));
}

// Copies what fits and says how much there is; |unit| is what is counted.
template <typename T>
static fathom_status_t deliver(const Buffer<T> &result, const char *unit, T *out, size_t capacity, size_t *outCount) {
  size_t part = result.size() < capacity ? result.size() : capacity;
  if (part) {
    memcpy(out, result.data(), part * sizeof(T));
  }
  *outCount = result.size();
  return part == result.size() ? FATHOM_STATUS_OK
                               : fail(FATHOM_STATUS_TOO_SMALL, "the output has room for %zu %s, but there are %zu",
                                      capacity, unit, result.size());
}

static fathom_status_t takeMessages(const fathom_chat_message_t *messages, size_t count,
                                    Buffer<tokenizer::Message> *taken) {
  for (size_t i = 0; i < count; ++i) {
    tokenizer::Message message;
    if (!messages[i].role || (!messages[i].content && messages[i].content_length)) {
      return fail(FATHOM_STATUS_INVALID_ARGUMENT, "message %zu: role or content is NULL", i);
    }
    message.role = messages[i].role;
    message.content = {messages[i].content ? messages[i].content : "", messages[i].content_length};
    if (!taken->push(message)) {
      return fail(FATHOM_STATUS_OUT_OF_RESOURCES, "not enough memory for %zu messages", count);
    }
  }
  return FATHOM_STATUS_OK;
}

static fathom_status_t decodeTokens(const Model &model, const int32_t *tokens, size_t count, bool keepSpecial,
                                    Buffer<char> *text) {
  tokenizer::Tokenizer tokenizer = model.tokenizer();
  for (size_t i = 0; i < count; ++i) {
    if (!tokenizer.contains(tokens[i])) {
      // The vocabulary of a model may be padded beyond its tokenizer's.
      if (tokens[i] >= 0 && static_cast<uint32_t>(tokens[i]) < model.facts().vocabulary()) {
        continue;
      }
      return fail(FATHOM_STATUS_BAD_DATA, "token %zu is %d, but there are %u tokens", i, tokens[i], tokenizer.size());
    }
    std::string_view bytes = tokenizer.bytes(tokens[i]);
    if ((keepSpecial || !tokenizer.isSpecial(tokens[i])) && !text->append(bytes.data(), bytes.size())) {
      return fail(FATHOM_STATUS_OUT_OF_RESOURCES, "not enough memory for the text of %zu tokens", count);
    }
  }
  return FATHOM_STATUS_OK;
}

} // namespace fathom::runtime

using namespace fathom::runtime;

fathom_status_t fathom_model_encode(fathom_model_t *model, const char *text, size_t length, uint32_t flags,
                                    int32_t *tokens, size_t capacity, size_t *out_count) {
  FATHOM_RETURN_IF_NULL_ARRAY(text, length);
  FATHOM_RETURN_IF_NULL_ARRAY(tokens, capacity);
  FATHOM_RETURN_IF_NULL(out_count);
  FATHOM_RETURN_IF_ERROR(checkEncodeFlags(flags));
  Pin<Model> pin(model, __func__);
  FATHOM_RETURN_IF_ERROR(pin.status);
  fathom::Buffer<int32_t> result;
  FATHOM_RETURN_IF_ERROR(encodeText(*pin.get(), text, length, flags, &result));
  return deliver(result, "tokens", tokens, capacity, out_count);
}

fathom_status_t fathom_model_decode(fathom_model_t *model, const int32_t *tokens, size_t count, int keep_special,
                                    char *text, size_t capacity, size_t *out_length) {
  FATHOM_RETURN_IF_NULL_ARRAY(tokens, count);
  FATHOM_RETURN_IF_NULL_ARRAY(text, capacity);
  FATHOM_RETURN_IF_NULL(out_length);
  Pin<Model> pin(model, __func__);
  FATHOM_RETURN_IF_ERROR(pin.status);
  FATHOM_RETURN_IF_ERROR(checkTokenizer(*pin.get()));
  fathom::Buffer<char> result;
  FATHOM_RETURN_IF_ERROR(decodeTokens(*pin.get(), tokens, count, keep_special != 0, &result));
  return deliver(result, "bytes", text, capacity, out_length);
}

fathom_status_t fathom_model_encode_chat(fathom_model_t *model, const fathom_chat_message_t *messages, size_t count,
                                         int32_t *tokens, size_t capacity, size_t *out_count) {
  FATHOM_RETURN_IF_NULL_ARRAY(messages, count);
  FATHOM_RETURN_IF_NULL_ARRAY(tokens, capacity);
  FATHOM_RETURN_IF_NULL(out_count);
  Pin<Model> pin(model, __func__);
  FATHOM_RETURN_IF_ERROR(pin.status);
  FATHOM_RETURN_IF_ERROR(checkTokenizer(*pin.get()));
  fathom::Buffer<fathom::tokenizer::Message> taken;
  FATHOM_RETURN_IF_ERROR(takeMessages(messages, count, &taken));
  bool answers = count > 0 && taken[count - 1].role != "assistant";
  fathom::tokenizer::RenderedChat chat;
  FATHOM_RETURN_IF_ERROR(checkText(pin->tokenizer().renderChat(taken.data(), count, answers, chat), chat.error));
  fathom::Buffer<int32_t> result;
  FATHOM_RETURN_IF_ERROR(checkText(pin->tokenizer().encodeChat(chat, false, result)));
  return deliver(result, "tokens", tokens, capacity, out_count);
}

fathom_status_t fathom_model_render_chat(fathom_model_t *model, const char *json, size_t length, char *text,
                                         size_t capacity, size_t *out_length) {
  FATHOM_RETURN_IF_NULL(json);
  FATHOM_RETURN_IF_NULL_ARRAY(text, capacity);
  FATHOM_RETURN_IF_NULL(out_length);
  Pin<Model> pin(model, __func__);
  FATHOM_RETURN_IF_ERROR(pin.status);
  FATHOM_RETURN_IF_ERROR(checkTokenizer(*pin.get()));
  fathom::tokenizer::RenderedChat chat;
  FATHOM_RETURN_IF_ERROR(checkText(pin->tokenizer().renderChat({json, length}, true, chat), chat.error));
  return deliver(chat.text, "bytes", text, capacity, out_length);
}

fathom_status_t fathom_model_encode_chat_json(fathom_model_t *model, const char *json, size_t length, uint32_t flags,
                                              int32_t *tokens, size_t capacity, size_t *out_count) {
  FATHOM_RETURN_IF_NULL(json);
  FATHOM_RETURN_IF_NULL_ARRAY(tokens, capacity);
  FATHOM_RETURN_IF_NULL(out_count);
  FATHOM_RETURN_IF_ERROR(checkEncodeFlags(flags, FATHOM_ENCODE_SPECIAL));
  Pin<Model> pin(model, __func__);
  FATHOM_RETURN_IF_ERROR(pin.status);
  FATHOM_RETURN_IF_ERROR(checkTokenizer(*pin.get()));
  fathom::tokenizer::RenderedChat chat;
  FATHOM_RETURN_IF_ERROR(checkText(pin->tokenizer().renderChat({json, length}, true, chat), chat.error));
  fathom::Buffer<int32_t> result;
  FATHOM_RETURN_IF_ERROR(checkText(pin->tokenizer().encodeChat(chat, (flags & FATHOM_ENCODE_SPECIAL) != 0, result)));
  return deliver(result, "tokens", tokens, capacity, out_count);
}

fathom_status_t fathom_model_chat_uses(fathom_model_t *model, const char *name, uint32_t *out_uses) {
  FATHOM_RETURN_IF_NULL(name);
  FATHOM_RETURN_IF_NULL(out_uses);
  Pin<Model> pin(model, __func__);
  FATHOM_RETURN_IF_ERROR(pin.status);
  FATHOM_RETURN_IF_ERROR(checkTokenizer(*pin.get()));
  fathom::tokenizer::NameUse use = pin->tokenizer().chatUses(name);
  *out_uses = (use.variable ? uint32_t(FATHOM_CHAT_VARIABLE) : 0) | (use.field ? uint32_t(FATHOM_CHAT_FIELD) : 0);
  return FATHOM_STATUS_OK;
}
