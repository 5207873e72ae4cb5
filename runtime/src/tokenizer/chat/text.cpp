// Part of the Fathom project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Python's str methods, over UTF-8. What is not UTF-8 is a character a byte.

#include "runtime/src/tokenizer/chat/text.h"

#include "runtime/src/tokenizer/chat/characters.h"
#include "runtime/src/tokenizer/unicode.h"

#include <cstring>
#include <utf8proc.h>

namespace fathom::tokenizer::chat {

static bool isAscii(char byte) { return uint8_t(byte) < 0x80; }

static bool contains(const Text &characters, uint32_t character) {
  for (size_t at = 0; at < characters.size;) {
    Character c = decode(characters.view(), at);
    if (c.value == character) {
      return true;
    }
    at += c.size;
  }
  return false;
}

static bool isStripped(uint32_t character, const Text *characters) {
  return characters == nullptr ? isSpace(character) : contains(*characters, character);
}

static Value pushAll(Run &run, Sequence *parts, bool backwards) {
  for (uint32_t i = 0; backwards && i < parts->count / 2; ++i) {
    Value other = parts->items[i];
    parts->items[i] = parts->items[parts->count - 1 - i];
    parts->items[parts->count - 1 - i] = other;
  }
  return run.failed() ? Value() : Value::of(Type::List, parts);
}

static Value splitAtSpace(Run &run, const Text &text, int64_t most) {
  Sequence *parts = run.create<Sequence>();
  Text rest = strip(run, text, kLeft);
  while (parts != nullptr && !rest.empty() && run.step()) {
    uint32_t end = 0;
    bool isLast = most >= 0 && int64_t(parts->count) >= most;
    while (!isLast && end < rest.size) {
      Character c = decode(rest.view(), end);
      if (isSpace(c.value)) {
        break;
      }
      end += c.size;
    }
    Text part = isLast ? rest : rest.slice(0, end);
    (void)parts->push(run, Value::of(part));
    rest = isLast ? Text() : strip(run, rest.slice(end, rest.size), kLeft);
  }
  return parts == nullptr ? Value() : pushAll(run, parts, false);
}

static Value splitAtSpaceFromRight(Run &run, const Text &text, int64_t most) {
  Sequence *parts = run.create<Sequence>();
  Text rest = strip(run, text, kRight);
  while (parts != nullptr && !rest.empty() && run.step()) {
    uint32_t start = rest.size;
    bool isLast = most >= 0 && int64_t(parts->count) >= most;
    while (!isLast && start > 0) {
      uint32_t before = uint32_t(characterBefore(rest.view(), start));
      if (isSpace(decode(rest.view(), before).value)) {
        break;
      }
      start = before;
    }
    (void)parts->push(run, Value::of(isLast ? rest : rest.slice(start, rest.size)));
    rest = isLast ? Text() : strip(run, rest.slice(0, start), kRight);
  }
  return parts == nullptr ? Value() : pushAll(run, parts, true);
}

uint32_t encodeUtf8(uint32_t character, char *out) {
  uint8_t bytes[4];
  uint32_t size = uint32_t(utf8proc_encode_char(int32_t(character), bytes));
  std::memcpy(out, bytes, size);
  return size;
}

uint32_t countCharacters(const Text &text) {
  uint32_t count = 0;
  for (size_t at = 0; at < text.size; ++count) {
    at += isAscii(text[at]) ? 1 : decode(text.view(), at).size;
  }
  return count;
}

uint32_t byteOfCharacter(const Text &text, uint64_t index) {
  size_t at = 0;
  for (; at < text.size && index > 0; --index) {
    at += isAscii(text[at]) ? 1 : decode(text.view(), at).size;
  }
  return uint32_t(at);
}

Text strip(Run &run, const Text &text, Side sides, const Text *characters) {
  uint32_t begin = 0;
  uint32_t end = text.size;
  uint64_t cost = characters == nullptr ? 1 : 1 + characters->size / 4;
  while ((sides & kLeft) != 0 && begin < end && run.step(cost)) {
    Character c = decode(text.view(), begin);
    if (!isStripped(c.value, characters)) {
      break;
    }
    begin += c.size;
  }
  while ((sides & kRight) != 0 && end > begin && run.step(cost)) {
    uint32_t before = uint32_t(characterBefore(text.view(), end));
    if (!isStripped(decode(text.view(), before).value, characters)) {
      break;
    }
    end = before;
  }
  return begin == 0 && end == text.size ? text : text.slice(begin, end);
}

uint32_t find(Run &run, const Text &text, const Text &part, uint32_t from) {
  if (from > text.size) {
    return kNowhere;
  }
  // Takes linear time, which std::string_view::find does not.
  const void *found = memmem(text.data + from, text.size - from, part.data, part.size);
  uint32_t end = found == nullptr ? text.size : uint32_t(static_cast<const char *>(found) - text.data);
  return run.step((end - from) / 16) && found != nullptr ? end : kNowhere;
}

uint32_t findLast(Run &run, const Text &text, const Text &part) {
  for (uint32_t at = text.size - part.size; part.size <= text.size && run.step(part.size / 16);) {
    if (std::memcmp(text.data + at, part.data, part.size) == 0) {
      return at;
    }
    const void *before = memrchr(text.data, part[0], at);
    if (before == nullptr) {
      break;
    }
    at = uint32_t(static_cast<const char *>(before) - text.data);
  }
  return kNowhere;
}

bool startsWith(const Text &text, const Text &start) { return text.view().substr(0, start.size) == start.view(); }

bool endsWith(const Text &text, const Text &end) {
  return text.size >= end.size && text.view().substr(text.size - end.size) == end.view();
}

Text replace(Run &run, const Text &text, const Text &from, const Text &to, int64_t most) {
  Builder builder(run);
  uint32_t at = 0;
  for (int64_t count = 0; (most < 0 || count < most) && run.step(); ++count) {
    uint32_t found = find(run, text, from, at);
    if (found == kNowhere) {
      break;
    }
    builder.append(text.slice(at, found));
    builder.append(to);
    at = found + from.size;
    if (from.empty()) {
      // Between all characters.
      if (at == text.size) {
        return builder.finish();
      }
      uint32_t size = decode(text.view(), at).size;
      builder.append(text.slice(at, at + size));
      at += size;
    }
  }
  if (at == 0 && builder.size() == 0) {
    return text;
  }
  builder.append(text.slice(at, text.size));
  return builder.finish();
}

Value split(Run &run, const Text &text, const Text *separator, int64_t most, bool fromRight) {
  if (separator == nullptr) {
    return fromRight ? splitAtSpaceFromRight(run, text, most) : splitAtSpace(run, text, most);
  }
  if (separator->empty()) {
    return run.fail("empty separator");
  }
  Sequence *parts = run.create<Sequence>();
  Text rest = text;
  while (parts != nullptr && (most < 0 || int64_t(parts->count) < most) && run.step()) {
    uint32_t found = fromRight ? findLast(run, rest, *separator) : find(run, rest, *separator);
    if (found == kNowhere) {
      break;
    }
    uint32_t behind = found + separator->size;
    (void)parts->push(run, Value::of(fromRight ? rest.slice(behind, rest.size) : rest.slice(0, found)));
    rest = fromRight ? rest.slice(0, found) : rest.slice(behind, rest.size);
  }
  if (parts == nullptr || !parts->push(run, Value::of(rest))) {
    return Value();
  }
  return pushAll(run, parts, fromRight);
}

Value splitLines(Run &run, const Text &text, bool keepEnds) {
  Sequence *parts = run.create<Sequence>();
  uint32_t start = 0;
  for (uint32_t at = 0; parts != nullptr && at < text.size && run.step();) {
    Character c = decode(text.view(), at);
    uint32_t next = at + c.size;
    bool ends = (c.value >= '\n' && c.value <= '\r') || (c.value >= 0x1C && c.value <= 0x1E) || c.value == 0x85 ||
                c.value == 0x2028 || c.value == 0x2029;
    next += c.value == '\r' && next < text.size && text[next] == '\n' ? 1 : 0;
    if (ends || next == text.size) {
      (void)parts->push(run, Value::of(text.slice(start, ends && !keepEnds ? at : next)));
      start = next;
    }
    at = next;
  }
  return parts == nullptr ? Value() : pushAll(run, parts, false);
}

bool all(const Text &text, bool (*predicate)(uint32_t character)) {
  for (size_t at = 0; at < text.size;) {
    Character c = decode(text.view(), at);
    if (!predicate(c.value)) {
      return false;
    }
    at += c.size;
  }
  return !text.empty();
}

Text escapeHtml(Run &run, const Text &text) {
  constexpr std::string_view kFrom = "&<>'\"";
  constexpr std::string_view kTo[] = {"&amp;", "&lt;", "&gt;", "&#39;", "&#34;"};
  Builder builder(run);
  for (uint32_t at = 0; at < text.size && run.step(); ++at) {
    size_t found = kFrom.find(text[at]);
    builder.append(found == std::string_view::npos ? text.slice(at, at + 1) : Text(kTo[found]));
  }
  return builder.finish();
}

Text repeat(Run &run, const Text &text, int64_t count) {
  Builder builder(run);
  for (int64_t i = 0; i < count && !text.empty() && run.step(); ++i) {
    builder.append(text);
  }
  return builder.finish();
}

Text pad(Run &run, const Text &text, int64_t width, const Text &fill, Side sides) {
  int64_t count = countCharacters(text);
  if (width <= count) {
    return text;
  }
  int64_t missing = width - count;
  // str.center puts the odd one to the left where the width is odd.
  int64_t left = sides == kLeft ? missing : (sides == kRight ? 0 : missing / 2 + (missing & width & 1));
  Builder builder(run);
  builder.append(repeat(run, fill, left));
  builder.append(text);
  builder.append(repeat(run, fill, missing - left));
  return builder.finish();
}

} // namespace fathom::tokenizer::chat
